-- Room `import`. Times are microseconds since 1970, UTC.
-- A machine whose logs were imported, and which has no agent of its own. It has no certificate, so
-- it stands as removed: nobody may speak for it, and no count of machines includes it.
ALTER TABLE agent ADD COLUMN imported INTEGER NOT NULL DEFAULT 0;

-- One row a log file of such a machine: which content it is, and how far it is in the journal.
-- Events before `done` are there; those from there until `claimed` may be, and the journal's mark of
-- (agent, epoch) says how many.
CREATE TABLE import (
    id            INTEGER PRIMARY KEY,
    agent         TEXT NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    epoch         INTEGER NOT NULL,          -- even: rules look at its events; odd: they do not
    name          TEXT NOT NULL,             -- as it was called first
    format        TEXT NOT NULL,
    head_bytes    INTEGER NOT NULL,
    head          TEXT NOT NULL,             -- SHA-256 of so many first bytes
    done_bytes    INTEGER NOT NULL DEFAULT 0,
    done_place    INTEGER NOT NULL DEFAULT 1, -- the number of the record that comes next
    done_events   INTEGER NOT NULL DEFAULT 0,
    tail_bytes    INTEGER NOT NULL DEFAULT 0, -- behind `done`: read, and perhaps not yet whole
    claimed_bytes INTEGER NOT NULL DEFAULT 0,
    claimed_place INTEGER NOT NULL DEFAULT 1,
    claimed       TEXT NOT NULL,             -- SHA-256 of everything before
    moment        INTEGER NOT NULL,          -- when the file ended, which tells the year of its lines
    begun_at      INTEGER NOT NULL,
    ended_at      INTEGER,
    UNIQUE (agent, epoch)
) STRICT;
CREATE INDEX import_head ON import (agent, id);
