/* The command line as a client of a daemon: a connection, its login, requests. What the daemon
 * answers becomes the structs that a local store gives, so that both are printed by the same code.
 * Tokens are never in arguments, messages or logs. */
#pragma once

#include "cli_priv.h"

#include <secureops/http.h>
#include <secureops/store_jobs.h>

/* ---- remote_server.c: which one ---- */
/* --server; or $SECUREOPS_SERVER, when no --store is given. NULL: none, things are done here. */
const char *remote_wanted(const struct cli *c);
/* What a daemon cannot be told is refused, not ignored: the long names of the flags that this
 * command takes with --server, beside those of every command; ends with NULL. */
int remote_check_flags(const struct cli *c, const char *const *allowed, struct sco_error *err);
struct remote_server {
    const char *name;   /* normal form: what logins are kept under */
    const char *url;    /* before "/api/v1" */
    const char *socket; /* of "unix:PATH", or NULL */
    bool plain;         /* without TLS to another machine */
};
/* "https://HOST[:PORT][/PREFIX]", "http://...", "unix:/PATH". Texts are in the arena. */
int remote_server_parse(const char *text, struct sco_arena *a, struct remote_server *ret,
                        struct sco_error *err);

/* ---- remote_logins.c: $XDG_CONFIG_HOME/secureops/credentials.json ---- */
struct remote_login {  /* NULL: not there */
    const char *token; /* of the API; else the next three */
    const char *access, *refresh;
    int64_t expires_ms; /* of `access` */
    const char *email, *ca_file;
};
/* One writer at a time; close(fd) ends it. */
int logins_lock(int *ret_fd, struct sco_error *err);
/* SCO_E_NOT_FOUND; SCO_E_PERMISSION: others can read the file. */
int logins_get(const char *server, struct sco_arena *a, struct remote_login *ret,
               struct sco_error *err);
int logins_put(const char *server, const struct remote_login *l, /* NULL: removes it */
               struct sco_error *err);

/* ---- remote.c: requests ---- */
struct remote;
struct remote_ask {
    const char *method; /* NULL: GET */
    const char *path;   /* below /api/v1, with its query */
    struct sco_str json;
    int fd; /* with `upload`: the body is this file */
    bool upload;
    bool anonymous;  /* without the login */
    bool repeatable; /* a POST with an idempotency key */
    uint64_t limit;  /* of the answer; 0: 64 MiB */
};
struct remote_options {
    bool anonymous; /* no login is needed yet */
    const char *token;
};
/* From here on SIGINT, SIGTERM and SIGHUP end requests with SCO_E_CANCELLED. */
int remote_open(struct cli *c, const struct remote_options *o, struct remote **ret,
                struct sco_error *err);
struct remote *remote_close(struct remote *r); /* NULL is fine; returns NULL */
const struct remote_server *remote_server_of(const struct remote *r);
struct remote_login *remote_login_of(struct remote *r); /* in use; its texts: remote_arena */
struct sco_arena *remote_arena(struct remote *r);
/* A status below 300 is 0, another one an error that says what to do. */
int remote_request(struct remote *r, const struct remote_ask *q, struct sco_http_response *ret,
                   struct sco_error *err);
/* The same for an answer in JSON; *ret NULL: there was none (204). It lives in `a`. */
int remote_json(struct remote *r, const struct remote_ask *q, struct sco_arena *a,
                const struct sco_node **ret, struct sco_error *err);
int remote_get(struct remote *r, const char *path, struct sco_arena *a, const struct sco_node **ret,
               struct sco_error *err);
/* For what is read out of answers: a copy of a member's text, or NULL; a time, or 0. */
const char *remote_text(struct sco_arena *a, const struct sco_node *map, const char *key);
int64_t remote_time(const struct sco_node *map, const char *key);
const char *remote_text_or_empty(struct sco_arena *a, const struct sco_node *map, const char *key);

/* What a list is of, and how one is read: `item` is zeroed before. drop: what it has outside of the
 * arena goes, also of one that was read in part or not at all; or NULL. */
struct remote_shape {
    size_t size;
    int (*take)(const struct sco_node *m, struct sco_arena *a, void *item, struct sco_error *err);
    void (*drop)(void *item);
};
struct remote_list {
    void *v; /* of shape->size each, in the arena */
    size_t n;
    const char *cursor; /* NULL: the last page */
    struct sco_arena arena;
};
/* The `items` of a page. */
int remote_list(struct remote *r, struct sco_buf *path, const struct remote_shape *of,
                struct remote_list *ret, struct sco_error *err);
/* The answer itself, as a list of one; the second one for folder/id. */
int remote_one(struct remote *r, const struct remote_ask *q, const struct remote_shape *of,
               struct remote_list *ret, struct sco_error *err);
int remote_one_at(struct remote *r, const char *folder, const char *id,
                  const struct remote_shape *of, struct remote_list *ret, struct sco_error *err);
/* POST folder/id/verb; the second one gives the answer. */
int remote_do(struct remote *r, const char *folder, const char *id, const char *verb,
              struct sco_error *err);
int remote_do_at(struct remote *r, const char *folder, const char *id, const char *verb,
                 struct sco_arena *a, const struct sco_node **ret, struct sco_error *err);
/* Appends "?name=value", or "&..."; nothing for NULL. */
void remote_query(struct sco_buf *path, const char *name, const char *value);
void remote_query_limit(struct sco_buf *path, uint32_t limit);
void remote_segment(struct sco_buf *path, const char *text); /* "/" and the text, quoted */
/* Waits, or until a signal: SCO_E_CANCELLED. */
int remote_sleep(struct remote *r, int64_t ms);
void remote_forget_signal(struct remote *r); /* so that one more request can be made */

/* ---- remote_findings.c, remote_queue.c: as of a store ---- */
int remote_findings(struct remote *r, const struct sco_store_filter *f,
                    struct sco_finding_page *ret, struct sco_error *err);
int remote_finding(struct remote *r, const char *id, struct sco_finding_page *ret,
                   struct sco_error *err);
int remote_history(struct remote *r, const char *id, struct sco_store_history *ret,
                   struct sco_error *err);
int remote_set_status(struct remote *r, const char *id, const struct sco_store_status *to,
                      bool *ret_changed, struct sco_error *err);
int remote_scans(struct remote *r, const struct sco_store_scan_filter *f, struct sco_scan_page *ret,
                 struct sco_error *err);
int remote_scan(struct remote *r, const char *id, struct sco_scan_page *ret, struct sco_error *err);
int remote_jobs(struct remote *r, const struct sco_job_filter *f, struct sco_job_page *ret,
                struct sco_error *err);
int remote_job(struct remote *r, const char *id, struct sco_job_page *ret, struct sco_error *err);
/* verb: "cancel" or "retry". *ret: how it is now. */
int remote_job_do(struct remote *r, const char *id, const char *verb, enum sco_job_state *ret,
                  struct sco_error *err);
/* ---- remote_deliveries.c ---- */
struct sco_delivery_filter;
struct sco_delivery_page;
int remote_deliveries(struct remote *r, const struct sco_delivery_filter *f,
                      struct sco_delivery_page *ret, struct sco_error *err);
int remote_delivery(struct remote *r, const char *id, struct sco_delivery_page *ret,
                    struct sco_error *err);
/* ---- remote_publications.c ---- */
struct sco_publication_filter;
struct sco_publication_page;
int remote_publications(struct remote *r, const struct sco_publication_filter *f,
                        struct sco_publication_page *ret, struct sco_error *err);
int remote_publication(struct remote *r, const char *id, struct sco_publication_page *ret,
                       struct sco_error *err);

int remote_schedules(struct remote *r, const char *cursor, uint32_t limit,
                     struct sco_schedule_page *ret, struct sco_error *err);
int remote_schedule(struct remote *r, const char *name, struct sco_schedule_page *ret,
                    struct sco_error *err);
/* A new one, or in the place of the one with this id. */
int remote_schedule_put(struct remote *r, const char *id, const struct sco_stored_schedule *v,
                        struct sco_schedule_page *ret, struct sco_error *err);
/* verb: "pause" "resume" "run" "delete". ret_job, with room for 37 bytes: of run; else NULL. */
int remote_schedule_do(struct remote *r, const char *id, const char *verb, char *ret_job,
                       struct sco_error *err);

/* ---- target.c: what is scanned, as the API has it ---- */
/* "repository" "image" "directory" "url" of "https://...", "image:NAME", "/...", "url:URL"; the
 * location is moved behind the prefix. */
int target_kind(const char **location, const char **ret, struct sco_error *err);
void target_names_json(struct sco_json_out *o, const char *key, struct sco_str list);
/* A store, or c->remote; *ret NULL then. */
int context_open_either(struct cli *c, bool create, const char *const *flags,
                        struct sco_store **ret, struct sco_error *err);

/* ---- remote_report.c ---- */
/* A JSON report as a scan, for the other formats. */
int remote_report_read(const char *path, struct sco_scan **ret, struct sco_error *err);

/* ---- remote_scan.c ---- */
int remote_cmd_scan(struct cli *c);
int remote_cmd_import(struct cli *c);
