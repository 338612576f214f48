-- Scans, findings and their history. Times are Unix milliseconds.
PRAGMA application_id = 1396920147; -- "SCOS"

-- A line of development of a repository: findings are known per branch. Whoever merges a scan
-- writes this row first, so that scans of one branch wait for each other.
CREATE TABLE branches (
    pk INTEGER PRIMARY KEY,
    repository TEXT NOT NULL CHECK (repository <> ''),
    branch TEXT NOT NULL,
    last_scan_at INTEGER NOT NULL DEFAULT 0,
    UNIQUE (repository, branch)
) STRICT;

CREATE TABLE scan_results (
    pk INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    branch_pk INTEGER NOT NULL REFERENCES branches (pk),
    scan_type TEXT NOT NULL,
    scope TEXT NOT NULL,
    target TEXT,
    commit_sha TEXT,
    status TEXT NOT NULL,
    gate_result TEXT NOT NULL,
    exit_status INTEGER NOT NULL,
    tool_name TEXT NOT NULL,
    tool_version TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    completed_at INTEGER NOT NULL,
    findings INTEGER NOT NULL,
    suppressed INTEGER NOT NULL,
    critical INTEGER NOT NULL,
    high INTEGER NOT NULL,
    medium INTEGER NOT NULL,
    low INTEGER NOT NULL,
    info INTEGER NOT NULL,
    created INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    resolved INTEGER NOT NULL,
    reopened INTEGER NOT NULL,
    not_checked INTEGER NOT NULL
) STRICT;
CREATE INDEX scan_results_by_time ON scan_results (completed_at, pk);
CREATE INDEX scan_results_by_branch ON scan_results (branch_pk, completed_at, pk);

CREATE TABLE scan_scanners (
    scan_pk INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    name TEXT NOT NULL,
    title TEXT,
    tool TEXT,
    version TEXT,
    target TEXT,
    status TEXT NOT NULL,
    reason TEXT,
    hint TEXT,
    required INTEGER NOT NULL,
    counts INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    exit_code INTEGER NOT NULL,
    reported INTEGER NOT NULL,
    dropped INTEGER NOT NULL,
    suppressed INTEGER NOT NULL,
    critical INTEGER NOT NULL,
    high INTEGER NOT NULL,
    medium INTEGER NOT NULL,
    low INTEGER NOT NULL,
    info INTEGER NOT NULL,
    PRIMARY KEY (scan_pk, ordinal)
) STRICT, WITHOUT ROWID;

-- What is asked for, sorted by, and changed by each scan; the long texts are in
-- vulnerability_details, which is written only when a report says something else. Between tables
-- that are filled in bulk there are no foreign keys, which would cost as much as the rows do; who
-- deletes a finding holds its branch, and "db verify" looks for what belongs to nothing.
CREATE TABLE vulnerabilities (
    pk INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    branch_pk INTEGER NOT NULL,
    fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 32),
    digest BLOB NOT NULL, -- of the content as reported
    vulnerability_type TEXT NOT NULL,
    -- OR, not IN: for each row, SQLite would build a table of the list
    severity TEXT NOT NULL CHECK (severity = 'HIGH' OR severity = 'MEDIUM' OR severity = 'LOW' OR
        severity = 'CRITICAL' OR severity = 'INFO'),
    title TEXT,
    rule_id TEXT,
    file_path TEXT,
    line_number INTEGER,
    cve_id TEXT,
    tools TEXT NOT NULL, -- names, separated by commas
    risk_score REAL NOT NULL,
    suppressed INTEGER NOT NULL,
    scope TEXT NOT NULL, -- of the scan that saw it last
    status TEXT NOT NULL
        CHECK (status = 'OPEN' OR status = 'RESOLVED' OR status = 'IN_PROGRESS' OR
            status = 'FALSE_POSITIVE' OR status = 'ACCEPTED'),
    status_by TEXT,
    status_reason TEXT,
    assignee TEXT,
    accepted_until INTEGER,
    first_detected INTEGER NOT NULL,
    last_detected INTEGER NOT NULL,
    resolved_at INTEGER,
    resolved_by TEXT,
    first_scan BLOB NOT NULL, -- ids; the scans may be gone already
    last_scan BLOB NOT NULL,
    UNIQUE (branch_pk, fingerprint),
    CHECK ((status = 'RESOLVED') = (resolved_at IS NOT NULL))
) STRICT;
-- the order of lists, a severity at a time
CREATE INDEX vulnerabilities_by_severity ON vulnerabilities (severity, risk_score, pk);
CREATE INDEX vulnerabilities_accepted ON vulnerabilities (accepted_until)
    WHERE accepted_until IS NOT NULL;
CREATE INDEX vulnerabilities_resolved ON vulnerabilities (resolved_at, branch_pk)
    WHERE resolved_at IS NOT NULL;
CREATE INDEX vulnerabilities_by_cve ON vulnerabilities (cve_id) WHERE cve_id IS NOT NULL;

CREATE TABLE vulnerability_details (
    pk INTEGER PRIMARY KEY,
    content TEXT NOT NULL -- JSON: the finding as in reports
) STRICT;

CREATE TABLE vulnerability_history (
    pk INTEGER PRIMARY KEY,
    vulnerability_pk INTEGER NOT NULL,
    at INTEGER NOT NULL,
    action TEXT NOT NULL,
    from_status TEXT,
    to_status TEXT,
    changed_by TEXT NOT NULL,
    scan_id BLOB,
    reason TEXT
) STRICT;
CREATE INDEX vulnerability_history_of ON vulnerability_history (vulnerability_pk, pk);
