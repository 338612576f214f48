/* Failed logins in a row, by account and by address. */
#include "accounts_priv.h"

/* A row that lies idle begins anew. *ret_failures 0: it is locked, and nothing was counted. */
static int count(struct sco_store *s, const char *key, const struct sco_throttle *t, int64_t now,
                 int64_t *ret_failures, struct sco_error *err)
{
    struct store_value there[] = {sv_text(key), sv_i64(now)};
    struct store_value v[] = {sv_i64(now - t->forget_ms), sv_i64(now), sv_text(key), sv_i64(now)};
    int r = store_exec(s,
                       "INSERT INTO login_failures (key, failures, locked_until, updated_at) "
                       "VALUES ($1, 0, 0, $2) ON CONFLICT (key) DO NOTHING",
                       there, SCO_ARRAY_LEN(there), NULL, err);
    if (r == 0)
        r = store_query(s,
                        "UPDATE login_failures SET failures = CASE WHEN updated_at < $1 THEN 1 "
                        "ELSE failures + 1 END, updated_at = $2 WHERE key = $3 AND locked_until <= "
                        "$4 RETURNING failures",
                        v, SCO_ARRAY_LEN(v), accounts_take_i64, ret_failures, err);
    return r;
}

static int64_t wait_after(const struct sco_throttle *t, int64_t failures)
{
    int64_t ms = t->base_ms;
    for (int64_t i = t->free + 1; i < failures && ms < t->max_ms; i++)
        ms *= 2;
    return ms < t->max_ms ? ms : t->max_ms;
}

int sco_store_throttle(struct sco_store *s, const char *key, const struct sco_throttle *t,
                       int64_t now, int64_t *ret_wait_ms, struct sco_error *err)
{
    int64_t failures = 0, until = now;
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = count(s, key, t, now, &failures, err);
    if (r == 0 && !failures) {
        struct store_value v = sv_text(key);
        r = store_query(s, "SELECT locked_until FROM login_failures WHERE key = $1", &v, 1,
                        accounts_take_i64, &until, err);
        if (until <= now) /* given up between the two */
            until = now + 1;
    } else if (r == 0 && failures > t->free) {
        struct store_value v[] = {sv_i64(now + wait_after(t, failures)), sv_text(key)};
        r = store_exec(s, "UPDATE login_failures SET locked_until = $1 WHERE key = $2", v,
                       SCO_ARRAY_LEN(v), NULL, err);
    }
    r = sco_store_end(s, r, err);
    if (r == 0)
        *ret_wait_ms = until - now;
    return r;
}

int sco_store_throttle_pardon(struct sco_store *s, const char *key, bool all, struct sco_error *err)
{
    struct store_value v = sv_text(key);
    return store_exec(s,
                      all ? "DELETE FROM login_failures WHERE key = $1"
                          : "UPDATE login_failures SET failures = failures - 1, locked_until = 0 "
                            "WHERE key = $1 AND failures > 0",
                      &v, 1, NULL, err);
}

int sco_store_throttle_expire(struct sco_store *s, int64_t before, uint64_t *ret,
                              struct sco_error *err)
{
    struct store_value v[] = {sv_i64(before), sv_i64(before)};
    return accounts_change(s,
                           "DELETE FROM login_failures WHERE updated_at < $1 AND locked_until < $2",
                           v, 2, ret, err);
}
