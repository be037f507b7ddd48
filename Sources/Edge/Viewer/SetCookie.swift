/// A cookie the edge sets (RFC 6265): never readable by scripts, and `Secure` whenever the viewer came over https.
struct SetCookie {
    /// Who sends the cookie along with requests from other sites.
    enum SameSite: String {
        case lax = "Lax"
        case strict = "Strict"
    }

    var name: String
    var value: String
    /// Seconds; 0 removes the cookie.
    var maximumAge: Int64
    var path = "/"
    /// The host below which the cookie holds; nil for exactly the one that sets it.
    var domain: String?
    var sameSite = SameSite.lax
    var isSecure: Bool

    /// The value of the `Set-Cookie` field.
    var text: String {
        let domain = self.domain.map { "; Domain=\($0)" } ?? ""
        let secure = self.isSecure ? "; Secure" : ""
        return "\(self.name)=\(self.value); Path=\(self.path); Max-Age=\(self.maximumAge); HttpOnly; "
            + "SameSite=\(self.sameSite.rawValue)\(domain)\(secure)"
    }
}
