import NIOCore
import ProxySemantics

/// The way from one exchange to the local app, as the exchange sees it: an HTTP/1.1 connection for as long as the exchange
/// has it, or one stream of an HTTP/2 connection.
///
/// Confined to its event loop. The other way, a carrier calls the exchange: `received…` for the parts of the
/// answer, `localAppWritable`, and one of `localAppClosed` and `localAppRefused` if the carrier ends before the exchange
/// gave it up. The four ways to give a carrier up are `finish`, `stopRequest`, `close` and `abort`; after one of them the
/// exchange is not called again.
protocol LocalCarrier: AnyObject {
    /// Whether its connection completed an exchange before, and so may be met by the local app's close on the way.
    var isReused: Bool { get }

    /// Whether the local app may take more bytes without queueing beyond the high-water mark.
    var isWritable: Bool { get }

    /// Whether part of an answer is here that was not delivered yet.
    var hasPartialAnswer: Bool { get }

    /// Whether the local app can refuse a request in a way that says that sending it again is safe.
    var mayRefuse: Bool { get }

    /// Whether the rest of a request can be sent although its answer is complete.
    var takesRestOfRequest: Bool { get }

    /// The exchange takes the carrier: its head is queued, framed as the account of its body says.
    func begin(_ exchange: LocalExchange)

    /// Queues bytes of a body whose length was announced.
    func sendBody(_ data: ByteBuffer)

    /// Queues bytes of a body without announced length; `first` if they are its first ones. `data` is not empty.
    func sendChunk(_ data: ByteBuffer, first: Bool)

    /// Ends a request whose length was announced.
    ///
    /// - Throws: `HTTPParseError` when the trailers are not valid; nothing is queued then.
    func sendEnd(trailers: ByteBuffer?) throws(HTTPParseError)

    /// Ends a request without announced length; `first` if none of its bytes were sent before.
    ///
    /// - Throws: `HTTPParseError` when the trailers are not valid; nothing is queued then.
    func sendLastChunk(trailers: ByteBuffer?, first: Bool) throws(HTTPParseError)

    /// Sends what is queued, now.
    func flush()

    /// Sends what is queued once everything that arrived with it has been handled.
    func flushSoon()

    /// Stops delivering the answer, and reading it, until `resumeReads`.
    func holdReads()

    /// Goes on delivering the answer.
    func resumeReads()

    /// Gives it up after a complete request and a complete answer.
    func finish()

    /// Gives it up after a complete answer; the rest of the request will not come.
    func stopRequest()

    /// Gives it up in order; what is queued is lost.
    func close()

    /// Gives it up so that neither a half-sent request nor a half-read answer can be taken for complete.
    func abort()
}

/// Where exchanges get their carriers: bounded in number, with a bounded queue of those that wait for one.
///
/// Confined to its event loop. Calls `LocalExchange.begin(on:)` at once or later, or
/// `LocalExchange.localAppUnreachable(_:)`.
protocol LocalCarrierPool: AnyObject {
    /// Gives `exchange` a carrier, at once if possible; false when too many wait already.
    func acquire(for exchange: LocalExchange) -> Bool

    /// Gives `exchange` a carrier that is not expected to end like the one before; false when too many wait already.
    func acquireFresh(for exchange: LocalExchange) -> Bool

    /// Forgets an exchange that no longer wants a carrier.
    func cancel(_ exchange: LocalExchange)

    /// Closes what has been idle, or unfinished, for too long; called every second or so.
    func sweep(now: NIODeadline)

    /// Closes everything no exchange uses, and makes no connections any more; one that is being made is closed too.
    func stop()
}
