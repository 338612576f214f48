/* Statements that a connection has prepared: found by their text and the types of their values. */
#include "postgresql_priv.h"

#include <stdlib.h>

struct pg_often {
    struct {
        char *sql;
        uint32_t types[PG_OFTEN_PARAMS];
        size_t n;
    } v[PG_OFTEN_MAX];
    size_t n;
};

/* What it is called; *ret_new: it has to be prepared first. False: there is no room, or no memory.
 */
bool pg_often_find(struct pg_often **o, const char *sql, const struct store_value *v, size_t n,
                   char name[PG_OFTEN_NAME], bool *ret_new)
{
    if (n > PG_OFTEN_PARAMS || (!*o && !(*o = sco_alloc(1, sizeof **o))))
        return false;
    struct pg_often *p = *o;
    size_t at = 0, same = 0;
    for (; at < p->n; at++) {
        if (p->v[at].n != n || strcmp(p->v[at].sql, sql) != 0)
            continue;
        for (same = 0; same < n && p->v[at].types[same] == v[same].type;)
            same++;
        if (same == n)
            break;
    }
    *ret_new = at == p->n;
    if (*ret_new) {
        if (p->n == PG_OFTEN_MAX || !(p->v[at].sql = sco_strdup(sco_str_c(sql))))
            return false;
        for (size_t i = 0; i < n; i++)
            p->v[at].types[i] = v[i].type;
        p->v[at].n = n;
        p->n++;
    }
    snprintf(name, PG_OFTEN_NAME, "often_%zu", at);
    return true;
}

/* It could not be prepared after all: the last that was found. */
void pg_often_drop_last(struct pg_often *o)
{
    free(o->v[--o->n].sql);
    o->v[o->n].sql = NULL;
}

struct pg_often *pg_often_free(struct pg_often *o)
{
    for (size_t i = 0; o && i < o->n; i++)
        free(o->v[i].sql);
    free(o);
    return NULL;
}
