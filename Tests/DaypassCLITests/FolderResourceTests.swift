import DaypassCLI
import Foundation
import Testing

@Suite struct FolderResourceTests {
    private let home: TemporaryFolder
    private let root: Int32

    init() throws {
        self.home = try TemporaryFolder()
        let files = FileManager.default
        let site = "\(self.home.path)/site"
        try files.createDirectory(atPath: "\(site)/sub/deep", withIntermediateDirectories: true)
        try files.createDirectory(atPath: "\(site)/.git", withIntermediateDirectories: true)
        for name in ["index.html", "a b.TXT", "sub/index.html", ".env", ".git/config", "é.css"] {
            try Data(name.utf8).write(to: URL(fileURLWithPath: "\(site)/\(name)"))
        }
        try Data("secret".utf8).write(to: URL(fileURLWithPath: "\(self.home.path)/outside.txt"))
        try files.createSymbolicLink(atPath: "\(site)/link", withDestinationPath: "../outside.txt")
        try files.createSymbolicLink(atPath: "\(site)/up", withDestinationPath: "..")
        try files.createSymbolicLink(atPath: "\(site)/inside", withDestinationPath: "index.html")
        #expect(mkfifo("\(site)/pipe", 0o600) == 0)
        self.root = open(site, O_RDONLY | O_DIRECTORY)
        #expect(self.root >= 0)
    }

    private func content(_ path: String) -> String? {
        guard case .file(let file) = FolderResource.find(path, root: self.root) else { return nil }
        defer { close(file.descriptor) }
        return FileHandle(fileDescriptor: file.descriptor, closeOnDealloc: false).readDataToEndOfFile()
            .map { String(UnicodeScalar($0)) }.joined()
    }

    @Test(arguments: [
        ("/", "index.html"), ("/index.html", "index.html"), ("/a%20b.TXT", "a b.TXT"), ("/sub/", "sub/index.html"),
        ("/sub/index.html", "sub/index.html"),
    ])
    func filesAreFound(path: String, content: String) { #expect(self.content(path) == content) }

    @Test func extensionsAreLowerCase() throws {
        guard case .file(let file) = FolderResource.find("/a%20b.TXT", root: self.root) else {
            Issue.record("not found")
            return
        }
        close(file.descriptor)
        #expect(file.fileExtension == "txt")
        #expect(file.size == 7)
    }

    @Test(arguments: [
        "", "index.html", "/missing", "/index.html/", "/sub/deep/", "/.env", "/.git/config", "/%2eenv", "/link", "/up/",
        "/up/outside.txt", "/inside", "/pipe", "/../outside.txt", "/%2e%2e/outside.txt", "/..%2foutside.txt",
        "/sub/../../outside.txt", "//index.html", "/sub//index.html", "/./index.html", "/index.html%00", "/%ff", "/%",
        "/..\\outside.txt",
    ])
    func nothingElseIs(path: String) {
        guard case .notFound = FolderResource.find(path, root: self.root) else {
            Issue.record("\(path) leads somewhere")
            return
        }
    }

    @Test func foldersWithoutSlash() {
        guard case .folderWithoutSlash = FolderResource.find("/sub", root: self.root) else {
            Issue.record("not a folder")
            return
        }
    }

    @Test(arguments: [
        (String?.none, ByteRange.whole), ("bytes=0-9", .part(0...9)), ("bytes=10-19", .part(10...19)),
        ("bytes=90-", .part(90...99)), ("bytes=90-500", .part(90...99)), ("bytes=-10", .part(90...99)),
        ("bytes=-500", .part(0...99)), ("BYTES=5-5", .part(5...5)), ("bytes=100-", .unsatisfiable),
        ("bytes=-0", .unsatisfiable), ("bytes=9-5", .whole), ("bytes=0-1,5-6", .whole), ("items=0-9", .whole),
        ("bytes=-", .whole), ("bytes=a-b", .whole), ("bytes=99999999999999999999-", .whole), ("bytes=+1-2", .whole),
    ])
    func ranges(field: String?, range: ByteRange) { #expect(ByteRange(field, size: 100) == range) }

    @Test func anEmptyFileHasNoRange() {
        #expect(ByteRange("bytes=0-", size: 0) == .unsatisfiable)
        #expect(ByteRange("bytes=-5", size: 0) == .unsatisfiable)
    }
}
