import NIOCore
import ProxySemantics
import SessionModel

/// The viewer's side of one exchange, whatever protocol the viewer speaks.
///
/// All calls on the viewer's event loop. An exchange sends any number of interim heads, then either one whole answer
/// of the edge, or a head, data and an end, or a duplex stream; `abort` may come at any time and is the last call.
protocol ViewerResponder: AnyObject {
    /// The event loop of the viewer's connection.
    var eventLoop: any EventLoop { get }
    /// The viewer's HTTP/1 minor version (1 for HTTP/2).
    var viewerMinorVersion: Int { get }
    /// Whether the transport takes more bytes without queueing beyond its high-water mark.
    var isWritable: Bool { get }
    /// Sends an informational response (1xx but not 101).
    func sendInterim(_ head: HTTPHead, mapping: AddressMapping)
    /// Sends the interim answer `100 Continue` on the edge's own behalf.
    func sendContinue()
    /// Begins the response with the app's head; `extra` holds complete field lines to add.
    func sendHead(_ head: HTTPHead, framing: ResponseFraming, mapping: AddressMapping, extra: ByteBuffer)
    /// Sends body bytes.
    func sendData(_ data: ByteBuffer)
    /// Ends the response; the trailer block is validated and filtered already.
    func sendEnd(trailers: ByteBuffer?)
    /// Sends a whole answer of the edge's own.
    func sendAnswer(_ answer: EdgeAnswer)
    /// Sends the 101; the connection is a duplex byte stream from here on.
    func becomeDuplex(_ head: HTTPHead, mapping: AddressMapping)
    /// Ends the sending side of a duplex stream.
    func endDuplexOutput()
    /// Makes the viewer see that the answer is incomplete.
    func abort()
    /// Stops or resumes reading the request's body.
    func pauseReading(_ paused: Bool)
}
