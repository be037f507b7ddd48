//! ProxySemantics: what HTTP/1.1 means to something that stands in the middle.
//!
//! A strict parser and writer for HTTP/1.1 messages that keeps every head as the bytes that arrived (binary-safe,
//! ordered, duplicates kept), the rules for hop-by-hop and forwarding fields, the routing of a request to a session,
//! and the mapping of an app's answers to public addresses. No sockets, no clock; bytes in, decisions out.
