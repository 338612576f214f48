/* A framework judged by a scan: each control with its evidence. Plain data; strings live in the
 * arena or in the scan, which must stay.
 *
 * A control passes with evidence only: every policy of it that applied passed, at least one did,
 * and every fact holds. A control with neither policies nor facts, or marked so, is manual. What
 * was waived is not passed: a person has accepted it, and a person has to look. */
#pragma once

#include <secureops/json.h>
#include <secureops/scan.h>

enum sco_control_status {
    SCO_CONTROL_PASS,
    SCO_CONTROL_FAIL,
    SCO_CONTROL_UNKNOWN, /* something that decides is not known: a missing scanner, a value */
    SCO_CONTROL_MANUAL,
    SCO_CONTROL_NOT_EVALUATED,  /* its policies applied to nothing */
    SCO_CONTROL_ERROR,          /* a policy of it could not judge */
    SCO_CONTROL_WAIVED,         /* what failed is accepted by waivers or comments */
    SCO_CONTROL_NOT_APPLICABLE, /* its policies looked, and what they judge is not there */
    SCO_CONTROL_MAX_
};
const char *sco_control_status_name(enum sco_control_status s); /* "pass" ... "not_evaluated" */

enum { SCO_CONTROL_FAILURES_MAX = 100 }; /* named for one control; the others are counted */

struct sco_control_policy {
    const char *id;
    uint64_t verdicts[SCO_SCAN_VERDICTS];
};
struct sco_control_fact {
    const char *fact, *detail;
    enum sco_control_status status; /* PASS, FAIL, UNKNOWN */
};
struct sco_control_failure {
    const char *policy, *severity, *resource, *file_path, *message;
    int64_t line;
};
struct sco_control {
    const char *id, *title, *description; /* description: or NULL */
    enum sco_control_status status;
    const char *reason; /* one phrase */
    bool by_hand;       /* nothing but a person can say that it is met */
    struct sco_control_policy *policies;
    size_t n_policies;
    struct sco_control_fact *facts;
    size_t n_facts;
    struct sco_control_failure *failures;
    size_t n_failures, failures_left_out;
};
struct sco_compliance {
    const char *id, *title, *version, *requested; /* requested: as named, with @VERSION */
    const struct sco_scan *scan;
    struct sco_control *controls;
    size_t n_controls;
    uint64_t counts[SCO_CONTROL_MAX_];
    struct sco_arena arena;
};

/* `framework`: the record "framework" of the plugin `policies`. */
int sco_compliance_judge(const struct sco_node *framework, const char *requested,
                         const struct sco_scan *scan, struct sco_compliance **ret,
                         struct sco_error *err) SCO_NODISCARD;
struct sco_compliance *sco_compliance_free(struct sco_compliance *c); /* NULL is fine */

/* The reports. HTML is one file that loads nothing. */
void sco_compliance_table(const struct sco_compliance *c, struct sco_buf *out);
void sco_compliance_json(const struct sco_compliance *c, struct sco_buf *out);
void sco_compliance_html(const struct sco_compliance *c, struct sco_buf *out);
void sco_compliance_csv(const struct sco_compliance *c, struct sco_buf *out);
/* What a control's status is known by, as an object: policies, facts, failures. */
void sco_control_evidence(struct sco_json_out *o, const struct sco_control *x);

/* ---- for an auditor: a framework over repositories ----
 * From the JSON of sco_compliance_view_write() (store_compliance.h). HTML is one file that loads
 * nothing. */
void sco_compliance_view_table(const struct sco_node *view, struct sco_buf *out);
void sco_compliance_view_html(const struct sco_node *view, struct sco_buf *out);
void sco_compliance_view_csv(const struct sco_node *view, struct sco_buf *out);
