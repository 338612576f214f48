/* The set: its documents, resources and what is said about them. */
#include "set_priv.h"

#include <stdlib.h>

enum { NOTES_MAX = 200 };

/* ---- names ---- */
static const char *const formats[] = {
    [SCO_IAC_FORMAT_NONE] = "none",
    [SCO_IAC_FORMAT_KUBERNETES] = "kubernetes",
    [SCO_IAC_FORMAT_DOCKERFILE] = "dockerfile",
    [SCO_IAC_FORMAT_COMPOSE] = "compose",
    [SCO_IAC_FORMAT_GITHUB_WORKFLOW] = "github-workflow",
    [SCO_IAC_FORMAT_GITHUB_ACTION] = "github-action",
    [SCO_IAC_FORMAT_GITLAB_CI] = "gitlab-ci",
    [SCO_IAC_FORMAT_TERRAFORM_PLAN] = "terraform-plan",
    [SCO_IAC_FORMAT_SCAN] = "scan",
    [SCO_IAC_FORMAT_EVENT] = "event",
};
_Static_assert(SCO_ARRAY_LEN(formats) == SCO_IAC_FORMAT_MAX_, "a format without name");

const char *sco_iac_format_name(enum sco_iac_format f)
{
    return (size_t)f < SCO_ARRAY_LEN(formats) ? formats[f] : "?";
}

const char *sco_iac_status_name(enum sco_iac_status s)
{
    static const char *const names[] = {"parsed", "partial", "skipped", "failed"};
    _Static_assert(SCO_ARRAY_LEN(names) == SCO_IAC_STATUS_MAX_, "a status without name");
    return (size_t)s < SCO_ARRAY_LEN(names) ? names[s] : "?";
}

/* ---- life ---- */
struct iac_impl *iac_impl(struct sco_iac_set *s)
{
    if (!s->impl)
        s->impl = sco_alloc(1, sizeof(struct iac_impl));
    return s->impl;
}

void sco_iac_set_done(struct sco_iac_set *s)
{
    struct iac_impl *m = s->impl;
    if (m) {
        free(m->keys);
        for (size_t i = 0; i < m->n_texts; i++)
            free(m->texts[i]);
        free(m->texts);
        sco_arena_done(&m->late);
        free(m);
    }
    free(s->docs);
    free(s->resources);
    free(s->tags);
    sco_arena_done(&s->arena);
    *s = (struct sco_iac_set){0};
}

void sco_iac_set_cleanup_(struct sco_iac_set *s)
{
    sco_iac_set_done(s);
}

/* ---- documents ---- */
struct sco_iac_doc *iac_doc(struct sco_iac_set *s, struct sco_iac_text *text, uint32_t index,
                            enum sco_iac_format format)
{
    if (s->n_docs >= UINT32_MAX || SCO_VEC_PUSH(s->docs, s->n_docs, s->cap_docs) < 0)
        return NULL;
    struct sco_iac_doc *d = &s->docs[s->n_docs++];
    *d = (struct sco_iac_doc){
        .text = text, .index = index, .format = format, .first_resource = s->n_resources};
    return d;
}

static char *SCO_PRINTF(2, 0) arena_vfmt(struct sco_arena *a, const char *fmt, va_list ap)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addvf(&b, fmt, ap);
    return b.failed ? NULL : sco_arena_cstr(a, sco_buf_str(&b));
}

static size_t count_notes(const struct sco_iac_doc *d)
{
    size_t n = 0;
    while (d->notes && d->notes[n])
        n++;
    return n;
}

static int add_note(struct sco_iac_set *s, struct sco_iac_doc *d, const char *note)
{
    size_t n = count_notes(d);
    const char **list = (const char **)d->notes;
    if ((n & (n - 1)) == 0) { /* full at powers of two: room for twice as many and the end */
        size_t cap = n ? 2 * n + 1 : 2;
        if (!(list = sco_arena_alloc(&s->arena, cap * sizeof *list)))
            return SCO_E_NOMEM;
        if (n)
            memcpy(list, d->notes, n * sizeof *list);
    }
    list[n] = note;
    list[n + 1] = NULL;
    d->notes = list;
    return 0;
}

int iac_doc_note(struct sco_iac_set *s, uint32_t doc, const char *fmt, ...)
{
    size_t n = count_notes(&s->docs[doc]);
    if (n > NOTES_MAX)
        return 0;
    if (n == NOTES_MAX)
        return add_note(s, &s->docs[doc], "more notes are left out");
    va_list ap;
    va_start(ap, fmt);
    const char *note = arena_vfmt(&s->arena, fmt, ap);
    va_end(ap);
    return note ? add_note(s, &s->docs[doc], note) : SCO_E_NOMEM;
}

int iac_note_repeated(struct sco_iac_set *s, const struct sco_iac_node *map, const char *key)
{
    uint32_t pos = map->pos, line, column;
    for (uint32_t i = 0; i < map->n; i++)
        if (map->member[i].key == key)
            pos = map->member[i].key_pos;
    struct sco_iac_text *t = s->docs[map->doc].text;
    iac_text_place(s->impl, t, pos, &line, &column);
    SCO_AUTO(sco_buf) struct sco_buf name = {0};
    sco_buf_add_printable(&name, sco_str_make(key, strnlen(key, 80)));
    return iac_doc_note(s, map->doc, "%s:%u:%u: key \"%s\" is repeated: the last one counts",
                        t->file_path, line, column, sco_buf_z(&name));
}

int iac_doc_ends(struct sco_iac_set *s, uint32_t doc, enum sco_iac_status status, const char *fmt,
                 ...)
{
    va_list ap;
    va_start(ap, fmt);
    const char *reason = arena_vfmt(&s->arena, fmt, ap);
    va_end(ap);
    if (!reason)
        return SCO_E_NOMEM;
    s->docs[doc].status = status;
    s->docs[doc].reason = reason;
    if (status != SCO_IAC_PARTIAL)
        s->docs[doc].root = NULL;
    return 0;
}

/* ---- resources ---- */
/* The words are few and come again and again: they are interned, only the list is new. */
static const char *const *copy_selectors(struct sco_iac_set *s, const char *const *selectors)
{
    size_t n = 0;
    while (selectors[n])
        n++;
    const char **list = sco_arena_alloc(&s->arena, (n + 1) * sizeof *list);
    for (size_t i = 0; list && i < n; i++)
        if (!(list[i] = iac_key(s, sco_str_c(selectors[i]))))
            return NULL;
    return list;
}

int iac_resource(struct sco_iac_set *s, uint32_t doc, const char *const *selectors,
                 const char *type, const char *name, const struct sco_iac_node *node,
                 uint32_t parent, uint32_t *ret_index)
{
    if (s->n_resources >= UINT32_MAX - 1)
        return SCO_E_LIMIT;
    struct sco_iac_resource r = {.node = node, .doc = doc, .parent = parent};
    r.selectors = copy_selectors(s, selectors);
    r.type = iac_key(s, sco_str_c(type));
    r.name = sco_arena_cstr(&s->arena, sco_str_c(name));
    if (!r.selectors || !r.type || !r.name ||
        SCO_VEC_PUSH(s->resources, s->n_resources, s->cap_resources) < 0)
        return SCO_E_NOMEM;
    if (ret_index)
        *ret_index = (uint32_t)s->n_resources;
    s->resources[s->n_resources++] = r;
    s->docs[doc].n_resources++;
    return 0;
}
