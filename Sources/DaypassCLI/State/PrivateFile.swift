package import Foundation

/// Files only their owner may read, written so that a reader sees the old content or the new, never a part.
package enum PrivateFile {
    /// The largest file that is read back; ours are a few hundred bytes.
    package static let sizeLimit = 64 * 1024

    /// Replaces the file at `path`: a new file beside it (0600, never through a symbolic link), synced, renamed over
    /// it, the folder synced.
    ///
    /// Throws `CommandFailure` naming the path.
    package static func write(_ content: Data, to path: String) throws {
        let temporary = "\(path).\(getpid())-\(UInt32.random(in: 0 ... .max)).tmp"
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw Self.failure("create", temporary) }
        do {
            defer { close(descriptor) }
            // `open` applies the umask, which may take away even our own rights.
            guard fchmod(descriptor, 0o600) == 0 else { throw Self.failure("protect", temporary) }
            try Self.writeAll(content, to: descriptor, path: temporary)
            guard fsync(descriptor) == 0 else { throw Self.failure("write", temporary) }
        } catch {
            unlink(temporary)
            throw error
        }
        guard rename(temporary, path) == 0 else {
            let failure = Self.failure("replace", path)
            unlink(temporary)
            throw failure
        }
        Self.syncFolder(of: path)
    }

    /// The content of the file at `path`, at most `sizeLimit` bytes; nil if there is none.
    ///
    /// Throws `CommandFailure` when it is not a plain file, too large or unreadable.
    package static func read(_ path: String) throws -> Data? {
        let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw Self.failure("read", path)
        }
        defer { close(descriptor) }
        var info = stat()
        guard fstat(descriptor, &info) == 0, info.st_mode & S_IFMT == S_IFREG, info.st_size <= Self.sizeLimit else {
            throw CommandFailure(.failure, "\(path) is not a plain file of at most 64 KiB.")
        }
        var content = Data(count: Self.sizeLimit)
        var length = 0
        while length < Self.sizeLimit {
            let count = content.withUnsafeMutableBytes { bytes in
                Foundation.read(descriptor, bytes.baseAddress.map { $0 + length }, Self.sizeLimit - length)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.failure("read", path) }
            if count == 0 { break }
            length += count
        }
        return content.prefix(length)
    }

    /// Removes the file at `path` if it is there.
    package static func remove(_ path: String) throws {
        guard unlink(path) == 0 || errno == ENOENT else { throw Self.failure("remove", path) }
        Self.syncFolder(of: path)
    }

    /// Makes the folder at `path` and those above it, 0700 where they are new.
    package static func makeFolder(_ path: String) throws {
        if mkdir(path, 0o700) == 0 || errno == EEXIST { return }
        guard errno == ENOENT, let parent = Self.parent(of: path) else { throw Self.failure("create", path) }
        try Self.makeFolder(parent)
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw Self.failure("create", path) }
    }

    private static func parent(of path: String) -> String? {
        guard let slash = path.dropLast(path.hasSuffix("/") ? 1 : 0).lastIndex(of: "/") else { return nil }
        return slash == path.startIndex ? nil : String(path[..<slash])
    }

    private static func writeAll(_ content: Data, to descriptor: Int32, path: String) throws {
        var remaining = content[...]
        while !remaining.isEmpty {
            let count = remaining.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw Self.failure("write", path) }
            remaining = remaining.dropFirst(count)
        }
    }

    /// Makes the rename itself durable; a file system that cannot sync a folder is no reason to fail.
    private static func syncFolder(of path: String) {
        let folder = Self.parent(of: path) ?? "."
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private static func failure(_ verb: String, _ path: String) -> CommandFailure {
        CommandFailure(.failure, "Cannot \(verb) \(TerminalText.safe(path)): \(String(cString: strerror(errno))).")
    }
}
