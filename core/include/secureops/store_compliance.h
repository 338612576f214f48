/* Compliance as it is kept: what each stored scan says of the controls of a framework, and what
 * people attest of those that no scan can judge. As store.h: synchronous calls, Unix milliseconds.
 *
 * Nothing here is compliant by default: an incomplete or old scan, a control that was not judged,
 * was waived, or is manual and not attested, leaves it undetermined, with the reasons.
 * docs/compliance.md. */
#pragma once

#include <secureops/store.h>

/* Of a control; the same words as of sco_control_status_name(). The worst first. */
enum sco_verdict {
    SCO_VERDICT_FAIL,
    SCO_VERDICT_ERROR,
    SCO_VERDICT_UNKNOWN,
    SCO_VERDICT_WAIVED,
    SCO_VERDICT_MANUAL, /* and not attested, or no longer */
    SCO_VERDICT_NOT_EVALUATED,
    SCO_VERDICT_ATTESTED, /* manual: a person says that it is met. Never stored of a scan */
    SCO_VERDICT_PASS,
    SCO_VERDICT_NOT_APPLICABLE,
    SCO_VERDICT_MAX_
};
const char *sco_verdict_name(enum sco_verdict v); /* "fail" ... */

enum sco_compliance_result {
    SCO_COMPLIANCE_NON_COMPLIANT, /* a control fails, whatever the others are */
    SCO_COMPLIANCE_UNDETERMINED,
    SCO_COMPLIANCE_COMPLIANT,
};
const char *sco_compliance_result_name(enum sco_compliance_result r); /* "non_compliant" */

/* ---- writing ---- */
struct sco_new_verdict {
    const char *control, *title, *description; /* description: or NULL */
    bool manual;
    const char *status;   /* name of a verdict, but "attested" */
    const char *reason;   /* one phrase */
    const char *evidence; /* JSON object: policies, facts, failures */
};
struct sco_new_assessment {
    const char *framework, *version, *title; /* version: or "" */
    const struct sco_new_verdict *v;
    size_t n;
};
/* In the transaction that saves the scan (sco_store_subject.attach). SCO_E_NOT_FOUND: no such scan;
 * SCO_E_INVALID: a status that is none, no framework. */
int sco_store_assessment_add(struct sco_store *s, const char *scan_id,
                             const struct sco_new_assessment *a,
                             struct sco_error *err) SCO_NODISCARD;

/* ---- attestations: append only; the newest one holds, until it expires ---- */
struct sco_stored_attestation {
    const char *id;                            /* the store's */
    const char *framework, *version, *control; /* it holds for this version alone */
    const char *repository;                    /* "": all that have none of their own */
    const char *verdict;                       /* "pass" "fail" "not_applicable" "withdrawn" */
    const char *reason, *attested_by;
    const char *evidence;            /* where it can be seen; or NULL */
    int64_t attested_at, expires_at; /* expires_at 0: never */
    bool in_force;                   /* of what is read: newest, not withdrawn, not expired */
};
/* SCO_E_NOT_FOUND: the framework or control is in no assessment; SCO_E_INVALID: what is missing, or
 * an end that is over. */
int sco_store_attest(struct sco_store *s, const struct sco_stored_attestation *a, char ret_id[37],
                     struct sco_error *err) SCO_NODISCARD;
/* The version of a framework that was assessed last. SCO_E_NOT_FOUND. */
int sco_store_framework_version(struct sco_store *s, const char *framework, struct sco_arena *arena,
                                const char **ret, struct sco_error *err) SCO_NODISCARD;
struct sco_attestation_filter {
    const char *framework, *version, *control, *repository; /* NULL: any */
    const char *const *repositories; /* globs: those of one's own, and those for all; NULL: any */
    int64_t now;
    const char *cursor;
    uint32_t limit; /* 0: 100 */
};
struct sco_attestation_page {
    struct sco_stored_attestation *v;
    size_t n;
    const char *cursor;
    struct sco_arena arena;
};
int sco_store_attestations(struct sco_store *s, const struct sco_attestation_filter *f,
                           struct sco_attestation_page *ret,
                           struct sco_error *err) SCO_NODISCARD; /* newest first */
void sco_attestation_page_done(struct sco_attestation_page *p);
void sco_stored_attestation_write(struct sco_json_out *o, const struct sco_stored_attestation *a);

/* ---- reading ---- */
struct sco_compliance_filter {
    const char *framework;                  /* NULL: any */
    const char *version;                    /* NULL: any; of one framework: the one assessed last */
    const char *repository, *branch, *team; /* NULL: any; team: of the targets of the repository */
    const char *const *repositories;        /* globs as of struct sco_store_filter */
    int64_t now, stale_ms;                  /* older than this is stale; 0: never */
    int64_t from, to;                       /* history: 0 is open */
    const char *cursor;
    uint32_t limit; /* 0: 100 */
};
struct sco_stored_assessment {
    const char *id, *framework, *version, *title;
    const char *repository, *branch, *scope, *scan_id, *scan_status;
    const char *commit_sha; /* or NULL */
    int64_t assessed_at;
    int64_t last_complete_at; /* of the same framework, branch and scope; 0: there is none */
    int64_t counts[SCO_VERDICT_MAX_];
    char digest[65];
    bool latest; /* false in a history */
    bool complete, stale;
    enum sco_compliance_result result; /* as of now when it is the latest, else as it was */
    const char **reasons;              /* why not compliant */
    size_t n_reasons;
};
struct sco_assessment_page {
    struct sco_stored_assessment *v;
    size_t n;
    const char *cursor;
    struct sco_arena arena;
};
/* The latest of each framework, branch and scope, the newest first; attestations count. */
int sco_store_assessments(struct sco_store *s, const struct sco_compliance_filter *f,
                          struct sco_assessment_page *ret, struct sco_error *err) SCO_NODISCARD;
/* All of them, the newest first, as the scans said it. */
int sco_store_assessment_history(struct sco_store *s, const struct sco_compliance_filter *f,
                                 struct sco_assessment_page *ret,
                                 struct sco_error *err) SCO_NODISCARD;
void sco_assessment_page_done(struct sco_assessment_page *p);
void sco_stored_assessment_write(struct sco_json_out *o, const struct sco_stored_assessment *a);

enum { SCO_COMPLIANCE_ASSESSMENTS_MAX = 2000, SCO_COMPLIANCE_BYTES_MAX = 32 << 20 };

struct sco_compliance_cell { /* a control in one assessment */
    size_t assessment;       /* index */
    enum sco_verdict verdict;
    const char *reason, *evidence;                    /* NULL when not asked for */
    const struct sco_stored_attestation *attestation; /* what decided it; or NULL */
};
struct sco_compliance_row {
    const char *id, *title, *description; /* description: or NULL */
    bool manual;
    enum sco_verdict verdict; /* the worst of the cells */
    struct sco_compliance_cell *cells;
    size_t n_cells, cap_cells;
};
struct sco_compliance_view {
    const char *framework, *version, *title;
    struct sco_assessment_page assessments; /* latest; all of them */
    struct sco_attestation_page attestations;
    struct sco_compliance_row *rows;
    size_t n_rows, cap_rows;
    int64_t counts[SCO_VERDICT_MAX_]; /* of the rows */
    enum sco_compliance_result result;
    const char **reasons;
    size_t n_reasons;
    const char **unassessed; /* repositories of the store that the framework was never asked of */
    size_t n_unassessed, n_unassessed_all;
    int64_t now;
    struct sco_arena arena;
};
/* One framework over all repositories: what is worst decides. `evidence`: with it. SCO_E_NOT_FOUND:
 * no assessment; SCO_E_LIMIT: more than the limits above: narrow it. */
int sco_store_compliance(struct sco_store *s, const struct sco_compliance_filter *f, bool evidence,
                         struct sco_compliance_view *ret, struct sco_error *err) SCO_NODISCARD;
void sco_compliance_view_done(struct sco_compliance_view *v);
void sco_compliance_view_write(struct sco_json_out *o, const struct sco_compliance_view *v);

/* For sco_store_verify: 0, or SCO_E_FORMAT with the first assessment that is not as it was. */
int sco_store_compliance_verify(struct sco_store *s, struct sco_error *err) SCO_NODISCARD;
