import NIOCore
import Testing
import TunnelAgent
import TunnelProtocol
import TunnelTransport
import UpstreamRelay

@Suite("Backpressure", .timeLimit(.minutes(5)))
struct BackpressureTests {
    private static let piece = ByteBuffer(repeating: 0x61, count: 64 << 10)

    /// A viewer that reads nothing: the local app must not get rid of more than windows and kernel buffers hold, and
    /// what it sent arrives whole once the viewer reads.
    @Test func slowViewerSlowsTheAppDown() async throws {
        try await Setup.run { setup, tunnel in
            let total = 64 << 20
            let stream = try await tunnel.open(["GET / HTTP/1.1"], consumes: false)
            let connection = try await setup.app.connection()
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
            let sent = Watched(0)
            let writer = Task {
                for _ in 0..<(total / Self.piece.readableBytes) {
                    try await connection.send(Self.piece)
                    sent.update { $0 += Self.piece.readableBytes }
                }
            }
            // Another request is answered meanwhile, which shows that what could move has moved.
            for _ in 0..<20 {
                let other = try await tunnel.open(["GET /small HTTP/1.1"])
                let second = try await setup.app.connection(1)
                _ = try await second.readHead()
                try await second.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
                #expect(try await other.over().hasEnded)
            }
            #expect(stream.state.value.bodyBytes < 32 << 20)
            #expect(sent.value < 32 << 20)
            var consumed = 0
            while consumed < total {
                let already = consumed
                let received = try await stream.state.wait { $0.bodyBytes > already }.bodyBytes
                try await stream.consume(received - consumed)
                consumed = received
            }
            try await writer.value
            let state = try await stream.over()
            #expect(state.hasEnded && state.bodyBytes == total)
        }
    }

    /// A local app that reads nothing: the edge is told to stop, and the upload arrives whole once the app reads.
    @Test(arguments: [TunnelVersion.v1])
    func slowAppSlowsTheUploadDown(version: TunnelVersion) async throws {
        try await Setup.run(version) { setup, tunnel in
            let stream = try await tunnel.open(["PUT / HTTP/1.1", "Content-Length: \(48 << 20)"], end: false)
            let connection = try await setup.app.connection()
            _ = try await connection.readHead()
            let headBytes = connection.received.value.total
            try await connection.setReading(false)
            var sent = 0
            while sent < 48 << 20 {
                let result = try await stream.send(Self.piece)
                sent += Self.piece.readableBytes
                if result == .pause { break }
            }
            #expect(sent < 48 << 20)
            try await connection.setReading(true)
            while sent < 48 << 20 {
                let calls = stream.state.value.writableCalls
                let result = try await stream.send(Self.piece)
                sent += Self.piece.readableBytes
                if result == .pause { try await stream.state.wait { $0.writableCalls > calls } }
            }
            try await stream.end()
            try await connection.received.wait { $0.total == headBytes + (48 << 20) }
            try await connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            #expect(try await stream.over().hasEnded)
        }
    }

    /// An app that sends and closes while the viewer does not read: what it sent still arrives, and the end is an end.
    @Test func appThatClosesEarlyLosesNothing() async throws {
        try await Setup.run { setup, tunnel in
            let total = 3 << 20
            let stream = try await tunnel.open(["GET / HTTP/1.1"], consumes: false)
            let connection = try await setup.app.connection()
            _ = try await connection.readHead()
            try await connection.send("HTTP/1.1 200 OK\r\n\r\n")
            let writer = Task {
                for _ in 0..<(total / Self.piece.readableBytes) { try await connection.send(Self.piece) }
                connection.close()
            }
            var consumed = 0
            while consumed < total {
                let already = consumed
                let received = try await stream.state.wait { $0.bodyBytes > already }.bodyBytes
                try await stream.consume(received - consumed)
                consumed = received
            }
            try await writer.value
            let state = try await stream.over()
            #expect(state.hasEnded && state.bodyBytes == total)
        }
    }
}
