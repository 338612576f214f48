-- What scans say of the controls of compliance frameworks, and what people attest of those that no
-- scan can judge.
CREATE TABLE compliance_frameworks (
    pk INTEGER PRIMARY KEY,
    id TEXT NOT NULL CHECK (id <> ''),
    version TEXT NOT NULL, -- '' when it has none
    title TEXT NOT NULL,
    digest BLOB NOT NULL CHECK (length(digest) = 32), -- of its controls
    updated_at INTEGER NOT NULL,
    UNIQUE (id, version)
) STRICT;

CREATE TABLE compliance_controls (
    framework_pk INTEGER NOT NULL REFERENCES compliance_frameworks (pk),
    ordinal INTEGER NOT NULL,
    id TEXT NOT NULL,
    title TEXT NOT NULL,
    description TEXT,
    manual INTEGER NOT NULL,
    PRIMARY KEY (framework_pk, ordinal)
) STRICT, WITHOUT ROWID;

-- One for each stored scan and framework. The latest of a (framework, branch, scope), and the latest
-- of them of a complete scan, are kept whatever their age.
CREATE TABLE compliance_assessments (
    pk INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    framework_pk INTEGER NOT NULL REFERENCES compliance_frameworks (pk),
    branch_pk INTEGER NOT NULL REFERENCES branches (pk),
    scope TEXT NOT NULL,
    scan_id BLOB NOT NULL CHECK (length(scan_id) = 16), -- the scan may be gone already
    commit_sha TEXT,
    scan_status TEXT NOT NULL,
    assessed_at INTEGER NOT NULL,
    passed INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    unknown INTEGER NOT NULL,
    manual INTEGER NOT NULL,
    not_evaluated INTEGER NOT NULL,
    errors INTEGER NOT NULL,
    waived INTEGER NOT NULL,
    not_applicable INTEGER NOT NULL,
    latest INTEGER NOT NULL,
    latest_complete INTEGER NOT NULL,
    previous BLOB, -- digest of the one before
    digest BLOB NOT NULL CHECK (length(digest) = 32) -- of all of this, and of the results
) STRICT;
CREATE UNIQUE INDEX compliance_assessments_latest
    ON compliance_assessments (framework_pk, branch_pk, scope) WHERE latest;
CREATE UNIQUE INDEX compliance_assessments_complete
    ON compliance_assessments (framework_pk, branch_pk, scope) WHERE latest_complete;
CREATE INDEX compliance_assessments_by_time ON compliance_assessments (assessed_at, pk);
CREATE INDEX compliance_assessments_of
    ON compliance_assessments (framework_pk, branch_pk, scope, assessed_at, pk);

CREATE TABLE compliance_results (
    assessment_pk INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    control TEXT NOT NULL,
    title TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    evidence TEXT NOT NULL, -- JSON: policies, facts, failures; as text, since the digest is of it
    PRIMARY KEY (assessment_pk, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE compliance_attestations (
    pk INTEGER PRIMARY KEY,
    id BLOB NOT NULL UNIQUE CHECK (length(id) = 16),
    framework TEXT NOT NULL,
    version TEXT NOT NULL,
    control TEXT NOT NULL,
    repository TEXT NOT NULL, -- '': all
    verdict TEXT NOT NULL CHECK (verdict IN ('pass', 'fail', 'not_applicable', 'withdrawn')),
    reason TEXT NOT NULL CHECK (reason <> ''),
    evidence TEXT, -- where it can be seen
    attested_by TEXT NOT NULL CHECK (attested_by <> ''),
    attested_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;
CREATE INDEX compliance_attestations_of
    ON compliance_attestations (framework, version, control, repository, pk);
CREATE TRIGGER compliance_attestations_unchanged BEFORE UPDATE ON compliance_attestations BEGIN
    SELECT RAISE(ABORT, 'attestations are append-only');
END;
CREATE TRIGGER compliance_attestations_kept BEFORE DELETE ON compliance_attestations BEGIN
    SELECT RAISE(ABORT, 'attestations are append-only');
END;
