-- What became of findings, day by day (UTC): counted by whoever changes them, in the same
-- transaction. The open ones of a day are the sum of `opened` up to it: OPEN or IN_PROGRESS, and not
-- suppressed.
CREATE TABLE finding_days (
    branch_pk INTEGER NOT NULL,
    day INTEGER NOT NULL, -- since 1970-01-01
    severity TEXT NOT NULL,
    created INTEGER NOT NULL,
    reopened INTEGER NOT NULL,
    resolved INTEGER NOT NULL,
    fix_ms INTEGER NOT NULL, -- of the resolved ones, from first_detected on
    opened INTEGER NOT NULL, -- more open ones; less, when it is negative
    PRIMARY KEY (branch_pk, day, severity)
) STRICT, WITHOUT ROWID;
CREATE INDEX finding_days_by_day ON finding_days (day);

-- What somebody should look at.
CREATE TABLE alerts (
    pk INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    kind TEXT NOT NULL,
    severity TEXT NOT NULL,
    title TEXT NOT NULL,
    message TEXT NOT NULL,
    repository TEXT,
    object TEXT, -- what it is about: id of a finding, scan or job
    created_at INTEGER NOT NULL,
    acknowledged_at INTEGER NOT NULL DEFAULT 0,
    acknowledged_by TEXT,
    notified_at INTEGER NOT NULL DEFAULT 0 -- somebody was told, or need not be
) STRICT;
CREATE INDEX alerts_by_time ON alerts (created_at, pk);
CREATE INDEX alerts_waiting ON alerts (created_at, pk) WHERE acknowledged_at = 0;
CREATE INDEX alerts_unsent ON alerts (created_at, pk) WHERE notified_at = 0;
