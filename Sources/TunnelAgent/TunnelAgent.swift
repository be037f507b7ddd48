//! TunnelAgent: the side of a tunnel that stands beside the local app.
//!
//! `Tunnel` dials the edge and keeps a pool of connections standing; `LocalApp` takes the streams that arrive over them
//! to the local app and carries its answers back. One event loop, no server target.
