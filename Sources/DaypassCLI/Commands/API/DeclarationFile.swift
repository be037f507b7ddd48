package import Foundation
package import SessionModel
import Yams

/// Reads a declaration of tenants and plans, YAML or JSON, into the value that is sent.
package enum DeclarationFile {
    /// The largest declaration that is read; the control API takes no larger one.
    package static let sizeLimit = 1024 * 1024
    /// Lists and mappings inside each other at most.
    package static let maximumDepth = 16

    /// Reads the file at `path`, `-` being standard input.
    ///
    /// Throws `CommandFailure`.
    static func read(_ path: String) throws -> JSONValue {
        let name = path == "-" ? "standard input" : TerminalText.safe(path)
        let content: Data
        do {
            let handle =
                path == "-" ? .standardInput : try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            content = try LimitedInput.read(handle, limit: Self.sizeLimit, name: name)
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(.invalidArguments, "\(name) cannot be read.")
        }
        return try Self.parse(content, name: name)
    }

    /// Reads a declaration; `name` is what messages call it.
    ///
    /// Throws `CommandFailure`.
    package static func parse(_ content: Data, name: String) throws -> JSONValue {
        guard let text = String(validating: content, as: UTF8.self) else {
            throw CommandFailure(.invalidArguments, "\(name) is not UTF-8.")
        }
        guard let value = try? JSONParser.parse(Array(content)) else { return try Self.yaml(text, name: name) }
        return try Self.checked(value, name: name)
    }

    private static func checked(_ value: JSONValue, name: String) throws -> JSONValue {
        guard case .object(let members) = value else {
            throw CommandFailure(.invalidArguments, "\(name) must have tenants: or plans: at its top level.")
        }
        guard !members.contains(where: { $0.name == "dryRun" }) else {
            throw CommandFailure(.invalidArguments, "\(name): dryRun belongs on the command line: --dry-run.")
        }
        return value
    }

    // MARK: YAML

    private static func yaml(_ text: String, name: String) throws -> JSONValue {
        if let line = Self.lineOfAnchor(text) {
            throw CommandFailure(
                .invalidArguments,
                "\(name), line \(line): anchors and aliases (&name, *name) are not taken; write it out."
            )
        }
        let root: Node?
        do {
            root = try Yams.Parser(yaml: text, resolver: .basic, encoding: .utf8).singleRoot()
        } catch let error as YamlError {
            throw CommandFailure(.invalidArguments, "\(name)\(Self.problem(error)).")
        }
        guard let root else { throw CommandFailure(.invalidArguments, "\(name) has nothing in it.") }
        return try Self.checked(Self.value(root, depth: 1, name: name), name: name)
    }

    /// The first line that may hold an anchor; without anchors there are no aliases that could stand for more than
    /// they take.
    ///
    /// Decided before anything is parsed and on the safe side: an ampersand where a value may begin counts, also in
    /// comments and quotes.
    private static func lineOfAnchor(_ text: String) -> Int? {
        var line = 1
        var previous = UInt8(ascii: "\n")
        for byte in text.utf8 {
            if byte == UInt8(ascii: "&"), " \t\r\n[{,:-?".utf8.contains(previous) { return line }
            // Next line, line and paragraph separators and a byte order mark end in bytes that no ASCII text has.
            if byte == UInt8(ascii: "&"), previous >= 0x80 { return line }
            if byte == UInt8(ascii: "\n") { line += 1 }
            previous = byte
        }
        return nil
    }

    private static func value(_ node: Node, depth: Int, name: String) throws -> JSONValue {
        func failure(_ problem: String) -> CommandFailure {
            CommandFailure(.invalidArguments, "\(name), line \(node.mark?.line ?? 0): \(problem).")
        }
        guard depth <= Self.maximumDepth else { throw failure("this is nested too deeply") }
        switch node {
        case .scalar(let scalar): return scalar.style == .plain ? Self.plain(scalar.string) : .string(scalar.string)
        case .sequence(let nodes):
            return .array(try nodes.map { try Self.value($0, depth: depth + 1, name: name) })
        case .mapping(let pairs):
            return .object(
                try pairs.map { key, value in
                    guard case .scalar(let scalar) = key else { throw failure("a name must be a word") }
                    return .init(scalar.string, try Self.value(value, depth: depth + 1, name: name))
                }
            )
        case .alias: throw failure("aliases are not taken; write it out")
        }
    }

    /// A scalar without quotes by the core schema of YAML 1.2, integers in decimal only: `yes` and `0x10` are words.
    private static func plain(_ text: String) -> JSONValue {
        switch text {
        case "", "~", "null": return .null
        case "true": return .bool(true)
        case "false": return .bool(false)
        default:
            let digits = text.hasPrefix("-") ? text.dropFirst() : text[...]
            let isNumber = !digits.isEmpty && digits.utf8.allSatisfy { (48...57).contains($0) }
            guard isNumber, digits == "0" || !digits.hasPrefix("0"), let number = Int(text) else {
                return .string(text)
            }
            return .integer(number)
        }
    }

    private static func problem(_ error: YamlError) -> String {
        switch error {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            ", line \(mark.line): \(HumanText.clause(problem))"
        case .duplicatedKeysInMapping(let names, let context):
            ", line \(context.mark.line): \(TerminalText.safe(names.first ?? "a name")) stands there twice"
        case .reader(let problem, _, _, _): ": \(HumanText.clause(problem))"
        default: " is not YAML"
        }
    }
}

/// Reads what is piped in or stands in a file, up to a size.
enum LimitedInput {
    /// All of `handle`.
    ///
    /// Throws `CommandFailure` when it holds more than `limit` bytes.
    static func read(_ handle: FileHandle, limit: Int, name: String) throws -> Data {
        var content = Data()
        while content.count <= limit, let chunk = try handle.read(upToCount: limit + 1 - content.count), !chunk.isEmpty
        {
            content += chunk
        }
        guard content.count <= limit else {
            throw CommandFailure(.invalidArguments, "\(name) is larger than \(limit / 1024) KiB.")
        }
        return content
    }

    /// A secret from the first line of standard input.
    ///
    /// Throws `CommandFailure` when there is none.
    static func secret() throws -> String {
        let content = try Self.read(.standardInput, limit: 64 * 1024, name: "standard input")
        let line = String(decoding: content, as: UTF8.self).prefix { !$0.isNewline }
        let secret = line.trimmingCharacters(in: .whitespaces)
        guard !secret.isEmpty else { throw CommandFailure(.invalidArguments, "Standard input has no secret.") }
        return secret
    }
}
