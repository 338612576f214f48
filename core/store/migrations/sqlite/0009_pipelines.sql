-- Pipelines that somebody has defined, and what their executions were asked for.
CREATE TABLE pipeline_definitions (
    pipeline_id BLOB NOT NULL CHECK (length(pipeline_id) = 16) PRIMARY KEY, -- of pipelines
    location TEXT NOT NULL, -- repository_url as it was: with another one it does not run
    integration TEXT, -- NULL: our own
    repository TEXT NOT NULL,
    workflow TEXT,
    definition TEXT, -- YAML of our own
    checkout_secret TEXT
) STRICT;

CREATE TABLE pipeline_runs (
    execution_id BLOB NOT NULL CHECK (length(execution_id) = 16) PRIMARY KEY,
    definition TEXT, -- as it was; NULL: at a platform
    request TEXT NOT NULL, -- JSON object
    requested_by TEXT,
    state TEXT, -- JSON object of whoever follows it at its platform
    look_at INTEGER NOT NULL DEFAULT 0 -- when next; 0: never
) STRICT;

CREATE INDEX pipeline_runs_due ON pipeline_runs (look_at) WHERE look_at > 0;

CREATE TABLE pipeline_approvals (
    pk INTEGER PRIMARY KEY,
    execution_id BLOB NOT NULL CHECK (length(execution_id) = 16),
    stage TEXT NOT NULL, -- '': the whole
    approved INTEGER NOT NULL,
    decided_by TEXT NOT NULL CHECK (decided_by <> ''),
    decided_at INTEGER NOT NULL,
    reason TEXT
) STRICT;
CREATE INDEX pipeline_approvals_of ON pipeline_approvals (execution_id, pk);

-- What stages print: whole lines of one stage in each part.
CREATE TABLE pipeline_logs (
    execution_id BLOB NOT NULL CHECK (length(execution_id) = 16),
    at INTEGER NOT NULL, -- bytes before it
    stage TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    size INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (execution_id, at)
) STRICT;

CREATE INDEX pipeline_executions_rolled_back
    ON pipeline_executions (rollback_of) WHERE rollback_of IS NOT NULL;

-- Of a fork: its branches and environments are none of the repository's, whatever they are called.
ALTER TABLE pipeline_executions ADD COLUMN is_fork INTEGER NOT NULL DEFAULT 0;
