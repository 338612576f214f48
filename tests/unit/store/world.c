#include "world.h"

#include <secureops/fs.h>

const struct sco_store_ops *STORE_DRIVER(void);

static struct sco_finding_page page;
static char text[1024];

struct sco_store *world_open(struct world *w)
{
    struct sco_error err = {0};
    struct sco_store *s = NULL;
    struct sco_store_options o = {.where = w->where, .create = true, .wait_ms = 5000};
    if (store_open_with(STORE_DRIVER(), &o, &s, &err) < 0)
        fail_msg("%s", err.text);
    return s;
}

int take_i64(void *user, const struct store_value *v, size_t n)
{
    (void)n;
    *(int64_t *)user = v[0].i;
    return 0;
}

int64_t ask(struct sco_store *s, const char *sql)
{
    struct sco_error err = {0};
    int64_t n = -1;
    OK(store_query(s, sql, NULL, 0, take_i64, &n, &err));
    return n;
}

int world_set_up(void **state)
{
    struct sco_error err = {0};
    struct world *w = calloc(1, sizeof *w);
    assert_int_equal(sco_fs_mkdtemp(NULL, "sco-store-", &w->dir, &err), 0);
    w->where = getenv("SECUREOPS_TEST_STORE");
    if (!w->where) {
        static char path[512];
        snprintf(path, sizeof path, "%s/store.db", w->dir);
        w->where = path;
    } else {
        const struct sco_store_ops *ops = STORE_DRIVER();
        void *db = NULL;
        assert_int_equal(ops->open(&(struct sco_store_options){.where = w->where}, &db, &err), 0);
        assert_int_equal(
            ops->script(db, SCO_STR("DROP SCHEMA public CASCADE; CREATE SCHEMA public"), &err), 0);
        ops->close(db);
    }
    w->now = 1800000000000;
    w->repository = "https://git.example/app";
    w->branch = "main";
    w->scope = "";
    w->s = world_open(w);
    *state = w;
    return 0;
}

int world_tear_down(void **state)
{
    struct world *w = *state;
    sco_finding_page_done(&page);
    sco_store_close(w->s);
    sco_fs_remove_tree(w->dir);
    free(w->dir);
    free(w);
    return 0;
}

/* ---- scans ---- */
struct sco_scan *scan_new(struct world *w)
{
    struct sco_scan *s = calloc(1, sizeof *s);
    sco_uuid4(s->id);
    s->command = "scan";
    s->target = ".";
    s->findings.pool = sco_pool_new();
    s->runs = sco_arena_alloc(&s->arena, 16 * sizeof *s->runs);
    s->started_ms = w->now;
    s->completed_ms = w->now + 500;
    w->now += 1000;
    return s;
}

void scan_free(struct sco_scan *s)
{
    struct sco_pool *pool = s->findings.pool;
    sco_finding_set_done(&s->findings);
    sco_pool_free(pool);
    sco_arena_done(&s->arena);
    free(s);
}

void scan_run(struct sco_scan *s, const char *name, enum sco_run_status status)
{
    struct sco_scanner_run *r = &s->runs[s->n_runs++];
    *r = (struct sco_scanner_run){
        .name = name, .title = name, .target = ".", .status = status, .counts = true};
    r->started_ms = s->started_ms;
    r->duration_ms = 100;
}

static const struct sco_tools *tools(struct sco_scan *s, const struct sco_finding *f,
                                     const char *name, uint32_t severity)
{
    const struct sco_tool *v[8];
    uint32_t n = 0;
    for (; f && f->tools && n < f->tools->n; n++)
        v[n] = f->tools->v[n];
    v[n++] =
        sco_pool_tool(s->findings.pool,
                      &(struct sco_tool){
                          .name = name, .version = "1.0", .rule_id = "rule", .severity = severity});
    return sco_pool_tools(s->findings.pool, v, n);
}

struct sco_finding *scan_add(struct sco_scan *s, uint32_t number, const char *tool)
{
    struct sco_finding_set *set = &s->findings;
    if (SCO_VEC_PUSH(set->v, set->n, set->cap) < 0)
        abort();
    struct sco_finding *f = &set->v[set->n++];
    *f = (struct sco_finding){.type = SCO_TYPE_SAST,
                              .severity = SCO_SEV_HIGH,
                              .line = 10,
                              .occurrences = 1,
                              .title = "Title",
                              .description = "Description",
                              .rule_id = "rule",
                              .file_path = "src/a.py",
                              .tools = tools(s, NULL, tool, SCO_SEV_HIGH)};
    f->risk_score = (float)(number % 100);
    /* the order of numbers is not that of fingerprints */
    uint32_t scattered = number * 2654435761u;
    memset(f->fingerprint, 0xab, sizeof f->fingerprint);
    memcpy(f->fingerprint, &scattered, sizeof scattered);
    memcpy(f->fingerprint + 4, &number, sizeof number);
    return f;
}

void scan_add_tool(struct sco_scan *s, struct sco_finding *f, const char *tool, uint32_t severity)
{
    f->tools = tools(s, f, tool, severity);
    f->severity = severity > f->severity ? (uint8_t)severity : f->severity;
}

static bool covers(void *user, const char *path)
{
    struct world *w = user;
    return !w->left_out || strcmp(path, w->left_out) != 0;
}

int scan_try(struct world *w, struct sco_scan *s, struct sco_error *err)
{
    struct sco_store_subject sub = {.repository = w->repository,
                                    .branch = w->branch,
                                    .scope = w->scope,
                                    .covers = covers,
                                    .user = w};
    return sco_store_save_scan(w->s, &sub, s, err);
}

void scan_save_is(struct world *w, struct sco_scan *s, struct counts c, const char *file, int line)
{
    struct sco_error err = {0};
    if (scan_try(w, s, &err) < 0)
        fail_msg("%s:%d: %s", file, line, err.text);
    const struct sco_scan_stored *g = &s->stored;
    struct counts got = {g->created, g->seen, g->changed, g->resolved, g->reopened, g->not_checked};
    if (memcmp(&got, &c, sizeof c) != 0)
        fail_msg("%s:%d: created %lu seen %lu changed %lu resolved %lu reopened %lu not_checked "
                 "%lu",
                 file, line, got.created, got.seen, got.changed, got.resolved, got.reopened,
                 got.not_checked);
    for (size_t i = 0; i < s->findings.n; i++)
        assert_non_null(s->findings.v[i].stored);
    scan_free(s);
}

/* ---- what is stored ---- */
const struct sco_stored_finding *stored(struct world *w, uint32_t number)
{
    struct sco_error err = {0};
    struct sco_store_filter f = {.repository = w->repository,
                                 .branch = w->branch,
                                 .statuses = ALL_STATUSES,
                                 .suppressed = true,
                                 .limit = 1000};
    struct sco_finding key = {0};
    uint32_t scattered = number * 2654435761u;
    char hex[65];
    memset(key.fingerprint, 0xab, sizeof key.fingerprint);
    memcpy(key.fingerprint, &scattered, sizeof scattered);
    memcpy(key.fingerprint + 4, &number, sizeof number);
    sco_fingerprint_hex(key.fingerprint, hex);
    sco_finding_page_done(&page);
    if (sco_store_findings(w->s, &f, &page, &err) < 0)
        fail_msg("%s", err.text);
    for (size_t i = 0; i < page.n; i++)
        if (strcmp(page.v[i].fingerprint, hex) == 0)
            return &page.v[i];
    return NULL;
}

enum sco_status status_of(struct world *w, uint32_t number)
{
    const struct sco_stored_finding *f = stored(w, number);
    assert_non_null(f);
    return f->status;
}

void set_status(struct world *w, uint32_t number, enum sco_status to, int64_t until)
{
    struct sco_error err = {0};
    const struct sco_stored_finding *f = stored(w, number);
    assert_non_null(f);
    bool changed = false;
    struct sco_store_status st = {.status = to,
                                  .reason = "because",
                                  .by = "ada@example.com",
                                  .accepted_until = until,
                                  .now = w->now};
    w->now += 1000;
    if (sco_store_set_status(w->s, f->id, &st, &changed, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(changed);
}

const char *history_of(struct world *w, uint32_t number)
{
    struct sco_error err = {0};
    struct sco_store_history h = {0};
    const struct sco_stored_finding *f = stored(w, number);
    assert_non_null(f);
    if (sco_store_history(w->s, f->id, &h, &err) < 0)
        fail_msg("%s", err.text);
    text[0] = 0;
    for (size_t i = 0; i < h.n; i++) {
        size_t at = strlen(text);
        snprintf(text + at, sizeof text - at, "%s%s", i ? "," : "", h.v[i].action);
        assert_non_null(h.v[i].by);
        assert_true(h.v[i].at >= 1800000000000);
    }
    sco_store_history_done(&h);
    return text;
}

size_t count_findings(struct world *w, uint32_t statuses)
{
    struct sco_error err = {0};
    struct sco_finding_page p = {0};
    struct sco_store_filter f = {.statuses = statuses, .suppressed = true, .limit = 1000};
    if (sco_store_findings(w->s, &f, &p, &err) < 0)
        fail_msg("%s", err.text);
    size_t n = p.n;
    sco_finding_page_done(&p);
    return n;
}
