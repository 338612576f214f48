-- Users, tokens, sealed secrets, the audit log.
CREATE TABLE users (
    pk INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    email TEXT NOT NULL UNIQUE CHECK (email <> ''), -- in lower case
    name TEXT NOT NULL,
    roles TEXT NOT NULL,
    permissions TEXT NOT NULL DEFAULT '', -- beyond the roles
    repositories TEXT NOT NULL,
    teams TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'disabled', 'unverified')),
    password TEXT,
    totp TEXT,
    recovery TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    last_login_at INTEGER,
    totp_step INTEGER NOT NULL DEFAULT 0,
    generation INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Failed logins in a row, by account (of users or not) and by address.
CREATE TABLE login_failures (
    key TEXT PRIMARY KEY,
    failures INTEGER NOT NULL,
    locked_until INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX login_failures_by_time ON login_failures (updated_at);

CREATE TABLE tokens (
    pk INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    user_pk INTEGER REFERENCES users (pk) ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('api', 'refresh', 'setup', 'reset', 'verify')),
    name TEXT,
    scopes TEXT,
    family TEXT,
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    last_used_at INTEGER,
    used_at INTEGER,
    revoked INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX tokens_of ON tokens (user_pk, kind, pk);
CREATE INDEX tokens_by_family ON tokens (family) WHERE family IS NOT NULL;
CREATE INDEX tokens_by_expiry ON tokens (expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE secrets (
    name TEXT PRIMARY KEY CHECK (name <> ''),
    key_id TEXT NOT NULL,
    sealed BLOB NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE replies (
    principal TEXT NOT NULL,
    key TEXT NOT NULL,
    digest BLOB NOT NULL CHECK (length(digest) = 32),
    status INTEGER NOT NULL,
    content_type TEXT,
    body BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (principal, key)
) STRICT;
CREATE INDEX replies_by_time ON replies (created_at);

-- Each row's hash covers the row before. The head is kept beside it, so that a tail that was cut off
-- is missed; so is the anchor, the row that retention left as the first.
CREATE TABLE audit_log (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    action TEXT NOT NULL,
    object TEXT,
    outcome TEXT NOT NULL,
    correlation_id TEXT,
    address TEXT,
    details TEXT, -- JSON
    hash BLOB NOT NULL CHECK (length(hash) = 32)
) STRICT;
CREATE INDEX audit_log_by_time ON audit_log (at);
CREATE INDEX audit_log_by_actor ON audit_log (actor, seq);
CREATE INDEX audit_log_by_object ON audit_log (object, seq) WHERE object IS NOT NULL;

CREATE TABLE audit_head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    first_seq INTEGER NOT NULL,
    first_before BLOB NOT NULL CHECK (length(first_before) = 32), -- hash of the row before the first
    updated_at INTEGER NOT NULL
) STRICT;
INSERT INTO audit_head VALUES (1, 0, zeroblob(32), 1, zeroblob(32), 0);

CREATE TRIGGER audit_log_unchanged BEFORE UPDATE ON audit_log BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_log_kept BEFORE DELETE ON audit_log
WHEN OLD.seq >= (SELECT first_seq FROM audit_head) BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_head_kept BEFORE DELETE ON audit_head BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_head_forward BEFORE UPDATE ON audit_head
WHEN NEW.seq < OLD.seq OR NEW.first_seq < OLD.first_seq OR NEW.first_seq > NEW.seq + 1 BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
