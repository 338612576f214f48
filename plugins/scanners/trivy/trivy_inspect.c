/* What decides about Trivy's results beside its version: the age of what it downloads. */
#include "trivy_priv.h"

#include <time.h>

enum { ASK_TIMEOUT_MS = 10000 };

/* Whole days since "2026-11-20T...Z"; -1: not a date. */
static int64_t days_since(struct sco_str when)
{
    struct tm tm = {0};
    char text[32];
    snprintf(text, sizeof text, "%.*s", when.n > 10 ? 10 : (int)when.n, when.p ? when.p : "");
    const char *end = strptime(text, "%Y-%m-%d", &tm);
    time_t then = end && !*end ? timegm(&tm) : -1, now = time(NULL);
    return then < 0 || now < then ? -1 : (int64_t)(now - then) / 86400;
}

static void say_age(const struct trivy *t, const struct sco_node *part, const char *what,
                    const char *key)
{
    struct sco_str when = sco_text_at(part, key);
    int64_t days = days_since(when);
    if (!when.n)
        return;
    if (days < 0)
        t->h->log(t->h, SCO_LOG_INFO, sco_fmt(t->h, "%s of %.*s", what, SCO_STR_ARG(when)));
    else
        t->h->log(t->h, SCO_LOG_INFO,
                  sco_fmt(t->h, "%s of %.*s, %lld day%s old", what, when.n > 10 ? 10 : (int)when.n,
                          when.p, (long long)days, days == 1 ? "" : "s"));
}

int trivy_inspect(void *ctx, const struct sco_job *job, struct sco_errbuf *e)
{
    struct trivy *t = ctx;
    const struct sco_data_api *data = t->h->data;
    struct rep_args a = {.h = t->h};
    struct sco_command_result res;
    struct sco_reader *reader = NULL;
    const struct sco_node *root = NULL;
    const char *args[] = {job->program, "--cache-dir", job->cache_dir,
                          "version",    "--format",    "json"};
    if (t->server.n) {
        t->h->log(t->h, SCO_LOG_INFO,
                  sco_fmt(t->h, "the server %.*s has the vulnerability database",
                          SCO_STR_ARG(t->server)));
        return 0;
    }
    for (size_t i = 0; i < sizeof args / sizeof args[0]; i++)
        rep_arg(&a, args[i]);
    struct sco_command c = {
        .struct_size = sizeof c, .argv = rep_argv(&a), .timeout_ms = ASK_TIMEOUT_MS};
    int r = rep_run(t->h, TRIVY_TOOL, &c, &res, e);
    if (r < 0)
        return r;
    if ((r = data->open_mem(t->h, res.out, &reader, e)) < 0)
        return r;
    r = data->read(reader, NULL, &root, e);
    if (r == 1 && sco_is(root, SCO_NODE_MAP)) {
        say_age(t, sco_get(root, "VulnerabilityDB"), "vulnerability database", "UpdatedAt");
        say_age(t, sco_get(root, "JavaDB"), "Java database", "UpdatedAt");
        say_age(t, sco_get(root, "CheckBundle"), "misconfiguration checks", "DownloadedAt");
        if (!sco_get(root, "VulnerabilityDB"))
            t->h->log(t->h, SCO_LOG_INFO,
                      SCO_STR("no vulnerability database yet: the first scan downloads it"));
    }
    data->close(reader);
    return r < 0 ? r : 0;
}
