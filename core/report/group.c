/* Findings by tool. A finding belongs to the tool that is listed first in it; a tool that ran here
 * is matched to its scanner run by any of the names that the run knows, without case. */
#include "report_priv.h"

#include <stdlib.h>

/* The number of the group called `name`, or SIZE_MAX. */
static size_t lookup(struct grouping *g, struct sco_buf *lower, const char *name)
{
    sco_buf_clear(lower);
    for (const char *p = name; *p; p++)
        sco_buf_addc(lower, *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p);
    g->failed |= lower->failed;
    return (size_t)(uintptr_t)sco_map_get(&g->names, sco_buf_str(lower)) - 1;
}

/* Makes `name` a name of group `at`, unless it is one of another group. */
static int add_name(struct grouping *g, struct sco_buf *lower, const char *name, size_t at)
{
    if (!name || !*name || lookup(g, lower, name) != SIZE_MAX)
        return 0;
    void **slot = lower->failed ? NULL : sco_map_put(&g->names, sco_buf_str(lower), NULL);
    if (!slot)
        return SCO_E_NOMEM;
    *slot = (void *)(uintptr_t)(at + 1);
    return 0;
}

static int add_group(struct grouping *g, const char *name, const char *version, size_t *ret)
{
    if (SCO_VEC_PUSH(g->v, g->n, g->cap) < 0)
        return SCO_E_NOMEM;
    g->v[g->n] = (struct tool_group){.name = name, .version = version};
    *ret = g->n++;
    return 0;
}

static int add_run(struct grouping *g, struct sco_buf *lower, size_t i)
{
    const struct sco_scanner_run *run = &g->scan->runs[i];
    const char *names[] = {run->tool, run->name, run->title, run_title(run)};
    size_t at = SIZE_MAX;
    for (size_t k = 0; k < SCO_ARRAY_LEN(names) && at == SIZE_MAX; k++)
        if (names[k] && *names[k])
            at = lookup(g, lower, names[k]);
    const char *other = run_other_tool(run);
    if (at == SIZE_MAX && add_group(g, other ? other : run_title(run), run->version, &at) < 0)
        return SCO_E_NOMEM;
    if (!g->v[at].homepage && !other)
        g->v[at].homepage = run->homepage;
    if (!g->v[at].version)
        g->v[at].version = run->version;
    for (size_t k = 0; k < SCO_ARRAY_LEN(names); k++)
        if (add_name(g, lower, names[k], at) < 0)
            return SCO_E_NOMEM;
    g->run_group[i] = at;
    return 0;
}

static int group_of(struct grouping *g, struct sco_buf *lower, const struct sco_finding *f,
                    size_t *ret)
{
    const struct sco_tool *tool = f->tools && f->tools->n ? f->tools->v[0] : NULL;
    const char *name = tool && tool->name && *tool->name ? tool->name : "unknown";
    size_t at = lookup(g, lower, name);
    if (at == SIZE_MAX && g->n > GROUPS_MAX)
        at = lookup(g, lower, "other tools");
    if (at == SIZE_MAX) {
        if (g->n >= GROUPS_MAX)
            name = "Other tools";
        if (add_group(g, name, NULL, &at) < 0 || add_name(g, lower, name, at) < 0)
            return SCO_E_NOMEM;
    }
    if (!g->v[at].version && tool)
        g->v[at].version = tool->version;
    *ret = at;
    return 0;
}

/* Counting sort of the findings by group; `of` holds the group of each. */
static void sort_by_group(struct grouping *g, const uint32_t *of, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < g->n; i++) {
        g->v[i].first = at;
        at += g->v[i].n;
        g->v[i].n = 0;
    }
    for (size_t i = 0; i < n; i++) {
        struct tool_group *t = &g->v[of[i]];
        g->order[t->first + t->n++] = (uint32_t)i;
    }
}

static int fill(struct grouping *g, struct sco_buf *lower)
{
    const struct sco_finding_set *set = &g->scan->findings;
    SCO_AUTO(sco_free) uint32_t *of = sco_alloc(set->n ? set->n : 1, sizeof *of);
    if (!of)
        return SCO_E_NOMEM;
    const struct sco_tools *last = NULL;
    size_t at = 0;
    for (size_t i = 0; i < set->n; i++) {
        const struct sco_finding *f = &set->v[i];
        if (!last || f->tools != last) {
            if (group_of(g, lower, f, &at) < 0)
                return SCO_E_NOMEM;
            last = f->tools;
        }
        of[i] = (uint32_t)at;
        g->v[at].n++;
        g->v[at].n_skipped += !sco_finding_counts(f);
    }
    sort_by_group(g, of, set->n);
    return 0;
}

int grouping_init(struct grouping *g, const struct sco_scan *scan, struct sco_error *err)
{
    *g = (struct grouping){.scan = scan};
    size_t n = scan->findings.n;
    SCO_AUTO(sco_buf) struct sco_buf lower = {0};
    g->order = sco_alloc(n ? n : 1, sizeof *g->order);
    g->run_group = sco_alloc(scan->n_runs ? scan->n_runs : 1, sizeof *g->run_group);
    int r = g->order && g->run_group && n < UINT32_MAX ? 0 : SCO_E_NOMEM;
    for (size_t i = 0; i < scan->n_runs && r == 0; i++)
        r = add_run(g, &lower, i);
    if (r == 0)
        r = fill(g, &lower);
    if (r == 0 && !g->failed)
        return 0;
    grouping_done(g);
    return sco_error_nomem(err);
}

void grouping_done(struct grouping *g)
{
    free(g->v);
    free(g->order);
    free(g->run_group);
    sco_map_done(&g->names);
    *g = (struct grouping){0};
}

void grouping_cleanup_(struct grouping *g)
{
    grouping_done(g);
}
