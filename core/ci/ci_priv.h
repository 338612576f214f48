/* Inside core/ci only: the process that speaks for an integration, and what it answers. */
#pragma once

#include <secureops/ci.h>
#include <secureops/ipc.h>
#include <secureops/loop.h>

/* ---- answer.c: records and the ANSWER after them ---- */
enum { CI_RECORDS_MAX = 64 << 20 }; /* bytes of one call */

struct ci_answer {
    struct sco_buf records; /* "event JSON" lines */
    size_t n_records;
    struct sco_arena arena; /* of what it says; until the next call */
};
/* SCO_E_LIMIT, SCO_E_NOMEM. */
int ci_answer_records(struct ci_answer *a, struct sco_str payload, struct sco_error *err);
/* The answer to call `id`: *ret is borrowed until ci_answer_clear. SCO_E_FORMAT: it is not one. */
int ci_answer_read(struct ci_answer *a, struct sco_str payload, int64_t id,
                   struct sco_ci_answer *ret, struct sco_error *err);
void ci_answer_clear(struct ci_answer *a);
void ci_answer_done(struct ci_answer *a);

/* ---- process.c ---- */
struct ci_process;
struct ci_process_spec {
    struct event_base *base;
    const char *worker, *library, *work_dir, *cache_dir; /* cache_dir: or NULL */
    struct sco_str options;
    bool offline, no_sandbox;
    uint32_t break_after;
    int64_t break_ms;
    /* Both on the loop. The payload is borrowed. */
    void (*frame)(void *user, enum sco_msg type, struct sco_str payload);
    /* Once, unless it is freed before: the process is gone. code: SCO_E_*, 0 when it ended in peace
     * after its socket was closed. It may be freed here. */
    void (*ended)(void *user, int code, const char *reason);
    void *user;
};
/* Copied, but for `user`. */
int ci_process_start(const struct ci_process_spec *s, struct ci_process **ret,
                     struct sco_error *err);
/* Queues a frame whose payload is `head` and then `body`, which must stay until ci_process_written
 * has reached *ret_end, or the process is freed. SCO_E_NOMEM, SCO_E_LIMIT. */
int ci_process_send(struct ci_process *p, enum sco_msg type, struct sco_str head,
                    struct sco_str body, uint64_t *ret_end);
uint64_t ci_process_written(const struct ci_process *p);
/* The group goes; `ended` comes with this code and reason. */
void ci_process_kill(struct ci_process *p, int code, const char *reason);
/* Closes the socket: the worker ends by itself, or is ended a little later. No more frames. */
void ci_process_close(struct ci_process *p);
/* Who is told of its end from now on; frames are nobody's. Before ci_process_close. */
void ci_process_hand_over(struct ci_process *p, void (*ended)(void *, int, const char *),
                          void *user);
struct ci_process *ci_process_free(struct ci_process *p); /* kills; returns NULL */
