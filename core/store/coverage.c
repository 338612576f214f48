/* What a scan looked at. A finding that a scan does not report is resolved only if each tool that
 * had reported it ran to its end and would have seen the same place again. Anything less certain
 * leaves it open. */
#include "store_priv.h"

#include <stdlib.h>

struct tool {
    uint32_t runs, complete, nothing;
};

struct coverage {
    const struct sco_store_subject *subject;
    struct sco_map tools; /* lower-case name -> struct tool */
    struct sco_arena arena;
    bool is_void;
};

static int add_name(struct coverage *c, const char *name, const struct sco_scanner_run *run,
                    const char *const *before, size_t n_before)
{
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    for (size_t i = 0; i < n_before; i++) /* a run counts once for each of its names */
        if (before[i] && strcasecmp(before[i], name) == 0)
            return 0;
    for (const char *p = name; *p; p++)
        sco_buf_addc(&key, *p == ',' ? ' ' : *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p);
    void **place = key.failed ? NULL : sco_map_put(&c->tools, sco_buf_str(&key), NULL);
    if (place && !*place)
        *place = sco_arena_alloc(&c->arena, sizeof(struct tool));
    struct tool *t = place ? *place : NULL;
    if (!t)
        return SCO_E_NOMEM;
    t->runs++;
    t->complete += run->status == SCO_RUN_STATUS_COMPLETED;
    t->nothing += run->status == SCO_RUN_STATUS_SKIPPED && run->nothing;
    return 0;
}

static int add_run(struct coverage *c, const struct sco_scanner_run *run)
{
    const char *names[] = {run->name, run->title, run->tool};
    for (size_t i = 0; i < SCO_ARRAY_LEN(names); i++)
        if (names[i] && *names[i] && add_name(c, names[i], run, names, i) < 0)
            return SCO_E_NOMEM;
    return 0;
}

int coverage_new(const struct sco_store_subject *subject, const struct sco_scan *scan,
                 struct coverage **ret, struct sco_error *err)
{
    struct coverage *c = sco_alloc(1, sizeof *c);
    if (!c)
        return sco_error_nomem(err);
    c->subject = subject;
    c->is_void = scan->cancelled;
    bool import = scan->command && strcmp(scan->command, "import") == 0;
    for (size_t i = 0; i < scan->n_runs; i++) {
        const struct sco_scanner_run *run = &scan->runs[i];
        /* the engine itself says that part of the target could not be looked at */
        if (run->name && strcmp(run->name, "secureops") == 0 &&
            run->status != SCO_RUN_STATUS_COMPLETED)
            c->is_void = true;
        /* a report that could not be read may be a part of what another one, of the same tool, says
         */
        if (import && run->status != SCO_RUN_STATUS_COMPLETED)
            c->is_void = true;
        if (add_run(c, run) < 0) {
            coverage_free(c);
            return sco_error_nomem(err);
        }
    }
    *ret = c;
    return 0;
}

struct coverage *coverage_free(struct coverage *c)
{
    if (!c)
        return NULL;
    sco_map_done(&c->tools);
    sco_arena_done(&c->arena);
    free(c);
    return NULL;
}

bool coverage_is_void(const struct coverage *c)
{
    return c->is_void;
}

static const struct tool *find(const struct coverage *c, struct sco_str name)
{
    char lower[256]; /* longer names are no tool's: never covered */
    if (name.n >= sizeof lower)
        return NULL;
    for (size_t i = 0; i < name.n; i++)
        lower[i] = name.p[i] >= 'A' && name.p[i] <= 'Z' ? (char)(name.p[i] + 32) : name.p[i];
    return sco_map_get(&c->tools, sco_str_make(lower, name.n));
}

bool coverage_has_tool(const struct coverage *c, struct sco_str name, bool *ret_ran)
{
    const struct tool *t = find(c, name);
    *ret_ran = t && t->complete;
    return t && !c->is_void && t->complete + t->nothing == t->runs;
}

bool coverage_has(const struct coverage *c, struct sco_str tools, struct sco_str path)
{
    if (c->is_void || !tools.n)
        return false;
    struct sco_str one;
    while (sco_str_split(&tools, ',', &one)) {
        bool ran;
        /* without a path, that there is nothing to look at says nothing */
        if (!coverage_has_tool(c, one, &ran) || (!ran && !path.n))
            return false;
    }
    return !path.n || !c->subject->covers || c->subject->covers(c->subject->user, path.p);
}
