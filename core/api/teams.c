/* Teams as scopes: who is of a team sees the repositories of the team's targets. They become globs
 * of the principal when it is asked who a token is, so that there is one kind of scope. */
#include "server_priv.h"

#include <secureops/checkout.h>
#include <secureops/store_jobs.h>

enum { PAGE = 500 };

static bool has(const char *const *list, const char *name)
{
    for (; *list; list++)
        if (strcmp(*list, name) == 0)
            return true;
    return false;
}

bool api_in_team(const struct sco_principal *p, const char *team)
{
    return !p->teams || has(p->teams, team);
}

void api_target_key(const struct sco_stored_target *t, struct sco_buf *out)
{
    if (strcmp(t->kind, "repository") == 0)
        sco_repository_normal(sco_str_c(t->location), out);
    else
        sco_buf_addz(out, t->location);
}

/* A glob that matches the text and nothing else. Braces cannot be written so: false. */
static bool add_literal(struct sco_buf *out, struct sco_str text)
{
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c == '{' || c == '}')
            return false;
        if (c == '*' || c == '?' || c == '[' || c == '\\')
            sco_buf_addc(out, '\\');
        sco_buf_addc(out, c);
    }
    return true;
}

struct scope {
    struct sco_principal *who;
    struct sco_arena *arena;
    struct sco_buf keys; /* NUL-terminated, one behind the other */
    size_t n;
};

static int take(struct scope *x, const struct sco_stored_target *t, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf key = {0}, glob = {0};
    if (!*t->team || !has(x->who->teams, t->team))
        return 0;
    api_target_key(t, &key);
    int r = sco_buf_check(&key, err);
    if (r < 0 || !sco_principal_sees(x->who, sco_buf_z(&key)) ||
        !add_literal(&glob, sco_buf_str(&key)))
        return r;
    sco_buf_add(&x->keys, sco_buf_str(&glob));
    sco_buf_addc(&x->keys, 0);
    x->n++;
    return sco_buf_check(&glob, err);
}

static int collect(struct sco_store *s, struct scope *x, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf cursor = {0};
    bool more = true;
    int r = 0;
    while (r == 0 && more) {
        struct sco_target_page p = {0};
        r = sco_store_targets(s, cursor.n ? sco_buf_z(&cursor) : NULL, PAGE, &p, err);
        for (size_t i = 0; r == 0 && i < p.n; i++)
            r = take(x, &p.v[i], err);
        more = r == 0 && p.cursor;
        sco_buf_clear(&cursor);
        if (more)
            sco_buf_addz(&cursor, p.cursor);
        sco_target_page_done(&p);
        if (r == 0)
            r = sco_buf_check(&cursor, err);
    }
    return r < 0 ? r : sco_buf_check(&x->keys, err);
}

int api_scope_by_teams(struct sco_store *s, struct sco_principal *who, struct sco_arena *arena,
                       struct sco_error *err)
{
    struct scope x = {.who = who, .arena = arena};
    if (!who->teams)
        return 0;
    int r = collect(s, &x, err);
    const char **v = r == 0 ? sco_arena_alloc(arena, (x.n + 1) * sizeof *v) : NULL;
    struct sco_str texts =
        r == 0 ? sco_arena_str(arena, sco_buf_str(&x.keys)) : (struct sco_str){0};
    bool room = v && (!x.n || texts.p);
    if (r == 0 && !room)
        r = sco_error_nomem(err);
    for (size_t i = 0; room && i < x.n; i++) {
        v[i] = texts.p;
        texts.p += strlen(texts.p) + 1;
    }
    sco_buf_done(&x.keys);
    if (r == 0)
        who->repositories = v; /* none: nothing is seen */
    return r;
}

/* ---- schedules ---- */
static bool is_uuid(const char *z)
{
    size_t n = strlen(z);
    if (n != 36 || strspn(z, "0123456789abcdef-") != n)
        return false;
    return z[8] == '-' && z[13] == '-' && z[18] == '-' && z[23] == '-';
}

int sco_api_schedule_may(struct sco_store *s, const struct sco_stored_schedule *v,
                         struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_principal who = {0};
    if (!v->created_by || !is_uuid(v->created_by))
        return 0;
    int r = sco_auth_user(s, v->created_by, &arena, &who, err);
    if (r == 0)
        r = api_scope_by_teams(s, &who, &arena, err);
    if (r == 0 && !sco_principal_may(&who, SCO_ACT_CREATE, SCO_RES_SECURITY))
        r = sco_error_set(err, SCO_E_PERMISSION, "%s may not ask for scans any more", who.name);
    if (r == 0 && !sco_principal_sees(&who, v->target_key))
        r = sco_error_set(err, SCO_E_PERMISSION, "the target is not in the scope of %s any more",
                          who.name);
    return r;
}
