-- Events: written with the fact that they tell. There is one writer at a time, so that the order of
-- inserts is the order of commits: a row has its position in the feed at once. (In PostgreSQL it
-- gets one later.) AUTOINCREMENT: none is given twice.
CREATE TABLE outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    pk INTEGER GENERATED ALWAYS AS (position) VIRTUAL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    type TEXT NOT NULL,
    key TEXT NOT NULL,
    at INTEGER NOT NULL,
    source TEXT NOT NULL,
    correlation_id TEXT,
    user_id TEXT,
    data TEXT NOT NULL -- JSON object
) STRICT;

CREATE VIEW event_feed AS
    SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'outbox'), 0) AS last;

-- How far each reader is, and who reads for it.
CREATE TABLE event_cursors (
    name TEXT NOT NULL PRIMARY KEY,
    position INTEGER NOT NULL,
    owner TEXT,
    held_until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Events of others that have been acted upon: what comes twice is done once.
CREATE TABLE event_inbox (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX event_inbox_by_time ON event_inbox (at);
