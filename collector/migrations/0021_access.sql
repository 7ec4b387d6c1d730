-- Room `access`. Times are microseconds since 1970, UTC.
CREATE TABLE operator (
    name        TEXT PRIMARY KEY,            -- lower case
    password    TEXT NOT NULL,               -- PHC string, Argon2id
    role        TEXT NOT NULL CHECK (role IN ('administrator')),
    must_change INTEGER NOT NULL,            -- 1: the password was given, not chosen
    created_at  INTEGER NOT NULL
) STRICT;

CREATE TABLE session (
    token_hash   BLOB PRIMARY KEY,           -- SHA-256 of the token; the token itself is nowhere
    operator     TEXT NOT NULL REFERENCES operator (name) ON DELETE CASCADE,
    address      TEXT NOT NULL,
    created_at   INTEGER NOT NULL,
    last_seen_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What operators did. Only ever appended to.
CREATE TABLE audit (
    number  INTEGER PRIMARY KEY,
    at      INTEGER NOT NULL,
    who     TEXT NOT NULL,
    action  TEXT NOT NULL,
    subject TEXT NOT NULL,
    detail  TEXT NOT NULL,
    address TEXT NOT NULL
) STRICT;
