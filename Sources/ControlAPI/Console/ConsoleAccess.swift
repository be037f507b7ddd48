import AccessControl
import SessionModel

/// Tells calls of the console's own pages from everything else a browser can be made to send.
///
/// Three things together count as the admin's credential: the cookie, the field `X-Daypass-Console: 1`, which no page of
/// another origin can add without asking first (and nobody answers its preflight), and no sign of another origin. The
/// host must be one that a stranger's name server cannot answer for, as everywhere without a credential.
struct ConsoleAccess: Sendable {
    /// The cookie with the session's identifier.
    ///
    /// The edge passes on no cookie that begins like this, so apps served on the same host never see it.
    static let cookieName = "daypass_console"
    /// The field that every call of the console's pages carries.
    static let callField = "x-daypass-console"
    /// How many cookies of that name are looked at: other ports and hosts of the same name may have set some, also ones
    /// that browsers send before ours.
    private static let maximumCookies = 64

    let sessions: ConsoleSessions
    let publicHost: String
    let trustedProxies: TrustedProxies

    /// Whether this call says it comes from the console's pages.
    static func isConsoleCall(_ head: CallHead) -> Bool { head.values(Self.callField) == ["1"] }

    /// Admits a call of the console's pages by its cookie; throws `misdirected_request`, `forbidden` or `unauthorized`.
    func admit(_ head: CallHead, now: Timestamp) throws(DaypassError) {
        try self.verifyOwnPage(head)
        guard self.sessions.end(of: Self.identifiers(head), now: now) != nil else {
            throw DaypassError(.unauthorized, "Your sign-in to the console has ended. Sign in again.")
        }
    }

    /// Passes what can only come from the console's own page; throws `misdirected_request` or `forbidden`.
    func verifyOwnPage(_ head: CallHead) throws(DaypassError) {
        try LocalCallCheck.verifyNotCrossOrigin(head, publicHost: self.publicHost)
        // A page of one's own always says so where it says anything; `none` is an address typed by hand.
        guard Self.isConsoleCall(head), head.values("sec-fetch-site").allSatisfy({ $0 == "same-origin" }) else {
            throw DaypassError(.forbidden, "Only the console's own pages may do that.")
        }
    }

    /// The identifiers a browser sent.
    static func identifiers(_ head: CallHead) -> [String] {
        let pairs = head.values("cookie").flatMap { $0.split(separator: ";") }
        return
            pairs.compactMap { pair -> String? in
                let halves = pair.drop { $0 == " " }.split(separator: "=", maxSplits: 1)
                guard halves.count == 2, halves[0] == Self.cookieName,
                    halves[1].utf8.count == ConsoleSessions.identifierLength, halves[1].utf8.allSatisfy(isBase36)
                else { return nil }
                return String(halves[1])
            }
            .prefix(Self.maximumCookies).map { $0 }
    }

    /// The `Set-Cookie` that keeps `identifier` in the browser for `maximumAge` seconds.
    func cookie(_ identifier: String, maximumAge: Int64, for head: CallHead) -> String {
        "\(Self.cookieName)=\(identifier); Path=/; Max-Age=\(maximumAge); HttpOnly; SameSite=Strict"
            + (self.isSecure(head) ? "; Secure" : "")
    }

    /// Whether the browser came by https: this listener speaks plain HTTP, so only a trusted proxy can say so.
    private func isSecure(_ head: CallHead) -> Bool {
        guard let peer = head.peer, self.trustedProxies.isTrusted(peer) else { return false }
        return head.values("x-forwarded-proto").last?.lowercased() == "https"
    }
}
