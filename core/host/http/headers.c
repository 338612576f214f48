/* The headers of an answer, for the plugin: names in small letters, in the order that they came. */
#include "http_priv.h"

void http_head_clear(struct http_try *t)
{
    sco_buf_clear(&t->head);
    t->n_head = 0;
}

void http_head_add(struct http_try *t, struct sco_str line)
{
    struct sco_buf *b = &t->head;
    size_t before = b->n;
    line = sco_str_trim(line);
    const char *colon = line.n ? memchr(line.p, ':', line.n) : NULL;
    if (!colon || colon == line.p || memchr(line.p, 0, line.n) ||
        t->n_head == SCO_HTTP_ANSWER_HEADERS || line.n > SCO_HTTP_ANSWER_HEAD - b->n)
        return;
    sco_buf_add(b, line);
    sco_buf_addc(b, '\n');
    if (b->failed) {
        b->failed = false;
        b->n = before;
        return;
    }
    t->n_head++;
    for (char *p = b->p + before; *p != ':'; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + 32);
}

int http_head_give(const struct http_try *t, struct sco_arena *a, struct sco_http_response *r)
{
    struct sco_pair *v = sco_arena_alloc(a, (t->n_head + 1) * sizeof *v);
    struct sco_str rest = sco_arena_str(a, sco_buf_str(&t->head)), line, name;
    size_t n = 0;
    if (!v || (t->head.n && !rest.p))
        return SCO_E_NOMEM;
    while (n < t->n_head && sco_str_split(&rest, '\n', &line) && sco_str_split(&line, ':', &name)) {
        v[n].key = sco_str_trim(name);
        v[n++].value = sco_str_trim(line);
    }
    r->headers = v;
    r->n_headers = n;
    return 0;
}
