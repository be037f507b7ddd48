import Glibc
import SessionModel
import Synchronization

/// Files and folders that only the server's user may read.
enum PrivateFile {
    /// Creates a folder with mode 0700, and the ones above it if they are missing.
    ///
    /// An existing folder must belong to this user; if others may enter it, its mode is corrected when it is empty or
    /// `isOurs` says so, else it is refused: it may be somebody's home or `/tmp`.
    static func createDirectory(_ path: String, isOurs: () throws -> Bool) throws {
        guard !path.isEmpty, !path.utf8.contains(0) else {
            throw DaypassError(.serviceUnavailable, "The data directory's path is not a path.")
        }
        if try self.makeDirectory(path) { return }
        var status = stat()
        guard stat(path, &status) == 0 else { throw failure("look at", path) }
        guard status.st_mode & S_IFMT == S_IFDIR else {
            throw DaypassError(.serviceUnavailable, "\(path) is not a folder.")
        }
        guard status.st_uid == geteuid() else {
            throw DaypassError(.serviceUnavailable, "\(path) belongs to another user (id \(status.st_uid)).")
        }
        guard status.st_mode & 0o077 != 0 else { return }
        guard try self.isEmpty(path) || isOurs() else {
            throw DaypassError(
                .serviceUnavailable,
                "\(path) can be entered by other users and holds other files. Choose a folder of its own with --data, "
                    + "or run: chmod 700 \(path)"
            )
        }
        guard chmod(path, 0o700) == 0 else { throw failure("restrict the mode of", path) }
    }

    /// Makes a folder and the ones above it; false if there is something at `path` already.
    private static func makeDirectory(_ path: String) throws -> Bool {
        if mkdir(path, 0o700) == 0 {
            try self.syncFolder(of: path)
            return true
        }
        if errno == EEXIST { return false }
        guard errno == ENOENT, let slash = path.lastIndex(of: "/"), slash > path.startIndex else {
            throw failure("create the folder", path)
        }
        _ = try self.makeDirectory(String(path[..<slash]))
        if mkdir(path, 0o700) == 0 {
            try self.syncFolder(of: path)
            return true
        }
        if errno == EEXIST { return false }
        throw failure("create the folder", path)
    }

    private static func isEmpty(_ path: String) throws -> Bool {
        guard let folder = opendir(path) else { throw failure("look at", path) }
        defer { closedir(folder) }
        var count = 0
        while readdir(folder) != nil { count += 1 }
        return count <= 2
    }

    /// Whether something is at `path`.
    static func exists(_ path: String) throws -> Bool {
        var status = stat()
        if lstat(path, &status) == 0 { return true }
        guard errno == ENOENT else { throw failure("look at", path) }
        return false
    }

    /// Reads a secret of at most `limit` bytes; nil if there is no such file.
    ///
    /// Refuses a file that others may read or that belongs to somebody else.
    static func read(_ path: String, limit: Int) throws -> [UInt8]? {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        if descriptor < 0, errno == ENOENT { return nil }
        guard descriptor >= 0 else { throw failure("open", path) }
        defer { Glibc.close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw failure("look at", path) }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw DaypassError(.serviceUnavailable, "\(path) is not a plain file.")
        }
        guard status.st_mode & 0o077 == 0 else {
            throw DaypassError(
                .serviceUnavailable,
                "\(path) can be read by other users (mode \(String(status.st_mode & 0o777, radix: 8))). "
                    + "If nobody else has read it, run: chmod 600 \(path)"
            )
        }
        guard status.st_uid == geteuid() else {
            throw DaypassError(.serviceUnavailable, "\(path) belongs to another user (id \(status.st_uid)).")
        }
        guard status.st_size <= limit else { throw DaypassError(.serviceUnavailable, "\(path) is too large.") }
        var bytes = [UInt8](repeating: 0, count: limit)
        var count = 0
        while count < limit {
            let received = bytes.withUnsafeMutableBytes {
                Glibc.read(descriptor, $0.baseAddress! + count, limit - count)
            }
            if received < 0, errno == EINTR { continue }
            guard received >= 0 else { throw failure("read", path) }
            if received == 0 { break }
            count += received
        }
        return Array(bytes[..<count])
    }

    /// Writes a secret so that after a crash there is either all of it or nothing: a temporary file (0600), fsync,
    /// rename, fsync of the folder.
    static func write(_ bytes: [UInt8], to path: String) throws {
        let temporary = path + ".new"
        guard unlink(temporary) == 0 || errno == ENOENT else { throw failure("remove", temporary) }
        let descriptor = Glibc.open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure("create", temporary) }
        do {
            defer { Glibc.close(descriptor) }
            guard fchmod(descriptor, 0o600) == 0 else { throw failure("restrict the mode of", temporary) }
            var count = 0
            while count < bytes.count {
                let written = bytes.withUnsafeBytes { buffer in
                    Glibc.write(descriptor, buffer.baseAddress! + count, buffer.count - count)
                }
                if written < 0, errno == EINTR { continue }
                guard written > 0 else { throw failure("write", temporary) }
                count += written
            }
            guard fsync(descriptor) == 0 else { throw failure("write", temporary) }
        }
        guard rename(temporary, path) == 0 else { throw failure("rename \(temporary) to", path) }
        try self.syncFolder(of: path)
    }

    /// Creates an empty file with mode 0600, or corrects the mode of the one that is there.
    static func createOrRestrict(_ path: String) throws {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure("create", path) }
        defer { Glibc.close(descriptor) }
        guard fchmod(descriptor, 0o600) == 0 else { throw failure("restrict the mode of", path) }
        // A new file must still be in its folder after a loss of power.
        try self.syncFolder(of: path)
    }

    /// Makes what was done to the entry of `path` in its folder survive a loss of power.
    static func syncFolder(of path: String) throws {
        let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
        let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure("open", folder) }
        defer { Glibc.close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure("write", folder) }
    }

    /// The error for a system call that just failed; reads `errno`.
    static func failure(_ action: String, _ path: String) -> DaypassError {
        let reason = String(cString: strerror(errno))
        return DaypassError(.serviceUnavailable, "Cannot \(action) \(path): \(reason).")
    }
}

/// An advisory lock (`flock(2)`) that one process holds on a file while this object lives.
///
/// The kernel lets go of it when the process ends, however it ends.
final class FileLock: Sendable {
    private let descriptor: Mutex<Int32?>

    /// Takes the lock.
    ///
    /// Throws `service_unavailable` at once if another process (or another object) holds it.
    init(path: String) throws {
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw PrivateFile.failure("create", path) }
        do {
            try Self.lock(descriptor, path: path)
        } catch {
            Glibc.close(descriptor)
            throw error
        }
        self.descriptor = Mutex(descriptor)
    }

    private static func lock(_ descriptor: Int32, path: String) throws {
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            if errno == EINTR { continue }
            guard errno == EWOULDBLOCK else { throw PrivateFile.failure("lock", path) }
            throw DaypassError(
                .serviceUnavailable,
                "Another Daypass server\(self.holder(descriptor)) uses this data directory (\(path) is locked). "
                    + "Stop it first, or choose another folder with --data."
            )
        }
        let text = Array("\(getpid())\n".utf8)
        guard fchmod(descriptor, 0o600) == 0, ftruncate(descriptor, 0) == 0,
            pwrite(descriptor, text, text.count, 0) == text.count
        else { throw PrivateFile.failure("write", path) }
    }

    deinit { self.unlock() }

    /// Lets go of the lock; idempotent.
    func unlock() {
        let descriptor = self.descriptor.withLock { $0.take() }
        guard let descriptor else { return }
        // A child that is being started has a copy of the descriptor for a moment, and with it the lock.
        _ = flock(descriptor, LOCK_UN)
        Glibc.close(descriptor)
    }

    /// ` (process 123)` if the file says so.
    private static func holder(_ descriptor: Int32) -> String {
        var bytes = [UInt8](repeating: 0, count: 16)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return "" }
        let text = String(decoding: bytes[..<count], as: UTF8.self).filter { !$0.isWhitespace }
        return Int(text).map { " (process \($0))" } ?? ""
    }
}
