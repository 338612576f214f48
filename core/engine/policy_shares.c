/* Jobs of the plugin `policies`, one or several at once. Where there is much to judge, the files
 * are cut into shares, each with the policies that look at one resource, beside a job with all
 * files for those that look at several. What the jobs say is handed on as if one had said it: the
 * first share first, while the others wait in files. */
#include "engine_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    SHARES_MAX = 64,
    SHARE_FILES_MIN = 2000,    /* fewer are one share, */
    SHARE_BYTES_MIN = 8 << 20, /* if they are not larger than this */
    SAID_MAX = 32 << 20,       /* of a share in memory until its turn */
    REPLAY_SIZE = 1 << 20,
};

/* ---- cutting ---- */
size_t policy_shares_cut(const uint64_t *sizes, size_t n, size_t jobs, size_t *ends)
{
    uint64_t all = 0, before = 0;
    for (size_t i = 0; i < n; i++)
        all += sizes[i];
    size_t shares = jobs < SHARES_MAX ? jobs : SHARES_MAX, k = 0;
    if (shares < 2 || n < 2 * shares || (n <= SHARE_FILES_MIN && all <= SHARE_BYTES_MIN))
        shares = 1;
    for (size_t i = 0; i < n && k + 1 < shares; i++) {
        before += sizes[i] + 1;
        if (before * shares >= (all + n) * (k + 1))
            ends[k++] = i + 1;
    }
    ends[k++] = n;
    return k;
}

uint64_t policy_file_size(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && st.st_size > 0 ? (uint64_t)st.st_size : 0;
}

/* ---- outcomes ---- */
static int rank(enum sco_run_status s)
{
    static const int ranks[SCO_RUN_STATUS_MAX_] = {
        [SCO_RUN_STATUS_SKIPPED] = 0, [SCO_RUN_STATUS_COMPLETED] = 1,
        [SCO_RUN_STATUS_MISSING] = 2, [SCO_RUN_STATUS_INCOMPLETE] = 3,
        [SCO_RUN_STATUS_TIMEOUT] = 4, [SCO_RUN_STATUS_FAILED] = 5,
    };
    return ranks[s];
}

/* The worst of two decides; what had nothing to do says nothing where another had. */
const char *policy_shares_join(struct sco_arena *arena, enum sco_run_status *status,
                               const char *reason, enum sco_run_status other,
                               const char *other_reason)
{
    bool mine = *status != SCO_RUN_STATUS_SKIPPED || other == SCO_RUN_STATUS_SKIPPED;
    bool others = other != SCO_RUN_STATUS_SKIPPED || *status == SCO_RUN_STATUS_SKIPPED;
    if (rank(other) > rank(*status))
        *status = other;
    reason = mine ? reason : NULL;
    other_reason = others ? other_reason : NULL;
    if (!reason || !other_reason || strcmp(reason, other_reason) == 0)
        return reason ? reason : other_reason;
    return sco_arena_fmt(arena, "%s; %s", reason, other_reason);
}

/* ---- running ---- */
struct share {
    struct sharing *s;
    struct job *job;
    struct sco_buf said; /* while it was not its turn: lines, the latest of them */
    int spool;           /* file with those before; -1: none */
    const char *dir;
    bool ended;
    enum sco_run_status status;
    const char *reason;
};

struct sharing {
    struct sco_engine *e;
    struct share v[SHARES_MAX + 1];
    size_t n, turn, running;
    sco_policy_record_fn fn;
    void *user;
    struct sco_policy_outcome *ret;
    struct sco_arena arena;
    int stopped; /* what fn returned, or why a record could not be kept */
    bool all_ended;
};

static void stop(struct sharing *s, int why)
{
    if (s->stopped)
        return;
    s->stopped = why;
    for (size_t i = 0; i < s->n; i++)
        if (s->v[i].job && !s->v[i].ended)
            job_kill(s->v[i].job);
}

static void hand_on(struct sharing *s, struct sco_str kind, struct sco_str json)
{
    int r = s->stopped ? 0 : s->fn(s->user, kind, json);
    if (r)
        stop(s, r);
}

/* What does not fit into memory goes to a file that has no name any more. */
static int spill(struct share *x)
{
    const char *path = sco_arena_fmt(&x->s->arena, "%s/records", x->dir);
    if (!path)
        return SCO_E_NOMEM;
    if (x->spool < 0) {
        x->spool = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        unlink(path);
    }
    if (x->spool < 0 || sco_fs_write_all(x->spool, sco_buf_str(&x->said)) < 0)
        return SCO_E_IO;
    sco_buf_clear(&x->said);
    return 0;
}

static void on_record(struct sco_str kind, struct sco_str json, void *user)
{
    struct share *x = user;
    struct sharing *s = x->s;
    if (s->stopped)
        return;
    if (x == &s->v[s->turn]) {
        hand_on(s, kind, json);
        return;
    }
    sco_buf_add(&x->said, kind);
    sco_buf_addc(&x->said, ' ');
    sco_buf_add(&x->said, json);
    sco_buf_addc(&x->said, '\n');
    int r = x->said.failed ? SCO_E_NOMEM : x->said.n >= SAID_MAX ? spill(x) : 0;
    if (r < 0)
        stop(s, r);
}

/* Hands on every whole line; returns the bytes of them. */
static size_t hand_on_lines(struct sharing *s, struct sco_str text)
{
    size_t used = 0;
    while (used < text.n && !s->stopped) {
        const char *from = text.p + used, *end = memchr(from, '\n', text.n - used);
        if (!end)
            break;
        struct sco_str json = sco_str_make(from, (size_t)(end - from)), kind;
        sco_str_split(&json, ' ', &kind);
        hand_on(s, kind, json);
        used += (size_t)(end - from) + 1;
    }
    return used;
}

static int replay_file(struct share *x)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    if (lseek(x->spool, 0, SEEK_SET) < 0 || sco_buf_reserve(&b, REPLAY_SIZE) < 0)
        return SCO_E_IO;
    for (ssize_t n; (n = read(x->spool, b.p + b.n, b.cap - b.n)) != 0;) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return SCO_E_IO;
        b.n += (size_t)n;
        size_t used = hand_on_lines(x->s, sco_buf_str(&b));
        memmove(b.p, b.p + used, b.n - used);
        b.n -= used;
        if (b.n == b.cap && sco_buf_reserve(&b, b.cap) < 0) /* one record is larger than this */
            return SCO_E_NOMEM;
        if (x->s->stopped)
            return 0;
    }
    return 0;
}

static void replay(struct share *x)
{
    struct sharing *s = x->s;
    int r = x->spool >= 0 && !s->stopped ? replay_file(x) : 0;
    if (r < 0)
        stop(s, r);
    hand_on_lines(s, sco_buf_str(&x->said));
    sco_buf_done(&x->said);
    if (x->spool >= 0)
        close(x->spool);
    x->spool = -1;
}

static void on_end(struct job *j, void *user)
{
    struct share *x = user;
    struct sharing *s = x->s;
    x->ended = true;
    x->status = j->status;
    x->reason = j->reason ? sco_arena_cstr(&s->ret->arena, sco_str_c(j->reason)) : NULL;
    s->running--;
    if (!s->ret->code)
        s->ret->code = j->code;
    while (s->turn < s->n && s->v[s->turn].ended) {
        replay(&s->v[s->turn]);
        s->turn++;
    }
    if (s->turn < s->n)
        replay(&s->v[s->turn]); /* from here on it speaks for itself */
    s->all_ended = !s->running;
}

static int start(struct share *x, const struct sco_plugin_info *p,
                 const struct sco_policy_request *q, const struct policy_part *part,
                 struct sco_error *err)
{
    struct sharing *s = x->s;
    SCO_AUTO(sco_buf) struct sco_buf request = {0}, message = {0};
    struct job_spec spec = {.record = on_record, .end = on_end, .user = x};
    int r = policy_request_write(s->e, q, part, &request, err);
    if (r == 0)
        r = policies_message(s->e, p, sco_buf_str(&request), &message, &spec.timeout_ms, &x->dir,
                             &s->arena, err);
    spec.message = sco_buf_str(&message);
    if (r == 0)
        r = job_start(s->e, &spec, &x->job, err);
    s->running += r == 0;
    return r;
}

static void on_cancel(evutil_socket_t fd, short what, void *user)
{
    (void)fd; /* not read: what comes after these jobs is cancelled too */
    (void)what;
    stop(user, SCO_E_CANCELLED);
}

static int run_all(struct sharing *s, struct sco_error *err)
{
    struct event *cancel = event_new(s->e->base, s->e->cancel_pipe[0], EV_READ, on_cancel, s);
    int r = !cancel || event_add(cancel, NULL) < 0 ? sco_error_nomem(err)
                                                   : engine_loop_until(s->e, &s->all_ended, err);
    if (cancel)
        event_free(cancel);
    if (r == 0 && s->e->cancels)
        return sco_error_set(err, SCO_E_CANCELLED, "cancelled");
    if (r == 0 && s->stopped)
        return sco_error_set(err, s->stopped, "what the policies say could not be kept");
    return r;
}

int policy_shares_run(struct sco_engine *e, const struct sco_policy_request *q,
                      const struct policy_part *parts, size_t n, sco_policy_record_fn fn,
                      void *user, struct sco_policy_outcome *ret, struct sco_error *err)
{
    struct sharing *s = sco_alloc(1, sizeof *s);
    const struct sco_plugin_info *p = NULL;
    if (!s)
        return sco_error_nomem(err);
    s->e = e;
    s->fn = fn;
    s->user = user;
    s->ret = ret;
    s->n = n;
    for (size_t i = 0; i < n; i++)
        s->v[i].spool = -1;
    int r = policies_plugin(e, &p, err);
    for (size_t i = 0; i < n && r == 0; i++) {
        s->v[i].s = s;
        r = start(&s->v[i], p, q, &parts[i], err);
    }
    if (r == 0)
        r = run_all(s, err);
    ret->status = s->v[0].status;
    ret->reason = s->v[0].reason;
    for (size_t i = 1; i < n; i++) /* in their order, whoever ended first */
        ret->reason = policy_shares_join(&ret->arena, &ret->status, ret->reason, s->v[i].status,
                                         s->v[i].reason);
    for (size_t i = 0; i < n; i++) {
        job_free(s->v[i].job);
        sco_buf_done(&s->v[i].said);
        if (s->v[i].spool >= 0)
            close(s->v[i].spool);
        if (s->v[i].dir)
            sco_fs_remove_tree(s->v[i].dir);
    }
    sco_arena_done(&s->arena);
    free(s);
    return r;
}
