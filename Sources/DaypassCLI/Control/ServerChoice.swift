import Configuration
import Foundation

/// Which control API a command talks to, and as whom.
package struct ServerChoice: Equatable, Sendable {
    /// Where its control API is.
    package var server: ServerAddress
    /// The access token, if one was given.
    package var token: String?
    /// Whether nobody named a server, so that the one on this machine is meant.
    package var isDefault: Bool
    /// Where the agent connects instead of where the session says: only together with a server named the Wormkey way.
    package var edgeURL: String?
    /// Whether `--server` itself named it, which outweighs where a saved session was created.
    package var isExplicit: Bool

    /// Decides in this order: `--server` → `DAYPASS_SERVER` → `config.json` → `WORMKEY_CONTROL_PLANE_URL` → this
    /// machine.
    ///
    /// The token comes from `DAYPASS_TOKEN` or the file.
    package static func resolve(option: String?, environment: [String: String]) async throws -> ServerChoice {
        let config = ConfigReader(providers: try await Self.providers(option: option, environment: environment))
        var token = config.string(forKey: "token", isSecret: true)
        if token?.isEmpty == true { token = nil }
        if let named = config.string(forKey: "server"), !named.isEmpty {
            return ServerChoice(
                server: try ServerAddress(named),
                token: token,
                isDefault: false,
                isExplicit: option != nil
            )
        }
        let edge = environment["WORMKEY_EDGE_URL"].flatMap { $0.isEmpty ? nil : $0 }
        let edgeURL = try edge.map(Self.tunnelURL)
        if let named = environment["WORMKEY_CONTROL_PLANE_URL"], !named.isEmpty {
            return ServerChoice(
                server: try ServerAddress(named),
                token: token,
                isDefault: false,
                edgeURL: edgeURL,
                isExplicit: false
            )
        }
        return ServerChoice(server: .local, token: token, isDefault: true, edgeURL: edgeURL, isExplicit: false)
    }

    /// The WebSocket URL of an edge: `http` becomes `ws`, and a bare host gets the path `/tunnel`.
    package static func tunnelURL(_ text: String) throws -> String {
        var url = text
        for (from, to) in [("https://", "wss://"), ("http://", "ws://")] where url.hasPrefix(from) {
            url = to + url.dropFirst(from.count)
        }
        guard url.hasPrefix("ws://") || url.hasPrefix("wss://") else {
            throw CommandFailure(
                .invalidArguments,
                "WORMKEY_EDGE_URL must be a ws, wss, http or https URL; it is \"\(TerminalText.safe(text))\"."
            )
        }
        while url.hasSuffix("/") { url.removeLast() }
        let authority = url.drop { $0 != ":" }.dropFirst(3)
        return authority.contains("/") ? url : url + "/tunnel"
    }

    private static func providers(
        option: String?,
        environment: [String: String]
    ) async throws -> [any ConfigProvider] {
        var providers: [any ConfigProvider] = []
        if let option {
            let values: [AbsoluteConfigKey: ConfigValue] = ["server": ConfigValue(stringLiteral: option)]
            providers.append(InMemoryProvider(name: "command line", values: values))
        }
        providers.append(
            EnvironmentVariablesProvider(environmentVariables: environment).prefixKeys(with: "daypass")
        )
        if let path = Self.configPath(environment) {
            do {
                let location = InMemoryProvider(values: [
                    "filePath": ConfigValue(stringLiteral: path), "allowMissing": true,
                ])
                providers.append(try await FileProvider<JSONSnapshot>(config: ConfigReader(provider: location)))
            } catch {
                throw CommandFailure(.invalidArguments, "\(path) cannot be read as JSON.")
            }
        }
        return providers
    }

    /// `$XDG_CONFIG_HOME/daypass/config.json`, else below `~/.config`.
    static func configPath(_ environment: [String: String]) -> String? {
        if let base = environment["XDG_CONFIG_HOME"], base.hasPrefix("/") { return "\(base)/daypass/config.json" }
        if let home = environment["HOME"], home.hasPrefix("/") { return "\(home)/.config/daypass/config.json" }
        return nil
    }
}
