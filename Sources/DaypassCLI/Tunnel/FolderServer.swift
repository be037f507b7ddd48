import Foundation
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import NIOPosix
import ServiceLifecycle

/// Serves the files of a folder on a loopback port, for `daypass http ./folder`.
///
/// `GET` and `HEAD`, one byte range, `If-None-Match`; `index.html` for folders, which are never listed; no dot files and
/// nothing through symbolic links (`FolderResource`). Files are read in pieces as the viewer takes them.
struct FolderServer: Service {
    private let root: Int32
    private let logger: Logger
    private let onListening: @Sendable (Int) -> Void

    /// Opens the folder.
    ///
    /// Throws `CommandFailure` when it cannot be read.
    init(path: String, logger: Logger, onListening: @escaping @Sendable (Int) -> Void) throws {
        // The folder named on the command line may itself be a link; what is inside may not.
        self.root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard self.root >= 0 else {
            throw CommandFailure(
                .invalidArguments,
                "Cannot read the folder \(TerminalText.safe(path)): \(String(cString: strerror(errno)))."
            )
        }
        self.logger = logger
        self.onListening = onListening
    }

    /// Serves until graceful shutdown.
    func run() async throws {
        defer { close(self.root) }
        let application = Application(
            responder: FolderResponder(root: self.root),
            configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { [onListening] channel in onListening(channel.localAddress?.port ?? 0) },
            logger: self.logger
        )
        try await application.run()
    }
}

private struct FolderResponder: HTTPResponder {
    typealias Context = BasicRequestContext
    let root: Int32

    func respond(to request: Request, context: BasicRequestContext) async throws -> Response {
        guard request.method == .get || request.method == .head else {
            return Self.plain(.methodNotAllowed, "Only GET and HEAD are possible here.", [.allow: "GET, HEAD"])
        }
        let path = request.uri.path
        let lookup = try await NIOThreadPool.singleton.runIfActive { FolderResource.find(path, root: self.root) }
        switch lookup {
        case .notFound: return Self.plain(.notFound, "There is no such file.")
        case .folderWithoutSlash:
            // Relative, so that it holds under whatever prefix the viewer sees.
            let name = path.split(separator: "/").last.map { "./\($0)/" } ?? "/"
            return Self.plain(.movedPermanently, "The folder's address ends with a slash.", [.location: name])
        case .file(let file): return self.answer(with: file, to: request)
        }
    }

    private func answer(with file: FolderResource, to request: Request) -> Response {
        let tag = "\"\(String(file.modified, radix: 36))-\(String(file.size, radix: 36))\""
        var headers: HTTPFields = [
            .eTag: tag, .acceptRanges: "bytes", .contentType: Self.mediaType(file.fileExtension),
            .cacheControl: "no-cache", .xContentTypeOptions: "nosniff",
        ]
        if let known = request.headers[.ifNoneMatch], known == "*" || known.contains(tag) {
            close(file.descriptor)
            return Response(status: .notModified, headers: headers)
        }
        var range = ByteRange(request.headers[.range], size: file.size)
        if let condition = request.headers[.ifRange], condition != tag { range = .whole }
        let bytes: Range<Int>
        let status: HTTPResponse.Status
        switch range {
        case .whole:
            bytes = 0..<file.size
            status = .ok
        case .part(let part):
            bytes = part.lowerBound..<(part.upperBound + 1)
            status = .partialContent
            headers[.contentRange] = "bytes \(part.lowerBound)-\(part.upperBound)/\(file.size)"
        case .unsatisfiable:
            close(file.descriptor)
            return Self.plain(
                .rangeNotSatisfiable,
                "The file ends before that range.",
                [.contentRange: "bytes */\(file.size)"]
            )
        }
        guard request.method == .get else {
            close(file.descriptor)
            headers[.contentLength] = String(bytes.count)
            return Response(status: status, headers: headers)
        }
        return Response(status: status, headers: headers, body: Self.body(of: file, bytes: bytes))
    }

    /// Sends `bytes` of the file in pieces; a file that got shorter meanwhile ends the connection, not the answer.
    private static func body(of file: FolderResource, bytes: Range<Int>) -> ResponseBody {
        let open = OpenFile(descriptor: file.descriptor)
        return ResponseBody(contentLength: bytes.count) { writer in
            var offset = bytes.lowerBound
            while offset < bytes.upperBound {
                let start = offset
                let count = min(Self.pieceSize, bytes.upperBound - start)
                let piece = try await NIOThreadPool.singleton.runIfActive { try open.read(count, at: start) }
                offset += piece.readableBytes
                try await writer.write(piece)
            }
            try await writer.finish(nil)
        }
    }

    private static let pieceSize = 128 * 1024

    private static func plain(
        _ status: HTTPResponse.Status,
        _ text: String,
        _ headers: HTTPFields = [:]
    ) -> Response {
        var headers = headers
        headers[.contentType] = "text/plain; charset=utf-8"
        return Response(
            status: status,
            headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: text + "\n"))
        )
    }

    /// The media type by name; text is said to be UTF-8, what is unknown is only bytes.
    private static func mediaType(_ fileExtension: String) -> String {
        let text = ["html", "htm", "css", "js", "mjs", "json", "txt", "md", "xml", "csv", "map"]
        guard fileExtension != "mjs" else { return "text/javascript; charset=utf-8" }
        guard fileExtension != "md" else { return "text/markdown; charset=utf-8" }
        guard let type = MediaType.getMediaType(forExtension: .init(fileExtension)) else {
            return text.contains(fileExtension) ? "text/plain; charset=utf-8" : "application/octet-stream"
        }
        let name = "\(type.type)/\(type.subType)"
        return text.contains(fileExtension) ? "\(name); charset=utf-8" : name
    }
}

/// An open file that closes itself when the last user is gone: also when an answer is given up half-way.
private final class OpenFile: Sendable {
    private let descriptor: Int32

    init(descriptor: Int32) { self.descriptor = descriptor }

    deinit { close(self.descriptor) }

    struct EndedEarly: Error {}

    /// Between 1 and `count` bytes at `offset`; throws when there are none.
    func read(_ count: Int, at offset: Int) throws -> ByteBuffer {
        var buffer = ByteBuffer()
        let got = buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: count) { bytes in
            max(0, pread(self.descriptor, bytes.baseAddress, count, off_t(offset)))
        }
        guard got > 0 else { throw EndedEarly() }
        return buffer
    }
}
