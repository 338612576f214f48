/* Shared by the files of the GitHub plugin. */
#pragma once

#include "../../common/ci_comment.h"
#include "../../common/ci_token.h"

#define GITHUB "GitHub"

enum {
    GITHUB_TOKEN_MAX = 2048,           /* bytes of an installation token that are remembered */
    GITHUB_TOKEN_SPARE_MS = 300000,    /* a token that ends sooner is not used any more */
    GITHUB_CHECKS_AGAIN_MS = 86400000, /* check runs that were refused are tried after so long */
    GITHUB_PAGES_MAX = 100,            /* of 100 items */
    GITHUB_BATCH = 50,                 /* annotations in one request */
    GITHUB_TEXT_MAX = 65535,           /* bytes of a summary, a text */
    GITHUB_COMMENT_MAX = 65536, /* of a comment: characters, but bytes are on the safe side */
    GITHUB_STATUS_MAX = 140,
    GITHUB_SARIF_MAX = 10 << 20, /* bytes of gzip */
};

struct github {
    const struct sco_host *h;
    /* options */
    struct sco_str url, api_url, token, app_id, private_key, check_name;
    struct sco_str_list webhook_secret;
    int64_t installation_id, annotations_max, check_paths, sarif_wait;
    struct ci_client client;
    /* an installation's token; sealed it is in the cache folder as well */
    char held[GITHUB_TOKEN_MAX];
    int64_t held_until, held_installation;
};

/* One operation. */
struct github_op {
    struct github *g;
    const struct sco_host *h;
    const struct sco_ci_call *c;
    const struct sco_node *q; /* the request */
    struct ci_http http;
    const char *repo; /* "/repos/owner/name", encoded; NULL: none in the request */
    struct sco_errbuf *e;
    int64_t installation; /* whose token is used; 0: none's */
    int as_app, fresh;    /* the App itself speaks; the token was made for this operation */
};

/* ---- github_verify.c ---- */
int github_verify(void *ctx, const struct sco_delivery *d, struct sco_receipt *ret,
                  struct sco_errbuf *e);
struct sco_str github_header(const struct sco_delivery *d, const char *name);
/* The JSON text of a body, which may be form-encoded; absent when it has none. */
struct sco_str github_payload(const struct sco_host *h, const struct sco_delivery *d);

/* ---- github_event.c ---- */
int github_translate(void *ctx, const struct sco_delivery *d, struct sco_errbuf *e);
int github_is_known(struct sco_str native_event);
/* What a payload of this native event says. The texts are those of the document. */
struct ci_event github_event(const struct sco_host *h, struct sco_str native_event,
                             const struct sco_node *payload);
const char *github_status(struct sco_str status, struct sco_str conclusion);
struct sco_str github_id(const struct sco_node *v); /* as text */

/* ---- github_details.c: the event's `details` ---- */
struct sco_str github_push_details(const struct sco_host *h, const struct sco_node *p);
struct sco_str github_pull_details(const struct sco_host *h, const struct sco_node *p);
struct sco_str github_run_details(const struct sco_host *h, const struct sco_node *run);
struct sco_str github_job_details(const struct sco_host *h, const struct sco_node *job);
struct sco_str github_release_details(const struct sco_host *h, const struct sco_node *release);
struct sco_str github_comment_details(const struct sco_host *h, const struct sco_node *comment);
/* One of `stages`, from a job as the API and the webhooks have it. */
void github_stage(struct ci_json *j, const struct sco_node *job);

/* ---- github_app.c ---- */
/* Requests with the App's own credential, "/app/..."; SCO_E_UNSUPPORTED without an App. */
int github_as_app(struct github_op *o);
/* Requests with the token of the installation that the request or the repository names. */
int github_as_installation(struct github_op *o);
/* The installation's token is not used any more. */
void github_forget_token(struct github_op *o);

/* ---- github_auth.c ---- */
/* Gets an operation ready without asking anybody. */
int github_prepare(struct github_op *o, void *ctx, const struct sco_ci_call *c,
                   struct sco_errbuf *e);
/* Gets an operation ready: credentials, repository. 0, SCO_CI_LATER, or an error. To be ended by
 * github_end in any case. */
int github_begin(struct github_op *o, void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
/* The same without a repository, as the App itself. */
int github_begin_app(struct github_op *o, void *ctx, const struct sco_ci_call *c,
                     struct sco_errbuf *e);
int github_end(struct github_op *o, int result);
/* A path below the repository. */
SCO_PRINTF(2, 3) const char *github_path(const struct github_op *o, const char *fmt, ...);
/* The login that our comments have, in memory of the call. 0, SCO_CI_LATER, or an error. */
int github_author(struct github_op *o, struct sco_str *ret);
/* From now on requests are signed with this token. */
int github_use_token(struct github_op *o, struct sco_str token);
/* GET; POST, PATCH, PUT with a body; `what` is for messages. */
int github_get(struct github_op *o, const char *path, const char *what, struct ci_answer *a);
int github_send(struct github_op *o, const char *method, const char *path,
                const struct ci_json *body, const char *what, ci_find_fn find, void *user,
                struct ci_answer *a);

/* ---- operations ---- */
int github_trigger(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int github_run_status(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int github_cancel(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int github_rerun(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int github_rollback(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int github_logs(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int github_artifacts(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int github_configure(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int github_publish(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int github_poll(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int github_credential(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);

/* Starts a workflow with these inputs; writes the result. */
int github_dispatch(struct github_op *o, struct sco_str workflow, struct sco_str ref,
                    const struct sco_node *inputs);
/* Runs a run again; writes the result. */
int github_run_again(struct github_op *o, struct sco_str id, int failed_only);

/* ---- publish ---- */
struct github_publish {
    struct ci_result r; /* findings: `text` is the annotation's message */
    struct github_op *o;
    struct sco_str external_id;
    int moved;              /* the pull request's head is another one by now */
    const char *conclusion; /* of the check; NULL while pending */
    /* what is kept for the next time; texts, or absent */
    struct sco_str check_id, comment_id, author, sarif_id, sarif_digest, sarif_state;
    struct sco_str status_sha; /* the commit with a status in the check's place */
    struct sco_str no_checks_as, no_checks_why;
    int64_t no_checks_at;
    int no_checks;
    struct sco_str url;
};

/* Each: 0 when the step is told (ci_result_step), SCO_CI_LATER or SCO_E_CANCELLED to end the call.
 */
int github_publish_check(struct github_publish *p, int *refused);
int github_publish_status(struct github_publish *p, const char *instead_of);
int github_publish_comment(struct github_publish *p);
int github_publish_sarif(struct github_publish *p, int asked);
int github_publish_review(struct github_publish *p);

/* github_notes.c: findings as annotations and as text */
int github_read_findings(struct github_publish *p);
/* Takes the places of files that are not there at the commit. */
int github_check_paths(struct github_publish *p);
void github_annotation(struct ci_json *j, const struct ci_finding *f);
/* Findings without an annotation, as Markdown; absent when there is none. */
struct sco_str github_unplaced(const struct github_publish *p, size_t shown);
struct sco_str github_summary(const struct github_publish *p);
/* How many findings get an annotation. */
size_t github_count_placed(const struct github_publish *p);
