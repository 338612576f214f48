/* The normalised event of a CI platform (docs/ci-plugins.md) and what its fields are made from:
 * words of statuses, the platforms' five shapes of time, shas, refs. Header only. */
#pragma once

#include "ci_text.h"

/* Absent texts are {NULL, 0} and become null; so do numbers and times of 0, and flags of -1. */
struct ci_event {
    const char *platform; /* "github" */
    const char *event;    /* "push"; NULL: "ignored" */
    struct sco_str action, native_event;
    struct sco_str repo_full_name, clone_url, head_clone_url;
    struct sco_str ref, branch, tag;
    struct sco_str commit_sha, base_sha;
    int64_t pr_number;
    struct sco_str pr_source_branch, pr_target_branch;
    int is_fork, is_delete; /* -1: does not apply */
    struct sco_str actor;
    struct sco_str pipeline_id, job_id;
    const char *status;                          /* of the closed list, or NULL */
    int64_t created_at, started_at, finished_at; /* Unix ms */
    struct sco_str url, default_branch, name;
    struct sco_str details, context; /* JSON objects; absent: {} */
};

static inline struct ci_event ci_event_new(const char *platform)
{
    struct ci_event ev;
    memset(&ev, 0, sizeof ev);
    ev.platform = platform;
    ev.is_fork = ev.is_delete = -1;
    return ev;
}

/* ---- words ---- */

struct ci_word {
    const char *theirs, *ours;
};

/* The row with this word, letters of either case; `def` without one. NULL for an absent text. The
 * table ends with a NULL. */
static inline const char *ci_word(const struct ci_word *table, struct sco_str s, const char *def)
{
    if (!s.n)
        return NULL;
    for (; table->theirs; table++)
        if (sco_str_is_nocase(s, table->theirs))
            return table->ours;
    return def;
}

/* ---- times ---- */

/* Days since 1970-01-01. */
static inline int64_t ci_days(int64_t y, int64_t m, int64_t d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400, yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* `n` digits at *at; -1: there are none. */
static inline int64_t ci_digits(struct sco_str s, size_t *at, size_t n)
{
    int64_t v = 0;
    if (s.n - *at < n || *at > s.n)
        return -1;
    for (size_t i = 0; i < n; i++, (*at)++) {
        if (s.p[*at] < '0' || s.p[*at] > '9')
            return -1;
        v = v * 10 + (s.p[*at] - '0');
    }
    return v;
}

static inline int ci_skip(struct sco_str s, size_t *at, const char *any)
{
    if (*at >= s.n || !strchr(any, s.p[*at]) || !s.p[*at])
        return 0;
    (*at)++;
    return 1;
}

/* Minutes east of Greenwich of "Z", "UTC", "GMT", "+02:00", "+0200", "+02" or nothing at all, from
 * *at to the end; 0 when it is none of them. */
static inline int ci_zone(struct sco_str s, size_t at, int64_t *ret)
{
    while (ci_skip(s, &at, " "))
        ;
    struct sco_str rest = sco_str_make(s.p + at, s.n - at);
    *ret = 0;
    if (!rest.n || sco_str_is_nocase(rest, "z") || sco_str_is_nocase(rest, "utc") ||
        sco_str_is_nocase(rest, "gmt"))
        return 1;
    int minus = rest.p[0] == '-';
    if (!ci_skip(s, &at, "+-"))
        return 0;
    int64_t hours = ci_digits(s, &at, 2), minutes = 0;
    if (at < s.n) {
        ci_skip(s, &at, ":");
        minutes = ci_digits(s, &at, 2);
    }
    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59 || at != s.n)
        return 0;
    *ret = (hours * 60 + minutes) * (minus ? -1 : 1);
    return 1;
}

/* "2025-09-03T17:39:26.2111382Z", "...+02:00", "2016-08-12 15:23:28 UTC", "... +0200". Unix ms, the
 * fraction of the second cut; 0: it is no time. */
static inline int64_t ci_time_text(struct sco_str s)
{
    static const unsigned char days[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    size_t at = 0;
    int64_t zone;
    int64_t y = ci_digits(s, &at, 4);
    int ok = y >= 1 && ci_skip(s, &at, "-");
    int64_t mo = ok ? ci_digits(s, &at, 2) : -1;
    ok = mo >= 1 && mo <= 12 && ci_skip(s, &at, "-");
    int64_t d = ok ? ci_digits(s, &at, 2) : -1;
    ok = d >= 1 && d <= days[mo - 1] && ci_skip(s, &at, "Tt ");
    int64_t hh = ok ? ci_digits(s, &at, 2) : -1;
    ok = hh >= 0 && hh <= 23 && ci_skip(s, &at, ":");
    int64_t mi = ok ? ci_digits(s, &at, 2) : -1;
    ok = mi >= 0 && mi <= 59 && ci_skip(s, &at, ":");
    int64_t ss = ok ? ci_digits(s, &at, 2) : -1;
    if (ss < 0 || ss > 60)
        return 0;
    if (ci_skip(s, &at, ".,"))
        while (at < s.n && s.p[at] >= '0' && s.p[at] <= '9')
            at++;
    if (!ci_zone(s, at, &zone))
        return 0;
    int64_t t = ((ci_days(y, mo, d) * 24 + hh) * 60 + mi - zone) * 60 + ss;
    return t > 0 ? t * 1000 : 0;
}

/* A text as above, or a number: of seconds, above 10^11 of milliseconds. */
static inline int64_t ci_time(const struct sco_node *v)
{
    int64_t n = sco_is(v, SCO_NODE_INT) ? v->i : 0;
    if (sco_is(v, SCO_NODE_STR))
        return ci_time_text(v->text);
    if (n <= 0 || n > (int64_t)253402300799999)
        return 0;
    return n > (int64_t)100000000000 ? n / 1000 * 1000 : n * 1000;
}

static inline int64_t ci_time_at(const struct sco_node *map, const char *path)
{
    return ci_time(sco_path(map, path));
}

/* "2026-11-20T09:31:07Z"; absent for 0. */
static inline struct sco_str ci_time_format(const struct sco_host *h, int64_t ms)
{
    int64_t s = ms / 1000, days = s / 86400, rest = s % 86400;
    if (ms <= 0)
        return sco_str_make(NULL, 0);
    days += 719468;
    int64_t era = days / 146097, doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int64_t m = mp < 10 ? mp + 3 : mp - 9, y = yoe + era * 400 + (m <= 2);
    char *p = (char *)h->alloc(h, 40);
    if (!p)
        return sco_str_make(NULL, 0);
    int n = snprintf(p, 40, "%04d-%02d-%02dT%02d:%02d:%02dZ", (int)y, (int)m,
                     (int)(doy - (153 * mp + 2) / 5 + 1), (int)(rest / 3600), (int)(rest / 60 % 60),
                     (int)(rest % 60));
    return sco_str_make(p, (size_t)n);
}

static inline void ci_json_ktime(struct ci_json *j, const char *key, int64_t ms)
{
    ci_json_kstr(j, key, ci_time_format(j->h, ms));
}

/* ---- shas, refs, repositories ---- */

/* 40 or 64 hex digits that are not all zeros, as they are; else absent. */
static inline struct sco_str ci_sha(struct sco_str s)
{
    int zeros = 1;
    if (s.n != 40 && s.n != 64)
        return sco_str_make(NULL, 0);
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
            return sco_str_make(NULL, 0);
        zeros = zeros && c == '0';
    }
    return zeros ? sco_str_make(NULL, 0) : s;
}

static inline struct sco_str ci_sha_at(const struct sco_node *map, const char *path)
{
    return ci_sha(sco_text_at(map, path));
}

/* Whether a text is all zeros: what platforms send for "there was none". */
static inline int ci_is_zeros(struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] != '0')
            return 0;
    return s.n > 0;
}

/* What is behind a prefix; absent when it is not there or nothing follows. */
static inline struct sco_str ci_behind(struct sco_str s, const char *prefix)
{
    size_t n = strlen(prefix);
    if (s.n <= n || !sco_str_starts(s, prefix))
        return sco_str_make(NULL, 0);
    return sco_str_make(s.p + n, s.n - n);
}

/* ref in full, and the bare branch or tag of it. */
static inline void ci_event_ref(struct ci_event *ev, struct sco_str ref)
{
    ev->ref = ref.n ? ref : sco_str_make(NULL, 0);
    ev->branch = ci_behind(ref, "refs/heads/");
    ev->tag = ci_behind(ref, "refs/tags/");
}

/* ref from a bare branch or tag; one that starts with "refs/" is kept and leaves both absent. */
static inline void ci_event_bare(const struct sco_host *h, struct ci_event *ev, struct sco_str bare,
                                 int is_tag)
{
    if (!bare.n)
        return;
    if (sco_str_starts(bare, "refs/")) {
        ev->ref = bare;
        return;
    }
    const char *kind = is_tag ? "tags" : "heads";
    struct ci_json j = ci_json_new(h);
    ci_json_put(&j, "refs/", 5);
    ci_json_put(&j, kind, strlen(kind));
    ci_json_put(&j, "/", 1);
    ci_json_put(&j, bare.p, bare.n);
    ev->ref = ci_json_text(&j);
    if (is_tag)
        ev->tag = bare;
    else
        ev->branch = bare;
}

/* An http or https URL with what may not stand in one percent-encoded; else absent. An event whose
 * link is odd is not lost for that. */
static inline struct sco_str ci_url(const struct sco_host *h, struct sco_str s)
{
    enum { URL_LONGEST = 2048 };
    struct ci_json j = ci_json_new(h);
    if (!sco_str_starts(s, "https://") && !sco_str_starts(s, "http://"))
        return sco_str_make(NULL, 0);
    for (size_t i = 0; i < s.n && i <= URL_LONGEST; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c > ' ' && c < 0x7F && !strchr("\"<>\\^`{|}", c)) {
            ci_json_put(&j, s.p + i, 1);
        } else {
            char code[4];
            snprintf(code, sizeof code, "%%%02X", (unsigned)c);
            ci_json_put(&j, code, 3);
        }
    }
    return j.n <= URL_LONGEST ? ci_json_text(&j) : sco_str_make(NULL, 0);
}

/* ---- out ---- */

/* One line of a sane length, as the engine wants it. */
static inline void ci_event_line(struct ci_json *j, const char *key, struct sco_str s)
{
    ci_json_kstr(j, key, s.p ? ci_line(j->h, s, 500) : s);
}

static inline void ci_event_flag(struct ci_json *j, const char *key, int v)
{
    if (v < 0)
        ci_json_knull(j, key);
    else
        ci_json_kbool(j, key, v);
}

static inline void ci_event_write(struct ci_json *j, const struct ci_event *ev)
{
    ci_json_begin(j, '{');
    ci_json_kz(j, "platform", ev->platform);
    ci_json_kz(j, "event", ev->event ? ev->event : "ignored");
    ci_event_line(j, "action", ev->action);
    ci_json_kstr(j, "native_event", ev->native_event);
    ci_json_kstr(j, "repo_full_name", ev->repo_full_name);
    ci_json_kstr(j, "clone_url", ev->clone_url);
    ci_json_kstr(j, "ref", ev->ref);
    ci_json_kstr(j, "branch", ev->branch);
    ci_json_kstr(j, "tag", ev->tag);
    ci_json_kstr(j, "commit_sha", ev->commit_sha);
    ci_json_kstr(j, "base_sha", ev->base_sha);
    ci_json_key(j, "pr_number");
    if (ev->pr_number > 0)
        ci_json_int(j, ev->pr_number);
    else
        ci_json_raw(j, SCO_STR("null"));
    ci_json_kstr(j, "pr_source_branch", ev->pr_source_branch);
    ci_json_kstr(j, "pr_target_branch", ev->pr_target_branch);
    ci_event_flag(j, "is_fork", ev->is_fork);
    ci_event_flag(j, "is_delete", ev->is_delete);
    ci_event_line(j, "actor", ev->actor);
    ci_json_kstr(j, "pipeline_id", ev->pipeline_id);
    ci_json_kstr(j, "job_id", ev->job_id);
    ci_json_kz(j, "status", ev->status);
    ci_json_ktime(j, "created_at", ev->created_at);
    ci_json_ktime(j, "started_at", ev->started_at);
    ci_json_ktime(j, "finished_at", ev->finished_at);
    ci_json_kstr(j, "url", ci_url(j->h, ev->url));
    ci_json_kstr(j, "head_clone_url", ev->head_clone_url);
    ci_json_kstr(j, "default_branch", ev->default_branch);
    ci_event_line(j, "name", ev->name);
    ci_json_kraw(j, "details", ev->details.n ? ev->details : SCO_STR("{}"));
    ci_json_kraw(j, "context", ev->context.n ? ev->context : SCO_STR("{}"));
    ci_json_end(j, '}');
}

/* The record "event". */
static inline int ci_event_emit(const struct sco_host *h, const struct ci_event *ev,
                                struct sco_errbuf *e)
{
    struct ci_json j = ci_json_new(h);
    ci_event_write(&j, ev);
    return ci_json_record(&j, "event", e);
}

/* ---- in ---- */

/* The JSON object of a webhook's body. 0, or an error; *ret_reader, which is to be closed in any
 * case, holds it. */
static inline int ci_payload(const struct sco_host *h, struct sco_str text,
                             struct sco_reader **ret_reader, const struct sco_node **ret,
                             struct sco_errbuf *e)
{
    int r = h->data->open_mem(h, text, ret_reader, e);
    if (r == 0)
        r = h->data->read(*ret_reader, NULL, ret, e);
    if (r == 0 || (r > 0 && (*ret)->type != SCO_NODE_MAP))
        r = sco_errf(e, SCO_E_FORMAT, "the payload is not a JSON object");
    return r < 0 ? r : 0;
}
