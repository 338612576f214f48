/* Between the files of compliance. */
#pragma once

#include "store_priv.h"

#include <secureops/crypto.h>
#include <secureops/store_compliance.h>

bool compliance_verdict_parse(struct sco_str name, enum sco_verdict *ret);
extern const char *const compliance_columns[SCO_VERDICT_MAX_]; /* of the counts; NULL: none */

/* The digest of an assessment: begin with the row, then each result in order, then the end. */
struct compliance_head {
    struct sco_str id, scan_id; /* 16 bytes */
    struct sco_str framework, version, repository, branch, scope, commit_sha, scan_status;
    struct sco_str previous; /* 32 bytes, or {NULL, 0} */
    int64_t assessed_at, counts[SCO_VERDICT_MAX_];
};
void compliance_digest_begin(struct sco_sha256 *h, const struct compliance_head *x);
void compliance_digest_result(struct sco_sha256 *h, struct sco_str control, struct sco_str title,
                              struct sco_str status, struct sco_str reason,
                              struct sco_str evidence);

/* ---- compliance_read.c ---- */
/* A query that grows: parameters in the order of their use. */
struct compliance_query {
    struct sco_buf sql, branches;
    struct store_value v[16];
    size_t n;
};
void compliance_query_add(struct compliance_query *q, const char *sql, struct store_value v);
void compliance_query_done(struct compliance_query *q);
/* " AND ..." for what the filter has of branches, teams and frameworks. */
int compliance_query_narrow(struct sco_store *s, struct compliance_query *q,
                            const struct sco_compliance_filter *f, struct sco_error *err);
/* Sets stale, result and reasons by what is there. */
int compliance_assess(struct sco_stored_assessment *x, const struct sco_compliance_filter *f,
                      struct sco_arena *a);
/* Appends "N controls ..." for each kind that keeps it from being compliant. */
int compliance_reasons(const int64_t counts[SCO_VERDICT_MAX_], struct sco_arena *a,
                       const char **reasons, size_t *n);
enum { COMPLIANCE_REASONS_MAX = 16 };

/* ---- attestations.c ---- */
/* Those of a framework that are the newest of their (control, repository). */
int compliance_attestations_of(struct sco_store *s, const char *framework, const char *version,
                               int64_t now, struct sco_attestation_page *ret,
                               struct sco_error *err);
/* What holds for a manual control of a repository; NULL: nothing. */
const struct sco_stored_attestation *compliance_attestation_for(
    const struct sco_attestation_page *p, const char *control, const char *repository);
enum sco_verdict compliance_attested(const struct sco_stored_attestation *a); /* in force */
