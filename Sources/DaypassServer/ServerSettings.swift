import Configuration
import Foundation
import SessionModel
import Synchronization

/// Where the server's configuration comes from: flags → environment (`DAYPASS_…`) → file → defaults.
package enum ServerSettings {
    /// Reads a configuration.
    ///
    /// `flags` maps keys (`edge.port`) to what the command line said; `file` is a JSON file whose objects are scopes.
    /// A key in the file that nothing reads is refused, so that a misspelt one is not silently without effect.
    /// Throws `validation_error`.
    package static func read(
        flags: [String: String],
        lists: [String: [String]] = [:],
        environment: [String: String],
        file: String?,
        defaultDataPath: String
    ) async throws -> (configuration: ServerConfiguration, logLevel: String?) {
        var values: [AbsoluteConfigKey: ConfigValue] = [:]
        for (key, value) in flags {
            let number = Int(value).map { ConfigValue(.int($0), isSecret: false) }
            values[AbsoluteConfigKey(stringLiteral: key)] = number ?? ConfigValue(.string(value), isSecret: false)
        }
        for (key, list) in lists {
            values[AbsoluteConfigKey(stringLiteral: key)] = ConfigValue(.stringArray(list), isSecret: false)
        }
        var providers: [any ConfigProvider] = [
            InMemoryProvider(name: "command line", values: values),
            EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "daypass"),
        ]
        if let file { providers.append(try await Self.fileProvider(file)) }
        let seen = KeysRead()
        let config = ConfigReader(providers: providers, accessReporter: seen)
        let configuration = try ServerConfiguration(config: config, defaultDataPath: defaultDataPath)
        let logLevel = config.string(forKey: "logLevel")
        if let file { try Self.refuseUnknownKeys(in: file, known: seen.keys) }
        return (configuration, logLevel)
    }

    private static func fileProvider(_ path: String) async throws -> any ConfigProvider {
        let location = InMemoryProvider(values: ["filePath": ConfigValue(.string(path), isSecret: false)])
        do {
            return try await FileProvider<JSONSnapshot>(config: ConfigReader(provider: location))
        } catch {
            throw DaypassError(.validationError, "The configuration file \(path) is missing or is not a JSON object.")
        }
    }

    private static func refuseUnknownKeys(in path: String, known: Set<String>) throws {
        let data = FileManager.default.contents(atPath: path) ?? Data()
        let object = try? JSONSerialization.jsonObject(with: data)
        let unknown = Self.keys(in: object ?? [:], under: "").filter { !known.contains($0) }.sorted()
        guard unknown.isEmpty else {
            throw DaypassError(
                .validationError,
                "The configuration file \(path) has settings nobody knows: \(unknown.joined(separator: ", "))."
            )
        }
    }

    /// The keys of a JSON object's values, with dots.
    private static func keys(in value: Any, under prefix: String) -> [String] {
        guard let object = value as? [String: Any] else { return [prefix] }
        return object.flatMap { Self.keys(in: $0.value, under: prefix.isEmpty ? $0.key : "\(prefix).\($0.key)") }
    }
}

/// Remembers which keys were asked for: these are the ones that exist.
private final class KeysRead: AccessReporter {
    private let read = Mutex<Set<String>>([])

    var keys: Set<String> { self.read.withLock { $0 } }

    func report(_ event: AccessEvent) {
        let key = event.metadata.key.components.joined(separator: ".")
        self.read.withLock { _ = $0.insert(key) }
    }
}
