//! UpstreamRelay: requests on their way to an HTTP server that is not ours.
//!
//! The local app behind an agent, or the upstream of a tenant: connections and HTTP/2 streams to it, their pools, and one
//! exchange per request that keeps both directions in step. Where a request comes from is a `RelayTunnel`: a tunnel's
//! connection at the agent, a stream inside the process at the edge.
