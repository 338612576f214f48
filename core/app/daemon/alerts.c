/* Alerts to mail and webhooks (`notifications`), each once, by whichever node sees it first: as
 * jobs of the kind "call", added with the note that it was sent, the oldest first. And the alert
 * that findings are overdue. On the clock's thread. */
#include "alerts.h"
#include "daemon_priv.h"

#include <secureops/crypto.h>
#include <secureops/json.h>
#include <secureops/store_ci.h>
#include <secureops/store_jobs.h>
#include <secureops/store_stats.h>
#include <stdlib.h>

#define SCO_LOG_MODULE "alerts"
#include <secureops/log.h>

enum {
    SEND_MS = 2000,
    SLA_ALL_MS = 3600 * 1000,
    WINDOW_MS = 3600 * 1000, /* older ones are no news any more */
    SLA_MS = 10 * 60 * 1000,
    PAGE = 100,
    PAGES_MAX = 10, /* the clock has other work as well: the others are sent the next time */
    OVERDUE_PAGES_MAX = 20, /* in one transaction */
    NAMED_MAX = 5,
    ATTEMPTS = 8,
};

struct alerts {
    struct daemon *d;
    int64_t sent_at, sla_at, sla_all_at, sla_begun;
    struct sco_buf overdue; /* where to go on; empty: from the start */
    bool overdue_all;       /* what has begun */
};

/* ---- one ---- */
static bool is_wanted(const struct sco_config_notifications *c, const struct sco_stored_alert *a)
{
    bool any = c->kinds.n == 0;
    for (size_t i = 0; i < c->kinds.n && !any; i++)
        any = sco_glob_match(c->kinds.v[i].p, sco_str_c(a->kind));
    /* what failed to be sent is not sent: it would never end */
    bool own = strcmp(a->kind, "notification_failed") == 0 ||
               (a->repository && strncmp(a->repository, "notify:", 7) == 0);
    return any && !own && a->severity >= c->severity;
}

static int add_call(struct sco_store *s, const struct sco_stored_alert *a, const char *target,
                    const char *to, struct sco_buf *request, int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf unique = {0};
    struct sco_job_added added;
    sco_buf_addf(&unique, "alert:%s:%s", a->id, to);
    struct sco_job_request q = {.kind = "call",
                                .target_key = target,
                                .revision = sco_buf_z(&unique),
                                .scanners = "call",
                                .request = sco_buf_z(request),
                                .origin = "notifications",
                                .requested_by = "notifications",
                                .priority = SCO_JOB_PRIORITY,
                                .max_attempts = ATTEMPTS};
    int r = sco_buf_check(request, err);
    if (r == 0)
        r = sco_buf_check(&unique, err);
    return r == 0 ? sco_store_job_add(s, &q, now, &added, err) : r;
}

static int mail(struct sco_store *s, const struct sco_stored_alert *a, struct sco_str to,
                int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, text = {0}, subject = {0};
    struct sco_json_out o = {.b = &b};
    char at[SCO_TIME_LEN];
    sco_time_format(a->created_at, at);
    sco_buf_addf(&subject, "[SecureOps] %s: %s", sco_severity_name(a->severity), a->title);
    sco_buf_addf(&text, "%s\n\n%s\n\nseverity: %s\nkind: %s\nrepository: %s\nalert: %s\nat: %s\n",
                 a->title, a->message ? a->message : "", sco_severity_name(a->severity), a->kind,
                 a->repository ? a->repository : "-", a->id, at);
    sco_json_begin(&o, '{');
    sco_json_key(&o, "mail");
    sco_json_begin(&o, '{');
    sco_json_kstr(&o, "to", to);
    sco_json_kstr(&o, "subject", sco_buf_str(&subject));
    sco_json_kstr(&o, "text", sco_buf_str(&text));
    sco_json_end(&o, '}');
    sco_json_end(&o, '}');
    b.failed |= text.failed || subject.failed;
    return add_call(s, a, "notify:mail", to.p, &b, now, err);
}

/* `text` is what chats show. */
static int webhook(struct sco_store *s, const struct sco_stored_alert *a, struct sco_str url,
                   int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, text = {0}, target = {0};
    struct sco_json_out o = {.b = &b};
    uint8_t digest[32];
    char hex[65];
    sco_sha256_of(url, digest);
    sco_hex(digest, sizeof digest, hex);
    sco_buf_addf(&text, "%s: %s", sco_severity_name(a->severity), a->title);
    sco_buf_addf(&target, "notify:%.12s", hex);
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "sink", hex);
    sco_json_key(&o, "body");
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "event_type", "notification.alert");
    sco_json_kz(&o, "text", sco_buf_z(&text));
    sco_json_kz(&o, "alert_id", a->id);
    sco_json_kz(&o, "kind", a->kind);
    sco_json_kz(&o, "severity", sco_severity_name(a->severity));
    sco_json_kz(&o, "title", a->title);
    sco_json_kz(&o, "message", a->message);
    sco_json_kz(&o, "repository", a->repository);
    sco_json_kz(&o, "object", a->object);
    sco_json_ktime(&o, "created_at", a->created_at);
    sco_json_end(&o, '}');
    sco_json_end(&o, '}');
    b.failed |= text.failed || target.failed;
    return add_call(s, a, sco_buf_z(&target), hex, &b, now, err);
}

static int send_once(struct sco_store *s, const struct sco_config_notifications *c,
                     const struct sco_stored_alert *a, int64_t now, struct sco_error *err)
{
    bool first = false;
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = sco_store_alert_notified(s, a->id, now, &first, err);
    first = first && is_wanted(c, a);
    for (size_t i = 0; r == 0 && first && i < c->mail.n; i++)
        r = mail(s, a, c->mail.v[i], now, err);
    for (size_t i = 0; r == 0 && first && i < c->webhooks.n; i++)
        r = webhook(s, a, c->webhooks.v[i], now, err);
    return sco_store_end(s, r, err);
}

/* ---- all that are new ---- */
static bool is_its_own(int r) /* the next alert may fare better */
{
    return r == SCO_E_INVALID || r == SCO_E_LIMIT || r == SCO_E_FORMAT;
}

static int send_page(struct sco_store *s, const struct sco_config_notifications *c,
                     const struct sco_alert_page *p, int64_t now, struct sco_error *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < p->n; i++) {
        bool first;
        r = send_once(s, c, &p->v[i], now, err);
        if (!is_its_own(r))
            continue;
        sco_log_error("alert %s cannot be sent: %s", p->v[i].id, err->text);
        r = sco_store_alert_notified(s, p->v[i].id, now, &first, err);
    }
    return r;
}

int alerts_send(struct sco_store *s, const struct sco_config_notifications *c, int64_t now,
                struct sco_error *err)
{
    bool more = true;
    int r = 0;
    for (int i = 0; r == 0 && more && i < PAGES_MAX; i++) {
        struct sco_alert_page p = {0};
        r = sco_store_alerts_unsent(s, now - WINDOW_MS, PAGE, &p, err);
        if (r < 0)
            return r;
        more = p.n == PAGE;
        r = send_page(s, c, &p, now, err);
        sco_alert_page_done(&p);
    }
    return r;
}

/* ---- overdue ---- */
struct group {
    struct sco_buf names;
    uint64_t n;
    uint32_t severity;
    char first[37];
    const char *repository;
};
struct groups {
    struct group *v;
    size_t n, cap;
    struct sco_arena arena;
};

static struct group *group_of(struct groups *g, const char *repository)
{
    for (size_t i = 0; i < g->n; i++)
        if (strcmp(g->v[i].repository, repository) == 0)
            return &g->v[i];
    const char *copy = sco_arena_cstr(&g->arena, sco_str_c(repository));
    if (!copy || SCO_VEC_PUSH(g->v, g->n, g->cap) < 0)
        return NULL;
    g->v[g->n] = (struct group){.repository = copy};
    return &g->v[g->n++];
}

static int take_overdue(struct groups *g, struct sco_store *s, const struct sco_stored_finding *f,
                        int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    bool first = false;
    sco_buf_addf(&key, "sla %s", f->id);
    int r = sco_buf_check(&key, err);
    if (r == 0)
        r = sco_store_effect_once(s, sco_buf_z(&key), now, &first, err);
    if (r < 0 || !first)
        return r;
    struct group *x = group_of(g, f->repository);
    if (!x)
        return sco_error_nomem(err);
    if (x->n++ == 0)
        snprintf(x->first, sizeof x->first, "%s", f->id);
    if (f->severity > x->severity)
        x->severity = f->severity;
    if (x->n <= NAMED_MAX)
        sco_buf_addf(&x->names, "%s %s%s%s\n", sco_severity_name(f->severity), f->title,
                     f->file_path ? " in " : "", f->file_path ? f->file_path : "");
    return 0;
}

static int tell_group(struct sco_store *s, struct group *x, int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf title = {0};
    char id[37];
    sco_buf_addf(&title, "%llu finding%s overdue", (unsigned long long)x->n,
                 x->n == 1 ? " is" : "s are");
    if (x->n > NAMED_MAX)
        sco_buf_addf(&x->names, "and %llu more", (unsigned long long)(x->n - NAMED_MAX));
    struct sco_stored_alert a = {.kind = "sla_breached",
                                 .severity = x->severity,
                                 .title = sco_buf_z(&title),
                                 .message = sco_buf_z(&x->names),
                                 .repository = x->repository,
                                 .object = x->first,
                                 .created_at = now};
    return title.failed || x->names.failed ? sco_error_nomem(err)
                                           : sco_store_alert_add(s, &a, id, err);
}

static int take_page(struct groups *g, struct sco_store *s, int64_t now, int64_t since,
                     struct sco_buf *at, struct sco_error *err)
{
    struct sco_store_filter f = {
        .overdue = true, .now = now, .limit = 500, .cursor = at->n ? sco_buf_z(at) : NULL};
    struct sco_finding_page p = {0};
    int r = sco_store_findings(s, &f, &p, err);
    if (r < 0)
        return r;
    for (size_t k = 0; r == 0 && k < p.n; k++)
        if (p.v[k].due_at > since) /* the others were looked at */
            r = take_overdue(g, s, &p.v[k], now, err);
    at->n = 0;
    if (p.cursor)
        sco_buf_addz(at, p.cursor);
    sco_finding_page_done(&p);
    return r == 0 ? sco_buf_check(at, err) : r;
}

static int take_pages(struct groups *g, struct sco_store *s, int64_t now, int64_t since,
                      struct sco_buf *at, struct sco_error *err)
{
    int r = take_page(g, s, now, since, at, err);
    for (int i = 1; r == 0 && at->n && i < OVERDUE_PAGES_MAX; i++)
        r = take_page(g, s, now, since, at, err);
    return r;
}

int alerts_overdue(struct sco_store *s, int64_t now, int64_t since, struct sco_buf *at,
                   struct sco_error *err)
{
    struct groups g = {0};
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = take_pages(&g, s, now, since, at, err);
    for (size_t i = 0; i < g.n; i++) {
        if (r == 0)
            r = tell_group(s, &g.v[i], now, err);
        sco_buf_done(&g.v[i].names);
    }
    free(g.v);
    sco_arena_done(&g.arena);
    r = sco_store_end(s, r, err);
    if (r < 0)
        at->n = 0; /* all of it again: each is told once */
    return r;
}

/* ---- on the clock ---- */
static void look_for_overdue(struct alerts *x, struct sco_store *s, int64_t now)
{
    struct sco_error err = {0};
    if (!x->overdue.n && now - x->sla_at < SLA_MS && now >= x->sla_at)
        return;
    /* an import may bring what has been overdue for long: now and then all are looked at */
    if (!x->overdue.n) {
        x->overdue_all = now - x->sla_all_at >= SLA_ALL_MS || now < x->sla_all_at;
        x->sla_begun = now;
    }
    if (alerts_overdue(s, now, x->overdue_all ? 0 : x->sla_at, &x->overdue, &err) < 0) {
        sco_log_warning("what is overdue is not told: %s", err.text);
        return;
    }
    if (x->overdue.n)
        return; /* there is more: it goes on with the next beat */
    x->sla_at = x->sla_begun;
    x->sla_all_at = x->overdue_all ? x->sla_begun : x->sla_all_at;
}

void alerts_polled(struct alerts *x, struct sco_store *s, int64_t now)
{
    struct sco_error err = {0};
    look_for_overdue(x, s, now);
    if (now - x->sent_at < SEND_MS && now >= x->sent_at)
        return;
    x->sent_at = now;
    struct snapshot *config = daemon_snapshot(x->d);
    const struct sco_config_notifications *c = &config->config->notifications;
    if ((c->mail.n || c->webhooks.n) && alerts_send(s, c, now, &err) < 0)
        sco_log_warning("alerts are not sent: %s", err.text);
    snapshot_unref(config);
}

int alerts_new(struct daemon *d, struct alerts **ret, struct sco_error *err)
{
    struct alerts *x = sco_alloc(1, sizeof *x);
    if (!x)
        return sco_error_nomem(err);
    x->d = d;
    *ret = x;
    return 0;
}

struct alerts *alerts_free(struct alerts *x)
{
    if (x)
        sco_buf_done(&x->overdue);
    free(x);
    return NULL;
}
