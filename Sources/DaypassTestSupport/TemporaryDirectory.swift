import Foundation

/// A new folder (mode 0700) for one test, removed with everything in it when this object goes away.
package final class TemporaryDirectory: Sendable {
    /// Its absolute path, without a slash at the end.
    package let path: String

    /// Makes the folder under the system's temporary folder.
    ///
    /// Throws the system's error.
    package init(_ label: String = "test") throws {
        let name = "daypass-\(label)-\(UUID().uuidString)"
        let url = FileManager.default.temporaryDirectory.appendingPathComponent(name)
        try FileManager.default.createDirectory(
            at: url,
            withIntermediateDirectories: true,
            attributes: [.posixPermissions: 0o700]
        )
        self.path = url.path
    }

    deinit { try? FileManager.default.removeItem(atPath: self.path) }
}
