import NIOCore
import NIOPosix
import Testing
import TunnelProtocol
import TunnelTransport
import UpstreamRelay

@Suite("A relay that stops", .timeLimit(.minutes(5)))
struct RelayStopTests {
    /// A tunnel that takes whatever it is given.
    private final class Tunnel: RelayTunnel {
        let version = TunnelVersion.v1
        func sendHead(_ head: ByteBuffer, end: Bool, on id: TunnelStreamID) {}
        func sendData(_ data: ByteBuffer, on id: TunnelStreamID) -> TunnelConnection.SendResult { .more }
        func sendEnd(trailers: ByteBuffer?, on id: TunnelStreamID) {}
        func reset(_ id: TunnelStreamID, _ reason: TunnelResetReason) {}
        func consumed(_ bytes: Int, on id: TunnelStreamID) {}
    }

    /// Nobody would use or sweep it.
    @Test(arguments: [LocalRelayConfiguration.UpstreamProtocol.http1, .http2])
    func connectionThatIsBeingMadeIsClosed(upstreamProtocol: LocalRelayConfiguration.UpstreamProtocol) async throws {
        let app = try await LocalApp.start()
        var configuration = LocalRelayConfiguration(target: LocalTarget(host: "127.0.0.1", port: app.port))
        configuration.upstreamProtocol = upstreamProtocol
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        try await loop.submit { [configuration] in
            let relay = try LocalRelay(configuration: configuration, eventLoop: loop, onEvent: { _ in })
            let head = ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n")
            let stream = relay.accept(TunnelStreamID(1), kind: .http, head: head, end: true, on: Tunnel())
            #expect(stream != nil)
            relay.stop()
        }
        .get()
        #expect(try await app.connection().end() != nil)
        try await app.stop()
    }
}
