-- Where each reader of the journal is: everything before `position` is done.
-- Moves in the same transaction as what the reader made of the events.
CREATE TABLE checkpoint (
    reader   TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT;
