-- Room `access`. Times are microseconds since 1970, UTC.

-- Six roles, each for all agencies or for some with what is below them. SQLite cannot change a
-- CHECK, so the tables are made again; nobody is signed out, no saved hunt is lost.
CREATE TABLE session_kept AS SELECT * FROM session;
CREATE TABLE saved_hunt_kept AS SELECT * FROM saved_hunt;
CREATE TABLE operator_kept AS SELECT * FROM operator;
DROP TABLE session;
DROP TABLE saved_hunt;
DROP TABLE operator;
CREATE TABLE operator (
    name         TEXT PRIMARY KEY,           -- lower case
    full_name    TEXT NOT NULL DEFAULT '',
    password     TEXT NOT NULL,              -- PHC string, Argon2id; '' where they come in otherwise
    role         TEXT NOT NULL CHECK (role IN
        ('administrator', 'handler', 'analyst', 'officer', 'viewer', 'auditor')),
    whole        INTEGER NOT NULL,           -- 1: all agencies; 0: those of operator_agency
    must_change  INTEGER NOT NULL,           -- 1: the password was given, not chosen
    created_at   INTEGER NOT NULL,
    disabled_at  INTEGER,
    totp         BLOB,                       -- RFC 6238 key of the second factor in use
    totp_step    INTEGER NOT NULL DEFAULT 0, -- the last step a code was used of: none is used twice
    totp_pending BLOB,                       -- a key that was shown and not confirmed yet
    oidc_subject TEXT UNIQUE,                -- who they are to the identity provider
    version      INTEGER NOT NULL DEFAULT 1  -- grows with each change by people
) STRICT;
CREATE TABLE operator_agency (
    operator TEXT NOT NULL REFERENCES operator (name) ON DELETE CASCADE,
    agency   INTEGER NOT NULL REFERENCES agency (id),
    PRIMARY KEY (operator, agency)
) STRICT, WITHOUT ROWID;
CREATE TABLE recovery_code (
    operator TEXT NOT NULL REFERENCES operator (name) ON DELETE CASCADE,
    hash     BLOB NOT NULL,                  -- SHA-256 of the code; each is used once
    PRIMARY KEY (operator, hash)
) STRICT, WITHOUT ROWID;
CREATE TABLE session (
    token_hash   BLOB PRIMARY KEY,           -- SHA-256 of the token; the token itself is nowhere
    operator     TEXT NOT NULL REFERENCES operator (name) ON DELETE CASCADE,
    address      TEXT NOT NULL,
    client       TEXT NOT NULL DEFAULT '',   -- what the browser calls itself
    by_provider  INTEGER NOT NULL DEFAULT 0, -- 1: an identity provider said who it is
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_operator ON session (operator);
-- What programs of an operator use instead of a session.
CREATE TABLE api_token (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    token_hash   BLOB NOT NULL UNIQUE,
    operator     TEXT NOT NULL REFERENCES operator (name) ON DELETE CASCADE,
    name         TEXT NOT NULL,
    role         TEXT NOT NULL,              -- does no more than this role and the operator's own
    agency       INTEGER REFERENCES agency (id),   -- sees no more than this and what is below it
    created_at   INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL,
    last_seen_at INTEGER,
    last_address TEXT
) STRICT;
CREATE INDEX api_token_operator ON api_token (operator);

CREATE TABLE saved_hunt (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    owner       TEXT NOT NULL REFERENCES operator (name) ON DELETE CASCADE,
    name        TEXT NOT NULL,
    query       TEXT NOT NULL,
    language    TEXT NOT NULL CHECK (language IN ('search', 'sql')),
    range_s     INTEGER NOT NULL CHECK (range_s > 0),
    columns     TEXT NOT NULL,               -- JSON: list of names
    every_s     INTEGER CHECK (every_s >= 60),
    level       TEXT,
    title       TEXT,
    due_at      INTEGER,                     -- the next run; NULL without a schedule
    runs        INTEGER NOT NULL DEFAULT 0,  -- how many there were: number of the alert's event
    last_at     INTEGER,
    last_rows   INTEGER,
    last_error  TEXT,
    CHECK ((every_s IS NULL) = (due_at IS NULL))
) STRICT;
CREATE INDEX saved_hunt_owner ON saved_hunt (owner);
CREATE INDEX saved_hunt_due ON saved_hunt (due_at) WHERE due_at IS NOT NULL;
INSERT INTO operator (name, password, role, whole, must_change, created_at)
    SELECT name, password, role, agency IS NULL, must_change, created_at FROM operator_kept;
INSERT INTO operator_agency SELECT name, agency FROM operator_kept WHERE agency IS NOT NULL;
INSERT INTO session (token_hash, operator, address, created_at, last_seen_at)
    SELECT token_hash, operator, address, created_at, last_seen_at FROM session_kept;
INSERT INTO saved_hunt SELECT * FROM saved_hunt_kept;
DROP TABLE session_kept;
DROP TABLE saved_hunt_kept;
DROP TABLE operator_kept;

-- Each deed is bound to the one before by a hash; rows from before get theirs at the next start.
ALTER TABLE audit ADD COLUMN hash BLOB;
CREATE TRIGGER audit_stays BEFORE DELETE ON audit
    BEGIN SELECT RAISE (ABORT, 'deeds are only appended'); END;
CREATE TRIGGER audit_is_final BEFORE UPDATE ON audit WHEN OLD.hash IS NOT NULL
    BEGIN SELECT RAISE (ABORT, 'deeds are only appended'); END;
