/* A scan and its outcome: what the engine fills and the reports print. Plain data; strings live in
 * the scan's arena or pool. */
#pragma once

#include <secureops/finding.h>

enum sco_run_status { /* of one scanner */
                      SCO_RUN_STATUS_COMPLETED,
                      SCO_RUN_STATUS_INCOMPLETE, /* trusted in part: the reason says what is missing
                                                  */
                      SCO_RUN_STATUS_FAILED,
                      SCO_RUN_STATUS_TIMEOUT,
                      SCO_RUN_STATUS_MISSING, /* its program is not installed */
                      SCO_RUN_STATUS_SKIPPED, /* nothing for it to do, or not wanted */
                      SCO_RUN_STATUS_MAX_
};
const char *sco_run_status_name(enum sco_run_status s); /* "completed" */

struct sco_scanner_run {
    const char *name;    /* the plugin's */
    const char *title;   /* for people */
    const char *tool;    /* name the tool gave itself, or NULL */
    const char *version; /* of the program, or NULL */
    const char *target;  /* what it looked at: scan target or report file */
    enum sco_run_status status;
    const char *reason; /* why not completed, in the tool's own words where it has some */
    const char *hint;   /* what to do about it, or NULL */
    bool required;      /* --require, or configured so */
    bool counts;        /* its not finishing makes the scan incomplete */
    int64_t started_ms, duration_ms; /* duration -1: did not run */
    int32_t exit_code;               /* of the program; -1: none */
    uint32_t finds;                  /* SCO_TYPE_BIT() bits: what it can find */
    uint64_t reported;               /* items received */
    uint64_t dropped;                /* of them in excluded folders */
    uint64_t suppressed;
    uint64_t by_severity[SCO_SEV_MAX_]; /* of its findings that count */
    const char *homepage;               /* of the scanner, or NULL */
    bool nothing;   /* skipped, for there is nothing in the target that it looks at */
    uint32_t share; /* while the scan runs: 1, 2, ... of a run that was cut; else 0 */
};

/* ---- what the policies say beside findings ---- */
enum { SCO_SCAN_VERDICTS = 6, SCO_SCAN_DOCUMENTS = 4, SCO_SCAN_ISSUES_MAX = 1000 };
/* "pass" "fail" "unknown" "skip" "error" "not_applicable"; "parsed" "partial" "skipped" "failed":
 * the orders of policy.h and iac.h. */
extern const char *const sco_scan_verdicts[SCO_SCAN_VERDICTS];
extern const char *const sco_scan_documents[SCO_SCAN_DOCUMENTS];
#define SCO_SCAN_PASS 0
#define SCO_SCAN_FAIL 1
#define SCO_SCAN_UNKNOWN 2
#define SCO_SCAN_SKIP 3
#define SCO_SCAN_ERROR 4

struct sco_scan_bundle {
    const char *path, *digest;
};
struct sco_scan_policy { /* one that was part of the scan */
    const char *id, *title;
    uint32_t severity;
    uint64_t evaluations, verdicts[SCO_SCAN_VERDICTS];
};
struct sco_scan_issue { /* what could not be judged, or will be known only at run time */
    const char *kind;   /* "error" "unknown" "document" "problem" */
    const char *policy, *resource, *file_path, *status, *message; /* NULL: does not apply */
    int64_t line;
};
struct sco_scan_gate { /* a verdict of a gate policy */
    const char *policy, *verdict, *severity, *message;
    const char *fingerprint; /* of the finding that it speaks of, or NULL */
    bool counts;             /* it makes the gate fail, or incomplete */
};
struct sco_scan_waiver { /* one that has to be looked at */
    const char *pattern, *reason, *owner, *expires, *file;
    uint32_t line;
    uint64_t matched;
    bool expired;
};
struct sco_scan_policies {
    struct sco_scan_bundle *bundles;
    size_t n_bundles, cap_bundles;
    struct sco_scan_policy *v;
    size_t n, cap;
    struct sco_scan_issue *issues;
    size_t n_issues, cap_issues;
    uint64_t issues_left_out;
    uint64_t documents[SCO_SCAN_DOCUMENTS], verdicts[SCO_SCAN_VERDICTS], evaluations;
    struct sco_scan_gate *gates;
    size_t n_gates, cap_gates;
    const char *gate_title; /* of the presets, or NULL */
    struct sco_scan_waiver *waivers;
    size_t n_waivers;
    uint64_t waived; /* findings */
};

/* What a store made of the findings: each is counted once as created, seen or reopened; resolved
 * ones and those that were not checked are not in the scan. */
struct sco_scan_stored {
    const char *where; /* NULL: the scan was not stored */
    uint64_t created, seen, changed /* of those seen or reopened */, resolved, reopened;
    uint64_t not_checked; /* open, not reported, and not looked for: they stay open */
};

enum sco_gate_result { SCO_GATE_PASSED, SCO_GATE_FAILED, SCO_GATE_INCOMPLETE };

struct sco_gate {
    enum sco_gate_result result;
    const char **reasons; /* sentences */
    size_t n_reasons;
    uint32_t fail_on; /* SCO_SEV_*; 0: none */
    bool chosen;      /* set by the operator, not the default */
};

struct sco_summary {
    uint64_t findings; /* in the list, suppressed ones included */
    uint64_t suppressed;
    uint64_t unchanged;                 /* known before, and not suppressed */
    uint64_t reported;                  /* items before merging */
    uint64_t by_severity[SCO_SEV_MAX_]; /* of those that count: neither suppressed nor known */
    uint64_t by_type[SCO_TYPE_MAX_];
};

/* With what the findings were compared: see diff.h. Both NULL: with nothing. */
struct sco_scan_comparison {
    const char *base, *base_sha, *merge_base; /* git: as asked for, its commit, the common one */
    const char *baseline;                     /* file */
    uint64_t by_state[SCO_BASELINE_MAX_];     /* not suppressed ones; ABSENT: of the baseline */
};
static inline bool sco_is_compared(const struct sco_scan_comparison *c)
{
    return c->base || c->baseline;
}

struct sco_scan_sbom {
    const char *path; /* of the file; NULL: there is none */
    const char *spec_version;
    uint64_t components, bytes;
    bool complete; /* false: what made it could not read everything */
};

struct sco_scan {
    char id[37];
    const char *command; /* "scan" or "import" */
    const char *target;  /* as given; several are joined by ", " */
    const char *root;    /* absolute folder the paths are relative to, or NULL */
    const char *repository, *branch, *commit_sha; /* from git, or NULL */
    int64_t started_ms, completed_ms;
    bool cancelled;
    struct sco_scanner_run *runs;
    size_t n_runs;
    struct sco_finding_set findings; /* identified, correlated, ranked */
    struct sco_summary summary;
    struct sco_scan_comparison comparison;
    struct sco_scan_policies policies;
    struct sco_scan_sbom sbom;
    struct sco_gate gate;
    struct sco_scan_stored stored;
    int exit_status; /* 0 passed, 1 gate failed, 3 incomplete */
    struct sco_arena arena;
};
/* "completed", "incomplete" (whatever the gate made of that), "cancelled". */
const char *sco_scan_status(const struct sco_scan *scan);
