import Foundation

/// The browser and the clipboard of the machine the terminal is on, as far as they can be reached.
enum Desktop {
    /// Opens a link in the browser; false if no program for it is here.
    static func open(_ url: String, environment: [String: String]) -> Bool {
        #if os(macOS)
        return Self.run("open", [url], input: nil, environment: environment)
        #else
        // Without a display xdg-open would start a text browser on our own screen.
        guard environment["DISPLAY"] != nil || environment["WAYLAND_DISPLAY"] != nil else { return false }
        return Self.run("xdg-open", [url], input: nil, environment: environment)
        #endif
    }

    /// Puts text on the clipboard with a program for it; false if none is here.
    static func copy(_ text: String, environment: [String: String]) -> Bool {
        if environment["WAYLAND_DISPLAY"] != nil, Self.run("wl-copy", [], input: text, environment: environment) {
            return true
        }
        if environment["DISPLAY"] != nil,
            Self.run("xclip", ["-selection", "clipboard"], input: text, environment: environment)
        {
            return true
        }
        return Self.run("pbcopy", [], input: text, environment: environment)
    }

    /// The sequence that asks the terminal itself to take text on its clipboard (OSC 52; works over SSH).
    ///
    /// Terminals that do not know it ignore it.
    static func clipboardSequence(_ text: String) -> String {
        "\u{1B}]52;c;\(Data(text.utf8).base64EncodedString())\u{07}"
    }

    private static func isProgram(_ path: String) -> Bool { access(path, X_OK) == 0 }

    /// Starts a program found on the PATH and leaves it running, its output thrown away.
    private static func run(
        _ name: String,
        _ arguments: [String],
        input: String?,
        environment: [String: String]
    ) -> Bool {
        let folders = (environment["PATH"] ?? "").split(separator: ":").filter { $0.hasPrefix("/") }
        guard let path = folders.map({ "\($0)/\(name)" }).first(where: Self.isProgram) else { return false }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardInput = input == nil ? FileHandle.nullDevice : pipe
        guard (try? process.run()) != nil else { return false }
        if let input { try? pipe.fileHandleForWriting.write(contentsOf: Data(input.utf8)) }
        try? pipe.fileHandleForWriting.close()
        return true
    }
}
