/* The documents of one YAML or JSON text: which format each is, what is a template, what is no
 * document of ours, and the reader of its format.
 *
 * How scalars are resolved depends on the format, and the format on the content: the text is read
 * with the best guess, and once more when its first document turns out to be something else. */
#include "detect_priv.h"
#include "yaml_priv.h"

struct reading {
    struct sco_iac_set *s;
    struct sco_iac_text *text;
    enum sco_iac_format told, named, guess;
    uint32_t flags;
    size_t first_doc, first_resource;
    bool found;   /* a document of a format that we know */
    bool content; /* any document that is not empty */
    struct sco_error *err;
};

static enum iac_schema schema_of(enum sco_iac_format f)
{
    switch (f) {
    case SCO_IAC_FORMAT_COMPOSE:
        return IAC_SCHEMA_GO3;
    case SCO_IAC_FORMAT_GITLAB_CI:
        return IAC_SCHEMA_RUBY;
    case SCO_IAC_FORMAT_GITHUB_WORKFLOW:
    case SCO_IAC_FORMAT_GITHUB_ACTION:
        return IAC_SCHEMA_CORE;
    default:
        return IAC_SCHEMA_KUBERNETES;
    }
}

/* Takes back what was added since the reading began. */
static void rewind_to(struct reading *rd)
{
    rd->s->n_docs = rd->first_doc;
    rd->s->n_resources = rd->first_resource;
    rd->found = rd->content = false;
}

static int format_resources(struct sco_iac_set *s, uint32_t doc)
{
    switch (s->docs[doc].format) {
    case SCO_IAC_FORMAT_KUBERNETES:
        return iac_kubernetes(s, doc);
    case SCO_IAC_FORMAT_COMPOSE:
        return iac_compose(s, doc);
    case SCO_IAC_FORMAT_GITHUB_WORKFLOW:
    case SCO_IAC_FORMAT_GITHUB_ACTION:
        return iac_github(s, doc);
    case SCO_IAC_FORMAT_GITLAB_CI:
        return iac_gitlab(s, doc);
    case SCO_IAC_FORMAT_SCAN:
        return iac_scan(s, doc);
    case SCO_IAC_FORMAT_EVENT:
        return iac_event(s, doc);
    default:
        return 0;
    }
}

static int unrecognised(struct reading *rd, uint32_t doc)
{
    if (rd->guess == SCO_IAC_FORMAT_KUBERNETES)
        return iac_doc_ends(rd->s, doc, SCO_IAC_SKIPPED,
                            "not a Kubernetes object: it has no apiVersion and kind");
    if (rd->guess == SCO_IAC_FORMAT_NONE)
        return iac_doc_ends(rd->s, doc, SCO_IAC_SKIPPED,
                            "not recognised, unlike other documents of this file");
    return iac_doc_ends(rd->s, doc, SCO_IAC_SKIPPED,
                        "not recognised, unlike other documents of this file (%s)",
                        sco_iac_format_name(rd->guess));
}

/* Gives a parsed document, the last of the set, its format and resources. */
static int finish(struct reading *rd, enum sco_iac_format f, const struct sco_iac_node *root)
{
    uint32_t doc = (uint32_t)rd->s->n_docs - 1;
    struct sco_iac_doc *d = &rd->s->docs[doc];
    d->format = f == SCO_IAC_FORMAT_NONE ? rd->guess : f;
    if (f == SCO_IAC_FORMAT_NONE)
        return unrecognised(rd, doc);
    rd->found = true;
    if (root->type != SCO_IAC_MAP) {
        uint32_t line, column;
        iac_text_place(rd->s->impl, d->text, root->pos, &line, &column);
        return iac_doc_ends(rd->s, doc, SCO_IAC_FAILED, "%s:%u:%u: a %s where a map is expected",
                            d->text->file_path, line, column, sco_iac_type_name(root->type));
    }
    if (!(d->root = iac_node(rd->s, *root)))
        return SCO_E_NOMEM;
    return format_resources(rd->s, doc);
}

/* ---- templates ---- */
static int template(struct reading *rd)
{
    bool helm = !sco_str_contains(rd->text->bytes, "{%");
    rewind_to(rd);
    if (!iac_doc(rd->s, rd->text, 0, rd->guess))
        return SCO_E_NOMEM;
    return iac_doc_ends(rd->s, (uint32_t)rd->first_doc, SCO_IAC_SKIPPED,
                        helm ? "template: its placeholders ({{ ... }}) are filled in by Helm or "
                               "the like; scan the output of `helm template` instead"
                             : "template: its placeholders ({{ ... }}, {%% ... %%}) are filled in "
                               "elsewhere; scan what is made from it instead");
}

static bool starts_placeholder(struct sco_str s)
{
    return sco_str_starts(s, "{{") || sco_str_starts(s, "{%");
}

/* Whether it is placeholders that make the text no YAML: they stand where a line or a value starts,
 * up to the line of the error, or anywhere in that one. Braces inside text, such as those of an
 * alerting rule, excuse nothing. */
static bool breaks_on_template(struct sco_str text, uint32_t fault)
{
    struct sco_str line, rest = text;
    while (sco_str_split(&rest, '\n', &line)) {
        bool last = (size_t)(line.p - text.p) + line.n >= fault;
        struct sco_str word = sco_str_trim(line);
        if (sco_str_starts(word, "- "))
            word = sco_str_trim(sco_str_make(word.p + 2, word.n - 2));
        const char *colon = memmem(word.p, word.n, ": ", 2);
        struct sco_str value = sco_str_make(NULL, 0);
        if (colon)
            value = sco_str_trim(sco_str_make(colon + 2, word.n - (size_t)(colon - word.p) - 2));
        if (starts_placeholder(word) || starts_placeholder(value))
            return true;
        if (last)
            return sco_str_contains(line, "{{") || sco_str_contains(line, "{%");
    }
    return false;
}

/* ---- YAML ---- */
/* The rest of the last "# Source: x" line of the comments before a document. */
static int find_source(struct sco_iac_set *s, struct sco_iac_doc *d, uint32_t from, uint32_t to)
{
    static const char mark[] = "# Source: ";
    struct sco_str rest = sco_str_make(d->text->bytes.p + from, to > from ? to - from : 0), line;
    struct sco_str found = {NULL, 0};
    while (sco_str_split(&rest, '\n', &line))
        if (line.n > sizeof mark - 1 && memcmp(line.p, mark, sizeof mark - 1) == 0)
            found = sco_str_trim(sco_str_make(line.p + sizeof mark - 1, line.n - sizeof mark + 1));
    if (found.n && !(d->source = sco_arena_cstr(&s->arena, found)))
        return SCO_E_NOMEM;
    return 0;
}

enum { RESTART = 1 };

/* One document was read; it is the last of the set. */
static int document(struct reading *rd, struct iac_yaml *y, const struct sco_iac_node *root,
                    uint32_t from, bool again)
{
    if (root->type == SCO_IAC_NULL && !root->tag) { /* empty ones are nothing */
        rd->s->n_docs--;
        return 0;
    }
    rd->content = true;
    enum sco_iac_format f = rd->told;
    if (f == SCO_IAC_FORMAT_NONE)
        f = iac_detect(root, rd->named);
    if (f != SCO_IAC_FORMAT_NONE && schema_of(f) != y->schema && !again) {
        rd->guess = f;
        return RESTART;
    }
    int r = find_source(rd->s, &rd->s->docs[rd->s->n_docs - 1], from, root->pos);
    return r < 0 ? r : finish(rd, f, root);
}

/* What stopped the reading becomes a document. */
static int stopped(struct reading *rd, struct iac_yaml *y, int code, uint32_t index,
                   const struct sco_error *why)
{
    struct sco_str t = rd->text->bytes;
    struct iac_impl *m = rd->s->impl;
    if (code == SCO_E_NOMEM)
        return code;
    if (m && m->full)
        return sco_error_set(rd->err, SCO_E_LIMIT, "%s", why->text);
    if (code == SCO_E_PARSE && (sco_str_contains(t, "{{") || sco_str_contains(t, "{%")) &&
        (y->complex_key || breaks_on_template(t, y->fault_pos)))
        return template(rd);
    if (!iac_doc(rd->s, rd->text, index, rd->guess))
        return SCO_E_NOMEM;
    rd->found = true;
    return iac_doc_ends(rd->s, (uint32_t)rd->s->n_docs - 1, SCO_IAC_FAILED, "%s", why->text);
}

static int documents(struct reading *rd, struct iac_yaml *y, bool again)
{
    struct sco_error why = {0};
    uint32_t index = 0, from = 0;
    int r = iac_yaml_open(y, rd->s, rd->text, schema_of(rd->guess), &why);
    while (r == 0) {
        struct sco_iac_node root = {0};
        if (!iac_doc(rd->s, rd->text, index, rd->guess))
            return SCO_E_NOMEM;
        r = iac_yaml_next(y, (uint32_t)rd->s->n_docs - 1, &root);
        if (r <= 0) {
            rd->s->n_docs--;
            break;
        }
        if ((r = document(rd, y, &root, from, again)) != 0)
            return r;
        from = y->last_end;
        index++;
    }
    if (r < 0)
        return stopped(rd, y, r, index, &why);
    return y->helm && rd->found ? template(rd) : 0;
}

/* Documents, but none of ours, are left out; a file that the user named is not, even when empty. */
static int nothing_found(struct reading *rd)
{
    if (rd->found || (rd->s->n_docs > rd->first_doc && rd->guess == SCO_IAC_FORMAT_KUBERNETES))
        return 0;
    bool empty = !rd->content;
    rewind_to(rd);
    if (!empty || !(rd->flags & SCO_IAC_EXPLICIT))
        return 0;
    if (!iac_doc(rd->s, rd->text, 0, rd->guess))
        return SCO_E_NOMEM;
    return iac_doc_ends(rd->s, (uint32_t)rd->first_doc, SCO_IAC_SKIPPED,
                        "empty: it holds no document");
}

static struct reading begin(struct sco_iac_set *s, struct sco_iac_text *text,
                            enum sco_iac_format format, uint32_t flags, struct sco_error *err)
{
    return (struct reading){.s = s,
                            .text = text,
                            .told = format,
                            .guess = format,
                            .flags = flags,
                            .first_doc = s->n_docs,
                            .first_resource = s->n_resources,
                            .err = err};
}

int iac_read_yaml(struct sco_iac_set *s, struct sco_iac_text *text, enum sco_iac_format format,
                  uint32_t flags, struct sco_error *err)
{
    struct reading rd = begin(s, text, format, flags, err);
    enum sco_iac_format sniffed = iac_sniff_yaml(text->bytes);
    iac_name_of(text->file_path, &rd.named);
    if (rd.guess == SCO_IAC_FORMAT_NONE)
        rd.guess = sniffed != SCO_IAC_FORMAT_NONE ? sniffed : rd.named;
    bool look = rd.guess != SCO_IAC_FORMAT_NONE || (flags & SCO_IAC_EXPLICIT) ||
                iac_sniff_objects(text->bytes) || iac_sniff_pipeline(text->bytes);
    int r = RESTART;
    for (int i = 0; look && r == RESTART; i++) {
        struct iac_yaml y = {0};
        rewind_to(&rd);
        r = documents(&rd, &y, i > 0);
        iac_yaml_close(&y);
    }
    if (!look)
        return 0;
    return r == 0 ? nothing_found(&rd) : r;
}

/* ---- JSON ---- */
static bool want_none(void *user, struct sco_str key)
{
    (void)user;
    (void)key;
    return false;
}

/* Malformed JSON: ours when it looks so. */
static int json_failed(struct reading *rd, int code, const struct sco_error *why)
{
    struct iac_impl *m = rd->s->impl;
    if (code == SCO_E_NOMEM)
        return code;
    if (m && m->full)
        return sco_error_set(rd->err, SCO_E_LIMIT, "%s", why->text);
    enum sco_iac_format f =
        rd->told != SCO_IAC_FORMAT_NONE ? rd->told : iac_sniff_json(rd->text->bytes);
    rewind_to(rd);
    if (f == SCO_IAC_FORMAT_NONE && !(rd->flags & SCO_IAC_EXPLICIT))
        return 0;
    if (!iac_doc(rd->s, rd->text, 0, f))
        return SCO_E_NOMEM;
    return iac_doc_ends(rd->s, (uint32_t)rd->first_doc, SCO_IAC_FAILED, "%s", why->text);
}

static int json_document(struct reading *rd)
{
    struct sco_error why = {0};
    const struct sco_iac_node *root = NULL;
    uint32_t doc = (uint32_t)rd->first_doc;
    int r = iac_json_filtered(rd->s, doc, rd->text->bytes, want_none, NULL, &root, &why);
    if (r < 0)
        return json_failed(rd, r, &why);
    if (iac_is_plan(root)) {
        rewind_to(rd);
        return iac_read_plan(rd->s, rd->text, SCO_IAC_FORMAT_TERRAFORM_PLAN, rd->flags, rd->err);
    }
    if ((r = sco_iac_json(rd->s, doc, rd->text->bytes, NULL, &root, &why)) < 0)
        return json_failed(rd, r, &why);
    enum sco_iac_format f = rd->told;
    if (f == SCO_IAC_FORMAT_NONE)
        f = iac_detect(root, rd->named);
    if (f == SCO_IAC_FORMAT_NONE) {
        rewind_to(rd);
        return 0;
    }
    return finish(rd, f, root);
}

static bool starts_json(struct sco_str trimmed)
{
    return trimmed.n && (trimmed.p[0] == '{' || trimmed.p[0] == '[');
}

int iac_read_json(struct sco_iac_set *s, struct sco_iac_text *text, enum sco_iac_format format,
                  uint32_t flags, struct sco_error *err)
{
    struct reading rd = begin(s, text, format, flags, err);
    enum iac_name by_name = iac_name_of(text->file_path, &rd.named);
    enum sco_iac_format sniffed = iac_sniff_json(text->bytes);
    struct sco_str start = sco_str_trim(text->bytes);
    if (sniffed == SCO_IAC_FORMAT_TERRAFORM_PLAN && format == SCO_IAC_FORMAT_NONE &&
        (!start.n || start.p[0] != '{'))
        return iac_read_plan(s, text, sniffed, flags, err); /* other text around the plan */
    if (sniffed == SCO_IAC_FORMAT_NONE && (by_name != IAC_NAME_JSON || !starts_json(start)))
        return iac_read_yaml(s, text, format, flags, err); /* YAML, whatever it is called */
    if (sniffed == SCO_IAC_FORMAT_NONE && format == SCO_IAC_FORMAT_NONE &&
        !(flags & SCO_IAC_EXPLICIT))
        return 0;
    if (!iac_doc(s, text, 0, format != SCO_IAC_FORMAT_NONE ? format : sniffed))
        return SCO_E_NOMEM;
    int r = json_document(&rd);
    bool yaml = by_name != IAC_NAME_JSON && r == 0 && s->n_docs > rd.first_doc &&
                s->docs[rd.first_doc].status == SCO_IAC_FAILED;
    if (!yaml)
        return r;
    rewind_to(&rd);
    return iac_read_yaml(s, text, format, flags, err);
}
