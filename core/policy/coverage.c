/* Which lines and branches of the policies ran in their cases. A branch is a way out of a line with
 * a condition, seen by which line came next; ways that stay on the line are not told apart. */
#include "policy_priv.h"

#include <stdlib.h>

/* ---- what could run ---- */
struct fill {
    struct pl_file *f;
    size_t cap;
    bool failed;
};

static void add_edge(struct fill *x, uint32_t from, uint32_t to)
{
    struct pl_file *f = x->f;
    if (from == to || !to || to > f->n_lines)
        return;
    for (size_t i = 0; i < f->n_edges; i++)
        if (f->edges[i].from == from && f->edges[i].to == to)
            return;
    if (SCO_VEC_PUSH(f->edges, f->n_edges, x->cap) < 0) {
        x->failed = true;
        return;
    }
    f->edges[f->n_edges++] = (struct pl_edge){.from = from, .to = to};
}

static void on_code(void *user, int line, int next, int target)
{
    struct fill *x = user;
    if (line < 1 || (uint32_t)line > x->f->n_lines)
        return;
    x->f->lines[line] |= PL_LINE_CODE;
    if (next != target) {
        add_edge(x, (uint32_t)line, (uint32_t)next);
        add_edge(x, (uint32_t)line, (uint32_t)target);
    }
}

static int append(lua_State *L, const void *p, size_t n, void *user)
{
    (void)L;
    sco_buf_add(user, sco_str_make(p, n));
    return ((struct sco_buf *)user)->failed;
}

/* LJMP: the compiled text of the file, into the buffer of the set. */
static int dump_protected(lua_State *L)
{
    struct sco_policies *p = pl_of(L);
    pl_push_chunk(L, lua_touserdata(L, 1));
    sco_buf_clear(&p->buf);
    if (lua_dump(L, append, &p->buf, 0) != 0)
        p->nomem = true;
    return 0;
}

static int prepare(struct sco_policies *p, struct pl_file *f)
{
    for (size_t i = 0; i < f->text.n; i++)
        f->n_lines += f->text.p[i] == '\n';
    f->n_lines++;
    f->lines = sco_alloc(f->n_lines + 1, 1);
    if (!f->lines)
        return SCO_E_NOMEM;
    p->nomem = false;
    p->run.stop = PL_GO;
    lua_pushcfunction(p->L, dump_protected);
    lua_pushlightuserdata(p->L, f);
    struct fill x = {.f = f};
    if (pl_call(p, 1, 0) != LUA_OK) { /* a problem of loading, reported there */
        f->n_lines = 0;
        return p->nomem ? SCO_E_NOMEM : 0;
    }
    if (!pl_chunk_read(sco_buf_str(&p->buf), on_code, &x))
        return SCO_E_UNSUPPORTED;
    return x.failed || p->nomem ? SCO_E_NOMEM : 0;
}

int pl_coverage_prepare(struct sco_policies *p, struct sco_error *err)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < p->n_bundles; i++) {
        for (size_t k = 0; r == 0 && k < p->bundles[i].n; k++) {
            struct pl_file *f = p->bundles[i].files[k];
            if (!f->lines && (f->kind == PL_FILE_LIBRARY || f->kind == PL_FILE_POLICY))
                r = prepare(p, f);
        }
    }
    return r == SCO_E_NOMEM ? sco_error_nomem(err)
           : r < 0          ? sco_error_set(err, r, "coverage needs Lua 5.4's own format")
                            : 0;
}

/* ---- what ran ---- */
static struct pl_file *find_file(struct sco_policies *p, const char *source)
{
    for (size_t i = 0; i < p->n_bundles; i++)
        for (size_t k = 0; k < p->bundles[i].n; k++)
            if (p->bundles[i].files[k]->lines && *source == '@' &&
                strcmp(p->bundles[i].files[k]->path, source + 1) == 0)
                return p->bundles[i].files[k];
    return NULL;
}

void pl_coverage_hook(lua_State *L, lua_Debug *ar)
{
    struct sco_policies *p = pl_of(L);
    lua_Debug other;
    int depth = 0;
    lua_getinfo(L, "Sl", ar);
    struct pl_file *f = find_file(p, ar->source);
    if (!f || ar->currentline < 1 || (uint32_t)ar->currentline > f->n_lines)
        return;
    while (depth + 1 < PL_DEPTH_SEEN && lua_getstack(L, depth + 1, &other))
        depth++;
    struct pl_seen *seen = &p->seen[depth];
    uint32_t line = (uint32_t)ar->currentline;
    f->lines[line] |= PL_LINE_RAN;
    if (seen->file == f && seen->function == ar->linedefined)
        for (size_t i = 0; i < f->n_edges; i++)
            if (f->edges[i].from == seen->line && f->edges[i].to == line)
                f->edges[i].taken = true;
    *seen = (struct pl_seen){.file = f, .function = ar->linedefined, .line = line};
}

/* ---- report ---- */
static int report(struct pl_file *f, sco_policy_coverage_fn fn, void *user, struct sco_error *err)
{
    struct sco_policy_coverage c = {.file_path = f->path};
    SCO_AUTO(sco_free) uint32_t *missed = sco_alloc(f->n_lines + 1, sizeof *missed);
    if (!missed)
        return sco_error_nomem(err);
    uint32_t n = 0;
    for (uint32_t i = 1; i <= f->n_lines; i++) {
        bool ran = f->lines[i] & PL_LINE_RAN;
        if (!(f->lines[i] & PL_LINE_CODE))
            continue;
        c.lines++;
        c.covered += ran;
        if (!ran)
            missed[n++] = i;
    }
    for (size_t i = 0; i < f->n_edges; i++) {
        c.branches++;
        c.branches_taken += f->edges[i].taken;
    }
    c.missed = missed;
    return fn(user, &c);
}

int sco_policies_coverage(struct sco_policies *p, sco_policy_coverage_fn fn, void *user,
                          struct sco_error *err)
{
    for (size_t i = 0; i < p->n_bundles; i++) {
        for (size_t k = 0; k < p->bundles[i].n; k++) {
            struct pl_file *f = p->bundles[i].files[k];
            int r = f->lines && f->n_lines ? report(f, fn, user, err) : 0;
            if (r != 0)
                return r;
        }
    }
    return 0;
}
