/* Bytes to lines and columns. The table of lines of a text is made when the first place in it is
 * asked for: most documents have no finding. */
#include "set_priv.h"

static uint32_t *make_lines(struct sco_arena *a, struct sco_str text, size_t *ret_n)
{
    size_t n = 1;
    for (const char *p = text.p, *end = p + text.n; p < end; n++) {
        p = memchr(p, '\n', (size_t)(end - p));
        if (!p)
            break;
        p++;
    }
    uint32_t *lines = sco_arena_alloc_raw(a, n * sizeof *lines);
    if (!lines)
        return NULL;
    lines[0] = 0;
    size_t i = 1;
    for (const char *p = text.p, *end = p + text.n; i < n; i++) {
        p = memchr(p, '\n', (size_t)(end - p));
        if (!p++)
            break;
        lines[i] = (uint32_t)(p - text.p);
    }
    *ret_n = n;
    return lines;
}

static size_t characters(const char *p, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        count += ((unsigned char)p[i] & 0xC0) != 0x80;
    return count;
}

/* Plans are one line of many megabytes: a column must not count from its start. */
enum { COUNTED = 512 };

static uint32_t *make_characters(struct sco_arena *a, struct sco_str text)
{
    size_t n = text.n / COUNTED + 1;
    uint32_t *before = sco_arena_alloc_raw(a, n * sizeof *before);
    if (!before)
        return NULL;
    before[0] = 0;
    for (size_t i = 1; i < n; i++)
        before[i] = before[i - 1] + (uint32_t)characters(text.p + (i - 1) * COUNTED, COUNTED);
    return before;
}

/* Characters in the first `pos` bytes. */
static size_t characters_before(const struct sco_iac_text *t, size_t pos)
{
    size_t i = t->characters ? pos / COUNTED : 0;
    return (t->characters ? t->characters[i] : 0) +
           characters(t->bytes.p + i * COUNTED, pos - i * COUNTED);
}

/* The 0-based line that holds `pos`. */
static size_t line_of(const struct sco_iac_text *t, uint32_t pos)
{
    size_t low = 0, high = t->n_lines;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (t->lines[middle] <= pos)
            low = middle;
        else
            high = middle;
    }
    return low;
}

void iac_text_place(struct iac_impl *m, struct sco_iac_text *t, uint32_t pos, uint32_t *ret_line,
                    uint32_t *ret_column)
{
    if (!t->lines && m)
        t->lines = make_lines(&m->late, t->bytes, &t->n_lines);
    if (!t->characters && m && t->bytes.n > COUNTED)
        t->characters = make_characters(&m->late, t->bytes);
    if (pos > t->bytes.n)
        pos = (uint32_t)t->bytes.n;
    uint32_t start = 0, line = 1;
    if (t->lines) {
        size_t i = line_of(t, pos);
        start = t->lines[i];
        line = (uint32_t)i + 1;
    } else { /* no memory for the table */
        for (uint32_t i = 0; i < pos; i++) {
            if (t->bytes.p[i] == '\n') {
                line++;
                start = i + 1;
            }
        }
    }
    *ret_line = line;
    *ret_column = pos - start < COUNTED
                      ? (uint32_t)characters(t->bytes.p + start, pos - start) + 1
                      : (uint32_t)(characters_before(t, pos) - characters_before(t, start)) + 1;
}

void sco_iac_place_at(const struct sco_iac_set *s, uint32_t doc, uint32_t pos, uint32_t end,
                      struct sco_iac_place *ret)
{
    struct sco_iac_text *t = s->docs[doc].text;
    if (end > t->bytes.n)
        end = (uint32_t)t->bytes.n;
    uint32_t last = end > pos ? end - 1 : pos;
    while (last > pos && ((unsigned char)t->bytes.p[last] & 0xC0) == 0x80)
        last--;
    *ret = (struct sco_iac_place){.file_path = t->file_path};
    iac_text_place(s->impl, t, pos, &ret->line, &ret->column);
    iac_text_place(s->impl, t, last, &ret->end_line, &ret->end_column);
}

void sco_iac_place(const struct sco_iac_set *s, const struct sco_iac_node *v,
                   struct sco_iac_place *ret)
{
    sco_iac_place_at(s, v->doc, v->pos, v->end, ret);
}
