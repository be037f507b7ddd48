/// The tables of wallet sessions, as migration 0003 makes them; never edited once released.
///
/// Identifiers are numbers (`WalletEntityID.number`); `number` counts up, so that "newest first" is the order of insertion.
/// `data_key_sealed` is a random key of 32 bytes, encrypted with a key that is derived from the server's; what stands beside
/// it is encrypted with that data key. `permission` is `WalletSessionRecord.permission`; those of revoked sessions outlast
/// them in `revoked_permission`. `address_key` is the address in lower case. Ledgers refer to nothing: they stay when
/// what they tell of is gone.
let walletSchema = """
    CREATE TABLE organization (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        allows_delegate_calls INTEGER NOT NULL CHECK (allows_delegate_calls IN (0, 1)),
        allows_wildcard_targets INTEGER NOT NULL CHECK (allows_wildcard_targets IN (0, 1)),
        created_at INTEGER NOT NULL
    ) STRICT;

    CREATE TABLE organization_token (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id INTEGER NOT NULL UNIQUE,
        organization INTEGER NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
        label TEXT NOT NULL,
        digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
        scopes TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        revoked_at INTEGER
    ) STRICT;
    CREATE INDEX organization_token_by_organization ON organization_token (organization);

    CREATE TABLE wallet_chain (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        node_sealed BLOB,
        bundler_sealed BLOB
    ) STRICT;

    CREATE TABLE wallet (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id INTEGER NOT NULL UNIQUE,
        organization INTEGER NOT NULL REFERENCES organization (id),
        name TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('kernel', 'opaque')),
        address TEXT,
        address_key TEXT,
        kernel_version TEXT,
        created_at INTEGER NOT NULL,
        CHECK ((address IS NULL) = (address_key IS NULL)),
        CHECK (kind <> 'kernel' OR address IS NOT NULL)
    ) STRICT;
    CREATE INDEX wallet_by_organization ON wallet (organization);
    CREATE UNIQUE INDEX wallet_by_address ON wallet (organization, kind, address_key) WHERE address_key IS NOT NULL;

    CREATE TABLE session_key (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id INTEGER NOT NULL UNIQUE,
        organization INTEGER NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
        address TEXT NOT NULL,
        address_key TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        data_key_sealed BLOB NOT NULL,
        private_sealed BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX session_key_by_address ON session_key (organization, address_key);
    CREATE INDEX session_key_by_creation ON session_key (created_at);

    CREATE TABLE wallet_session (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        id INTEGER NOT NULL UNIQUE,
        group_id INTEGER NOT NULL,
        organization INTEGER NOT NULL REFERENCES organization (id),
        wallet INTEGER NOT NULL REFERENCES wallet (id) ON DELETE CASCADE,
        kind TEXT NOT NULL CHECK (kind IN ('kernel', 'opaque')),
        workflow TEXT,
        session_address TEXT NOT NULL,
        session_key INTEGER REFERENCES session_key (id),
        chain_id INTEGER NOT NULL,
        policies TEXT NOT NULL,
        proof TEXT,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        revoked_at INTEGER,
        ends_at INTEGER NOT NULL,
        permission BLOB NOT NULL CHECK (length(permission) = 32),
        data_key_sealed BLOB,
        delegation_sealed BLOB,
        CHECK ((data_key_sealed IS NULL) = (delegation_sealed IS NULL)),
        CHECK ((revoked_at IS NULL) = (delegation_sealed IS NOT NULL))
    ) STRICT;
    CREATE INDEX wallet_session_by_organization ON wallet_session (organization, ends_at);
    CREATE INDEX wallet_session_by_wallet ON wallet_session (wallet, ends_at);
    CREATE INDEX wallet_session_by_permission ON wallet_session (permission, ends_at);
    CREATE INDEX wallet_session_by_end ON wallet_session (ends_at, id);
    CREATE INDEX wallet_session_by_key ON wallet_session (session_key) WHERE session_key IS NOT NULL;

    CREATE TABLE revoked_permission (
        permission BLOB NOT NULL PRIMARY KEY CHECK (length(permission) = 32),
        organization INTEGER NOT NULL REFERENCES organization (id) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX revoked_permission_by_organization ON revoked_permission (organization);

    CREATE TABLE wallet_ledger (
        name TEXT NOT NULL PRIMARY KEY,
        sequence INTEGER NOT NULL,
        hash BLOB NOT NULL CHECK (length(hash) = 32),
        seal BLOB NOT NULL CHECK (length(seal) = 32)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE wallet_audit (
        ledger TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        at INTEGER NOT NULL,
        actor_name TEXT NOT NULL,
        actor_address TEXT NOT NULL,
        action TEXT NOT NULL,
        subject TEXT NOT NULL,
        details TEXT NOT NULL,
        previous_hash BLOB NOT NULL,
        hash BLOB NOT NULL,
        PRIMARY KEY (ledger, sequence)
    ) STRICT, WITHOUT ROWID;
    """
