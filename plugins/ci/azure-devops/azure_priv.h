/* Shared by the files of the Azure DevOps plugin. */
#pragma once

#include "../../common/ci_comment.h"
#include "../../common/ci_token.h"

#define AZURE "Azure DevOps"
#define AZURE_V "api-version=7.1"

enum {
    AZURE_PAGES_MAX = 50,
    AZURE_COMMENT_MAX = 150000, /* characters, but bytes are on the safe side */
    AZURE_STAGES_MAX = 500,
};

struct azure {
    const struct sco_host *h;
    /* options */
    struct sco_str url, organization, project, token, bearer, check_name, genre;
    struct sco_str webhook_user, webhook_header, inputs_as;
    struct sco_str_list webhook_password, webhook_secret;
    int64_t max_age, threads_max;
    struct ci_client client;
};

/* One operation. */
struct azure_op {
    struct azure *a;
    const struct sco_host *h;
    const struct sco_ci_call *c;
    const struct sco_node *q; /* the request */
    struct ci_http http;
    const char *project; /* "/name or id", encoded: of pipelines; NULL: unknown */
    const char *repo;    /* "/project/_apis/git/repositories/id", encoded; NULL: none */
    struct sco_errbuf *e;
};

/* ---- azure_verify.c ---- */
int azure_verify(void *ctx, const struct sco_delivery *d, struct sco_receipt *ret,
                 struct sco_errbuf *e);

/* ---- azure_event.c ---- */
int azure_translate(void *ctx, const struct sco_delivery *d, struct sco_errbuf *e);
int azure_is_known(struct sco_str event_type);
/* The events of an envelope; 0, or an error of the host. */
int azure_emit(const struct sco_host *h, const struct sco_node *envelope, struct sco_errbuf *e);
const char *azure_status(struct sco_str state, struct sco_str result);
struct sco_str azure_id(const struct sco_node *v); /* as text */

/* ---- azure_details.c: the event's `details` ---- */
struct sco_str azure_push_details(const struct sco_host *h, const struct sco_node *push,
                                  const struct sco_node *update);
struct sco_str azure_pull_details(const struct sco_host *h, const struct sco_node *pr,
                                  struct sco_str action);
struct sco_str azure_comment_details(const struct sco_host *h, const struct sco_node *comment);
struct sco_str azure_build_details(const struct sco_host *h, const struct sco_node *build);
struct sco_str azure_run_details(const struct sco_host *h, const struct sco_node *resource);
struct sco_str azure_release_details(const struct sco_host *h, const struct sco_node *release);

/* ---- azure_api.c ---- */
/* Gets an operation ready; to be ended by azure_end in any case. */
int azure_begin(struct azure_op *o, void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int azure_end(struct azure_op *o, int result);
int azure_need_repo(const struct azure_op *o);
int azure_need_project(const struct azure_op *o);
/* "base of the path" + the rest. */
SCO_PRINTF(3, 4)
const char *azure_path(const struct azure_op *o, const char *base, const char *fmt, ...);
/* As ci_call; a sign-in page is SCO_E_PERMISSION. */
int azure_ask(struct azure_op *o, const struct ci_request *q, struct ci_answer *a,
              struct sco_errbuf *e);
int azure_get(struct azure_op *o, const char *path, const char *what, struct ci_answer *a);
int azure_send(struct azure_op *o, const char *method, const char *path, const struct ci_json *body,
               const char *what, ci_find_fn find, void *user, struct ci_answer *a);
/* The items of "value", over continuation tokens. As ci_walk. */
int azure_walk(struct azure_op *o, const char *path, const char *what, ci_item_fn fn, void *user,
               struct sco_errbuf *e);
/* The same by parts: `page` items behind each $skip, 0: over continuation tokens. *ret_more: there
 * is more than AZURE_PAGES_MAX pages. */
int azure_walk_part(struct azure_op *o, const char *path, const char *what, size_t page,
                    ci_item_fn fn, void *user, int *ret_more, struct sco_errbuf *e);
/* The id of the credential's account. */
int azure_author(struct azure_op *o, struct sco_str *ret);

/* ---- operations ---- */
int azure_trigger(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int azure_run_status(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int azure_cancel(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int azure_rerun(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int azure_rollback(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int azure_logs(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int azure_artifacts(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int azure_configure(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int azure_publish(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int azure_poll(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int azure_credential(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);

int azure_good_number(const struct azure_op *o, struct sco_str id, const char *what);
int azure_get_build(struct azure_op *o, struct sco_str id, struct ci_answer *a);
/* Starts a pipeline and writes the result. `inputs` is an object of text, or NULL. */
int azure_start(struct azure_op *o, struct sco_str pipeline, struct sco_str ref, struct sco_str sha,
                const struct sco_node *inputs);
/* The id of a pipeline by name, or the number that it is. */
int azure_pipeline(struct azure_op *o, struct sco_str workflow, struct sco_str *ret);
int azure_workflow_file(struct azure_op *o);

/* ---- azure_timeline.c ---- */
struct azure_record {
    struct sco_str id, parent, type, name, identifier, log_id, state, result;
    int64_t started, finished, attempt, order;
};
struct azure_timeline {
    struct azure_record *v;
    size_t n;
};
int azure_timeline(struct azure_op *o, struct sco_str build, struct azure_timeline *ret,
                   struct sco_errbuf *e);
const struct azure_record *azure_record(const struct azure_timeline *t, struct sco_str id);
void azure_stages(struct ci_json *j, const struct azure_op *o, const struct azure_timeline *t,
                  struct sco_str build);

/* ---- publish ---- */
struct azure_publish {
    struct ci_result r;
    struct azure_op *o;
    int moved;         /* the pull request's head is another one by now */
    int64_t iteration; /* of the pull request, with our commit; 0: none */
    struct sco_str author, thread_id, url;
};

int azure_publish_status(struct azure_publish *p, const char *step, int on_pull);
int azure_publish_comment(struct azure_publish *p);
int azure_publish_threads(struct azure_publish *p);
