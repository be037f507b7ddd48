package import SessionModel
import SessionStore

extension GatewayManager {
    package func keys(of tenant: Slug?, after: APIKeyID?, limit: Int) async throws -> [APIKeyRecord] {
        try await self.store.keys(of: tenant, after: after, limit: limit)
    }

    package func key(_ id: APIKeyID) async throws -> APIKeyRecord {
        guard let key = try await self.store.key(id) else { throw GatewayRefusals.unknownKey(id) }
        return key
    }

    package func createKey(_ request: NewAPIKey, tenant: Slug, by actor: Actor) async throws -> CreatedAPIKey {
        try Self.check(name: request.name)
        var generator = SourceGenerator(source: self.randomSource)
        return try await self.changes.withLock {
            let now = self.clock()
            let (record, secret) = APIKeyRecord.make(request, tenant: tenant, now: now, using: &generator)
            let edit = GatewayEdit(by: actor, at: now, limits: self.configuration)
            try await self.store.change { transaction in
                guard try transaction.keyCount() < edit.limits.maxKeys else {
                    throw DaypassError(.conflict, "There are \(edit.limits.maxKeys) API keys, which is the limit.")
                }
                try transaction.put(record)
                let summary = "\(record.id) \(record.masked), \(record.channels.rawValue), plan \(record.plan)"
                try transaction.append(edit.event(.keyCreated, of: tenant, summary))
            }
            self.gate.put(record)
            return CreatedAPIKey(record: record, secret: secret)
        }
    }

    package func updateKey(_ id: APIKeyID, _ update: APIKeyUpdate, by actor: Actor) async throws -> APIKeyRecord {
        if let name = update.name { try Self.check(name: name) }
        return try await self.change(id, .keyChanged, by: actor) { key, _ in
            let old = key.json
            key.name = update.name ?? key.name
            key.scopes = update.scopes ?? key.scopes
            key.webOrigins = update.webOrigins ?? key.webOrigins
            key.channels = update.channels ?? key.channels
            key.plan = update.plan ?? key.plan
            try key.requireConsistency()
            guard case .object(let members) = key.json else { return nil }
            let fields = members.filter { old[$0.name] != $0.value }.map(\.name)
            return fields.isEmpty ? nil : fields.joined(separator: ", ")
        }
    }

    package func rotateKey(_ id: APIKeyID, grace: Duration, by actor: Actor) async throws -> CreatedAPIKey {
        guard grace >= .zero, grace <= GatewayBounds.grace else {
            throw DaypassError(
                .validationError,
                details: [.init(path: "grace", message: "must be from 0 seconds to 30 days")]
            )
        }
        let source = self.randomSource
        return try await self.changes.withLock {
            let edit = GatewayEdit(by: actor, at: self.clock(), limits: self.configuration)
            let created = try await self.store.change { transaction in
                guard var key = try transaction.key(id) else { throw GatewayRefusals.unknownKey(id) }
                guard key.revokedAt == nil else {
                    throw DaypassError(.conflict, "The key \(id) is revoked. Create another one.")
                }
                var generator = SourceGenerator(source: source)
                let secret = key.rotate(grace: grace, now: edit.now, using: &generator)
                try transaction.put(key)
                let end = key.retired.map { ", the old secret works until \($0.worksUntil.iso8601)" } ?? ""
                try transaction.append(edit.event(.keyRotated, of: key.tenant, "\(id) \(key.masked)\(end)"))
                return CreatedAPIKey(record: key, secret: secret)
            }
            self.gate.put(created.record)
            return created
        }
    }

    package func revokeKey(_ id: APIKeyID, by actor: Actor) async throws -> APIKeyRecord {
        try await self.change(id, .keyRevoked, by: actor) { key, now in
            guard key.revokedAt == nil else { return nil }
            key.revokedAt = now
            return "revoked"
        }
    }

    package func revokeSessions(of id: APIKeyID, by actor: Actor) async throws -> APIKeyRecord {
        try await self.change(id, .keySessionsRevoked, by: actor) { key, now in
            guard key.sessionsNotBefore.map({ $0 < now }) ?? true else { return nil }
            key.sessionsNotBefore = now
            return "every session token until now is void"
        }
    }

    /// Reads, changes and writes a key; `change` answers what the audit trail says, or nil when there is nothing to do.
    private func change(
        _ id: APIKeyID,
        _ action: AuditEvent.Action,
        by actor: Actor,
        _ change: @escaping @Sendable (inout APIKeyRecord, Timestamp) throws -> String?
    ) async throws -> APIKeyRecord {
        try await self.changes.withLock {
            let edit = GatewayEdit(by: actor, at: self.clock(), limits: self.configuration)
            let key = try await self.store.change { transaction in
                guard var key = try transaction.key(id) else { throw GatewayRefusals.unknownKey(id) }
                let current = key
                guard let summary = try change(&key, edit.now) else { return current }
                try transaction.put(key)
                try transaction.append(edit.event(action, of: key.tenant, "\(id) \(key.masked): \(summary)"))
                return key
            }
            self.gate.put(key)
            return key
        }
    }

    /// Names are shown in terminals and pages.
    private static func check(name: String) throws {
        let isPrintable = name.unicodeScalars.allSatisfy { scalar in
            scalar.properties.generalCategory != .control
        }
        guard isPrintable else {
            throw DaypassError(
                .validationError,
                details: [.init(path: "name", message: "must not have control characters")]
            )
        }
    }
}

extension APIKeyRecord {
    /// Throws `validation_error` when kind, channels and web origins contradict each other, as for new keys.
    fileprivate func requireConsistency() throws {
        var details: [DaypassError.Detail] = []
        if self.kind == .secret, self.channels != .server {
            details.append(.init(path: "channels", message: "must be server for a secret key"))
        }
        if self.kind == .publishable, self.channels == .server {
            details.append(.init(path: "channels", message: "must be browser or both for a publishable key"))
        }
        if self.kind == .publishable, self.webOrigins.isEmpty {
            details.append(.init(path: "webOrigins", message: "must name the web origins whose pages may use the key"))
        }
        if self.kind == .secret, !self.webOrigins.isEmpty {
            details.append(.init(path: "webOrigins", message: "must be empty for a secret key"))
        }
        guard details.isEmpty else { throw DaypassError(.validationError, details: details) }
    }
}
