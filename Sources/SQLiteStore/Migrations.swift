import GRDB

/// The database's schema, as steps that are never edited once released: a later change is a later step.
///
/// Times are milliseconds since 1970; secrets are digests (`…_digest`) or AES-256-GCM boxes (`…_sealed`).
let storeMigrations: DatabaseMigrator = {
    var migrator = DatabaseMigrator()
    migrator.registerMigration("0001 sessions, audit events, access tokens") { db in
        try db.execute(
            sql: """
                CREATE TABLE session (
                    number INTEGER PRIMARY KEY,
                    id TEXT NOT NULL UNIQUE,
                    slug TEXT NOT NULL UNIQUE,
                    port INTEGER NOT NULL,
                    auth_mode TEXT NOT NULL CHECK (auth_mode IN ('none', 'basic')),
                    basic_username TEXT,
                    basic_password_sealed BLOB,
                    owner_token_digest BLOB NOT NULL CHECK (length(owner_token_digest) = 32),
                    is_public INTEGER NOT NULL CHECK (is_public IN (0, 1)),
                    max_concurrent_viewers INTEGER NOT NULL,
                    block_paths TEXT NOT NULL,
                    policy_password_sealed BLOB NOT NULL,
                    is_paused INTEGER NOT NULL CHECK (is_paused IN (0, 1)),
                    creator TEXT NOT NULL,
                    created_at INTEGER NOT NULL,
                    expires_at INTEGER NOT NULL,
                    closed_at INTEGER,
                    ends_at INTEGER NOT NULL,
                    revision INTEGER NOT NULL,
                    CHECK ((basic_username IS NULL) = (basic_password_sealed IS NULL))
                ) STRICT;
                CREATE INDEX session_by_creation ON session (created_at DESC, id DESC);
                CREATE INDEX session_by_end ON session (ends_at, id);
                CREATE INDEX session_by_creator ON session (creator, ends_at);

                CREATE TABLE kicked_viewer (
                    session INTEGER NOT NULL REFERENCES session (number) ON DELETE CASCADE,
                    position INTEGER NOT NULL,
                    viewer_id TEXT NOT NULL,
                    address_id TEXT,
                    kicked_at INTEGER,
                    PRIMARY KEY (session, position)
                ) STRICT, WITHOUT ROWID;

                CREATE TABLE audit_event (
                    number INTEGER PRIMARY KEY AUTOINCREMENT,
                    session_id TEXT,
                    at INTEGER NOT NULL,
                    actor_name TEXT NOT NULL,
                    actor_address TEXT NOT NULL,
                    action TEXT NOT NULL,
                    summary TEXT NOT NULL
                ) STRICT;
                CREATE INDEX audit_event_by_session ON audit_event (session_id, number)
                    WHERE session_id IS NOT NULL;

                CREATE TABLE access_token (
                    number INTEGER PRIMARY KEY,
                    id TEXT NOT NULL UNIQUE,
                    label TEXT NOT NULL,
                    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
                    scopes TEXT NOT NULL,
                    created_at INTEGER NOT NULL,
                    expires_at INTEGER,
                    revoked_at INTEGER
                ) STRICT;

                CREATE TABLE key_check (
                    number INTEGER PRIMARY KEY CHECK (number = 1),
                    sealed BLOB NOT NULL
                ) STRICT;
                """
        )
    }
    migrator.registerMigration("0002 API gateway") { db in try db.execute(sql: gatewaySchema) }
    migrator.registerMigration("0003 wallet sessions") { db in try db.execute(sql: walletSchema) }
    return migrator
}()
