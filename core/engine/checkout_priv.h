/* Inside of checkouts. */
#pragma once

#include <pthread.h>
#include <secureops/checkout.h>

/* ---- checkout_url.c ---- */
enum checkout_kind { CHECKOUT_GIT, CHECKOUT_FOLDER, CHECKOUT_ARCHIVE };
/* SCO_E_INVALID: nothing that can be fetched, or in a way that could be taken for an option. */
int checkout_check_url(const struct sco_checkout_request *q, enum checkout_kind *ret_kind,
                       struct sco_error *err);
int checkout_check_revision(const char *revision, struct sco_error *err);
const char *checkout_local_path(const char *url); /* of file:// and paths; NULL: neither */
bool checkout_is_hex(const char *s, size_t min, size_t max);

/* ---- checkout_watch.c ----
 * A thread that ends git when the folders grow too large or the caller gives up. */
struct checkout_watch {
    pthread_t thread;
    bool running;
    int cancel_fd; /* the caller's, or -1 */
    int end_fd;    /* readable: git is to end */
    int stop_fd;   /* readable: the thread is to end */
    const char *dirs[2];
    uint64_t limit;
    bool over, cancelled; /* to be read after checkout_watch_stop */
};
int checkout_watch_start(struct checkout_watch *w, struct sco_error *err);
void checkout_watch_stop(struct checkout_watch *w);
uint64_t checkout_tree_size(const char *path); /* bytes on disk; links are not followed */

/* ---- checkout_git.c ---- */
struct checkout {
    const struct sco_checkout_request *q;
    struct sco_arena arena;
    const char *url;    /* as git gets it */
    const char *git;    /* absolute */
    const char *source; /* repository that is fetched into: mirror, or q->into */
    const char *mirror; /* or NULL */
    const char *const *env;
    int64_t deadline; /* monotonic */
    uint64_t limit;
    int token_fd, key_fd;
};
int git_prepare(struct checkout *k, struct sco_error *err);
void git_done(struct checkout *k);
/* One git command in the folder `dir`. `local`: it may read other folders as repositories.
 * *ret_out (nullable): what it printed. */
struct git_command {
    const char *dir;
    const char *const *args; /* NULL-terminated, without "git" */
    bool local;
};
int git_run(struct checkout *k, const struct git_command *c, struct sco_str *ret_out,
            struct sco_error *err);

/* ---- checkout_fetch.c ---- */
struct revision {
    const char *ref;    /* refs/heads/x, refs/tags/x; NULL: a commit */
    const char *branch; /* or NULL */
    const char *commit; /* of a commit, perhaps cut short; else NULL */
    const char *kept;   /* the name under which the source keeps it */
};
/* What of the remote is meant. SCO_E_NOT_FOUND. */
int fetch_resolve(struct checkout *k, struct revision *ret, struct sco_error *err);
/* Fetches it into k->source. */
int fetch_source(struct checkout *k, const struct revision *v, struct sco_error *err);
/* From the source into q->into, as a work tree. */
int fetch_work_tree(struct checkout *k, const struct revision *v, const char **ret_commit,
                    struct sco_error *err);
/* A further revision from the source into q->into, as a commit. */
int fetch_further(struct checkout *k, const struct revision *v, const char **ret_commit,
                  struct sco_error *err);
int fetch_submodules(struct checkout *k, struct sco_error *err);

/* ---- checkout_mirror.c ---- */
struct mirror {
    const char *path, *busy; /* busy: a file that is there while it is changed */
    int lock_fd;
};
/* Locks it and makes it when it is not there. SCO_E_TIMEOUT, SCO_E_CANCELLED. */
int mirror_open(struct checkout *k, struct mirror *m, struct sco_error *err);
int mirror_begin(struct mirror *m, struct sco_error *err); /* it is going to change */
void mirror_end(struct mirror *m, int r);                  /* r: how; what is doubtful goes */
void mirror_close(struct mirror *m);

/* ---- checkout_archive.c, checkout_zip.c ----
 * Files and folders only: links, devices and anything called .git are left out. */
struct unpack {
    int root; /* folder, opened */
    uint64_t left, files_left;
    int cancel_fd;
    int64_t deadline;
    uint64_t skipped;
    int (*read)(struct unpack *u, void *p, size_t n, size_t *ret_n, struct sco_error *err);
    void *user; /* of read */
};
int checkout_archive(const struct sco_checkout_request *q, const char *path, int64_t deadline,
                     struct sco_error *err);
int unpack_zip(struct unpack *u, const char *path, struct sco_error *err);
/* Cleans a name: SCO_E_INVALID: it leads out; 1: it is to be left out; 0: *out is relative. */
int unpack_name(struct sco_str raw, struct sco_buf *out, struct sco_error *err);
int unpack_folder(struct unpack *u, const char *name, struct sco_error *err);
/* A new file with what u->read gives until it gives nothing, at most `size` bytes. */
int unpack_file(struct unpack *u, const char *name, uint64_t size, struct sco_error *err);
int unpack_check(struct unpack *u, struct sco_error *err); /* deadline, cancel */
