-- Room `archive`: how long what is kept. Times are microseconds since 1970, UTC.

-- Level and months of an agency and of those below it that have none of their own.
CREATE TABLE archive_retention (
    agency INTEGER PRIMARY KEY REFERENCES agency (id),
    level  INTEGER NOT NULL CHECK (level BETWEEN 1 AND 5),
    months INTEGER NOT NULL CHECK (months > 0),
    why    TEXT NOT NULL,
    who    TEXT NOT NULL,
    at     INTEGER NOT NULL
) STRICT;

-- What must not go whatever its age: files of the agency (or of all) with events in the range.
CREATE TABLE archive_hold (
    id       INTEGER PRIMARY KEY,
    agency   INTEGER REFERENCES agency (id), -- NULL: all
    host     TEXT,                           -- said by who asked; the whole files are kept
    from_at  INTEGER NOT NULL,
    to_at    INTEGER NOT NULL,
    why      TEXT NOT NULL,
    until    INTEGER,                        -- NULL: until it is ended
    who      TEXT NOT NULL,
    at       INTEGER NOT NULL,
    ended_at INTEGER,
    ended_by TEXT
) STRICT;

-- Free space, once an hour.
CREATE TABLE archive_disk (
    at    INTEGER PRIMARY KEY,
    free  INTEGER NOT NULL,
    total INTEGER NOT NULL
) STRICT;

-- The lowest number of days left that was told; no row: none.
CREATE TABLE archive_disk_told (
    id   INTEGER PRIMARY KEY CHECK (id = 1),
    days INTEGER NOT NULL
) STRICT;

-- Events that the archive has to say and the journal does not know yet.
CREATE TABLE archive_notice (
    id    INTEGER PRIMARY KEY,
    event TEXT NOT NULL                      -- as on the wire
) STRICT;
