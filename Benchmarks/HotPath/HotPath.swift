//! The pieces of the data plane by themselves, to be counted by valgrind (Benchmarks/hot_path.py).

import AccessControl
import NIOCore
import ProxySemantics
import SessionModel
import TunnelProtocol

/// `hot-path CASE COUNT`: runs one case that often, without timing anything.
///
/// Two runs with different counts are subtracted from each other, so start-up cancels out.
@main
struct HotPath {
    static func main() throws {
        let arguments = CommandLine.arguments
        let cases: [String: (Int) throws -> Int] = [
            "parse": Self.parse, "request": Self.rewriteRequest, "response": Self.rewriteResponse,
            "codec": Self.codec, "policy": Self.decide, "relay": Self.relay, "gateway": Self.gateway,
            "gateway-write": Self.gatewayWrite, "keys": Self.keys,
        ]
        guard arguments.count == 3, let run = cases[arguments[1]], let count = Int(arguments[2]) else {
            print("usage: hot-path \(cases.keys.sorted().joined(separator: "|")) COUNT")
            return
        }
        // Printed, so that nothing of it can be left out.
        print(try run(count))
    }

    private static let requestHead = ByteBuffer(
        string: """
            GET /assets/app.js?v=17 HTTP/1.1\r
            Host: quiet-lime-4217.localhost:3002\r
            User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36\r
            Accept: */*\r
            Accept-Encoding: gzip, deflate, br\r
            Accept-Language: en-GB,en;q=0.9\r
            Cookie: theme=dark; session=0123456789abcdef0123456789abcdef\r
            Referer: http://quiet-lime-4217.localhost:3002/\r
            Sec-Fetch-Dest: script\r
            Sec-Fetch-Mode: no-cors\r
            Sec-Fetch-Site: same-origin\r
            Connection: keep-alive\r
            \r

            """
    )
    private static let responseHead = ByteBuffer(
        string: """
            HTTP/1.1 200 OK\r
            Server: nginx/1.22.1\r
            Date: Sat, 21 Nov 2026 12:00:00 GMT\r
            Content-Type: application/javascript\r
            Content-Length: 1024\r
            Last-Modified: Fri, 20 Nov 2026 12:00:00 GMT\r
            ETag: "673dcf40-400"\r
            Accept-Ranges: bytes\r
            \r

            """
    )

    /// A browser's request through the parser: head and end.
    private static func parse(_ count: Int) throws -> Int {
        var parser = HTTPMessageParser(role: .request)
        var fields = 0
        for _ in 0..<count {
            var input = Self.requestHead
            while let part = try parser.next(&input) {
                if case .head(let head) = part { fields += head.fields.count }
            }
        }
        return fields
    }

    /// The same head as it goes to the agent.
    private static func rewriteRequest(_ count: Int) throws -> Int {
        let head = try HTTPMessageParser.parseHead(block: Self.requestHead, role: .request)
        let context = ForwardingContext(peerAddress: "192.0.2.7", scheme: "http")
        var bytes = 0
        for _ in 0..<count {
            var buffer = ByteBufferAllocator().buffer(capacity: head.bytes.readableBytes + 320)
            head.writeForwardedRequest(target: head.target, context: context, asWebSocket: false, to: &buffer)
            bytes += buffer.readableBytes
        }
        return bytes
    }

    /// An answer's head from the tunnel: validated, and written for the viewer.
    private static func rewriteResponse(_ count: Int) throws -> Int {
        let mapping = AddressMapping(
            pathPrefix: "/s/quiet-lime-4217",
            publicBase: "http://localhost:3002",
            localAuthorities: ["localhost:3000"]
        )
        var bytes = 0
        var output = ByteBuffer()
        for _ in 0..<count {
            output.clear()
            let head = try HTTPMessageParser.parseHead(block: Self.responseHead, role: .response)
            head.writeForwardedResponse(
                framing: .length(1024),
                keepAlive: true,
                viewerMinorVersion: 1,
                mapping: mapping,
                extra: ByteBuffer(),
                to: &output
            )
            bytes += output.readableBytes
        }
        return bytes
    }

    /// An answer of 1 KiB as two frames in one masked WebSocket message, and back.
    private static func codec(_ count: Int) throws -> Int {
        let body = ByteBuffer(repeating: 0x61, count: 1024)
        var writer = WebSocketFrameWriter(role: .agent)
        var parser = WebSocketFrameParser(role: .edge, maximumMessageBytes: TunnelWire.maximumMessageBytesV1)
        let codec = TunnelFrameCodecV1(role: .edge, maximumHeadBytes: 128 << 10)
        var frames = 0
        for number in 1...count {
            let stream = UInt32(truncatingIfNeeded: number)
            var message = writer.makeMessage(capacity: 1400)
            TunnelFrameCodecV1.encode(TunnelFrame(stream: stream, .response(Self.responseHead)), to: &message)
            TunnelFrameCodecV1.encode(TunnelFrame(stream: stream, end: true, .data(body)), to: &message)
            writer.seal(&message)
            guard case .message(var received)? = try parser.next(&message) else { continue }
            while try codec.decode(&received) != nil { frames += 1 }
        }
        return frames
    }

    /// A GET and its answer of 1 KiB through both ends of a tunnel.
    private static func relay(_ count: Int) throws -> Int {
        try RelayCase(responseHead: Self.responseHead).run(count, requestHead: Self.requestHead)
    }

    /// A request judged under a policy with a viewer limit and blocked paths, and its viewer leaving.
    private static func decide(_ count: Int) throws -> Int {
        let now = Timestamp(millisecondsSinceEpoch: 1_772_638_200_000)
        let signer = ViewerCookieSigner(key: [UInt8](repeating: 7, count: 32))
        guard let slug = Slug("quiet-lime-4217"), let address = ClientAddress(parsing: "192.0.2.7") else { return 0 }
        var generator = SystemRandomNumberGenerator()
        var policy = SessionPolicy()
        policy.maxConcurrentViewers = 100
        policy.blockPaths = ["/admin", "/api/internal"]
        let record = SessionRecord(
            id: .random(using: &generator),
            slug: slug,
            port: 3000,
            authMode: .none,
            basicCredentials: nil,
            ownerTokenDigest: SecretDigest(of: "x"),
            policy: policy,
            creator: "local:127.0.0.1",
            createdAt: now,
            expiresAt: now + .seconds(3600)
        )
        let compiled = CompiledPolicy(record: record, signer: signer)
        var viewers = ViewerRegistry(slug: slug, signer: signer)
        let access = AccessRequest(address: address)
        let path = Array("/assets/app.js?v=17".utf8)
        var allowed = 0
        for _ in 0..<count {
            let decision = path.withUnsafeBytes { path in
                compiled.decide(access, path: path, now: now, viewers: &viewers, userAgent: { "" }, rate: { nil })
            }
            if case .allowed(let viewer) = decision {
                allowed += 1
                if let viewer { viewers.streamClosed(viewer, bytes: 1024, now: now) }
            }
        }
        return allowed
    }
}
