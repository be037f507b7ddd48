import SessionModel

extension ControlCalls {
    func createSession(_ call: ControlCall) async throws -> ControlAnswer {
        let request = try NewSession(
            json: call.json(),
            maximumLifetime: self.dependencies.configuration.maximumLifetime
        )
        let created = try await self.dependencies.sessions.create(
            request,
            by: call.actor,
            creator: call.caller.creator(call.head.client)
        )
        return ControlAnswer(
            201,
            self.answers.created(created),
            fields: ["Location": "/sessions/\(created.record.id)"]
        )
    }

    func listSessions(_ call: ControlCall) async throws -> ControlAnswer {
        let query = try call.query()
        let after = try ControlCall.sessionID(.after, query)
        let limit = try call.limit(query)
        // One more than asked for says whether there is a next page.
        let records: [SessionRecord]
        do {
            records = try await self.dependencies.sessions.sessions(after: after, limit: limit + 1)
        } catch let error as DaypassError where error.code == .sessionNotFound {
            // Forgotten between two pages: where it stood among the others is not known any more.
            throw ControlCall.invalid(.after, "names a session that is not there any more; begin at the first page")
        }
        let page = records.prefix(limit)
        let next = records.count > limit ? page.last.map { JSONValue.string($0.id.rawValue) } : nil
        let now = self.dependencies.clock()
        return ControlAnswer(
            200,
            ["sessions": .array(page.map { self.answers.full($0, now: now) }), "next": next ?? .null]
        )
    }

    func showSession(_ call: ControlCall) async throws -> ControlAnswer {
        let (record, relation) = try await self.find(call)
        let now = self.dependencies.clock()
        return switch relation {
        case .manager, .reader: ControlAnswer(200, self.answers.full(record, now: now))
        case .none: ControlAnswer(200, self.answers.limited(record, now: now))
        }
    }

    func deleteSession(_ call: ControlCall) async throws -> ControlAnswer {
        let record = try await self.findManaged(call)
        _ = try EmptyRequest(json: call.json())
        try await self.dependencies.sessions.delete(id: record.id, by: call.actor)
        return ControlAnswer(200, ["ok": true])
    }

    func updatePolicy(_ call: ControlCall) async throws -> ControlAnswer {
        let record = try await self.findManaged(call)
        let update = try PolicyUpdate(json: call.json())
        let changed = try await self.dependencies.sessions.updatePolicy(of: record.slug, update, by: call.actor)
        return ControlAnswer(200, ["ok": true, "policy": SessionAnswers.policy(changed.policy)])
    }

    func listViewers(_ call: ControlCall) async throws -> ControlAnswer {
        let record = try await self.findManaged(call)
        let viewers = self.dependencies.live.viewers(of: record.id)
        return ControlAnswer(200, ["viewers": .array(viewers.map(SessionAnswers.viewer))])
    }

    func kickViewer(_ call: ControlCall) async throws -> ControlAnswer {
        let record = try await self.findManaged(call)
        let request = try KickRequest(json: call.json())
        let viewer = self.viewer(request.viewerID, of: record)
        let changed = try await self.dependencies.sessions.kick(viewer, from: record.slug, by: call.actor)
        return ControlAnswer(
            200,
            [
                "ok": true, "viewerId": .string(request.viewerID),
                "kickedViewerIds": SessionAnswers.kicked(changed),
            ]
        )
    }

    /// The viewer to kick: a viewer who left a while ago, or has never been seen by this process, is kept out too.
    private func viewer(_ viewerID: String, of record: SessionRecord) -> KickedViewer {
        let addressID = viewerID.hasPrefix("ip_") ? viewerID : nil
        var viewer =
            self.dependencies.live.viewer(viewerID, of: record.id)
            ?? KickedViewer(viewerID: viewerID, addressID: addressID)
        viewer.kickedAt = self.dependencies.clock()
        return viewer
    }

    func setPaused(_ paused: Bool, _ call: ControlCall) async throws -> ControlAnswer {
        let record = try await self.findManaged(call)
        _ = try EmptyRequest(json: call.json())
        let changed = try await self.dependencies.sessions.setPaused(paused, slug: record.slug, by: call.actor)
        return self.okWithStatus(changed)
    }

    func closeSession(_ call: ControlCall) async throws -> ControlAnswer {
        let record = try await self.findManaged(call)
        _ = try EmptyRequest(json: call.json())
        return self.okWithStatus(try await self.dependencies.sessions.close(slug: record.slug, by: call.actor))
    }

    func rotatePassword(_ call: ControlCall) async throws -> ControlAnswer {
        let record = try await self.findManaged(call)
        _ = try EmptyRequest(json: call.json())
        let changed = try await self.dependencies.sessions.rotatePassword(of: record.slug, by: call.actor)
        var members: [JSONValue.Member] = [.init("ok", true)]
        if changed.authMode == .basic {
            members += SessionAnswers.credentials(changed)
        } else {
            members.append(.init("password", .string(changed.policy.password)))
        }
        return ControlAnswer(200, .object(members))
    }

    private func okWithStatus(_ record: SessionRecord) -> ControlAnswer {
        ControlAnswer(200, ["ok": true, "status": self.answers.status(record, now: self.dependencies.clock())])
    }

    // MARK: Finding a session

    /// The session a path names, and what the caller may do with it.
    ///
    /// Throws `session_not_found`.
    private func find(_ call: ControlCall) async throws -> (SessionRecord, SessionRelation) {
        let record: SessionRecord
        do {
            record = try await self.record(call)
        } catch let error as DaypassError where error.code == .sessionNotFound {
            self.gate.noteUnknownSession(call.caller, call.head)
            throw error
        }
        return (record, try await self.gate.relation(of: call.caller, to: record, call.head))
    }

    private func record(_ call: ControlCall) async throws -> SessionRecord {
        switch call.operation {
        case .getSession, .deleteSession:
            guard let id = SessionID(call.parameters[.sessionId]) else { throw DaypassError(.sessionNotFound) }
            return try await self.dependencies.sessions.session(id: id)
        default:
            guard let slug = Slug(call.parameters[.slug]) else { throw DaypassError(.sessionNotFound) }
            return try await self.dependencies.sessions.session(slug: slug)
        }
    }

    /// The session a path names, for a caller who may change it.
    ///
    /// Throws `session_not_found`, `forbidden`.
    private func findManaged(_ call: ControlCall) async throws -> SessionRecord {
        let (record, relation) = try await self.find(call)
        switch relation {
        case .manager: return record
        case .reader, .none: throw DaypassError(.forbidden, "This credential does not allow changes of that session.")
        }
    }
}
