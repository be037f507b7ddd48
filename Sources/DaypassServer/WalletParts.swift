import SQLiteStore
import SessionModel
import WalletService

/// The parts of wallet sessions that the control API uses.
struct WalletParts: Sendable {
    /// Asks chains' nodes; a service, because its connections have to be closed.
    let node: HTTPChainNode
    /// Decides, stores and audits every change.
    let manager: WalletManager

    /// Parts over `store`; nothing is read or asked yet.
    init(store: SQLiteSessionStore, configuration: WalletServiceConfiguration, clock: @escaping WallClock) {
        self.node = HTTPChainNode(timeout: configuration.nodeTimeout)
        self.manager = WalletManager(store: store, node: self.node, configuration: configuration, clock: clock)
    }
}
