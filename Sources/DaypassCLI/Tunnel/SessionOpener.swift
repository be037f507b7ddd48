import Foundation
import SessionModel

/// Creates the session a run serves, or continues one, and remembers it on disk.
struct SessionOpener: Sendable {
    let options: TunnelOptions
    let state: StateDirectory
    let choice: ServerChoice

    /// The session, with its policy in force from the first request on.
    ///
    /// Throws `CommandFailure`.
    func open(_ client: ControlClient, port: Int, target: String) async throws -> OpenTunnel {
        if self.options.takeover, let slug = self.options.slug {
            return try await self.continued(slug, target: target)
        }
        let body = NewSessionBody(
            port: port,
            authMode: self.options.auth ? "basic" : nil,
            expiresIn: self.options.expires?.text,
            slug: self.options.slug,
            policy: self.options.policy
        )
        let answer: CreatedSessionAnswer
        do {
            answer = try await client.create(body)
        } catch var failure as CommandFailure {
            if let slug = self.options.slug, self.saved(slug) != nil {
                failure.message += "\nYou opened it from here. To move it to this process, add --takeover."
            }
            throw failure
        }
        let saved = SavedSession(
            sessionId: answer.sessionId,
            slug: answer.slug,
            server: self.choice.server.url,
            edgeUrl: answer.edgeUrl,
            sessionToken: answer.sessionToken,
            publicUrl: answer.publicUrl,
            ownerUrl: answer.ownerUrl,
            expiresAt: answer.expiresAt,
            pid: getpid(),
            target: target
        )
        try self.state.save(saved)
        return OpenTunnel(
            saved: saved,
            credentials: answer.password.map {
                BasicCredentials(username: answer.username ?? "worm", password: $0)
            }
        )
    }

    private func continued(_ name: String, target: String) async throws -> OpenTunnel {
        guard var saved = self.saved(name), let slug = Slug(saved.slug) else {
            throw CommandFailure(
                .invalidArguments,
                "No open session named \(name) was created from here at \(self.choice.server). "
                    + "Leave out --takeover to create it."
            )
        }
        let session = saved
        let policy = self.options.policy
        try await ControlClient.with(server: self.choice.server, token: saved.sessionToken) { owner in
            let answer = try await owner.session(.slug(slug))
            if answer.status == "closed" || answer.status == "expired" {
                try? self.state.remove(id: session.sessionId)
                throw CommandFailure(.sessionExpired, "The session \(slug) has ended. Leave out --takeover.")
            }
            if let policy { _ = try await owner.change(slug, "policy", body: policy) }
        }
        saved.pid = getpid()
        saved.target = target
        try self.state.save(saved)
        return OpenTunnel(saved: saved, credentials: nil)
    }

    private func saved(_ name: String) -> SavedSession? {
        self.state.session(named: name, server: self.choice.server.url, now: .wallClock())
    }
}

/// Ends a session this process served.
struct SessionCloser: Sendable {
    let tunnel: OpenTunnel
    let owner: ControlClient
    let state: StateDirectory

    /// Closes the session at the server and forgets it; when the server cannot be told within five seconds the state
    /// file stays, so that `daypass close` can do it later.
    func close() async {
        guard let slug = Slug(self.tunnel.saved.slug) else { return }
        let isClosed = await withTaskGroup(of: Bool.self) { tasks in
            tasks.addTask {
                do {
                    _ = try await self.owner.change(slug, "close")
                    return true
                } catch let failure as CommandFailure {
                    return failure.status == .sessionExpired || failure.status == .invalidArguments
                } catch {
                    return false
                }
            }
            tasks.addTask {
                try? await Task.sleep(for: .seconds(5))
                return false
            }
            let first = await tasks.next() ?? false
            tasks.cancelAll()
            return first
        }
        if isClosed { try? self.state.remove(id: self.tunnel.saved.sessionId) }
    }

    /// Leaves nothing behind when the agent ended for good: a session that is over is forgotten; one that this process
    /// created and cannot serve is closed; one that another agent serves is left to it.
    func cleanUp(after end: DaypassError, wasTakenOver: Bool) async {
        switch end.code {
        case .sessionClosed, .sessionExpired, .sessionNotFound:
            try? self.state.remove(id: self.tunnel.saved.sessionId)
        case .tunnelTaken: break
        default:
            if !wasTakenOver { await self.close() }
        }
    }
}
