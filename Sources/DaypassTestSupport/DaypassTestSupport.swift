//! DaypassTestSupport: what tests of several targets share.
//!
//! A clock that tests move, a seeded generator, temporary folders, sample sessions, and the conformance suite that every
//! session store must pass. No product imports it.
