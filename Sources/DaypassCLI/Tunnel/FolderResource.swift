import Foundation

#if canImport(CDispatch)
// In debug builds the compiler may find the fields of `stat` in this module, if another file of its batch uses Dispatch.
import CDispatch
#endif

/// One file of a shared folder, found without ever leaving it.
///
/// Every step of the path is opened relative to the step before and never through a symbolic link, so nothing outside the
/// folder can be reached, also while someone moves things around. Names that start with a dot do not exist.
package struct FolderResource: Sendable {
    /// What a path leads to.
    package enum Lookup: Sendable {
        /// A file to answer with.
        case file(FolderResource)
        /// A folder that was named without the slash at its end.
        case folderWithoutSlash
        /// Nothing that is shared.
        case notFound
    }

    /// The open file; closed by whoever took it.
    package let descriptor: Int32
    /// Bytes at the time of opening.
    package let size: Int
    /// Last change, seconds since 1970.
    package let modified: Int
    /// The name's extension in lower case, empty if it has none.
    package let fileExtension: String

    /// Follows `path` (as in a request, percent-encoded, no query) below the open folder `root`.
    ///
    /// A folder gives its `index.html`.
    package static func find(_ path: some StringProtocol, root: Int32) -> Lookup {
        guard path.hasPrefix("/") else { return .notFound }
        var names: [String] = []
        let parts = path.dropFirst().split(separator: "/", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if part.isEmpty, index == parts.count - 1 { break }
            guard let name = Self.decoded(part), Self.isShared(name) else { return .notFound }
            names.append(name)
        }
        let wantsFolder = path.hasSuffix("/")
        if wantsFolder { names.append("index.html") }
        guard let last = names.popLast() else { return .notFound }
        var folder = dup(root)
        guard folder >= 0 else { return .notFound }
        defer { close(folder) }
        for name in names {
            let next = openat(folder, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard next >= 0 else { return .notFound }
            close(folder)
            folder = next
        }
        // Without O_NONBLOCK a named pipe would hold up the answer for ever.
        let descriptor = openat(folder, last, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else { return .notFound }
        var info = stat()
        let isKnown = fstat(descriptor, &info) == 0
        if isKnown, info.st_mode & S_IFMT == S_IFDIR, !wantsFolder {
            close(descriptor)
            return .folderWithoutSlash
        }
        guard isKnown, info.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            return .notFound
        }
        let dot = last.lastIndex(of: ".")
        return .file(
            FolderResource(
                descriptor: descriptor,
                size: Int(info.st_size),
                modified: Int(info.st_mtim.tv_sec),
                fileExtension: dot.map { last[last.index(after: $0)...].lowercased() } ?? ""
            )
        )
    }

    /// A path segment with `%XX` decoded; nil when that is not valid UTF-8.
    private static func decoded(_ part: some StringProtocol) -> String? {
        part.utf8.contains(UInt8(ascii: "%")) ? part.removingPercentEncoding : String(part)
    }

    /// Whether a name may be asked for at all: no dot files, so neither `.` nor `..`, and no hidden separators.
    private static func isShared(_ name: String) -> Bool {
        !name.isEmpty && !name.hasPrefix(".") && !name.utf8.contains { $0 == 0 || $0 == UInt8(ascii: "/") }
            && name.utf8.count <= 255
    }
}

/// The part of a file a `Range` field asks for (RFC 9110, 14.2): one range of bytes.
package enum ByteRange: Equatable, Sendable {
    /// No range, several, another unit or nonsense: the whole file is sent.
    case whole
    /// These bytes.
    case part(ClosedRange<Int>)
    /// A range that lies outside the file.
    case unsatisfiable

    /// Reads a field value for a file of `size` bytes.
    package init(_ field: String?, size: Int) {
        guard let field, field.lowercased().hasPrefix("bytes=") else {
            self = .whole
            return
        }
        let bounds = field.dropFirst(6).split(separator: "-", omittingEmptySubsequences: false)
            .map { $0.trimmingPrefix(while: { $0 == " " }) }
        func number(_ text: Substring) -> Int? {
            text.utf8.allSatisfy { (48...57).contains($0) } ? Int(text) : nil
        }
        guard bounds.count == 2 else {
            self = .whole
            return
        }
        switch (bounds[0].isEmpty, bounds[1].isEmpty) {
        case (true, true): self = .whole
        case (true, false):
            guard let count = number(bounds[1]) else {
                self = .whole
                return
            }
            self = count == 0 || size == 0 ? .unsatisfiable : .part(max(0, size - count)...(size - 1))
        case (false, let isOpen):
            guard let first = number(bounds[0]), let last = isOpen ? Int.max : number(bounds[1]), first <= last else {
                self = .whole
                return
            }
            self = first >= size ? .unsatisfiable : .part(first...min(last, size - 1))
        }
    }
}
