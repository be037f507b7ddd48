//! daypass-sample-app: the app that `make demo` shows through a tunnel.
//!
//! A Hummingbird app with what real apps have: a page with a style sheet and a script at absolute paths, a clock by
//! server-sent events, a form, and a download. It knows nothing of Daypass.

import Foundation
import Hummingbird
import Logging
import ServiceLifecycle

/// Serves the sample app on 127.0.0.1 at the port given as the only argument (0 picks one), and prints
/// `sample-app: listening on PORT` on standard output once it accepts connections.
@main
struct SampleApp {
    static func main() async throws {
        let arguments = CommandLine.arguments.dropFirst()
        guard arguments.count <= 1, let port = UInt16(arguments.first ?? "3000") else {
            FileHandle.standardError.write(Data("usage: daypass-sample-app [PORT]\n".utf8))
            exit(10)
        }
        var logger = Logger(label: "sample-app")
        logger.logLevel = .warning
        let app = Application(
            router: Self.router(),
            configuration: .init(address: .hostname("127.0.0.1", port: Int(port)), serverName: "sample-app"),
            onServerRunning: { channel in
                let line = "sample-app: listening on \(channel.localAddress?.port ?? Int(port))\n"
                FileHandle.standardOutput.write(Data(line.utf8))
            },
            logger: logger
        )
        try await app.runService()
    }

    private static func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.get("/") { _, _ in text(Page.html, as: "text/html; charset=utf-8") }
        router.get("/style.css") { _, _ in text(Page.style, as: "text/css; charset=utf-8") }
        router.get("/script.js") { _, _ in text(Page.script, as: "text/javascript; charset=utf-8") }
        router.get("/clock", use: self.clock)
        router.post("/echo", use: self.echo)
        router.get("/download", use: self.download)
        return router
    }

    /// The time once a second, as server-sent events, until the reader goes away or the server shuts down.
    @Sendable
    private static func clock(_ request: Request, _ context: BasicRequestContext) -> Response {
        let body = ResponseBody { writer in
            let ticks = AsyncStream {
                try? await Task.sleep(for: .seconds(1))
                return Date()
            }
            // An endless answer would hold up a server that waits for its open requests when it shuts down.
            for await tick in ticks.cancelOnGracefulShutdown() {
                let time = tick.formatted(.iso8601.time(includingFractionalSeconds: false))
                try await writer.write(ByteBuffer(string: "data: \(time)\n\n"))
            }
            try await writer.finish(nil)
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: body
        )
    }

    /// Answers the form with what was typed, at most 4 KiB, as a page would see it.
    @Sendable
    private static func echo(_ request: Request, _ context: BasicRequestContext) async throws -> Response {
        let body = try await request.body.collect(upTo: 4096)
        return self.text(String(buffer: body), as: "text/plain; charset=utf-8")
    }

    /// One megabyte of numbered lines, made while it is sent.
    @Sendable
    private static func download(_ request: Request, _ context: BasicRequestContext) -> Response {
        let lineLength = 32
        let lines = 1_048_576 / lineLength
        let body = ResponseBody(contentLength: lines * lineLength) { writer in
            for block in stride(from: 0, to: lines, by: 1024) {
                var buffer = ByteBuffer()
                for line in block..<min(block + 1024, lines) {
                    let text = "line \(line) of \(lines)"
                    buffer.writeString(text)
                    buffer.writeRepeatingByte(UInt8(ascii: "."), count: lineLength - 1 - text.utf8.count)
                    buffer.writeString("\n")
                }
                try await writer.write(buffer)
            }
            try await writer.finish(nil)
        }
        var response = Response(status: .ok, headers: [.contentType: "text/plain; charset=utf-8"], body: body)
        response.headers[.contentDisposition] = "attachment; filename=\"lines.txt\""
        return response
    }

    private static func text(_ text: String, as type: String) -> Response {
        Response(
            status: .ok,
            headers: [.contentType: type, .cacheControl: "no-cache"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: text))
        )
    }
}
