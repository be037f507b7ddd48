/// Who may call the control API without a credential (spec: tunnel sessions, section 1, "Who may call").
package enum ControlAccess: String, Sendable, CaseIterable {
    /// Anybody from anywhere, as owner of every session and as admin. Dangerous outside closed networks; pages of
    /// other web origins are still refused.
    case open
    /// Programs on this machine only: a loopback peer, a loopback `Host`, no foreign `Origin`, no forwarding fields.
    case local
    /// Nobody: every call that concerns a session needs a credential.
    case required

    /// The mode that fits where the edge is reached: `local` for loopback addresses, `required` otherwise.
    package static func suited(to publicAddress: PublicAddress) -> ControlAccess {
        publicAddress.isLoopback ? .local : .required
    }
}
