/* Inside of the plugin `policies`: one job, one set of policies, one set of documents. */
#pragma once

#include <stdlib.h>
#include <secureops/finding.h>
#include <secureops/fs.h>
#include <secureops/json.h>
#include <secureops/policy.h>

/* ---- request.c: what is asked ----
 * sco_job.request, JSON:
 *   {"command":"scan"|"eval"|"list"|"test"|"profile"|"gate"|"workflow",
 *    "bundles":["/abs",...]          packs: folders or archives
 *    "public_keys":"/abs.pem"        archives must be signed by one of them
 *    "policies":[],"frameworks":[],"skip":[]   which; see sco_policies_select
 *    "files":[{"path":"/abs","name":"reported","explicit":true}]    eval, profile
 *    "scope":"resource"|"project"    only policies of that scope; absent: both
 *    "input":"/abs/report.json"      gate: the scan; workflow: the event
 *    "trace":true,"coverage":true}
 */
struct wanted_file {
    const char *path, *name;
    bool explicit;
};

struct request {
    const char *command;
    const char *const *bundles; /* NULL-terminated, as the other lists; never NULL */
    const char *const *policies, *const *frameworks, *const *skip;
    const char *public_keys, *input, *scope;
    struct wanted_file *files;
    size_t n_files;
    bool trace, coverage;
};

/* The plugin's context; the first fields are its options. */
struct policies {
    struct sco_str_list only, skip, frameworks, params, severities;
    int64_t all, memory, instructions;

    const struct sco_host *host;
    struct sco_arena arena;
    struct request request;
    struct sco_policies *set;
    struct sco_iac_set docs;
    const struct sco_policy *list; /* of the set */
    size_t n_list;
    uint8_t *severity_of; /* by index in the list: SCO_SEV_* */
    uint8_t *chosen;      /* by index: part of this job */
    struct sco_buf line;  /* a record being written */
    uint64_t documents[SCO_IAC_STATUS_MAX_];
    uint64_t verdicts[SCO_VERDICT_MAX_];
    uint64_t errors_named;
    struct sco_buf notes; /* what the summary shall say beside the findings */
    struct sco_error err;
};

int request_read(struct policies *p, const struct sco_job *job, struct sco_error *err);

/* ---- select.c: loading and choosing ---- */
/* Loads the packs with the configured parameters, then `extra` (a JSON object as
 * sco_policies_options.params, or NULL) over them. Problems become records, and incomplete. */
int policies_load(struct policies *p, const char *extra, struct sco_error *err);
/* A scan takes the enabled ones, unless something is named. */
int policies_choose(struct policies *p, struct sco_error *err);
uint32_t severity_of(const struct policies *p, const struct sco_policy *policy);
size_t index_of(const struct policies *p, const struct sco_policy *policy);

/* ---- documents.c ---- */
int documents_read(struct policies *p, const struct sco_job *job, struct sco_error *err);
/* Says what was not judged: makes the job incomplete, or adds to the notes. `all`: a record for
 * each document, else for those only that were not parsed. */
int documents_tell(struct policies *p, bool all);

/* ---- verdict.c ---- */
int verdict_record(struct policies *p, const struct sco_verdict *v);
int record_send(struct policies *p, const char *kind); /* what is in p->line */
/* A JSON object is begun in p->line. */
struct sco_json_out record_begin(struct policies *p);
void record_texts(struct sco_json_out *o, const char *key, const char *const *list);

/* ---- findings.c ---- */
int finding_emit(struct policies *p, const struct sco_verdict *v);

/* ---- the commands: 0, SCO_RUN_*, or an error ---- */
int run_scan(struct policies *p, const struct sco_job *job, struct sco_error *err); /* evaluate.c */
int run_eval(struct policies *p, const struct sco_job *job,
             struct sco_error *err);                         /* and profile */
int run_gate(struct policies *p, struct sco_error *err);     /* gate.c */
int run_workflow(struct policies *p, struct sco_error *err); /* workflow.c */
int run_list(struct policies *p, struct sco_error *err);     /* list.c */
int run_test(struct policies *p, struct sco_error *err);     /* testing.c */
/* Counts of each policy, as records "policy". */
int tell_policies(struct policies *p, bool profile);
/* Records "bundle", and "framework" when `frameworks`. */
int tell_bundles(struct policies *p);
