/* Plugins that misuse the host's functions, their descriptors or the output. */
#include "bad.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct bad_ctx *global; /* for what has no context */

#if defined(SIN_FLOOD)
static inline int work(void *ctx, struct sco_errbuf *e)
{
    const struct bad_ctx *c = (const struct bad_ctx *)ctx;
    for (int64_t i = 1; i <= c->count; i++) {
        int r = bad_emit(ctx, "FLOOD", i);
        if (r < 0)
            return sco_errf(e, r, "stopped after %lld", (long long)(i - 1));
    }
    return 0;
}
#elif defined(SIN_UTF8)
static inline int work(void *ctx, struct sco_errbuf *e)
{
    const struct sco_host *h = ((struct bad_ctx *)ctx)->host;
    const char nasty[] = "a\xFF\xC0\x80\xED\xA0\x80\0b\x1B[31m\n\"\\";
    struct sco_str s = sco_str_make(nasty, sizeof nasty - 1);
    struct sco_report_finding f;
    struct sco_pair meta = {s, s};
    memset(&f, 0, sizeof f);
    f.struct_size = sizeof f;
    f.type = SCO_TYPE_SAST;
    f.rule_id = f.title = f.description = f.remediation = f.file_path = f.resource = s;
    f.severity_text = f.snippet = f.stable_id = f.cvss_vector = s;
    f.metadata = &meta;
    f.n_metadata = 1;
    h->log(h, SCO_LOG_WARNING, s);
    h->progress(h, 1, 2, s);
    h->incomplete(h, s);
    (void)e;
    return h->emit(h, &f);
}
#elif defined(SIN_RECORDS) /* good ones, then what is refused, until the host has had enough */
static inline int work(void *ctx, struct sco_errbuf *e)
{
    static char much[SCO_RECORD_MAX + 2];
    const struct bad_ctx *c = (const struct bad_ctx *)ctx;
    const struct sco_host *h = c->host;
    int r = 0;
    for (int64_t i = 0; i < c->count && r == 0; i++)
        r = h->record(h, "good", sco_fmt(h, "{\"n\":%lld}", (long long)i));
    if (r < 0)
        return sco_errf(e, r, "stopped");
    memset(much, '1', sizeof much);
    if (h->record(h, "Bad Kind", SCO_STR("{}")) != SCO_E_INVALID ||
        h->record(h, "", SCO_STR("{}")) != SCO_E_INVALID ||
        h->record(h, "good", SCO_STR("{\n}")) != SCO_E_INVALID ||
        h->record(h, "good", SCO_STR("")) != SCO_E_INVALID ||
        h->record(h, "good", sco_str_make(much, sizeof much)) != SCO_E_LIMIT)
        return sco_errf(e, SCO_E_INTERNAL, "a bad record was taken");
    return 0;
}
#elif defined(SIN_LATE)
static inline int work(void *ctx, struct sco_errbuf *e)
{
    (void)e;
    return bad_emit(ctx, "IN-TIME", 1);
}
#elif defined(SIN_THREAD)
static void *other(void *ctx)
{
    bad_emit(ctx, "THREAD", 1);
    return NULL;
}
static inline int work(void *ctx, struct sco_errbuf *e)
{
    pthread_t t;
    if (pthread_create(&t, NULL, other, ctx) != 0)
        return sco_errf(e, SCO_E_IO, "no thread");
    pthread_join(t, NULL);
    return 0;
}
#elif defined(SIN_NO_TYPE)
static inline int work(void *ctx, struct sco_errbuf *e)
{
    const struct sco_host *h = ((struct bad_ctx *)ctx)->host;
    struct sco_report_finding f;
    memset(&f, 0, sizeof f);
    f.struct_size = sizeof f;
    f.rule_id = SCO_STR("X");
    h->emit(h, &f); /* refused, and not looked at: must not pass for clean */
    (void)e;
    return 0;
}
#elif defined(SIN_LOG_FLOOD)
static inline int work(void *ctx, struct sco_errbuf *e)
{
    const struct sco_host *h = ((struct bad_ctx *)ctx)->host;
    for (int i = 0; i < 100000; i++) {
        h->log(h, SCO_LOG_ERROR, SCO_STR("again and again"));
        h->progress(h, (uint64_t)i, 100000, SCO_STR("again"));
        h->incomplete(h, sco_fmt(h, "reason %d", i));
    }
    (void)e;
    return 0;
}
#elif defined(SIN_STDOUT)
static inline int work(void *ctx, struct sco_errbuf *e)
{
    printf("{\"not\":\"a report\"}\n");
    fflush(stdout);
    (void)e;
    return bad_emit(ctx, "ONE", 1);
}
#elif defined(SIN_STDERR) /* 256 MiB, then the reason, then the end */
static inline int work(void *ctx, struct sco_errbuf *e)
{
    static char noise[1 << 20];
    memset(noise, 'x', sizeof noise);
    (void)ctx;
    (void)e;
    for (int i = 0; i < 256; i++)
        (void)!write(2, noise, sizeof noise);
    (void)!write(2, "\nthe cause at last\n", 19);
    _exit(7);
}
#elif defined(SIN_FD3)
static inline int work(void *ctx, struct sco_errbuf *e)
{
    (void)!write(3, "garbage garbage garbage garbage\n", 32);
    (void)e;
    return bad_emit(ctx, "ONE", 1);
}
#elif defined(SIN_GARBAGE)
static inline int work(void *ctx, struct sco_errbuf *e)
{
    struct stat st;
    for (int fd = 3; fd < 1024; fd++)
        if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode))
            (void)!write(fd, "garbage garbage garbage garbage\n", 32);
    (void)e;
    return bad_emit(ctx, "ONE", 1);
}
#elif defined(SIN_CLOSE_FDS)
static inline int work(void *ctx, struct sco_errbuf *e)
{
    for (int fd = 3; fd < 1024; fd++)
        close(fd);
    (void)e;
    return bad_emit(ctx, "ONE", 1);
}
#elif defined(SIN_CHILDREN)
static inline int work(void *ctx, struct sco_errbuf *e)
{
    for (int i = 0; i < 5; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            setsid();
            if (fork() != 0)
                _exit(0);
            sleep(3600);
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
    (void)e;
    return bad_emit(ctx, "ONE", 1);
}
#elif defined(SIN_WRITES)
static inline int work(void *ctx, struct sco_errbuf *e)
{
    const struct sco_host *h = ((struct bad_ctx *)ctx)->host;
    const char *const outside[] = {"/tmp/secureops-was-here", "/etc/secureops-was-here"};
    for (int i = 0; i < 2; i++) {
        int fd = open(outside[i], O_WRONLY | O_CREAT, 0600);
        if (fd >= 0) {
            close(fd);
            unlink(outside[i]);
            h->incomplete(h, sco_fmt(h, "could write %s", outside[i]));
        }
    }
    (void)e;
    return bad_emit(ctx, "ONE", 1);
}
#endif

static inline int run(void *ctx, const struct sco_job *job, struct sco_errbuf *e)
{
    (void)job;
    global = (struct bad_ctx *)ctx;
    return work(ctx, e);
}

static inline int parse(void *ctx, const struct sco_input *in, struct sco_errbuf *e)
{
    (void)in;
    return work(ctx, e);
}

static inline uint32_t sniff(const struct sco_probe *p)
{
    return bad_is(p, SIN_NAME);
}

static inline void close_late(void *ctx)
{
#if defined(SIN_LATE)
    for (int i = 0; i < 3; i++)
        bad_emit(ctx, "TOO-LATE", 1);
#endif
    (void)ctx;
}

#if defined(SIN_LATE)
__attribute__((destructor)) static void at_the_very_end(void)
{
    if (global)
        bad_emit(global, "FAR-TOO-LATE", 1);
}
#endif

static const struct sco_option options[] = {
    {.name = "count",
     .type = SCO_OPT_INT,
     .offset = offsetof(struct bad_ctx, count),
     .def = "1000000",
     .max = 100000000,
     .doc = "How many findings to emit."},
    {.name = NULL},
};

BAD_SCANNER(run, parse, sniff);
BAD_DESCRIPTOR(SIN_NAME, .options = options, .close = close_late)
