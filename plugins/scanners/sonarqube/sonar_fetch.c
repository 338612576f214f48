/* Taking issues and hotspots from a server, page by page. A search gives at most 10,000 results, so
 * a larger set is cut into parts that together are the whole: by severity, then by rule, then by
 * halving the time of creation. What the parts lack of the whole is said. */
#include "sonar_priv.h"

#include <stdlib.h>

enum { DEPTH_MAX = 64, RULES_MAX = 500 };

/* A part of the issues; all texts end with NUL, "" is no condition. */
struct part {
    const char *severity, *rule;
    int64_t after, before; /* Unix seconds, from and up to; 0: no condition */
};

static const char *const severities[] = {"BLOCKER", "CRITICAL", "MAJOR", "MINOR", "INFO", NULL};

/* ---- requests ---------------------------------------------------------------------------------
 */

static const char *joined(const struct sco_host *h, struct sco_str_list l)
{
    const char *s = "";
    for (size_t i = 0; i < l.n && s; i++)
        s = rep_strf(h, "%s%s%.*s", s, i ? "," : "", SCO_STR_ARG(l.v[i]));
    return s;
}

static const char *date_text(const struct sco_host *h, int64_t seconds)
{
    char text[32] = "";
    struct tm tm;
    time_t t = (time_t)seconds;
    if (seconds && gmtime_r(&t, &tm))
        strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S+0000", &tm);
    return rep_strf(h, "%s", text);
}

/* "2017-10-18T04:51:38-0400" to Unix seconds; 0: not a date. */
static int64_t read_date(struct sco_str s)
{
    int v[6], sign = 0, hours = 0, minutes = 0;
    char text[40];
    struct tm tm = {0};
    if (s.n < 19 || s.n >= sizeof text)
        return 0;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    for (int i = 0, at = 0; i < 6; i++, at += i == 1 ? 5 : 3) {
        char *end = NULL;
        v[i] = (int)strtol(text + at, &end, 10);
        if (end != text + at + (i == 0 ? 4 : 2))
            return 0;
    }
    if (s.n >= 24 && (text[19] == '+' || text[19] == '-')) {
        sign = text[19] == '-' ? -1 : 1;
        hours = (text[20] - '0') * 10 + text[21] - '0';
        minutes = (text[22] - '0') * 10 + text[23] - '0';
    }
    tm.tm_year = v[0] - 1900;
    tm.tm_mon = v[1] - 1;
    tm.tm_mday = v[2];
    tm.tm_hour = v[3];
    tm.tm_min = v[4];
    tm.tm_sec = v[5];
    return (int64_t)timegm(&tm) - sign * (hours * 3600 + minutes * 60);
}

static const char *issues_url(struct sonar_session *x, const struct part *p, const char *page,
                              const char *size, const char *facets, const char *ascending)
{
    struct sonar *s = x->s;
    const char *const pairs[] = {x->component_parameter,
                                 x->key,
                                 "branch",
                                 s->branch.p,
                                 "pullRequest",
                                 s->pull_request.p,
                                 "types",
                                 joined(s->h, s->types),
                                 "resolved",
                                 s->resolved ? "" : "false",
                                 "severities",
                                 p->severity,
                                 "rules",
                                 p->rule,
                                 "createdAfter",
                                 date_text(s->h, p->after),
                                 "createdBefore",
                                 date_text(s->h, p->before),
                                 "facets",
                                 facets,
                                 "s",
                                 "CREATION_DATE",
                                 "asc",
                                 ascending,
                                 "ps",
                                 size,
                                 "p",
                                 page,
                                 NULL};
    return web_url(&x->w, "/api/issues/search", pairs);
}

/* ---- pages ------------------------------------------------------------------------------------
 */

static int take_items(struct sonar_session *x, struct web_answer *a, const char *list, uint64_t *n)
{
    const struct sco_data_api *data = x->s->h->data;
    const struct sco_node *node = sco_get(a->root, list), *item = NULL;
    struct sco_iter *it = NULL;
    int hotspots = list[0] == 'h', r = 0;
    if (!node || (node->type != SCO_NODE_LIST && node->type != SCO_NODE_DEFERRED))
        return sco_errf(x->e, SCO_E_FORMAT, "%s: the answer has no list \"%s\"", SONAR_TOOL, list);
    r = data->iter_open(a->reader, node, &it, x->e);
    while (r >= 0 && it && (r = data->iter_next(it, NULL, &item, x->e)) > 0) {
        ++*n;
        struct sco_str rule = sco_text(sco_get(item, hotspots ? "ruleKey" : "rule"));
        if (hotspots && !rule.n)
            rule = sco_text(sco_get(item, "key"));
        r = rule.n ? sonar_need_rule(x, rule) : 0;
        if (r == 0)
            r = hotspots ? sonar_hotspot(x->s, &x->doc, item) : sonar_issue(x->s, &x->doc, item);
        x->doc.unusable += r == REP_UNUSABLE;
    }
    if (it)
        data->iter_close(it);
    return r < 0 ? r : 0;
}

static int64_t total_of(const struct web_answer *a)
{
    int64_t total = sco_int_at(a->root, "paging.total", -1);
    return total >= 0 ? total : sco_int(sco_get(a->root, "total"), -1);
}

static const char *const deferred[] = {"issues", "hotspots", "components", "users", "rules", NULL};

/* All pages of a part that is small enough. */
static int take_part(struct sonar_session *x, const struct part *p, int64_t total, uint64_t *n)
{
    int64_t pages = (total + SONAR_PAGE - 1) / SONAR_PAGE;
    for (int64_t page = 1; page <= pages && page <= SONAR_RESULTS_MAX / SONAR_PAGE; page++) {
        struct web_answer a;
        const char *url =
            issues_url(x, p, rep_strf(x->s->h, "%lld", (long long)page), "500", "", "true");
        uint64_t before = *n;
        int r = web_get(&x->w, url, deferred, "taking issues", &a, x->e);
        if (r < 0)
            return r;
        r = take_items(x, &a, "issues", n);
        web_done(&x->w, &a);
        if (r < 0)
            return r;
        x->s->h->progress(x->s->h, *n, 0, SCO_STR("issues"));
        if (*n == before)
            break; /* they became fewer meanwhile */
    }
    return 0;
}

static int count_part(struct sonar_session *x, const struct part *p, int64_t *ret)
{
    struct web_answer a;
    int r = web_get(&x->w, issues_url(x, p, "1", "1", "", "true"), deferred, "counting issues", &a,
                    x->e);
    if (r < 0)
        return r;
    *ret = total_of(&a);
    web_done(&x->w, &a);
    return *ret < 0 ? sco_errf(x->e, SCO_E_FORMAT, "%s: the answer has no total", SONAR_TOOL) : 0;
}

/* ---- parts ------------------------------------------------------------------------------------
 */

static int fetch(struct sonar_session *x, const struct part *p, int depth, uint64_t *n);

static int by_severity(struct sonar_session *x, const struct part *p, int depth, uint64_t *n)
{
    int r = 0;
    for (size_t i = 0; severities[i] && r == 0; i++) {
        struct part smaller = *p;
        smaller.severity = severities[i];
        r = fetch(x, &smaller, depth + 1, n);
    }
    return r;
}

/* 1: the server named every rule of the part, and each was taken; 0: it did not, nothing was done.
 */
static int by_rule(struct sonar_session *x, const struct part *p, int64_t total, int depth,
                   uint64_t *n)
{
    const char *keys[RULES_MAX];
    size_t n_keys = 0;
    int64_t sum = 0;
    struct web_answer a;
    int r = web_get(&x->w, issues_url(x, p, "1", "1", "rules", "true"), deferred,
                    "asking for the rules of issues", &a, x->e);
    if (r < 0)
        return r;
    SCO_EACH (facet, sco_get(a.root, "facets")) {
        if (!sco_str_is(sco_text(sco_get(facet, "property")), "rules"))
            continue;
        SCO_EACH (value, sco_get(facet, "values")) {
            if (n_keys == RULES_MAX)
                break;
            keys[n_keys++] = sco_cstr(x->s->h, sco_text(sco_get(value, "val")));
            sum += sco_int(sco_get(value, "count"), 0);
        }
    }
    web_done(&x->w, &a);
    if (n_keys < 2 || sum < total)
        return 0;
    for (size_t i = 0; i < n_keys && r == 0; i++) {
        struct part smaller = *p;
        smaller.rule = keys[i];
        if (keys[i])
            r = fetch(x, &smaller, depth + 1, n);
    }
    return r < 0 ? r : 1;
}

/* The time of creation of the first or the last issue of a part. */
static int edge(struct sonar_session *x, const struct part *p, const char *ascending, int64_t *ret)
{
    static const char *const rest[] = {"components", "users", "rules", NULL};
    struct web_answer a;
    int r = web_get(&x->w, issues_url(x, p, "1", "1", "", ascending), rest,
                    "asking for the age of issues", &a, x->e);
    if (r < 0)
        return r;
    const struct sco_node *first = sco_first(sco_get(a.root, "issues"));
    *ret = read_date(sco_text(sco_get(first, "creationDate")));
    web_done(&x->w, &a);
    return 0;
}

static int by_time(struct sonar_session *x, const struct part *p, int64_t total, int depth,
                   uint64_t *n)
{
    int64_t from = p->after, to = p->before;
    int r = from ? 0 : edge(x, p, "true", &from);
    if (r == 0 && !to) {
        r = edge(x, p, "false", &to);
        to = to ? to + 1 : 0;
    }
    if (r < 0)
        return r;
    if (!from || !to || to - from < 2 || depth >= DEPTH_MAX) {
        x->s->h->incomplete(x->s->h, sco_fmt(x->s->h,
                                             "%lld issues of one moment cannot be told apart: only "
                                             "%d were taken",
                                             (long long)total, SONAR_RESULTS_MAX));
        return take_part(x, p, SONAR_RESULTS_MAX, n);
    }
    struct part early = *p, late = *p;
    early.after = from;
    early.before = late.after = from + (to - from) / 2;
    late.before = to;
    r = fetch(x, &early, depth + 1, n);
    return r < 0 ? r : fetch(x, &late, depth + 1, n);
}

static int fetch(struct sonar_session *x, const struct part *p, int depth, uint64_t *n)
{
    int64_t total = 0;
    int r = count_part(x, p, &total);
    if (r < 0 || total == 0)
        return r;
    if (total <= SONAR_RESULTS_MAX)
        return take_part(x, p, total, n);
    if (!p->severity[0])
        return by_severity(x, p, depth, n);
    if (!p->rule[0] && !p->after) {
        r = by_rule(x, p, total, depth, n);
        if (r != 0)
            return r < 0 ? r : 0;
    }
    return by_time(x, p, total, depth, n);
}

int sonar_fetch_issues(struct sonar_session *x)
{
    struct part all = {.severity = "", .rule = ""};
    int64_t total = 0;
    uint64_t n = 0;
    int r = count_part(x, &all, &total);
    if (r == 0)
        r = fetch(x, &all, 0, &n);
    if (r == 0 && n < (uint64_t)total)
        x->s->h->incomplete(x->s->h, sco_fmt(x->s->h,
                                             "the server counts %lld issues, %llu could "
                                             "be taken",
                                             (long long)total, (unsigned long long)n));
    return r;
}

/* ---- hotspots ---------------------------------------------------------------------------------
 */

int sonar_fetch_hotspots(struct sonar_session *x)
{
    struct sonar *s = x->s;
    int64_t total = 1;
    uint64_t n = 0;
    for (int64_t page = 1;
         page <= SONAR_RESULTS_MAX / SONAR_PAGE && (page - 1) * SONAR_PAGE < total; page++) {
        const char *const pairs[] = {
            rep_version_at_least(x->job->version, 10, 2) == 0 ? "projectKey" : "project",
            x->key,
            "branch",
            s->branch.p,
            "pullRequest",
            s->pull_request.p,
            "ps",
            "500",
            "p",
            rep_strf(s->h, "%lld", (long long)page),
            NULL};
        struct web_answer a;
        int r = web_get(&x->w, web_url(&x->w, "/api/hotspots/search", pairs), deferred,
                        "taking hotspots", &a, x->e);
        if (r < 0)
            return r;
        total = total_of(&a);
        r = take_items(x, &a, "hotspots", &n);
        web_done(&x->w, &a);
        if (r < 0)
            return r;
    }
    if (total > 0 && n < (uint64_t)total)
        s->h->incomplete(s->h, sco_fmt(s->h, "the server counts %lld hotspots, %llu could be taken",
                                       (long long)total, (unsigned long long)n));
    return 0;
}
