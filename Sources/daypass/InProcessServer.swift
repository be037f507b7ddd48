import DaypassCLI
import DaypassServer
import Foundation
import Logging
import SessionModel

/// `--standalone`: a whole server in the process of the tunnel it serves.
struct InProcessServer: StandaloneLauncher {
    func withServer(logger: Logger, _ body: @escaping @Sendable (ServerAddress) async throws -> Void) async throws {
        let folder = try Self.temporaryFolder()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let server = try DaypassServer(
            configuration: ServerConfiguration(standaloneIn: folder),
            clock: Timestamp.wallClock,
            logger: logger
        )
        let (ready, continuation) = AsyncStream.makeStream(of: String.self, bufferingPolicy: .bufferingNewest(1))
        let group = try await server.group(signals: []) { continuation.yield($0.control) }
        try await withRunning(group, grace: .seconds(3), logger: logger) {
            guard let control = await ready.first(where: { _ in true }) else { throw CancellationError() }
            try await body(try ServerAddress(control))
        }
    }

    private static func temporaryFolder() throws -> String {
        var template = Array("\(FileManager.default.temporaryDirectory.path)/daypass-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw CommandFailure(.failure, "No temporary folder can be made: \(String(cString: strerror(errno))).")
        }
        return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
