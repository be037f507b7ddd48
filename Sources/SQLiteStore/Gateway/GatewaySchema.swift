/// The tables of the API gateway, as migration 0002 makes them; never edited once released.
///
/// Identifiers of keys and browser sessions are numbers (`APIKeyID.number`), other unsigned numbers are kept bit for bit as
/// signed ones. Tenants and plans are the JSON text that the admin API shows. `usage.key_number` is -1 and `usage.code`
/// empty where there is none, because parts of a primary key cannot be null.
let gatewaySchema = """
    ALTER TABLE audit_event ADD COLUMN tenant TEXT;
    CREATE INDEX audit_event_by_tenant ON audit_event (tenant, number) WHERE tenant IS NOT NULL;

    CREATE TABLE tenant (
        slug TEXT NOT NULL PRIMARY KEY,
        document TEXT NOT NULL,
        is_default INTEGER NOT NULL CHECK (is_default IN (0, 1))
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX tenant_default ON tenant (is_default) WHERE is_default = 1;

    CREATE TABLE tenant_host (
        host TEXT NOT NULL,
        base_path TEXT NOT NULL,
        tenant TEXT NOT NULL REFERENCES tenant (slug) ON DELETE CASCADE,
        PRIMARY KEY (host, base_path)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX tenant_host_by_tenant ON tenant_host (tenant);

    CREATE TABLE plan (
        name TEXT NOT NULL PRIMARY KEY,
        document TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE api_key (
        id INTEGER PRIMARY KEY,
        tenant TEXT NOT NULL REFERENCES tenant (slug) ON DELETE CASCADE,
        name TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('publishable', 'secret')),
        mode TEXT NOT NULL CHECK (mode IN ('live', 'test')),
        digest BLOB NOT NULL CHECK (length(digest) = 32),
        last_four TEXT NOT NULL,
        scopes TEXT NOT NULL,
        web_origins TEXT NOT NULL,
        channels TEXT NOT NULL CHECK (channels IN ('browser', 'server', 'both')),
        plan TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        revoked_at INTEGER,
        retired_digest BLOB CHECK (length(retired_digest) = 32),
        retired_last_four TEXT,
        retired_works_until INTEGER,
        sessions_not_before INTEGER,
        last_used_at INTEGER,
        CHECK ((retired_digest IS NULL) = (retired_last_four IS NULL)),
        CHECK ((retired_digest IS NULL) = (retired_works_until IS NULL))
    ) STRICT;
    CREATE UNIQUE INDEX api_key_by_digest ON api_key (digest);
    CREATE UNIQUE INDEX api_key_by_retired_digest ON api_key (retired_digest) WHERE retired_digest IS NOT NULL;
    CREATE INDEX api_key_by_creation ON api_key (created_at DESC, id DESC);
    CREATE INDEX api_key_by_tenant ON api_key (tenant, created_at DESC, id DESC);
    CREATE INDEX api_key_by_plan ON api_key (plan) WHERE plan <> 'standard';

    -- How many keys there are, so that making one does not count a million.
    CREATE TABLE gateway_total (
        number INTEGER PRIMARY KEY CHECK (number = 1),
        keys INTEGER NOT NULL
    ) STRICT;
    INSERT INTO gateway_total (number, keys) VALUES (1, 0);
    CREATE TRIGGER api_key_added AFTER INSERT ON api_key BEGIN
        UPDATE gateway_total SET keys = keys + 1;
    END;
    CREATE TRIGGER api_key_removed AFTER DELETE ON api_key BEGIN
        UPDATE gateway_total SET keys = keys - 1;
    END;

    CREATE TABLE signing_key (
        id TEXT NOT NULL PRIMARY KEY,
        private_sealed BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        signs_from INTEGER NOT NULL,
        signs_until INTEGER
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE revoked_browser_session (
        id INTEGER PRIMARY KEY,
        until INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX revoked_browser_session_by_end ON revoked_browser_session (until);

    CREATE TABLE limit_count (
        number INTEGER PRIMARY KEY,
        limit_number INTEGER NOT NULL,
        window_seconds INTEGER NOT NULL CHECK (window_seconds > 0),
        owner INTEGER NOT NULL,
        session INTEGER NOT NULL,
        address INTEGER NOT NULL,
        window INTEGER NOT NULL,
        count INTEGER NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX limit_count_by_counter
        ON limit_count (owner, limit_number, window_seconds, session, address);

    CREATE TABLE usage (
        seconds INTEGER NOT NULL CHECK (seconds IN (3600, 86400)),
        start INTEGER NOT NULL,
        tenant TEXT NOT NULL,
        key_number INTEGER NOT NULL,
        code TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (seconds, start, tenant, key_number, code)
    ) STRICT, WITHOUT ROWID;
    """
