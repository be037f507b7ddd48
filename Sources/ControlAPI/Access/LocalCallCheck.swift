import AccessControl
import SessionModel

/// Tells a program on this machine from a web page that wants to look like one.
///
/// A page can make its visitor's browser call a loopback address in three ways: from its own origin (the browser then
/// sends `Origin`, or `Sec-Fetch-Site` where it sends no `Origin`), through a name of its own that suddenly resolves to
/// 127.0.0.1 (then `Host` has that name), or as a form (then the content type gives it away; the responder refuses all
/// but JSON). A reverse proxy on this machine makes everybody look local; forwarding fields give it away.
enum LocalCallCheck {
    private static let forwardingFields: Set<String> = ["forwarded", "via", "x-real-ip"]

    /// Passes a call from this machine; throws `misdirected_request` for a foreign `Host`, `forbidden` for a page of
    /// another origin, `unauthorized` for a call from another machine or through a proxy.
    static func verify(_ head: CallHead) throws(DaypassError) {
        guard head.values("host").isEmpty, let host = HostClassifier.host(ofAuthority: head.authority),
            isLoopbackHost(host)
        else {
            throw DaypassError(
                .misdirectedRequest,
                "Without a credential this server answers only at localhost, 127.0.0.1 or [::1]."
            )
        }
        // This listener speaks plain HTTP, and nothing stands before it.
        try self.verifySameOrigin(head, schemes: ["http"])
        let isForwarded = head.fields.contains { field in
            self.forwardingFields.contains(field.name) || field.name.hasPrefix("x-forwarded-")
        }
        guard !isForwarded, head.peer?.isLoopback == true else {
            throw DaypassError(
                .unauthorized,
                "Calls from other machines, or through a proxy, need a credential: send Authorization: Bearer with a token."
            )
        }
    }

    /// Passes a call that no web page of another origin can have made; throws `misdirected_request` or `forbidden`.
    static func verifyNotCrossOrigin(_ head: CallHead, publicHost: String) throws(DaypassError) {
        try self.verifyHost(head, publicHost: publicHost)
        try self.verifySameOrigin(head, schemes: ["http", "https"])
    }

    /// Passes a call at a host that no stranger's name server answers for; throws `misdirected_request`.
    static func verifyHost(_ head: CallHead, publicHost: String) throws(DaypassError) {
        guard head.values("host").isEmpty, let host = HostClassifier.host(ofAuthority: head.authority),
            host == publicHost || HostClassifier.isUnrebindable(host: host)
        else {
            throw DaypassError(
                .misdirectedRequest,
                "Without a credential this server answers only at an address, a name without dots, or its public host."
            )
        }
    }

    private static func verifySameOrigin(_ head: CallHead, schemes: [String]) throws(DaypassError) {
        let authority = head.authority?.lowercased() ?? ""
        let ownOrigins = schemes.map { "\($0)://\(authority)" }
        let isForeignOrigin = head.values("origin").contains { !ownOrigins.contains($0.lowercased()) }
        let isForeignFetch = head.values("sec-fetch-site").contains { $0 != "same-origin" && $0 != "none" }
        guard !isForeignOrigin, !isForeignFetch else {
            throw DaypassError(.forbidden, "Web pages of other origins may not call the control API.")
        }
    }
}
