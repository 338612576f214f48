/* Shared by the files of the GitLab plugin. */
#pragma once

#include "../../common/ci_comment.h"
#include "../../common/ci_token.h"

#define GITLAB "GitLab"

enum {
    GITLAB_PAGES_MAX = 100,    /* of 100 items */
    GITLAB_STATUS_MAX = 255,   /* of a commit status: description, name, address */
    GITLAB_NOTE_MAX = 1000000, /* of a note: characters, but bytes are on the safe side */
    GITLAB_REPLAY_S = 300,     /* how old, or from how far ahead, a signed webhook may be */
};

struct gitlab {
    const struct sco_host *h;
    /* options */
    struct sco_str url, token, token_type, trigger_token, status_name;
    struct sco_str_list webhook_secret, signing_token;
    int64_t threads_max;
    struct ci_client client;
};

/* One operation. */
struct gitlab_op {
    struct gitlab *g;
    const struct sco_host *h;
    const struct sco_ci_call *c;
    const struct sco_node *q; /* the request */
    struct ci_http http;
    const char *project; /* "/projects/ID", encoded; NULL: none in the request */
    struct sco_errbuf *e;
};

/* ---- gitlab_verify.c ---- */
int gitlab_verify(void *ctx, const struct sco_delivery *d, struct sco_receipt *ret,
                  struct sco_errbuf *e);
/* Whether every signing token holds a key. */
int gitlab_check_keys(const struct gitlab *g, struct sco_errbuf *e);
struct sco_str gitlab_header(const struct sco_delivery *d, const char *name);

/* ---- gitlab_event.c ---- */
int gitlab_translate(void *ctx, const struct sco_delivery *d, struct sco_errbuf *e);
/* The name of what happened, of the body: one header covers several. */
struct sco_str gitlab_kind(const struct sco_node *payload);
int gitlab_is_known(struct sco_str kind);
/* What a payload says. The texts are those of the document. */
struct ci_event gitlab_event(const struct gitlab *g, const struct sco_node *payload);
const char *gitlab_status(struct sco_str status);
const char *gitlab_mr_state(struct sco_str state);
int gitlab_is_final(struct sco_str status);
struct sco_str gitlab_id(const struct sco_node *v); /* as text */

/* ---- gitlab_details.c: the event's `details` ---- */
struct sco_str gitlab_push_details(const struct sco_host *h, const struct sco_node *p);
struct sco_str gitlab_mr_details(const struct sco_host *h, const struct sco_node *p);
struct sco_str gitlab_pipeline_details(const struct sco_host *h, const struct sco_node *p);
struct sco_str gitlab_job_details(const struct sco_host *h, const struct sco_node *p);
struct sco_str gitlab_release_details(const struct sco_host *h, const struct sco_node *p);
struct sco_str gitlab_note_details(const struct sco_host *h, const struct sco_node *p);
/* One of `stages`, from a job as the API and the pipeline's webhook have it. */
void gitlab_stage(struct ci_json *j, const struct sco_node *job, int64_t attempt);
/* Seconds, also with a fraction, as a member in ms; nothing when absent. */
void gitlab_seconds(struct ci_json *j, const char *key, const struct sco_node *v);

/* ---- gitlab_api.c ---- */
/* Gets an operation ready: credentials, project. 0 or an error. To be ended by gitlab_end in any
 * case. */
int gitlab_begin(struct gitlab_op *o, void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int gitlab_end(struct gitlab_op *o, int result);
/* A path below the project. */
SCO_PRINTF(2, 3) const char *gitlab_path(const struct gitlab_op *o, const char *fmt, ...);
int gitlab_get(struct gitlab_op *o, const char *path, const char *what, struct ci_answer *a);
/* POST, PUT, DELETE; `find` looks after a failure of which nobody knows whether it took effect. */
int gitlab_send(struct gitlab_op *o, const char *method, const char *path,
                const struct ci_json *body, const char *what, ci_find_fn find, void *user,
                struct ci_answer *a);
/* The number of the token's account, which our notes have as author. */
int gitlab_author(struct gitlab_op *o, struct sco_str *ret);
/* The default branch of the project. */
int gitlab_default_branch(struct gitlab_op *o, struct sco_str *ret);
/* An id that may be part of a path here and there: digits. */
int gitlab_good_id(struct gitlab_op *o, struct sco_str id, const char *what);
struct sco_str gitlab_bare(struct sco_str ref);
/* Whether `a` begins with marker-like text `mark`. */
int gitlab_starts(struct sco_str a, struct sco_str mark);

/* ---- operations ---- */
int gitlab_trigger(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int gitlab_run_status(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int gitlab_cancel(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int gitlab_rerun(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int gitlab_rollback(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int gitlab_logs(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int gitlab_artifacts(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int gitlab_configure(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int gitlab_publish(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int gitlab_poll(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int gitlab_credential(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);

/* Starts a pipeline at a branch or tag; writes the result. */
int gitlab_start(struct gitlab_op *o, struct sco_str ref, struct sco_str workflow,
                 const struct sco_node *inputs);
/* The number of a merge request in "refs/merge-requests/7/head"; 0: it is another ref. */
int64_t gitlab_mr_of_ref(struct sco_str ref);
/* The result of what starts something. */
int gitlab_write_started(struct gitlab_op *o, struct sco_str id, const char *status,
                         struct sco_str url);
/* The pipeline was there before, and is at work once more. */
int gitlab_write_again(struct gitlab_op *o, struct sco_str id, const char *status,
                       struct sco_str url);
/* gitlab_workflow.c: the part of configure that writes .gitlab-ci.yml */
int gitlab_workflow(struct gitlab_op *o);

/* ---- poll ---- */
struct gitlab_poll {
    const struct sco_host *h;
    const char *cache_dir; /* or NULL */
    struct gitlab_op *o;
    const struct sco_node *state; /* of this repository, of the last time; NULL: none */
    struct sco_str name;          /* of the repository */
    struct sco_str clone_url, default_branch, web_url, context;
    int64_t since, now, last; /* last: `until` of the state; 0: none */
    int64_t redelivered;
    struct sco_str left; /* the first of what was not come to, for people */
    struct ci_json *out; /* the new state of this repository: members are added */
};

/* An event of this repository. */
struct ci_event gitlab_poll_event(const struct gitlab_poll *p, const char *event,
                                  const char *native);

/* Failed deliveries of our webhooks are sent again. */
int gitlab_resend(struct gitlab_poll *p);
/* Branches and tags that are not where they were. */
int gitlab_refs(struct gitlab_poll *p);
/* They could not be looked at: the next poll compares with what the last one has seen. */
void gitlab_refs_carry(const struct gitlab_poll *p);

/* ---- publish ---- */
struct gitlab_publish {
    struct ci_result r; /* findings: `text` is how to mend it */
    struct gitlab_op *o;
    struct sco_str scan_id;
    int fork;  /* the commit is of another project */
    int moved; /* the merge request's head is another one by now */
    struct sco_str base_sha, start_sha, head_sha; /* diff_refs of the merge request */
    int all; /* these are all findings of a scan that was complete */
    /* what is kept for the next time; texts, or absent */
    struct sco_str note_id, author, last_scan, last_state;
    struct sco_str mr_url;
};

int gitlab_need_author(struct gitlab_publish *p);
/* Each: 0 when the step is told (ci_result_step), or the end of the call. */
int gitlab_publish_status(struct gitlab_publish *p);
int gitlab_publish_note(struct gitlab_publish *p);
int gitlab_publish_threads(struct gitlab_publish *p);

/* ---- gitlab_diff.c: where a thread may stand ---- */
struct gitlab_place {
    struct sco_str old_path, new_path;
    int64_t old_line, new_line; /* 0: not to be sent */
};

struct gitlab_diff; /* the merge request's changes */
int gitlab_diff_read(struct gitlab_publish *p, struct gitlab_diff **ret);
/* 1 and *ret when the line is part of the diff. */
int gitlab_diff_find(const struct gitlab_diff *d, struct sco_str path, int64_t line,
                     struct gitlab_place *ret);
