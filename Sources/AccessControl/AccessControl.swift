//! AccessControl: who may pass, as pure values.
//!
//! Client addresses and trusted proxies, signed viewer and owner cookies, a session's policy compiled for the hot
//! path, the order of checks with its explanation, the viewers of a session, and the rate and attempt limiters.
//! Nothing here knows an event loop, a clock or a logger: time is an argument, and every table has a capacity.
