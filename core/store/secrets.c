/* Sealed secrets. */
#include "accounts_priv.h"

#include <stdlib.h>

struct reading {
    struct sco_secret_page *page;
    size_t cap;
};

static int on_secret(void *user, const struct store_value *v, size_t n)
{
    struct reading *rd = user;
    struct sco_secret_page *p = rd->page;
    (void)n;
    if (p->n == rd->cap) { /* in the arena, whose old array is freed with it */
        size_t cap = rd->cap ? rd->cap * 2 : 16;
        struct sco_stored_secret *more = sco_arena_alloc(&p->arena, cap * sizeof *more);
        if (!more)
            return SCO_E_NOMEM;
        if (p->n)
            memcpy(more, p->v, p->n * sizeof *more);
        p->v = more;
        rd->cap = cap;
    }
    struct sco_stored_secret *x = &p->v[p->n++];
    *x = (struct sco_stored_secret){.name = store_keep(&p->arena, &v[0]),
                                    .key_id = store_keep(&p->arena, &v[1]),
                                    .sealed = sco_arena_str(&p->arena, v[2].s),
                                    .updated_at = v[3].i};
    return x->name && x->key_id && x->sealed.p ? 0 : SCO_E_NOMEM;
}

int sco_store_secrets(struct sco_store *s, const char *name, struct sco_secret_page *ret,
                      struct sco_error *err)
{
    struct sco_secret_page page = {0};
    struct reading rd = {.page = &page};
    struct store_value v = sv_text(name);
    int r = store_query(s,
                        name ? "SELECT name, key_id, sealed, updated_at FROM secrets WHERE name = "
                               "$1"
                             : "SELECT name, key_id, sealed, updated_at FROM secrets ORDER BY name",
                        &v, name ? 1 : 0, on_secret, &rd, err);
    if (r == 0 && name && !page.n)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no secret \"%s\"", name);
    if (r < 0)
        sco_secret_page_done(&page);
    else
        *ret = page;
    return r;
}

void sco_secret_page_done(struct sco_secret_page *p)
{
    sco_arena_done(&p->arena);
    memset(p, 0, sizeof *p);
}

int sco_store_secret_put(struct sco_store *s, const struct sco_stored_secret *x, int64_t now,
                         struct sco_error *err)
{
    struct store_value v[] = {sv_text(x->name), sv_text(x->key_id),
                              sv_bytes(STORE_BLOB, x->sealed.p, x->sealed.n), sv_i64(now)};
    return store_exec(s,
                      "INSERT INTO secrets (name, key_id, sealed, updated_at) VALUES ($1, $2, $3, "
                      "$4) ON CONFLICT (name) DO UPDATE SET key_id = excluded.key_id, sealed = "
                      "excluded.sealed, updated_at = excluded.updated_at",
                      v, SCO_ARRAY_LEN(v), NULL, err);
}

int sco_store_secret_delete(struct sco_store *s, const char *name, struct sco_error *err)
{
    struct store_value v = sv_text(name);
    uint64_t n = 0;
    int r = accounts_change(s, "DELETE FROM secrets WHERE name = $1", &v, 1, &n, err);
    if (r == 0 && !n)
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no secret \"%s\"", name);
    return r;
}
