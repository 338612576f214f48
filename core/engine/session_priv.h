/* A session: one scan or import while it runs. Its slots are the runs that are to be started. */
#pragma once

#include "engine_priv.h"

/* ---- versions.c: what programs said of their version ---- */
struct versions {
    struct sco_map known;
    struct sco_arena arena;
    char *path;
    bool changed;
};
void versions_load(struct versions *v, const char *cache_dir);
const char *versions_get(const struct versions *v, const char *program); /* NULL: to be asked */
void versions_put(struct versions *v, const char *program, const char *version);
void versions_save(struct versions *v);
void versions_done(struct versions *v);

/* ---- sbom.c: what the plugin `sbom` hands over ---- */
struct sbom {
    int fd; /* of the file while it is written; -1: none */
    struct sco_buf tmp;
    int64_t n_parts, n_bytes;
    bool ended; /* all of it came */
};
struct session;
void sbom_done(struct sbom *b);
/* A run begins, perhaps once more: what came before is forgotten. SCO_E_IO. */
int sbom_begin(struct session *s, struct sco_error *err);
int sbom_take(struct session *s, struct sco_str json);
/* Keeps the file when all of it came; what is known of it is in the scan. */
int sbom_end(struct session *s, bool complete, struct sco_error *err);

enum slot_state { SLOT_WAITING, SLOT_RUNNING, SLOT_ENDED };

struct slot { /* one run: a scanner on a target, or a report to import */
    struct session *session;
    size_t run;
    const struct sco_plan_item *item; /* scan */
    const struct sco_target *target;  /* scan */
    const char *file;                 /* import */
    enum slot_state state;
    struct job *job;
    int lock_fd, attempts;
    int64_t expected_ms, timeout_ms, not_before_ms;
    const char *work_dir;
    bool record_lost;
    const char *scope; /* of a share of a run of the policies: see run_shares.c; else NULL */
    const char *const *files;
    size_t n_files;
};

struct session {
    struct sco_engine *e;
    struct sco_scan *scan;
    struct slot *slots;
    size_t n_slots, running;
    size_t jobs;
    long cores;
    struct sco_pool *pool;
    struct history history;
    struct versions versions;
    struct event *cancel_event, *retry_event;
    const char *scanner, *root; /* import */
    const char **parsers;       /* import: candidates */
    const char **descriptors;   /* of them; NULL for those that are plugins of their own */
    size_t n_parsers;
    struct sbom sbom;
    bool several; /* targets */
    bool ended;
};

/* ---- slot.c: starting and ending runs ---- */
/* Starts what may start; sets s->ended when there is nothing left. */
void session_start_more(struct session *s);
char *session_keep(struct session *s, const char *text); /* a copy in the scan's arena */

/* ---- run_shares.c ---- */
/* How many runs and slots a plan may become. */
size_t run_shares_room(const struct sco_plan *plan);
/* Cuts the run of the last slot into shares, where that is worth it. SCO_E_NOMEM. */
int run_shares_add(struct session *s);
void run_shares_merge(struct session *s); /* when all have ended: one row again */

/* ---- gates.c ---- */
/* Judges the finished scan by the policies of the options' gates; the result is in the scan. */
int gates_run(struct session *s, struct sco_error *err);

/* ---- session.c ---- */
int session_open(struct session *s, struct sco_engine *e, size_t n_runs, const char *command,
                 struct sco_error *err);
/* Runs all slots, then merges, ranks and judges. *ret is the caller's. */
int session_run(struct session *s, struct sco_scan **ret, struct sco_error *err);
void session_close(struct session *s);
