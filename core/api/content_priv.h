/* What the handlers of scans, findings and policies share. All of it runs on the thread of the
 * call. */
#pragma once

#include "api_priv.h"

#include <secureops/store_jobs.h>

/* ---- scan_target.c: what may be scanned ---- */
struct api_target {
    const char *kind;     /* "repository" "image" "directory" "url" */
    const char *location; /* as the runner is given it */
    const char *key;      /* what it is known by: see sco_job_request.target_key */
    const char *host;     /* in lower case; NULL: a folder, an image */
    const char *branch;   /* of a stored target; NULL */
    bool local;           /* files of this node */
};
/* {"kind","location"} or {"name"} of a stored target, under `pointer`: allowed by
 * checkout.hosts and checkout.folders, and by the scope of the caller. In the call's arena. */
int api_target(struct api_call *c, const struct sco_node *v, const char *pointer,
               struct api_target *ret, struct sco_error *err) SCO_NODISCARD;
/* A branch, tag or commit that git takes for nothing else; empty is none. */
bool api_revision_is_safe(const char *z);

/* ---- scan_request.c ---- */
/* The job that a body asks for; `type`: SCO_TYPE_*, 0: all. Everything in the call's arena; also
 * for schedules. */
int api_scan_request(struct api_call *c, const struct sco_node *body, uint32_t type,
                     struct sco_job_request *ret, struct sco_error *err) SCO_NODISCARD;
/* Adds it for the caller; 202 with the job. *ret_existing: it was there already. */
int api_job_add(struct api_call *c, struct sco_job_request *q, bool *ret_existing,
                struct sco_error *err) SCO_NODISCARD;

/* ---- scan_show.c ---- */
/* A job or scan that the caller may see; one of the two, or both, are set (n is 1). Whoever may not
 * see it is told what somebody is told who asks for one that is not there. */
struct api_scan {
    struct sco_job_page job;
    struct sco_scan_page scan;
};
int api_scan_find(struct api_call *c, const char *id, struct api_scan *ret,
                  struct sco_error *err) SCO_NODISCARD;
void api_scan_done(struct api_scan *s);
void api_scan_cleanup_(struct api_scan *s);
int api_scan_list(struct api_call *c, struct sco_error *err);
int api_scan_get(struct api_call *c, struct sco_error *err);
int api_job_list(struct api_call *c, struct sco_error *err);
int api_job_get(struct api_call *c, struct sco_error *err);
int api_job_cancel(struct api_call *c, struct sco_error *err);
int api_job_retry(struct api_call *c, struct sco_error *err);

/* ---- scan_artifacts.c ---- */
int api_scan_findings(struct api_call *c, struct sco_error *err);
/* /sarif /report /sbom /log */
int api_scan_artifact(struct api_call *c, struct sco_error *err);
/* Of a scan or an execution, in the spool; *ret_fd: at its start. */
int api_artifact_open(struct api_call *c, const char *scan, const char *name, bool keep_gzip,
                      struct sco_artifact *ret, int *ret_fd, struct sco_error *err) SCO_NODISCARD;

/* ---- spool.c: replies that do not belong into memory ---- */
/* A file without a name, in the spool. */
int api_spool_open(const struct api_call *c, int *ret_fd, struct sco_error *err) SCO_NODISCARD;
/* A private folder in the spool; malloc'd, the caller's to remove. */
int api_spool_folder(const struct api_call *c, char **ret, struct sco_error *err) SCO_NODISCARD;
/* Writes the buffer out when it is full (or `all`), and empties it. */
int api_spool_flush(int fd, struct sco_buf *b, bool all, struct sco_error *err) SCO_NODISCARD;
/* fd, from its start, is the reply. It is the call's from now on. */
int api_spool_reply(struct api_call *c, int *fd, const char *type,
                    struct sco_error *err) SCO_NODISCARD;

/* ---- findings_filter.c ---- */
/* The query of a list of findings; `bulk`: the same as members of a body. */
int api_finding_filter(struct api_call *c, struct sco_store_filter *ret,
                       struct sco_error *err) SCO_NODISCARD;
bool api_status_parse(struct sco_str text, enum sco_status *ret);

/* ---- findings_change.c ---- */
/* A finding that the caller may see, else SCO_E_NOT_FOUND. */
int api_finding_find(struct api_call *c, const char *id, struct sco_finding_page *ret,
                     struct sco_error *err) SCO_NODISCARD;
/* Writes it to the reply, with its ETag. */
int api_finding_reply(struct api_call *c, const struct sco_stored_finding *f,
                      struct sco_error *err) SCO_NODISCARD;
int api_finding_put(struct api_call *c, struct sco_error *err);
int api_finding_bulk(struct api_call *c, struct sco_error *err);

/* ---- security_report*.c: all findings that a filter has, as a document ---- */
int api_security_report(struct api_call *c, struct sco_error *err);
struct report_count {
    uint64_t findings, by_severity[SCO_SEV_MAX_], by_type[SCO_TYPE_MAX_];
};
struct report_form {
    const char *name, *type, *extension;
    void (*begin)(struct sco_buf *b, const struct api_call *c, const struct report_count *n);
    int (*finding)(struct sco_buf *b, const struct sco_stored_finding *f, uint64_t nth,
                   struct sco_error *err);
    void (*end)(struct sco_buf *b);
};
extern const struct report_form report_form_html, report_form_csv;
/* SARIF: the findings as a scan, through core/report. */
int api_report_sarif(struct api_call *c, struct sco_store_filter *f, uint64_t max, int fd,
                     struct sco_error *err) SCO_NODISCARD;

/* ---- statistics.c ---- */
int api_stats_trend(struct api_call *c, struct sco_error *err);
int api_stats_severities(struct api_call *c, struct sco_error *err);
int api_stats_repositories(struct api_call *c, struct sco_error *err);
int api_stats_teams(struct api_call *c, struct sco_error *err);
int api_alert_list(struct api_call *c, struct sco_error *err);
int api_alert_get(struct api_call *c, struct sco_error *err);
int api_alert_acknowledge(struct api_call *c, struct sco_error *err);

/* ---- policy_run.c: `secureops` as a program ---- */
/* Runs it in `dir` (NULL: anywhere); its output is the reply when it is JSON. `statuses`: bits 1 <<
 * exit status that are an answer. Anything else is a problem 422 with `what`. */
int api_run_json(struct api_call *c, const char *dir, const char *const *argv, uint32_t statuses,
                 const char *what, struct sco_buf *out, int *ret_status,
                 struct sco_error *err) SCO_NODISCARD;
/* Appends "--policies", "a,b" for what is in data/policies, when there is something. */
int api_policy_packs(struct api_call *c, const char **argv, size_t *n,
                     struct sco_error *err) SCO_NODISCARD;
/* The same with one more, and without another. NULL: none. */
int api_policy_packs_with(struct api_call *c, const char *archive, const char *without,
                          const char **argv, size_t *n, struct sco_error *err) SCO_NODISCARD;

int api_iac_scan(struct api_call *c, struct sco_error *err);

/* ---- policy_upload.c, waivers.c ---- */
int api_policy_pack_list(struct api_call *c, struct sco_error *err);
int api_policy_upload(struct api_call *c, struct sco_error *err);
int api_policy_remove(struct api_call *c, struct sco_error *err);
int api_waiver_list(struct api_call *c, struct sco_error *err);
int api_waiver_create(struct api_call *c, struct sco_error *err);
int api_waiver_delete(struct api_call *c, struct sco_error *err);

/* ---- compliance.c ---- */
int api_compliance_list(struct api_call *c, struct sco_error *err);
int api_compliance_get(struct api_call *c, struct sco_error *err);
int api_compliance_history(struct api_call *c, struct sco_error *err);
int api_compliance_report(struct api_call *c, struct sco_error *err);
int api_attestation_list(struct api_call *c, struct sco_error *err);
int api_attestation_create(struct api_call *c, struct sco_error *err);

/* ---- targets.c ---- */
struct sco_stored_target;
/* 409 when it would move and has runs: who may see them goes by its place. */
int api_target_keeps_place(struct api_call *c, const struct sco_stored_target *old,
                           const char *location, struct sco_error *err);
int api_target_list(struct api_call *c, struct sco_error *err);
int api_target_get(struct api_call *c, struct sco_error *err);
int api_target_post(struct api_call *c, struct sco_error *err);
int api_target_put(struct api_call *c, struct sco_error *err);
int api_target_delete(struct api_call *c, struct sco_error *err);
