-- Room `detect`: windows of correlations, as the rules crate gave them. Written in the transaction
-- that writes the alerts and the checkpoint 'detect'.
CREATE TABLE correlation_state (
    key   TEXT PRIMARY KEY,
    state BLOB NOT NULL
) STRICT, WITHOUT ROWID;
