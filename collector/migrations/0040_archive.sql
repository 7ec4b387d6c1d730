-- Room `archive`: which files there are. Times are microseconds since 1970, UTC. Rows are only ever
-- added and ended, never deleted: the chain of an agency can always be recalculated.
CREATE TABLE archive_file (
    id           INTEGER PRIMARY KEY,
    agency       INTEGER NOT NULL,           -- 0: of none
    number       INTEGER NOT NULL,           -- place in the chain of the agency, from 1
    agency_code  TEXT NOT NULL,              -- as it was then; empty for none
    date         TEXT NOT NULL,              -- day of reception, UTC: 2026-11-22
    path         TEXT NOT NULL,              -- below the archive's root; its words are beside it
    sha256       BLOB NOT NULL,
    bytes        INTEGER NOT NULL,
    words_sha256 BLOB NOT NULL,
    words_bytes  INTEGER NOT NULL,
    rows         INTEGER NOT NULL,
    raw_bytes    INTEGER NOT NULL,           -- its events as the journal had them, as text
    settled      INTEGER NOT NULL,           -- 1: packed to be small
    time_min     INTEGER NOT NULL,
    time_max     INTEGER NOT NULL,
    received_min INTEGER NOT NULL,
    received_max INTEGER NOT NULL,
    position_min INTEGER NOT NULL,
    position_max INTEGER NOT NULL,
    columns      TEXT NOT NULL,              -- JSON: [["source.ip", "text"], …]
    chain        BLOB NOT NULL,              -- SHA-256 over the link before and this row
    state        TEXT NOT NULL CHECK (state IN ('live', 'replaced', 'expired', 'damaged')),
    added_at     INTEGER NOT NULL,
    checked_at   INTEGER NOT NULL,           -- when its content was last seen to be what was written
    ended_at     INTEGER,
    merged       INTEGER,                    -- of a file made by a merge: the first file it made
    replaced_by  INTEGER,                    -- first file of the merge that took it in
    reason       TEXT,                       -- of a damaged one: what is wrong with it
    UNIQUE (agency, number)
) STRICT;
CREATE UNIQUE INDEX archive_file_live ON archive_file (path) WHERE state = 'live';
CREATE INDEX archive_file_day ON archive_file (state, agency, date);
-- Days that have files to be merged.
CREATE INDEX archive_file_unsettled ON archive_file (date, agency)
    WHERE state = 'live' AND settled = 0;
CREATE INDEX archive_file_checked ON archive_file (checked_at) WHERE state = 'live';

-- Up to where each lane of each agent is archived. Moves with the checkpoint 'archive'.
CREATE TABLE archive_mark (
    agent    TEXT NOT NULL,
    epoch    INTEGER NOT NULL,
    lane     INTEGER NOT NULL,               -- 0 alert, 1 state, 2 log
    sequence INTEGER NOT NULL,
    PRIMARY KEY (agent, epoch, lane)
) STRICT, WITHOUT ROWID;
