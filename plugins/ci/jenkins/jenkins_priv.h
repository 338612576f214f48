/* Shared by the files of the Jenkins plugin. A job is named as Jenkins does it ("folder/job"), a
 * build "folder/job#42", an item of the queue "folder/job@77": none of these characters may be in a
 * name. */
#pragma once

#include "../../common/ci_result.h"

#define JENKINS "Jenkins"

struct jenkins {
    const struct sco_host *h;
    /* options */
    struct sco_str url, user, token, password, check_name;
    struct sco_str webhook_user, webhook_header, ref_parameter, commit_parameter;
    struct sco_str_list webhook_password, webhook_path, webhook_secret, jobs;
    struct ci_client client;
};

struct jenkins_op {
    struct jenkins *k;
    const struct sco_host *h;
    const struct sco_ci_call *c;
    const struct sco_node *q; /* the request */
    struct ci_http http;
    int has_crumb; /* asked for, whether there is one or not */
    struct sco_errbuf *e;
};

/* "folder/job#42" in its parts; url is "/job/folder/job/job", encoded. */
struct jenkins_build {
    struct sco_str job;
    int64_t number; /* 0: only a job */
    int64_t queue;  /* 0: none */
    const char *url;
};

/* ---- jenkins_verify.c ---- */
int jenkins_verify(void *ctx, const struct sco_delivery *d, struct sco_receipt *ret,
                   struct sco_errbuf *e);

/* ---- jenkins_event.c ---- */
int jenkins_translate(void *ctx, const struct sco_delivery *d, struct sco_errbuf *e);
struct sco_str jenkins_native(const struct sco_node *payload);
int jenkins_is_known(struct sco_str native);
const char *jenkins_status(struct sco_str result, const char *without);
/* "acme/widget" of a clone URL in any form; absent: none. */
struct sco_str jenkins_repository(struct sco_str url);
/* "job/a/job/b/42/" to "a/b" and 42; 0 when it is no such path. */
int jenkins_job_of(const struct sco_host *h, struct sco_str path, struct sco_str *ret_job,
                   int64_t *ret_number);
void jenkins_set_branch(const struct sco_host *h, struct ci_event *ev, struct sco_str branch);
struct sco_str jenkins_context(const struct sco_host *h, struct sco_str job, struct sco_str build);
/* N of a job "PR-N" at the end of a job's name; 0: it is none. */
int64_t jenkins_pull_of(struct sco_str job);

/* ---- jenkins_api.c ---- */
int jenkins_begin(struct jenkins_op *o, void *ctx, const struct sco_ci_call *c,
                  struct sco_errbuf *e);
int jenkins_end(struct jenkins_op *o, int result);
/* From "folder/job", "folder/job#42", "folder/job@77". */
int jenkins_build_of(struct jenkins_op *o, struct sco_str id, struct jenkins_build *ret);
SCO_PRINTF(2, 3) const char *jenkins_path(const struct jenkins_op *o, const char *fmt, ...);
int jenkins_get(struct jenkins_op *o, const char *path, const char *what, struct ci_answer *a,
                struct sco_errbuf *e);
/* A text, not JSON. */
int jenkins_get_text(struct jenkins_op *o, const char *path, const char *what, struct ci_answer *a,
                     struct sco_errbuf *e);
/* POST; a redirect is success. `type` is a header line; NULL: a form. */
int jenkins_post(struct jenkins_op *o, const char *path, struct sco_str body, const char *type,
                 const char *what, ci_find_fn find, void *user, struct ci_answer *a);
/* Adds name=value to a form. */
void jenkins_form(struct ci_json *form, struct sco_str name, struct sco_str value);

/* ---- operations ---- */
int jenkins_trigger(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int jenkins_run_status(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int jenkins_cancel(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int jenkins_rerun(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int jenkins_rollback(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int jenkins_logs(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int jenkins_artifacts(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int jenkins_configure(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int jenkins_publish(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);
int jenkins_poll(void *ctx, const struct sco_ci_call *c, struct sco_errbuf *e);

/* Starts a job and writes the result. `inputs` is an object of text, or NULL. */
int jenkins_start(struct jenkins_op *o, struct sco_str job, const struct sco_node *inputs,
                  struct sco_str ref, struct sco_str sha);
/* The number of the build that an item of the queue became: 0 while it waits, -1 cancelled. */
int jenkins_queue(struct jenkins_op *o, const struct jenkins_build *b, int64_t *ret,
                  struct sco_errbuf *e);

/* ---- jenkins_config.c: config.xml as jenkins-job-builder writes it ---- */
struct jenkins_config {
    int pipeline;
    struct sco_str description, repository, branch, credentials, script_path, command, url, poll;
    const struct sco_node *parameters; /* object of text: defaults */
};
struct sco_str jenkins_config_xml(const struct sco_host *h, const struct jenkins_config *c);
