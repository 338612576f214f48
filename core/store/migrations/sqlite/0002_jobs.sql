-- Jobs, schedules, targets (pipelines) and what scans left. Times are Unix milliseconds; 0 is none.

-- One row: who claims jobs writes it first, so that limits are counted by one node at a time.
CREATE TABLE job_queue (
    claims INTEGER NOT NULL,
    ageing INTEGER NOT NULL -- what one priority is worth in the ranks of waiting jobs
) STRICT;
INSERT INTO job_queue (claims, ageing) VALUES (0, 600000);

CREATE TABLE jobs (
    pk INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    kind TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'queued' CHECK (state IN
        ('queued', 'running', 'completed', 'failed', 'dead', 'cancelled', 'replaced')),
    target_key TEXT NOT NULL,
    revision TEXT NOT NULL,
    scanners TEXT NOT NULL,
    request TEXT NOT NULL, -- JSON object
    origin TEXT NOT NULL,
    requested_by TEXT,
    correlation_id TEXT,
    traceparent TEXT,
    idempotency_key TEXT,
    only_node TEXT,
    priority INTEGER NOT NULL,
    waiting_since INTEGER NOT NULL, -- of the request that it replaced, when there was one
    rank INTEGER NOT NULL,          -- waiting_since - priority * ageing: the lowest is next
    max_attempts INTEGER NOT NULL,
    attempt INTEGER NOT NULL DEFAULT 0, -- only ever counted up: with the node it is the lease
    uncounted INTEGER NOT NULL DEFAULT 0, -- attempts that were handed back, or forgiven
    not_before INTEGER NOT NULL,
    deadline INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER NOT NULL DEFAULT 0,
    completed_at INTEGER NOT NULL DEFAULT 0,
    lease_until INTEGER NOT NULL DEFAULT 0,
    node TEXT,
    reason TEXT,
    scan_id BLOB,
    cancel INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE UNIQUE INDEX jobs_by_key ON jobs (idempotency_key) WHERE idempotency_key IS NOT NULL;
CREATE INDEX jobs_by_target ON jobs (target_key, pk);
CREATE INDEX jobs_by_state ON jobs (state, pk) WHERE state <> 'completed';
CREATE INDEX jobs_ended ON jobs (completed_at, state) WHERE completed_at > 0;
CREATE INDEX jobs_queued ON jobs (rank, pk)
    WHERE state = 'queued' AND kind NOT IN ('ci', 'call', 'workflow');
CREATE INDEX jobs_queued_short ON jobs (rank, pk)
    WHERE state = 'queued' AND kind IN ('ci', 'call', 'workflow');
CREATE INDEX jobs_queued_for ON jobs (target_key, revision) WHERE state = 'queued';
CREATE INDEX jobs_deadline ON jobs (deadline) WHERE state = 'queued' AND deadline > 0;
CREATE INDEX jobs_running ON jobs (target_key) WHERE state = 'running';

CREATE TABLE schedules (
    pk INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    name TEXT NOT NULL UNIQUE CHECK (name <> ''),
    cron TEXT,
    time_zone TEXT NOT NULL,
    windows TEXT NOT NULL,
    kind TEXT NOT NULL,
    target_key TEXT NOT NULL,
    revision TEXT NOT NULL,
    scanners TEXT NOT NULL,
    request TEXT NOT NULL,
    created_by TEXT,
    interval_ms INTEGER NOT NULL,
    jitter_ms INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    catch_up TEXT NOT NULL CHECK (catch_up IN ('skip', 'one', 'all')),
    enabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL DEFAULT 0,
    last_job BLOB
) STRICT;
CREATE INDEX schedules_due ON schedules (next_at) WHERE enabled AND next_at > 0;

-- What is scanned, under a name.
CREATE TABLE pipelines (
    pk INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    name TEXT NOT NULL UNIQUE CHECK (name <> ''),
    kind TEXT NOT NULL CHECK (kind IN ('repository', 'image', 'directory', 'url')),
    platform TEXT NOT NULL,
    repository_url TEXT NOT NULL, -- the location, whatever kind it is
    branch TEXT NOT NULL,
    team TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('active', 'paused')),
    config TEXT NOT NULL,
    created_by TEXT,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX pipelines_by_location ON pipelines (repository_url);

-- Runs of pipelines, of platforms and our own.
CREATE TABLE pipeline_executions (
    pk INTEGER PRIMARY KEY,
    id BLOB NOT NULL CHECK (length(id) = 16),
    pipeline_id BLOB NOT NULL,
    integration TEXT NOT NULL, -- '' of our own runs
    platform TEXT NOT NULL,
    repository TEXT NOT NULL,
    external_id TEXT, -- of the platform
    attempt INTEGER NOT NULL,
    name TEXT NOT NULL,
    branch TEXT NOT NULL,
    commit_sha TEXT,
    ref TEXT,
    event TEXT,
    triggered_by TEXT,
    url TEXT,
    environment TEXT,
    status TEXT NOT NULL,
    reason TEXT,
    details TEXT,
    pr_number INTEGER NOT NULL DEFAULT 0,
    rollback_of BLOB,
    job_id BLOB,
    started_told INTEGER NOT NULL DEFAULT 0, -- by an event; ended_told as well
    ended_told INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL, -- when it began to be, as far as was known first
    updated_at INTEGER NOT NULL,
    queued_at INTEGER NOT NULL DEFAULT 0,
    started_at INTEGER NOT NULL DEFAULT 0,
    completed_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX pipeline_executions_by_time ON pipeline_executions (created_at, pk);
CREATE INDEX pipeline_executions_by_id ON pipeline_executions (id);
CREATE INDEX pipeline_executions_by_pipeline ON pipeline_executions (pipeline_id, created_at, pk);
CREATE INDEX pipeline_executions_by_repository
    ON pipeline_executions (repository, created_at, pk);
CREATE INDEX pipeline_executions_by_external
    ON pipeline_executions (external_id, repository) WHERE external_id IS NOT NULL;
CREATE INDEX pipeline_executions_open
    ON pipeline_executions (status, created_at, pk) WHERE completed_at = 0;

CREATE TABLE pipeline_stages (
    pk INTEGER PRIMARY KEY,
    execution_id BLOB NOT NULL,
    ordinal INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    external_id TEXT, -- of the platform's job
    name TEXT NOT NULL,
    stage TEXT, -- that the platform's job belongs to
    status TEXT NOT NULL,
    reason TEXT,
    url TEXT,
    queued_at INTEGER NOT NULL DEFAULT 0,
    started_at INTEGER NOT NULL DEFAULT 0,
    completed_at INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX pipeline_stages_by_execution ON pipeline_stages (execution_id, ordinal, pk);

-- Reports and the log of a scan, in parts; size and created_at are the same in each of them.
CREATE TABLE scan_artifacts (
    scan_id BLOB NOT NULL CHECK (length(scan_id) = 16),
    name TEXT NOT NULL,
    part INTEGER NOT NULL,
    media_type TEXT NOT NULL,
    gzip INTEGER NOT NULL,
    size INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (scan_id, name, part)
) STRICT;
CREATE INDEX scan_artifacts_by_time ON scan_artifacts (created_at);
