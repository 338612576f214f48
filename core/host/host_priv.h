/* Inside core/host only: the state behind struct sco_host. */
#pragma once

#include <secureops/exec.h>
#include <secureops/finding.h>
#include <secureops/host.h>
#include <secureops/http.h>
#include <secureops/sign.h>
#include <secureops/xml.h>

#include <sys/types.h>

enum host_phase {
    HOST_LOADING, /* nothing may be emitted yet */
    HOST_RUNNING, /* between open and the end of run or parse */
    HOST_ENDED,
};

enum {
    HOST_REASONS_MAX = 10,
    HOST_REASON_LEN = 500,
    HOST_TEXT_LEN = 4096,
    HOST_LOG_PER_SECOND = 20,
    HOST_PROGRESS_MS = 100,
    HOST_ARENA_MAX = 1 << 30,
    HOST_VERSION_MS = 20000,
    HOST_SECRETS_MAX = 256,
    HOST_ERRBUF_SIZE = 4096,
};

struct sco_worker {
    struct sco_host table;
    int fd;
    struct sco_frames *in;
    const struct sco_worker_job *job;
    struct sco_arena arena; /* until the job ends */
    struct sco_arena tmp;   /* until the next emit */
    struct sco_loaded_plugin plugin;
    const char *descriptor; /* of the plugin, when it is the one for described scanners */
    void *ctx;
    pid_t thread;
    enum host_phase phase;
    bool cancelled;    /* asked for, or the engine is gone */
    bool timed_out;    /* the job's own deadline ended a program */
    bool sending;      /* a message is on its way: see sco_worker_abandon */
    bool done;         /* DONE was sent */
    int64_t deadline;  /* monotonic ms; 0: none */
    int32_t exit_code; /* of the last program; -1: none */
    const char *version;

    struct sco_encoder *encoder;
    struct sco_buf batch;
    uint64_t findings, sent; /* emitted; of them on their way to the engine */
    bool limit_hit;
    struct sco_buf record_batch;
    uint64_t records, record_bytes; /* taken */
    bool record_limit_hit;
    uint32_t misplaced; /* emits from another thread, or outside of run */

    struct sco_buf reasons; /* of being incomplete, joined by "; " */
    uint32_t n_reasons;

    int64_t log_second, progress_at;
    uint32_t log_seen, log_dropped;

    struct sco_str secrets[HOST_SECRETS_MAX]; /* never to be repeated in a text */
    size_t n_secrets;
    const char *const *env; /* of programs, complete */
    struct sco_http *http;  /* once it was asked for */

    /* A job of kind "ci": the call that is being served. */
    bool calling;
    bool quick;  /* verify, translate: asks nobody, and the next calls may be there already */
    int64_t now; /* Unix ms that the plugin is told; 0: the clock's */
    struct sco_arena call; /* until it returns */
    uint32_t events, results;
};

/* ---- message.c ---- */
int host_send(struct sco_worker *w, enum sco_msg type, struct sco_str payload);
int host_send_json(struct sco_worker *w, enum sco_msg type, struct sco_buf *b);
/* Appends a text made printable, cut to `max` bytes, with the job's secrets blotted out. */
void host_add_clean(const struct sco_worker *w, struct sco_buf *b, struct sco_str text, size_t max);
void host_collect_secrets(struct sco_worker *w, const struct sco_node *values);
void host_note_found(struct sco_worker *w, struct sco_str found);
int host_flush(struct sco_worker *w);
int host_flush_records(struct sco_worker *w);
/* struct sco_host.record. */
int host_record(const struct sco_host *t, const char *kind, struct sco_str json);
void host_loading(struct sco_worker *w, const char *path);
void host_log(struct sco_worker *w, uint32_t level, const char *fmt, ...) SCO_PRINTF(3, 4);
void host_incomplete(struct sco_worker *w, const char *fmt, ...) SCO_PRINTF(2, 3);
void host_log_str(struct sco_worker *w, uint32_t level, struct sco_str text);
void host_incomplete_str(struct sco_worker *w, struct sco_str reason);
void host_send_tool(struct sco_worker *w, const char *name, const char *version);
/* The last word. `reason` may be NULL. */
void host_done(struct sco_worker *w, const char *status, int code, const char *reason);

/* ---- jobs.c ---- */
/* Plugin i of the job. *ret_descriptor (nullable): what describes the scanner in its place, or
 * NULL. */
int host_load_plugin(struct sco_worker *w, size_t i, struct sco_loaded_plugin *ret,
                     const struct sco_node **ret_descriptor, struct sco_error *err);
int host_open_plugin(struct sco_worker *w, const struct sco_node *options, struct sco_errbuf *e,
                     struct sco_error *err);
void host_close_plugin(struct sco_worker *w);
void host_done_error(struct sco_worker *w, int code, const struct sco_error *err);

/* ---- ci.c ---- */
void host_serve(struct sco_worker *w);

/* ---- crypto.c ---- */
extern const struct sco_crypto_api host_crypto_api;

/* ---- api.c ---- */
void host_table_init(struct sco_worker *w);
bool host_is_foreign(struct sco_worker *w); /* a call from another thread; counted */
bool host_poll_cancel(struct sco_worker *w);
int64_t host_time_left(const struct sco_worker *w); /* ms; INT64_MAX: no deadline */

/* ---- data.c ---- */
extern const struct sco_data_api host_data_api;

/* ---- module.c ---- */
/* Loads the module when it is first asked for. SCO_E_UNSUPPORTED: it is not installed. */
int host_xml(const struct sco_xml_module **ret, struct sco_error *err);
int host_http(const struct sco_http_module **ret, struct sco_error *err);
int host_sign(const struct sco_sign_module **ret, struct sco_error *err);

/* ---- web.c ---- */
int host_request(const struct sco_host *t, const struct sco_http_request *q,
                 struct sco_http_response *r, struct sco_errbuf *e);
void host_close_http(struct sco_worker *w);

/* ---- program.c ---- */
int host_run(const struct sco_host *t, const struct sco_command *c, struct sco_command_result *r,
             struct sco_errbuf *e);
int host_make_env(struct sco_worker *w, struct sco_error *err);
/* Asks the scanner's program for its version: *ret in the arena, NULL when it does not say. */
int host_ask_version(struct sco_worker *w, const struct sco_scanner *s, const char **ret,
                     struct sco_error *err);

/* ---- descriptor.c ---- */
/* Puts what the text says over what the plugin says of itself. *ret: the text as a tree. */
int host_describe(struct sco_worker *w, const char *json, struct sco_loaded_plugin *p,
                  const struct sco_node **ret, struct sco_error *err);
uint32_t host_described_sniff(const struct sco_node *descriptor, const struct sco_probe *probe);
/* The plugin's options; NULL: out of memory. */
const struct sco_node *host_described_options(struct sco_worker *w, const char *json);

/* ---- sniff.c ---- */
struct host_probe {
    struct sco_probe probe;
    struct sco_buf head;
    struct sco_arena arena;
};
/* SCO_E_FORMAT: the file is empty. */
int host_probe_open(struct host_probe *p, const char *path, struct sco_error *err);
void host_probe_describe(const struct host_probe *p, struct sco_buf *out); /* for people */
void host_probe_done(struct host_probe *p);
