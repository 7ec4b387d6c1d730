-- Room `trend`: what each agency was like on each day somebody measured. A day without rows was not
-- measured. Days are those of the collector's own zone: 2026-11-22.
CREATE TABLE trend (
    day                  TEXT NOT NULL,
    agency               INTEGER NOT NULL,   -- 0: alerts of no agency
    machines             INTEGER NOT NULL,
    heard                INTEGER NOT NULL,   -- heard from on this day
    protected            INTEGER NOT NULL,
    weak                 INTEGER NOT NULL,
    unprotected          INTEGER NOT NULL,
    unknown              INTEGER NOT NULL,
    without_agent        INTEGER,            -- NULL: nobody looked
    open_critical        INTEGER NOT NULL,
    open_high            INTEGER NOT NULL,
    open_medium          INTEGER NOT NULL,
    open_low             INTEGER NOT NULL,
    open_informational   INTEGER NOT NULL,
    raised_critical      INTEGER NOT NULL,
    raised_high          INTEGER NOT NULL,
    raised_medium        INTEGER NOT NULL,
    raised_low           INTEGER NOT NULL,
    raised_informational INTEGER NOT NULL,
    measured_at          INTEGER NOT NULL,   -- microseconds since 1970, UTC
    PRIMARY KEY (day, agency)
) STRICT, WITHOUT ROWID;
