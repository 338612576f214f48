/* Inside of secureopsd. daemon.c wires; each other file has one concern. What threads share is the
 * snapshot (immutable, counted) and `shared`, behind its lock. */
#pragma once

#include "mail.h"

#include <pthread.h>
#include <secureops/api.h>
#include <secureops/config.h>

struct event;
struct event_base;

enum { DAEMON_NODE_MAX = 64, DAEMON_KEY_LEN = 32, DAEMON_KEY_ID_LEN = 16 };

/* ---- main.c: what the command line says ---- */
struct daemon_args {
    const char *config;      /* NULL: the default file, if it is there */
    const char *const *sets; /* NAME=VALUE; NULL-terminated */
    bool check, require_store;
};

/* ---- snapshot.c: one state of the configuration ---- */
struct snapshot {
    int refs; /* atomic */
    struct sco_config *config;
    const char *file;    /* that was read; NULL: none */
    struct sco_str sets; /* JSON list, for runners */
    const struct sco_job_limit *limits;
    size_t n_limits;
    struct sco_arena arena;
};
int snapshot_load(const struct daemon_args *a, struct snapshot **ret,
                  struct sco_error *err) SCO_NODISCARD;
struct snapshot *snapshot_ref(struct snapshot *s);
struct snapshot *snapshot_unref(struct snapshot *s);
/* Names of what differs and takes a restart to change, by commas, in the buffer. */
void snapshot_differences(const struct snapshot *a, const struct snapshot *b, struct sco_buf *out);
const char *const *snapshot_list(struct sco_arena *a, struct sco_str_list l); /* NULL: no memory */

/* ---- paths.c ---- */
struct paths {
    const char *data, *spool, *mirrors, *store; /* store: path or URL */
    const char *runner, *secureops;             /* programs */
    char node[DAEMON_NODE_MAX + 1];
    int lock_fd;
    struct sco_arena arena;
};
/* Makes the folders, and is alone in them. SCO_E_PERMISSION: another daemon is. */
int paths_init(struct paths *p, const struct sco_config *c, struct sco_error *err) SCO_NODISCARD;
int paths_programs(struct paths *p, struct sco_error *err) SCO_NODISCARD; /* these alone */
void paths_done(struct paths *p);
/* The environment of runners: ours without what is the daemon's alone. In the arena. */
const char *const *paths_environment(struct sco_arena *a, const struct sco_config *c);

/* ---- keys.c ---- */
struct keys {
    uint8_t key[DAEMON_KEY_LEN], old_key[DAEMON_KEY_LEN];
    char id[DAEMON_KEY_ID_LEN + 1], old_id[DAEMON_KEY_ID_LEN + 1];
    bool has_old;
};
int keys_load(struct keys *k, const struct sco_config *c, const char *data,
              struct sco_error *err) SCO_NODISCARD;
void keys_done(struct keys *k);

/* ---- notify.c: systemd ---- */
struct notify;
struct notify *notify_new(struct event_base *base); /* takes its variables out of the environment */
struct notify *notify_free(struct notify *n);
void notify_ready(struct notify *n, const char *status);
void notify_status(struct notify *n, const char *status);
void notify_reloading(struct notify *n);
void notify_stopping(struct notify *n);

/* ---- stores.c: a store for each thread ---- */
struct stores {
    const char *where, *node;
    struct sco_metrics *metrics;
    int64_t wait_ms; /* store.wait */
    pthread_mutex_t lock;
    bool open;                 /* atomic: the schema is there */
    uint32_t attempts;         /* atomic: queue.attempts */
    struct sco_error last;     /* lock: why it is not */
    struct sco_config_sla sla; /* lock */
};
struct store_thread {
    struct stores *of;
    struct sco_store *store;
    int64_t again_at; /* monotonic */
    bool first;       /* may create and migrate */
};
void stores_init(struct stores *s, const char *where, const char *node, struct sco_metrics *m);
void stores_done(struct stores *s);
void stores_set_sla(struct stores *s, const struct sco_config_sla *sla); /* from now on */
void stores_set_attempts(struct stores *s, int64_t n);
void *stores_start_first(void *stores); /* of sco_threads_options; the clock's thread */
void *stores_start(void *stores);
void stores_stop(void *stores, void *state);
struct sco_store *stores_get(void *state); /* connected; NULL: it is away */
/* Of the bus. SCO_E_CANCELLED: not yet. */
int stores_open_more(void *stores, struct sco_store **ret, struct sco_error *err);
void stores_last_error(struct stores *s, struct sco_error *ret);

/* ---- command.c: `secureops` for the API ---- */
struct commands {
    const char *program;
    const char *const *env;
    pthread_mutex_t lock;
    unsigned running; /* lock */
};
void commands_init(struct commands *c, const char *program, const char *const *env);
void commands_done(struct commands *c);
int commands_run(struct commands *c, const char *dir, const char *const *argv, struct sco_buf *out,
                 int *ret_status, struct sco_error *err) SCO_NODISCARD;
bool commands_kill_orphans(struct commands *c); /* on the loop; false: later, one of these runs */

/* ---- care.c: once a day ---- */
struct care;
struct daemon;
int care_new(struct daemon *d, struct care **ret, struct sco_error *err) SCO_NODISCARD;
struct care *care_free(struct care *c);
/* On a thread. `all`: the daily part, too; negative when that was not done. */
int care_perform(struct daemon *d, const struct sco_config *f, struct sco_store *s, int64_t now,
                 bool all);

/* ---- spool.c ---- */
void spool_clean(const char *dir); /* at the start, alone */
/* *ret: reports that no job wants any more, removed. */
int spool_care(const char *dir, struct sco_store *s, int64_t now, uint64_t *ret,
               struct sco_error *err) SCO_NODISCARD;

/* ---- daemon.c ---- */
struct daemon {
    const struct daemon_args *args;
    struct event_base *base;
    struct snapshot *snapshot; /* lock; the loop alone changes it */
    pthread_mutex_t lock;
    struct paths paths;
    struct keys keys;
    struct stores stores;
    struct commands commands;
    struct notify *notify;
    struct sco_threads *clock, *pool;
    struct sco_metrics *metrics;
    struct sco_tracer *tracer;
    struct sco_auth *auth;
    struct sco_sched *sched;
    struct sco_bus *bus;
    struct sco_api *api;
    struct ci *ci;
    struct care *care;
    struct alerts *alerts;       /* the clock's thread */
    struct workflows *workflows; /* the clock's thread */
    struct event *signals[4], *orphans, *finish;
    struct sco_buf setup; /* JSON for runners */
    struct sco_arena arena;
    int64_t started_at, loaded_at;
    int64_t stopped_at;    /* monotonic */
    int64_t finish_by;     /* monotonic */
    int64_t scraped_at;    /* monotonic, atomic: metrics were last read */
    int64_t counted_at;    /* the clock's thread */
    int64_t last_position; /* of the feed; the clock's thread */
    bool met_store;        /* the clock's thread */
    char reload_error[512];
    int stops, status;
    bool ready;
};
/* Runs until it is told to stop. The status to leave with. */
int daemon_run(const struct daemon_args *a);
struct snapshot *daemon_snapshot(struct daemon *d); /* any thread; to be unref'd */
void daemon_idle(void *d);                          /* nothing runs any more */
void daemon_look_for_orphans(struct daemon *d);
void daemon_log_setup(const struct sco_config *c);

/* ---- first.c ---- */
/* When the store is met for the first time, early or late; on the clock's thread. */
void daemon_first_start(struct daemon *d, struct sco_store *s);
void daemon_rotate(struct daemon *d, struct sco_store *s);

/* ---- meter.c ---- */
void meter_init(struct daemon *d);
void meter_store(struct daemon *d, struct sco_store *s, int64_t now); /* on the clock's thread */

/* ---- wiring.c: the hooks that the modules call ---- */
int wire_setup(struct daemon *d, const struct snapshot *s, struct sco_buf *out,
               struct sco_error *err) SCO_NODISCARD;
int wire_auth(struct daemon *d, struct sco_error *err) SCO_NODISCARD;
int wire_sched(struct daemon *d, struct sco_error *err) SCO_NODISCARD;
int wire_bus(struct daemon *d, struct sco_error *err) SCO_NODISCARD;
int wire_api(struct daemon *d, struct sco_error *err) SCO_NODISCARD;
int wire_tracer(struct daemon *d, struct sco_error *err) SCO_NODISCARD;
const char *wire_public_url(struct daemon *d);
/* In clear, in the arena; NULL: there is none. */
int wire_metrics_token(const struct snapshot *s, struct sco_arena *arena, const char **ret,
                       struct sco_error *err) SCO_NODISCARD;
/* What the API is told anew with a reload. */
void wire_api_options(struct daemon *d, const struct snapshot *s, struct sco_arena *arena,
                      struct sco_api_options *ret);

/* ---- reload.c ---- */
/* On the loop. `by`: who wants it, for the audit log. */
int daemon_reload(struct daemon *d, const char *by, struct sco_error *err) SCO_NODISCARD;
