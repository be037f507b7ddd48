//! Edge: where viewers arrive and where sessions are enforced.
//!
//! Listeners, the HTTP/1.1 pipeline of a viewer's connection, the tunnel endpoint, the directory of live sessions with
//! the policy check of every request, and the relay between a viewer's exchange and a stream of its session's tunnel.
//! Bytes move on event loops only; decisions come from the pure targets.
