/* What a script may use: memory counted to the byte, instructions, and CPU time for what neither
 * shows. A limit that was reached stays reached: the hook fires at each further instruction and
 * pcall passes it on, so that a script cannot catch it and go on. */
#include "policy_priv.h"

#include <stdlib.h>
#include <time.h>

enum {
    BYTES_A_STEP = 64,
    FREE_BLOCK = 1024, /* larger ones cost work: they are filled */
    CHUNK = 32 << 10,
};

/* ---- small blocks ----
 * Scripts make and drop many; lists by size are quicker than malloc. They are given back when the
 * state ends. Not under sanitizers, which would see nothing of them. */
struct pl_chunk {
    struct pl_chunk *next;
    char bytes[CHUNK] __attribute__((aligned(16)));
};

static bool is_small(size_t n)
{
#ifdef SCO_SANITIZED
    (void)n;
    return false;
#else
    return n && n <= PL_SMALL_MAX;
#endif
}

static size_t class_of(size_t n)
{
    return (n - 1) / PL_SMALL_STEP;
}

static void *get_small(struct pl_memory *m, size_t n)
{
    size_t c = class_of(n), size = (c + 1) * PL_SMALL_STEP;
    void *v = m->small[c];
    if (v) {
        memcpy(&m->small[c], v, sizeof(void *)); /* the next free one stands in it */
        return v;
    }
    if (m->chunk_left < size) {
        struct pl_chunk *chunk = sco_grow(NULL, 1, sizeof *chunk);
        if (!chunk)
            return NULL;
        chunk->next = m->chunks;
        m->chunks = chunk;
        m->chunk_at = chunk->bytes;
        m->chunk_left = CHUNK;
    }
    v = m->chunk_at;
    m->chunk_at += size;
    m->chunk_left -= size;
    return v;
}

static void put_small(struct pl_memory *m, void *v, size_t n)
{
    size_t c = class_of(n);
    memcpy(v, &m->small[c], sizeof(void *));
    m->small[c] = v;
}

void pl_memory_done(struct pl_memory *m)
{
    for (struct pl_chunk *c = m->chunks, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    *m = (struct pl_memory){0};
}

/* realloc with the old size known; shrinking never fails. */
static void *resize(struct pl_memory *m, void *ptr, size_t osize, size_t nsize)
{
    bool from = is_small(osize), to = is_small(nsize);
    if (!from && !to)
        return sco_grow(ptr, nsize, 1);
    if (from && to && class_of(osize) == class_of(nsize))
        return ptr;
    void *v = to ? get_small(m, nsize) : sco_grow(NULL, nsize, 1);
    if (!v)
        return NULL;
    if (osize)
        memcpy(v, ptr, osize < nsize ? osize : nsize);
    if (from)
        put_small(m, ptr, osize);
    else
        free(ptr);
    return v;
}

/* ---- */
/* Whether the limits allow so much more. */
static bool may_grow(struct pl_memory *m, size_t osize, size_t nsize)
{
    struct pl_run *run = &m->owner->run;
    size_t more = nsize - osize;
    if (m->used + more > m->limit || m->used + more > m->total)
        return false;
    if (nsize >= FREE_BLOCK)
        run->steps += nsize / BYTES_A_STEP;
    if (!run->budget || run->steps <= run->budget)
        return true;
    if (run->stop == PL_GO)
        run->stop = PL_STEPS;
    return false;
}

void *pl_alloc(void *ud, void *ptr, size_t osize, size_t nsize)
{
    struct pl_memory *m = ud;
    if (!ptr)
        osize = 0; /* then it is a type, not a size */
    if (nsize == 0) {
        if (is_small(osize))
            put_small(m, ptr, osize);
        else
            free(ptr);
        m->used -= osize;
        return NULL;
    }
    if (nsize > osize && !may_grow(m, osize, nsize))
        return NULL;
    void *v = resize(m, ptr, osize, nsize);
    if (!v) {
        if (nsize <= osize)
            return ptr; /* Lua relies on shrinking */
        m->owner->nomem = true;
        return NULL;
    }
    m->used += nsize;
    m->used -= osize;
    return v;
}

static int64_t cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void pl_hook(lua_State *L, lua_Debug *ar)
{
    struct sco_policies *p = pl_of(L);
    struct pl_run *run = &p->run;
    if (ar->event == LUA_HOOKLINE) {
        pl_coverage_hook(L, ar);
        return;
    }
    run->steps += run->hook_every;
    if (run->stop != PL_GO)
        pl_stop(L, p, run->stop);
    if (run->steps > run->budget)
        pl_stop(L, p, PL_STEPS);
    int64_t now = cpu_ms();
    if (run->cpu_start < 0)
        run->cpu_start = now;
    else if (now - run->cpu_start > PL_CPU_MAX_MS)
        pl_stop(L, p, PL_TIME);
}

static void set_hook(struct sco_policies *p, uint32_t every)
{
    p->run.hook_every = every;
    lua_sethook(p->L, pl_hook, LUA_MASKCOUNT | (p->opt.coverage ? LUA_MASKLINE : 0), (int)every);
}

void pl_arm(struct sco_policies *p, uint64_t budget)
{
    struct pl_run *run = &p->run;
    run->steps = 0;
    run->budget = budget;
    run->stop = PL_GO;
    run->unknown = NULL;
    run->cpu_start = -1;
    run->error[0] = run->trace[0] = 0;
    p->nomem = false;
    p->memory.limit = p->memory.used + p->limits.memory;
    set_hook(p, p->opt.profile ? 100 : PL_HOOK_EVERY);
}

void pl_disarm(struct sco_policies *p)
{
    p->run.budget = 0;
    p->memory.limit = SIZE_MAX;
}

void pl_stop(lua_State *L, struct sco_policies *p, enum pl_stop why)
{
    if (p->run.stop == PL_GO)
        p->run.stop = why;
    set_hook(p, 1);
    if (lua_checkstack(L, 1))
        lua_pushnil(L);
    lua_error(L);
    abort(); /* lua_error does not return */
}

void pl_work(lua_State *L, struct sco_policies *p, uint64_t n)
{
    p->run.steps += n;
    if (p->run.steps > p->run.budget)
        pl_stop(L, p, PL_STEPS);
}

void *pl_run_alloc(lua_State *L, size_t n)
{
    struct sco_policies *p = pl_of(L);
    if (p->run_arena.used + n > PL_RUN_MEMORY_MAX)
        pl_stop(L, p, PL_MEMORY);
    pl_work(L, p, 1 + n / BYTES_A_STEP);
    void *v = sco_arena_alloc(&p->run_arena, n);
    if (!v) {
        p->nomem = true;
        pl_stop(L, p, PL_MEMORY);
    }
    return v;
}

void pl_check_buf(lua_State *L, const struct sco_buf *b)
{
    if (!b->failed)
        return;
    pl_of(L)->nomem = true;
    pl_stop(L, pl_of(L), PL_MEMORY);
}

const char *pl_run_str(lua_State *L, struct sco_str s)
{
    char *v = pl_run_alloc(L, s.n + 1);
    if (s.n)
        memcpy(v, s.p, s.n);
    return v;
}

/* Appends to a text of fixed size, cut at its end. */
SCO_PRINTF(3, 4) static void add(char *out, size_t cap, const char *fmt, ...)
{
    size_t n = strlen(out);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(out + n, cap - n, fmt, ap);
    va_end(ap);
}

static void trace_levels(lua_State *L, struct pl_run *run)
{
    lua_Debug ar;
    for (int level = 1; level < 12 && lua_getstack(L, level, &ar); level++) {
        lua_getinfo(L, "Sln", &ar);
        if (ar.currentline <= 0)
            continue;
        add(run->trace, sizeof run->trace, "%s%s:%d", run->trace[0] ? "\n" : "", ar.short_src,
            ar.currentline);
        if (ar.name)
            add(run->trace, sizeof run->trace, ": in %s '%s'", ar.namewhat, ar.name);
    }
}

/* Handler of every protected call. Makes no Lua values: it may run at the limit of memory. */
int pl_traceback(lua_State *L)
{
    struct pl_run *run = &pl_of(L)->run;
    if (run->stop != PL_GO)
        return 1;
    run->error[0] = run->trace[0] = 0;
    if (lua_type(L, 1) == LUA_TSTRING)
        add(run->error, sizeof run->error, "%s", lua_tostring(L, 1));
    else if (lua_type(L, 1) == LUA_TNUMBER)
        add(run->error, sizeof run->error, "%.14g", lua_tonumber(L, 1));
    else
        add(run->error, sizeof run->error, "(error object is a %s value)", luaL_typename(L, 1));
    trace_levels(L, run);
    return 1;
}

int pl_call(struct sco_policies *p, int nargs, int nresults)
{
    lua_State *L = p->L;
    int base = lua_gettop(L) - nargs - 1;
    int status = lua_pcall(L, nargs, nresults, 1);
    struct pl_run *run = &p->run;
    if (status == LUA_ERRMEM && run->stop == PL_GO)
        run->stop = PL_MEMORY;
    if (status == LUA_OK && run->stop == PL_GO)
        return LUA_OK;
    if (status == LUA_ERRERR && !run->error[0])
        add(run->error, sizeof run->error, "the error handler failed: too many nested calls");
    lua_settop(L, base);
    return status == LUA_OK ? LUA_ERRRUN : status;
}
