/* What the tests of plans share: each statement is explained by the database itself before it is
 * asked, and the test says of each line of the plan whether it is bad. */
#pragma once

#include "world.h"

#if STORE_IS_sqlite
#define EXPLAIN "EXPLAIN QUERY PLAN "
#define UUID "randomblob(16)"
#else
#define EXPLAIN "EXPLAIN "
#define UUID "gen_random_uuid()"
#endif

static struct {
    const struct sco_store_ops *real;
    struct sco_store_ops ops;
    bool (*is_bad)(const char *line, const char *rest);
    const char *left_out; /* statements with this text are not explained; NULL: all are */
    char bad[8192];
    size_t n;
} plans;

static int on_plan(void *user, const struct store_value *v, size_t n)
{
    struct sco_buf *b = user;
    sco_buf_add(b, v[n - 1].s);
    sco_buf_addc(b, '\n');
    return 0;
}

static int explain(void *db, const char *sql, const struct store_value *v, size_t n,
                   struct sco_error *err)
{
    if (plans.left_out && strstr(sql, plans.left_out))
        return 0;
    SCO_AUTO(sco_buf) struct sco_buf b = {0}, plan = {0};
    sco_buf_addf(&b, EXPLAIN "%s", sql);
    int r = plans.real->query(db, sco_buf_z(&b), v, n, on_plan, &plan, err);
    if (r < 0)
        return r;
    plans.n++;
    for (const char *line = sco_buf_z(&plan), *next; *line; line = next) {
        char one[1024];
        next = strchr(line, '\n') + 1;
        snprintf(one, sizeof one, "%.*s", (int)(next - line), line);
        if (plans.is_bad(one, next))
            snprintf(plans.bad, sizeof plans.bad, "%s\nof %s", sco_buf_z(&plan), sql);
    }
    return 0;
}

static int spy(void *db, const char *sql, const struct store_value *v, size_t n, store_row_fn row,
               void *user, struct sco_error *err)
{
    int r = explain(db, sql, v, n, err);
    return r < 0 ? r : plans.real->query(db, sql, v, n, row, user, err);
}

static int spy_exec(void *db, const char *sql, const struct store_value *v, size_t n,
                    int64_t *ret_changed, struct sco_error *err)
{
    int r = explain(db, sql, v, n, err);
    return r < 0 ? r : plans.real->exec(db, sql, v, n, ret_changed, err);
}

static inline void spy_on(struct world *w, bool (*is_bad)(const char *line, const char *rest),
                          const char *left_out)
{
    plans.real = w->s->ops;
    plans.ops = *plans.real;
    plans.ops.query = spy;
    plans.ops.exec = spy_exec;
    plans.ops.often = NULL;
    plans.is_bad = is_bad;
    plans.left_out = left_out;
    *plans.bad = 0;
    plans.n = 0;
    w->s->ops = &plans.ops;
}

/* Of so many statements at least. */
static inline void spy_off(struct world *w, size_t statements)
{
    assert_true(plans.n >= statements);
    w->s->ops = plans.real;
}

static inline void is_indexed(const char *what)
{
    if (!*plans.bad)
        return;
    fprintf(stderr, "%s\n", plans.bad); /* cmocka cuts texts off */
    fail_msg("%s reads a whole table", what);
}
