import Foundation
import SessionModel

/// A session named on the command line, with the server and the credential to manage it.
struct SessionAccess {
    let client: ControlClient
    let slug: Slug
    /// What is remembered about it here, if anything.
    let saved: SavedSession?
    let context: CommandContext

    /// Finds where a session lives and runs `body` with it.
    ///
    /// A session opened from here is managed at the server it was created at and with its own token, unless `--server`
    /// names another one; others at the chosen server with `DAYPASS_TOKEN`. A session the server says is gone is
    /// forgotten here too.
    static func with(
        _ text: String,
        _ options: ServerOptions,
        _ body: (SessionAccess) async throws -> Void
    ) async throws {
        let name = try SessionName(text)
        let context = try CommandContext()
        let choice = try await ServerChoice.resolve(option: options.server, environment: context.environment)
        let now = Timestamp.wallClock()
        var saved = context.state.session(named: name.text, server: choice.server.url, now: now)
        if saved == nil, !choice.isExplicit {
            saved = context.state.session(named: name.text, server: nil, now: now)
        }
        let server = try saved.map { try ServerAddress($0.server) } ?? choice.server
        do {
            try await ControlClient.with(
                server: server,
                token: saved?.sessionToken ?? choice.token,
                isDefaultServer: saved == nil && choice.isDefault
            ) { client in
                let slug: Slug
                if let saved, let known = Slug(saved.slug) {
                    slug = known
                } else {
                    slug = try await Self.slug(of: name, client)
                }
                try await body(SessionAccess(client: client, slug: slug, saved: saved, context: context))
            }
        } catch let failure as CommandFailure {
            if let saved, failure.status == .sessionExpired { try? context.state.remove(id: saved.sessionId) }
            throw failure
        }
    }

    private static func slug(of name: SessionName, _ client: ControlClient) async throws -> Slug {
        switch name {
        case .slug(let slug): return slug
        case .id:
            guard let slug = Slug(try await client.session(name).slug) else {
                throw CommandFailure(.controlUnavailable, "The server gave a slug that is not one.")
            }
            return slug
        }
    }
}
