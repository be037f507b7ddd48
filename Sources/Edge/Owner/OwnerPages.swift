import AccessControl
import Logging
import NIOCore
import ProxySemantics
import SessionModel

/// The edge's own pages under `/.wormkey/`: the owner's door and room, the password form's target, assets
/// (spec: tunnel sessions, 3.5 and the first form of 3.6).
struct OwnerPages {
    let edge: EdgeContext
    let request: ViewerRequest
    let client: ClientAddress

    /// Answers the request, now or when the store has answered; `body` is the whole request body.
    func respond(to exchange: Exchange, body: ByteBuffer) {
        let path = self.request.path
        if path.hasPrefix("/.wormkey/assets/") {
            self.answer(exchange, allowing: "GET") { () throws(DaypassError) in
                try self.asset(String(path.dropFirst("/.wormkey/assets/".count)))
            }
            return
        }
        switch path {
        case "/.wormkey/overlay.js":
            self.answer(exchange, allowing: "GET") { () throws(DaypassError) in try self.asset("overlay.js") }
        case "/.wormkey/owner": self.answer(exchange, allowing: "GET", self.enterOwner)
        case "/.wormkey/room": self.answer(exchange, allowing: "GET", self.room)
        case "/.wormkey/api/session": self.answer(exchange, allowing: "GET", self.sessionFacts)
        case "/.wormkey/unlock":
            self.answer(exchange, allowing: "POST") { () throws(DaypassError) in try self.unlock(body) }
        case "/.wormkey/api/kick", "/.wormkey/api/pause", "/.wormkey/api/resume", "/.wormkey/api/close":
            guard self.allows("POST", exchange) else { return }
            self.change(String(path.dropFirst("/.wormkey/api/".count)), body, exchange)
        default: exchange.refuse(DaypassError(.notFound))
        }
    }

    private func allows(_ method: String, _ exchange: Exchange) -> Bool {
        let actual = self.request.head.methodString
        if actual == method || (method == "GET" && actual == "HEAD") { return true }
        var answer = EdgeAnswer.refusal(
            DaypassError(.methodNotAllowed),
            prefersHTML: self.request.prefersHTML,
            requestID: RequestID.random()
        )
        answer.fields.append(("Allow", method == "GET" ? "GET, HEAD" : method))
        exchange.answer(answer)
        return false
    }

    private func answer(
        _ exchange: Exchange,
        allowing method: String,
        _ make: () throws(DaypassError) -> EdgeAnswer
    ) {
        guard self.allows(method, exchange) else { return }
        do throws(DaypassError) {
            exchange.answer(try make())
        } catch {
            exchange.refuse(error)
        }
    }

    private func asset(_ name: String) throws(DaypassError) -> EdgeAnswer {
        guard let asset = EdgePages.asset(named: name) else { throw DaypassError(.notFound) }
        return EdgeAnswer(
            status: 200,
            contentType: asset.contentType,
            body: asset.body,
            fields: [("Content-Security-Policy", EdgePages.contentSecurityPolicy)]
        )
    }

    // MARK: Sessions and credentials

    private func session() throws(DaypassError) -> EdgeSession {
        guard let slug = self.request.query("slug").flatMap({ Slug($0) }),
            let session = self.edge.directory.session(slug)
        else { throw self.edge.unknownSlug(from: self.client) }
        return session
    }

    /// The session and its owner cookie; throws `unauthorized` without a valid one.
    private func ownedSession() throws(DaypassError) -> (EdgeSession, cookie: String) {
        let session = try self.session()
        guard let cookie = self.request.head.cookie(DaypassCookie.owner(session.slug.rawValue)),
            self.edge.ownerSigner.verify(cookie, record: session.record, now: self.edge.clock())
        else { throw DaypassError(.unauthorized, "Open your owner link to manage this session.") }
        return (session, cookie)
    }

    /// Trades the owner token in the link for cookies, and gets it out of the address bar.
    private func enterOwner() throws(DaypassError) -> EdgeAnswer {
        let now = self.edge.clock()
        if let seconds = self.edge.refusesToken(from: self.client, now: now) {
            throw DaypassError(.rateLimited, retryAfterSeconds: seconds)
        }
        let session = try self.session()
        let record = session.record
        guard let token = self.request.query("token"), record.ownerTokenDigest.matches(token) else {
            self.edge.recordWrongToken(from: self.client, now: now)
            throw DaypassError(.unauthorized, "This owner link is not valid.")
        }
        let expires = max(record.expiresAt, now + .seconds(60))
        let slug = session.slug.rawValue
        let cookie = SetCookie(
            name: DaypassCookie.owner(slug),
            value: self.edge.ownerSigner.mint(record: record, issuedAt: now, expiresAt: expires),
            maximumAge: (expires - now).components.seconds,
            path: "/.wormkey/",
            sameSite: .strict,
            isSecure: self.request.isSecure
        )
        return .redirect(
            status: 303,
            to: "/.wormkey/room?slug=\(slug)",
            fields: [
                ("Set-Cookie", cookie.text),
                ("Referrer-Policy", "no-referrer"),
            ]
        )
    }

    private func model(_ session: EdgeSession, cookie: String) -> RoomModel {
        let now = self.edge.clock()
        return RoomModel(
            record: session.record,
            publicURL: self.edge.publicAddress.publicURL(for: session.slug),
            viewers: session.presentViewers(now: now),
            tunnelConnections: session.tunnelCount,
            csrfToken: OwnerCookieSigner.csrfToken(for: cookie),
            now: now
        )
    }

    private func room() throws(DaypassError) -> EdgeAnswer {
        do throws(DaypassError) {
            let (session, cookie) = try self.ownedSession()
            var page = EdgeAnswer.page(EdgePages.room(self.model(session, cookie: cookie)))
            page.fields.append(("Set-Cookie", self.passCookie(for: session)))
            return page
        } catch  where error.code == .unauthorized && self.isCrossSiteArrival {
            // The owner's link was followed from another site: the browser keeps a strict cookie back until the page
            // asks again by itself.
            var answer = EdgeAnswer.refusal(error, prefersHTML: self.request.prefersHTML, requestID: RequestID.random())
            let slug = self.request.query("slug").flatMap { Slug($0) }
            answer.fields.append(("Refresh", "0; url=/.wormkey/room?slug=\(slug?.rawValue ?? "")&again=1"))
            return answer
        }
    }

    /// The cookie by which the owner's browser passes the viewer checks on the app's own pages.
    private func passCookie(for session: EdgeSession) -> String {
        let now = self.edge.clock()
        let record = session.record
        let expires = max(record.expiresAt, now + .seconds(60))
        // Where sessions have hosts of their own, the owner's room is on another host than the app's pages.
        let address = self.edge.publicAddress
        return SetCookie(
            name: DaypassCookie.ownerPass(session.slug.rawValue),
            value: self.edge.ownerPassSigner.mint(record: record, issuedAt: now, expiresAt: expires),
            maximumAge: (expires - now).components.seconds,
            domain: address.style == .subdomain && !address.isLoopback ? address.host : nil,
            isSecure: self.request.isSecure
        )
        .text
    }

    private var isCrossSiteArrival: Bool {
        self.request.query("again") == nil
            && self.request.head.fields.contains { field in
                self.request.head.equals(field.name, "sec-fetch-site")
                    && self.request.head.equals(field.value, "cross-site")
            }
    }

    private func sessionFacts() throws(DaypassError) -> EdgeAnswer {
        let (session, cookie) = try self.ownedSession()
        return .json(self.model(session, cookie: cookie).json)
    }

    // MARK: Password form

    /// Takes the password from the form; a right one is remembered in the viewer's cookie.
    private func unlock(_ body: ByteBuffer) throws(DaypassError) -> EdgeAnswer {
        let session = try self.session()
        let now = self.edge.clock()
        let policy = session.policy
        var form = ViewerRequest.Form(body)
        let returnPath = EdgePages.safeReturnPath(form.take("return") ?? "", slug: session.slug)
        let password = form.take("password") ?? ""
        let access = AccessRequest(address: self.client, daypassPassword: password)
        if let seconds = self.edge.refusesAttempt(access, on: session.id, now: now) {
            throw DaypassError(.rateLimited, retryAfterSeconds: seconds)
        }
        guard policy.isPassword(password) else {
            if policy.readsPassword { self.edge.recordFailedAttempt(access, on: session.id, now: now) }
            let requestID = RequestID.random()
            guard policy.readsPassword, self.request.prefersHTML else { throw DaypassError(.passwordRequired) }
            return .page(
                EdgePages.passwordForm(
                    slug: session.slug,
                    returnPath: returnPath,
                    failed: true,
                    requestID: requestID
                ),
                status: ErrorCode.passwordRequired.httpStatus,
                requestID: requestID
            )
        }
        let known = self.request.head.cookie(DaypassCookie.viewer(session.slug.rawValue))
            .flatMap { policy.credential(inCookie: $0) }
        var generator = SystemRandomNumberGenerator()
        var credential = known ?? ViewerCredential.new(issuedAt: now, using: &generator)
        credential.passwordProof = policy.passwordProof
        let cookie = SetCookie(
            name: DaypassCookie.viewer(session.slug.rawValue),
            value: policy.cookie(for: credential),
            maximumAge: max(1, (session.record.expiresAt - now).components.seconds),
            isSecure: self.request.isSecure
        )
        return .redirect(
            status: 303,
            to: returnPath,
            fields: [
                ("Set-Cookie", cookie.text),
                ("Referrer-Policy", "no-referrer"),
            ]
        )
    }

    // MARK: Changes

    /// Checks cookie, web origin and CSRF token, then changes the session in the store and answers when that is done.
    private func change(_ action: String, _ body: ByteBuffer, _ exchange: Exchange) {
        do throws(DaypassError) {
            let (session, cookie) = try self.ownedSession()
            guard self.request.head.value(of: .origin) == "\(self.request.scheme)://\(self.request.host)" else {
                throw DaypassError(.forbidden, "This call must come from the owner's room.")
            }
            let token = self.request.head.fields.first { self.request.head.equals($0.name, "x-daypass-csrf") }
                .map { self.request.head.string($0.value) }
            guard let token, OwnerCookieSigner.isValidCSRFToken(token, ownerCookie: cookie) else {
                throw DaypassError(.forbidden, "The page is out of date. Open it again.")
            }
            let kicked: KickedViewer? = action == "kick" ? try self.kickedViewer(body, session) : nil
            self.run(action, kicked: kicked, session: session, exchange)
        } catch {
            exchange.refuse(error)
        }
    }

    private func kickedViewer(_ body: ByteBuffer, _ session: EdgeSession) throws(DaypassError) -> KickedViewer {
        guard let id = JSONMember.string("viewerId", in: body) else {
            throw DaypassError(
                .validationError,
                details: [DaypassError.Detail(path: "viewerId", message: "name the viewer to remove")]
            )
        }
        let now = self.edge.clock()
        return session.kickable(id, now: now) ?? KickedViewer(viewerID: id, addressID: nil, kickedAt: now)
    }

    private func run(_ action: String, kicked: KickedViewer?, session: EdgeSession, _ exchange: Exchange) {
        let sessions = self.edge.sessions
        let logger = self.edge.logger
        let slug = session.slug
        let actor = Actor(name: "owner", address: self.client.text)
        let done = exchange.eventLoop.makeFutureWithTask {
            switch action {
            case "pause": _ = try await sessions.setPaused(true, slug: slug, by: actor)
            case "resume": _ = try await sessions.setPaused(false, slug: slug, by: actor)
            case "close": _ = try await sessions.close(slug: slug, by: actor)
            default: if let kicked { _ = try await sessions.kick(kicked, from: slug, by: actor) }
            }
        }
        done.assumeIsolated()
            .whenComplete { result in
                switch result {
                case .success: exchange.answer(.json("{\"ok\":true}"))
                case .failure(let error as DaypassError): exchange.refuse(error)
                case .failure(let error):
                    logger.error("an owner's change failed", metadata: ["error": "\(type(of: error))"])
                    exchange.refuse(DaypassError(.internalError))
                }
            }
    }
}
