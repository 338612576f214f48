-- What CI platforms tell, and what they are told. Times are Unix milliseconds; 0 is none.

-- Webhooks, committed before they are answered.
CREATE TABLE webhook_deliveries (
    pk INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    integration TEXT NOT NULL,
    key TEXT NOT NULL, -- names it, within the integration
    native_event TEXT NOT NULL,
    is_event INTEGER NOT NULL, -- the body is a normalised event: what a poll found
    state TEXT NOT NULL DEFAULT 'received' CHECK (state IN ('received', 'done', 'failed')),
    received_at INTEGER NOT NULL,
    ordinal INTEGER NOT NULL, -- of those that came in one millisecond
    done_at INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    headers TEXT, -- list of [name, value]; this and the following: NULL when it is done
    path TEXT,
    query TEXT,
    body BLOB,
    UNIQUE (integration, key)
) STRICT;
CREATE INDEX webhook_deliveries_waiting
    ON webhook_deliveries (integration, received_at, ordinal, pk) WHERE state = 'received';
CREATE INDEX webhook_deliveries_failed ON webhook_deliveries (pk) WHERE state = 'failed';
CREATE INDEX webhook_deliveries_done ON webhook_deliveries (done_at) WHERE done_at > 0;

-- Deliveries of one integration are worked on by one node at a time, in order.
CREATE TABLE webhook_lanes (
    integration TEXT NOT NULL PRIMARY KEY,
    node TEXT,
    held_until INTEGER NOT NULL DEFAULT 0,
    polled_at INTEGER NOT NULL DEFAULT 0, -- when a poll was begun, by whichever node
    polled_since INTEGER NOT NULL DEFAULT 0, -- of the last one that came to its end
    poll_state TEXT -- what the plugin wants to know again
) STRICT, WITHOUT ROWID;

-- What was had once and is not to be had again, whichever delivery asks for it.
CREATE TABLE webhook_effects (
    key TEXT NOT NULL PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhook_effects_by_time ON webhook_effects (at);

-- What a platform is told of one commit or pull request.
CREATE TABLE publications (
    pk INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    integration TEXT NOT NULL,
    repository TEXT NOT NULL,
    marker TEXT NOT NULL,
    subject TEXT NOT NULL, -- number of the pull request, or the commit
    commit_sha TEXT NOT NULL,
    branch TEXT,
    pr_number INTEGER NOT NULL,
    context TEXT,
    steps TEXT,
    state TEXT, -- of the plugin
    publication TEXT NOT NULL CHECK (publication IN ('pending', 'published', 'failed')),
    job_id BLOB, -- that it waits for
    scan_id BLOB,
    reason TEXT,
    revision INTEGER NOT NULL,
    told INTEGER NOT NULL DEFAULT 0, -- newest revision that the platform has heard of
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (integration, repository, marker, subject)
) STRICT;
CREATE INDEX publications_pending ON publications (updated_at, pk) WHERE publication = 'pending';
CREATE INDEX publications_failed ON publications (pk) WHERE publication = 'failed';
CREATE INDEX publications_of_job ON publications (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX publications_by_time ON publications (updated_at);
CREATE INDEX publications_by_repository ON publications (repository, pk);
CREATE INDEX publications_by_commit ON publications (commit_sha, pk);
