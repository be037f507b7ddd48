//! WalletService: administration of wallet sessions, and what is asked of chains' nodes.
//!
//! `WalletManager` decides, stores and audits every change; `InstallProver` proves delegations of kernel wallets before
//! they are stored; `PinnedNode` asks a chain's node, once it said that it is on that chain; `HTTPChainNode` carries the
//! questions. What is believed is decided in WalletPolicy.
