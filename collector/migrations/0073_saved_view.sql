-- Room `saved_view`: filters of lists that somebody wants to open again.
CREATE TABLE saved_view (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    owner      TEXT NOT NULL REFERENCES operator (name) ON DELETE CASCADE,
    page       TEXT NOT NULL,                -- path of the list: /alerts
    name       TEXT NOT NULL,
    query      TEXT NOT NULL,                -- what follows the path: ?state=open
    shared     INTEGER NOT NULL,             -- 1: everybody sees it
    created_at INTEGER NOT NULL,             -- microseconds since 1970, UTC
    UNIQUE (owner, page, name)
) STRICT;
CREATE INDEX saved_view_page ON saved_view (page);
