-- Rooms `access` and `hunt`. Times are microseconds since 1970, UTC.

-- An analyst hunts in the events of one agency and of those below it, and does nothing else. SQLite
-- cannot change a CHECK, so both tables are made again; nobody is signed out.
CREATE TABLE session_kept AS SELECT * FROM session;
CREATE TABLE operator_kept AS SELECT * FROM operator;
DROP TABLE session;
DROP TABLE operator;
CREATE TABLE operator (
    name        TEXT PRIMARY KEY,            -- lower case
    password    TEXT NOT NULL,               -- PHC string, Argon2id
    role        TEXT NOT NULL CHECK (role IN ('administrator', 'analyst')),
    must_change INTEGER NOT NULL,            -- 1: the password was given, not chosen
    created_at  INTEGER NOT NULL,
    agency      INTEGER REFERENCES agency (id),
    CHECK ((role = 'analyst') = (agency IS NOT NULL))
) STRICT;
CREATE TABLE session (
    token_hash   BLOB PRIMARY KEY,           -- SHA-256 of the token; the token itself is nowhere
    operator     TEXT NOT NULL REFERENCES operator (name) ON DELETE CASCADE,
    address      TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO operator (name, password, role, must_change, created_at)
    SELECT name, password, role, must_change, created_at FROM operator_kept;
INSERT INTO session SELECT token_hash, operator, address, created_at, last_seen_at FROM session_kept;
DROP TABLE session_kept;
DROP TABLE operator_kept;

-- Hunts that somebody wants to ask again, or to be asked for them.
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
