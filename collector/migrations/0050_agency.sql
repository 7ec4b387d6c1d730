-- Room `fleet`: the tree of agencies over time. Days are texts, 2025-07-01; times are microseconds
-- since 1970, UTC. `agency` says what is so now; what was so before is in `agency_past`, and nothing
-- of either is ever deleted.
ALTER TABLE agency ADD COLUMN valid_from TEXT NOT NULL DEFAULT '';   -- first day; '': not written down
ALTER TABLE agency ADD COLUMN valid_until TEXT;                      -- first day it was no more
ALTER TABLE agency ADD COLUMN stands_since TEXT NOT NULL DEFAULT ''; -- as it is called and placed now
ALTER TABLE agency ADD COLUMN revision INTEGER NOT NULL DEFAULT 1;   -- grows with every change

-- One decision about the tree.
CREATE TABLE agency_change (
    id       INTEGER PRIMARY KEY,
    kind     TEXT NOT NULL CHECK (kind IN
        ('add', 'rename', 'move', 'dissolve', 'merge', 'split', 'import')),
    day      TEXT NOT NULL,                  -- when it took effect
    decision TEXT NOT NULL,                  -- its number
    reason   TEXT NOT NULL,
    who      TEXT NOT NULL,
    at       INTEGER NOT NULL
) STRICT;

-- What an agency was called, and below whom it stood, before a change.
CREATE TABLE agency_past (
    id          INTEGER PRIMARY KEY,
    agency      INTEGER NOT NULL REFERENCES agency (id),
    code        TEXT NOT NULL,
    name        TEXT NOT NULL,
    parent      INTEGER REFERENCES agency (id),
    valid_from  TEXT NOT NULL,
    valid_until TEXT NOT NULL,
    change      INTEGER NOT NULL REFERENCES agency_change (id)
) STRICT;
CREATE INDEX agency_past_agency ON agency_past (agency, id);

-- Which agencies a change was about.
CREATE TABLE agency_change_of (
    agency INTEGER NOT NULL REFERENCES agency (id),
    change INTEGER NOT NULL REFERENCES agency_change (id),
    PRIMARY KEY (agency, change)
) STRICT, WITHOUT ROWID;

-- Who took over what a past agency had; the first has what was not given to another.
CREATE TABLE agency_successor (
    successor INTEGER NOT NULL REFERENCES agency (id),
    agency    INTEGER NOT NULL REFERENCES agency (id),
    place     INTEGER NOT NULL,
    PRIMARY KEY (successor, agency)
) STRICT, WITHOUT ROWID;
CREATE INDEX agency_successor_agency ON agency_successor (agency, place);

-- Who may see an agency may see what is below it, and what it took over.
CREATE VIEW agency_below (above, below) AS
    SELECT parent, id FROM agency WHERE parent IS NOT NULL
    UNION ALL SELECT successor, agency FROM agency_successor;

-- Past agencies a machine came from with them, nearest first: what was configured, approved and
-- called normal for them still holds for it. JSON: list of numbers.
ALTER TABLE agent ADD COLUMN formerly TEXT NOT NULL DEFAULT '[]';

-- Whose an agent was up to a position of the journal: events before it are read as that agency's.
CREATE TABLE agent_was (
    agent  TEXT NOT NULL REFERENCES agent (id) ON DELETE CASCADE,
    until  INTEGER NOT NULL,
    agency INTEGER NOT NULL,
    code   TEXT NOT NULL,
    name   TEXT NOT NULL,
    PRIMARY KEY (agent, until)
) STRICT, WITHOUT ROWID;
