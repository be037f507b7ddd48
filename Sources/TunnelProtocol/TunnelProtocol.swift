//! TunnelProtocol: what is said inside a tunnel, in both versions, as pure values.
//!
//! Frames and their codecs, the state machine of one connection with its streams, credit and liveness, the order in
//! which frames go out, and the WebSocket framing underneath. docs/protocol.md says the same in words.
