//! TunnelTransport: a tunnel connection as a channel handler, for both ends.
//!
//! `TunnelConnection` reads and writes WebSocket frames on a channel and carries out what the state machine of
//! TunnelProtocol decides; its delegates are the edge's exchanges and the agent's.
