import SessionModel

extension APIKeysCommand {
    /// Every page of the server's list, at most 10 000 keys.
    static func all(of tenant: Slug?, _ client: ControlClient) async throws -> [JSONValue] {
        var keys: [JSONValue] = []
        var next: String?
        repeat {
            let query = [("tenant", tenant?.rawValue), ("after", next), ("limit", "100")]
            let page = try await client.gateway(.get, "keys", query: query)
            keys += page.list("keys")
            next = page.list("keys").isEmpty ? nil : page["next"].map(\.words)
        } while next?.isEmpty == false && keys.count < 10_000
        return keys
    }

    /// Writes a new secret alone on standard output, and what it is beside it.
    static func printSecret(_ key: JSONValue, _ server: ServerOptions, _ context: CommandContext) {
        if server.json { return context.print(key.text) }
        let id = TerminalText.safe(key.words("id"))
        context.note("Key \(id) of \(TerminalText.safe(key.words("tenant"))), shown only now:")
        context.print(TerminalText.safe(key.words("secret")))
        guard let previous = key["previous"] else { return }
        let end = previous.words("worksUntil")
        let now = Timestamp.wallClock()
        let isOver = Timestamp(iso8601: end).map { $0 <= now } ?? false
        let old = TerminalText.safe(previous.words("key"))
        context.note(
            isOver ? "The old one, \(old), works no more." : "The old one, \(old), works until \(shortTime(end)) UTC."
        )
    }

    /// Writes a key in words.
    static func print(_ key: JSONValue, _ server: ServerOptions, _ context: CommandContext) {
        if server.json { return context.print(key.text) }
        let now = Timestamp.wallClock()
        let previous = key["previous"].map { "\($0.words("key")), until \(shortTime($0.words("worksUntil"))) UTC" }
        context.print(facts: [
            ("Key", key.words("id")), ("Secret", key.words("key")), ("Before that", previous ?? ""),
            ("Name", key.words("name")), ("Tenant", key.words("tenant")),
            ("Kind", "\(key.words("kind")), \(key.words("mode"))"), ("State", self.state(key, now: now)),
            ("Scopes", key.texts("scopes").joined(separator: " ")),
            ("Web origins", key.texts("webOrigins").joined(separator: " ")), ("Channels", key.words("channels")),
            ("Plan", key.words("plan")), ("Made", "\(shortTime(key.words("createdAt"))) UTC"),
            ("Last used", self.lastUsed(key, now: now)),
        ])
    }

    /// `works`, `ends in 3 d`, `expired` or `revoked`.
    static func state(_ key: JSONValue, now: Timestamp) -> String {
        if !key.words("revokedAt").isEmpty { return "revoked" }
        guard let end = Timestamp(iso8601: key.words("expiresAt")) else { return "works" }
        return end <= now ? "expired" : "ends \(HumanText.remaining(until: end, now: now))"
    }

    /// `5 min ago`, or `never`.
    static func lastUsed(_ key: JSONValue, now: Timestamp) -> String {
        Timestamp(iso8601: key.words("lastUsedAt")).map { "\(HumanText.span(now - $0)) ago" } ?? "never"
    }
}
