package import SessionModel

extension SessionService {
    package func updatePolicy(
        of slug: Slug,
        _ update: PolicyUpdate,
        by actor: Actor
    ) async throws -> SessionRecord {
        try await self.change(slug, by: actor, .policyUpdated) { record, now in
            try record.requireOpen(at: now)
            let policy = update.applied(to: record.policy)
            let summary = policy.summaryOfChanges(from: record.policy)
            record.policy = policy
            return summary
        }
    }

    package func kick(_ viewer: KickedViewer, from slug: Slug, by actor: Actor) async throws -> SessionRecord {
        guard (1...128).contains(viewer.viewerID.utf8.count), viewer.addressID?.utf8.count ?? 0 <= 128 else {
            throw DaypassError(
                .validationError,
                details: [.init(path: "viewerId", message: "must be a viewer's id, 1 to 128 characters")]
            )
        }
        let limit = self.configuration.kickedViewersPerSession
        return try await self.change(slug, by: actor, .viewerKicked) { record, now in
            try record.requireOpen(at: now)
            if let index = record.kickedViewers.firstIndex(where: { $0.viewerID == viewer.viewerID }) {
                // The same viewer again: only an address learned since then is news.
                guard let address = viewer.addressID, record.kickedViewers[index].addressID == nil else { return nil }
                record.kickedViewers[index].addressID = address
            } else {
                guard record.kickedViewers.count < limit else {
                    throw DaypassError(
                        .conflict,
                        "\(limit) viewers have been removed from this session, which is as many as it can keep. "
                            + "Make it private or set a password instead."
                    )
                }
                record.kickedViewers.append(
                    KickedViewer(
                        viewerID: viewer.viewerID,
                        addressID: viewer.addressID,
                        kickedAt: viewer.kickedAt ?? now
                    )
                )
            }
            return "viewer \(viewer.viewerID)"
        }
    }

    package func setPaused(_ paused: Bool, slug: Slug, by actor: Actor) async throws -> SessionRecord {
        try await self.change(slug, by: actor, paused ? .sessionPaused : .sessionResumed) { record, now in
            try record.requireOpen(at: now)
            guard record.isPaused != paused else { return nil }
            record.isPaused = paused
            return paused ? "paused" : "resumed"
        }
    }

    package func close(slug: Slug, by actor: Actor) async throws -> SessionRecord {
        try await self.change(slug, by: actor, .sessionClosed) { record, now in
            guard record.endedAt(now: now) == nil, record.closedAt == nil else { return nil }
            record.closedAt = now
            return "closed"
        }
    }

    package func rotatePassword(of slug: Slug, by actor: Actor) async throws -> SessionRecord {
        var generator = SourceGenerator(source: self.randomSource)
        let password = randomBase36(8, using: &generator)
        return try await self.change(slug, by: actor, .passwordRotated) { record, now in
            try record.requireOpen(at: now)
            switch record.authMode {
            case .basic:
                record.basicCredentials = BasicCredentials(
                    username: record.basicCredentials?.username ?? "worm",
                    password: password
                )
                return "basic password replaced"
            case .none:
                record.policy.password = password
                return "viewers' password replaced"
            }
        }
    }

    /// Runs one change in the store's transaction and announces what came of it.
    ///
    /// `body` returns the audit summary, or nil when there is nothing to change (then nothing is stored, audited or
    /// announced).
    private func change(
        _ slug: Slug,
        by actor: Actor,
        _ action: AuditEvent.Action,
        _ body: @escaping @Sendable (inout SessionRecord, Timestamp) throws -> String?
    ) async throws -> SessionRecord {
        let now = self.clock()
        let update = try await self.store.update(slug: slug) { record in
            try body(&record, now)
                .map { summary in
                    AuditEvent(sessionID: record.id, at: now, actor: actor, action: action, summary: summary)
                }
        }
        if update.isChanged { self.feed.publish(.updated(update.record)) }
        return update.record
    }
}

extension SessionRecord {
    /// Throws `session_closed` or `session_expired` unless the session is open at `now`.
    fileprivate func requireOpen(at now: Timestamp) throws {
        if self.closedAt != nil { throw DaypassError(.sessionClosed) }
        if self.expiresAt <= now { throw DaypassError(.sessionExpired) }
    }
}

extension SessionPolicy {
    /// What changed since `old`, in words without secrets or paths; nil if nothing did.
    fileprivate func summaryOfChanges(from old: SessionPolicy) -> String? {
        var changes: [String] = []
        if self.isPublic != old.isPublic { changes.append(self.isPublic ? "made public" : "made private") }
        if self.maxConcurrentViewers != old.maxConcurrentViewers {
            changes.append("viewer limit \(old.maxConcurrentViewers) to \(self.maxConcurrentViewers)")
        }
        if self.blockPaths != old.blockPaths {
            changes.append("blocked paths \(old.blockPaths.count) to \(self.blockPaths.count)")
        }
        if self.password != old.password {
            changes.append(self.password.isEmpty ? "password removed" : "password set")
        }
        return changes.isEmpty ? nil : changes.joined(separator: ", ")
    }
}
