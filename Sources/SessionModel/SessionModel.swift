//! SessionModel: the words of Daypass as values.
//!
//! Identifiers, tokens, durations, policies, session records, audit events and the one error type the
//! outside sees. Nothing here knows an event loop, a clock, a logger or a file; time and randomness are
//! arguments. Every other target may import this one; it imports only swift-crypto (for hashing).
