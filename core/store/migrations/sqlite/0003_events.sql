-- Events: written with the fact that they tell, given a position in the feed a little later.
CREATE TABLE outbox (
    pk INTEGER PRIMARY KEY, -- the order within a transaction, and of those that waited for others
    position INTEGER,       -- 1, 2, 3, ...; NULL: not in the feed yet
    id BLOB NOT NULL CHECK (length(id) = 16),
    type TEXT NOT NULL,
    key TEXT NOT NULL,
    at INTEGER NOT NULL,
    source TEXT NOT NULL,
    correlation_id TEXT,
    user_id TEXT,
    data TEXT NOT NULL -- JSON object
) STRICT;
CREATE UNIQUE INDEX outbox_by_position ON outbox (position) WHERE position IS NOT NULL;
CREATE INDEX outbox_pending ON outbox (pk) WHERE position IS NULL;

-- One row: who gives positions has it locked.
CREATE TABLE event_feed (
    last INTEGER NOT NULL
) STRICT;
INSERT INTO event_feed (last) VALUES (0);

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
