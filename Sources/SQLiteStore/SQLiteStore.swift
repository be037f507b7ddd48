//! SQLiteStore: sessions, access tokens and audit events in an SQLite file.
//!
//! The store of one node (by GRDB), the schema's migrations, the data folder with its lock, and the server's key, with
//! which whatever must be readable again is encrypted and from which cookie keys are derived.
