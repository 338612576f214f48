/* libyaml's events to nodes: one parser and one event at a time, children on two stacks, every
 * limit checked before the memory is taken.
 *
 * libyaml counts characters, nodes count bytes. Marks come in the order of the text, so a cursor
 * that moves with them turns one into the other. */
#include "yaml_priv.h"

#include <stdlib.h>
#include <yaml.h>

const char iac_merge_key[] = "<<";

/* ---- places ---- */
static uint32_t byte_of(struct iac_yaml *y, size_t character)
{
    struct sco_str t = y->text->bytes;
    if (y->ascii)
        return (uint32_t)(character < t.n ? character : t.n);
    while (y->at_char < character && y->at < t.n) {
        do
            y->at++;
        while (y->at < t.n && ((unsigned char)t.p[y->at] & 0xC0) == 0x80);
        y->at_char++;
    }
    while (y->at_char > character && y->at > 0) {
        do
            y->at--;
        while (y->at > 0 && ((unsigned char)t.p[y->at] & 0xC0) == 0x80);
        y->at_char--;
    }
    return (uint32_t)y->at;
}

int iac_yaml_fault(struct iac_yaml *y, int code, uint32_t pos, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    uint32_t line = 1, column = 1;
    y->fault_pos = pos;
    iac_text_place(y->s->impl, y->text, pos, &line, &column);
    return sco_error_set(y->err, code, "%s:%u:%u: %s", y->text->file_path, line, column, text);
}

int iac_yaml_limit(struct iac_yaml *y, int code, uint32_t pos)
{
    if (code == SCO_E_LIMIT)
        return iac_yaml_fault(y, SCO_E_LIMIT, pos, "more than %d nodes (SCO_IAC_NODES_MAX)",
                              SCO_IAC_NODES_MAX);
    return sco_error_nomem(y->err);
}

/* libyaml says "found character that cannot start any token" for a tab, which helps nobody. */
static bool is_tab(struct sco_str text, uint32_t pos)
{
    while (pos > 0 && text.p[pos - 1] != '\n')
        pos--;
    while (pos < text.n && text.p[pos] == ' ')
        pos++;
    return pos < text.n && text.p[pos] == '\t';
}

static int parser_error(struct iac_yaml *y)
{
    const yaml_parser_t *p = y->parser;
    const char *problem = p->problem ? p->problem : "malformed";
    if (p->error == YAML_MEMORY_ERROR)
        return sco_error_nomem(y->err);
    if (p->error == YAML_READER_ERROR)
        return iac_yaml_fault(y, SCO_E_PARSE, (uint32_t)p->problem_offset, "not text: %s", problem);
    uint32_t pos = byte_of(y, p->problem_mark.index);
    if (p->error == YAML_SCANNER_ERROR && is_tab(y->text->bytes, pos))
        return iac_yaml_fault(y, SCO_E_PARSE, pos, "a tab cannot indent YAML, use spaces");
    if (p->context && p->context_mark.line != p->problem_mark.line)
        return iac_yaml_fault(y, SCO_E_PARSE, pos, "%s, %s that starts in line %zu", problem,
                              p->context, p->context_mark.line + 1);
    return iac_yaml_fault(y, SCO_E_PARSE, pos, "%s%s%s", problem, p->context ? ", " : "",
                          p->context ? p->context : "");
}

/* ---- nodes ---- */
/* Where the value starts behind "&anchor" and "!tag". */
static uint32_t after_properties(struct iac_yaml *y, uint32_t pos, uint32_t end)
{
    const char *p = y->text->bytes.p;
    uint32_t at = pos;
    while (at < end && (p[at] == '&' || p[at] == '!')) {
        while (at < end && !strchr(" \t\r\n", p[at]))
            at++;
        while (at < end && strchr(" \t\r\n#", p[at])) {
            if (p[at] == '#') /* a comment behind the anchor */
                while (at < end && p[at] != '\n')
                    at++;
            at += at < end;
        }
    }
    return at < end ? at : pos;
}

static struct iac_span span(struct iac_yaml *y, uint32_t pos, uint32_t end)
{
    return (struct iac_span){y->doc, pos, end > pos ? end : pos};
}

static int set_anchor(struct iac_yaml *y, const yaml_char_t *name, const struct sco_iac_node *v)
{
    if (!name)
        return 0;
    void **slot = sco_map_put(&y->anchors, sco_str_c((const char *)name), NULL);
    if (!slot)
        return sco_error_nomem(y->err);
    struct iac_anchor *a = *slot;
    if (!a && !(a = *slot = sco_arena_alloc(&y->s->arena, sizeof *a)))
        return sco_error_nomem(y->err);
    a->complete = v != NULL;
    if (v)
        a->node = *v;
    return 0;
}

static int set_tag(struct iac_yaml *y, const yaml_char_t *tag, struct sco_iac_node *v)
{
    if (!tag || sco_str_is(sco_str_c((const char *)tag), "!"))
        return 0;
    int r = iac_tag(y->s, sco_str_c((const char *)tag), &v->tag);
    return r < 0 ? sco_error_nomem(y->err) : 0;
}

/* Whether an explicit tag asks for the value that the text would have without quotes. */
static bool is_core_tag(const yaml_char_t *tag)
{
    static const char *const tags[] = {YAML_INT_TAG, YAML_FLOAT_TAG, YAML_BOOL_TAG, YAML_NULL_TAG};
    for (size_t i = 0; tag && i < SCO_ARRAY_LEN(tags); i++)
        if (strcmp((const char *)tag, tags[i]) == 0)
            return true;
    return false;
}

/* "{{ .Values.x }}" in a line of its own kind: only Helm fills that in. */
static bool is_helm(struct sco_str text)
{
    const char *open = text.n > 4 ? memmem(text.p, text.n, "{{", 2) : NULL;
    struct sco_str rest = open ? sco_str_make(open, text.n - (size_t)(open - text.p)) : text;
    return open && (sco_str_contains(rest, ".Values.") || sco_str_contains(rest, ".Release.") ||
                    sco_str_contains(rest, ".Chart."));
}

static int scalar(struct iac_yaml *y, const yaml_event_t *ev, uint32_t pos, uint32_t end,
                  struct sco_iac_node *ret)
{
    struct sco_str text = sco_str_make((const char *)ev->data.scalar.value, ev->data.scalar.length);
    yaml_scalar_style_t style = ev->data.scalar.style;
    const yaml_char_t *tag = ev->data.scalar.tag;
    bool plain = style == YAML_PLAIN_SCALAR_STYLE, block = style >= YAML_LITERAL_SCALAR_STYLE;
    const char *p = y->text->bytes.p;
    while (block && end > pos && strchr(" \t\r\n", p[end - 1]))
        end--;
    while (plain && pos == end && pos > 0 && p[pos - 1] == ' ') /* nothing: before the blanks */
        pos = --end;
    y->last_end = end;
    if (y->braces && !block && is_helm(text))
        y->helm = true;
    int r;
    if ((plain && !tag) || is_core_tag(tag))
        r = iac_yaml_plain(y->s, y->schema, text, span(y, pos, end), ret);
    else
        r = iac_str(y->s, text, span(y, pos, end), ret);
    if (r < 0)
        return iac_yaml_limit(y, r, pos);
    if (!plain && ret->type == SCO_IAC_STR)
        ret->flags |= SCO_IAC_QUOTED;
    return set_tag(y, tag, ret);
}

static int collection(struct iac_yaml *y, const yaml_event_t *ev, uint32_t pos, uint32_t depth,
                      struct sco_iac_node *ret);

static int node(struct iac_yaml *y, const yaml_event_t *ev, uint32_t depth,
                struct sco_iac_node *ret)
{
    uint32_t pos = byte_of(y, ev->start_mark.index), end = byte_of(y, ev->end_mark.index);
    if (++y->nodes > SCO_IAC_YAML_NODES_MAX)
        return iac_yaml_fault(y, SCO_E_LIMIT, pos, "more than %d nodes (SCO_IAC_YAML_NODES_MAX)",
                              SCO_IAC_YAML_NODES_MAX);
    if (ev->type == YAML_ALIAS_EVENT) {
        y->last_end = end;
        return iac_yaml_alias(y, sco_str_c((const char *)ev->data.alias.anchor), pos, depth, ret);
    }
    if (ev->type != YAML_SCALAR_EVENT)
        return collection(y, ev, pos, depth, ret);
    const yaml_char_t *anchor = ev->data.scalar.anchor;
    if (anchor || ev->data.scalar.tag)
        pos = after_properties(y, pos, end);
    int r = scalar(y, ev, pos, end, ret);
    return r < 0 ? r : set_anchor(y, anchor, ret);
}

/* Reads one event and the node that it starts: 1; 0 when the event is `end`, whose end mark is then
 * *ret_end. */
static int next_node(struct iac_yaml *y, yaml_event_type_t end, uint32_t depth,
                     struct sco_iac_node *ret, uint32_t *ret_end)
{
    yaml_event_t ev;
    if (!yaml_parser_parse(y->parser, &ev))
        return parser_error(y);
    int r;
    if (ev.type == end) {
        *ret_end = byte_of(y, ev.end_mark.index);
        r = 0;
    } else {
        r = node(y, &ev, depth, ret);
        r = r < 0 ? r : 1;
    }
    yaml_event_delete(&ev);
    return r;
}

/* The key of a member as it counts for the reader of the format. */
static int key_of(struct iac_yaml *y, const yaml_event_t *ev, uint32_t depth,
                  struct sco_iac_member *ret)
{
    bool plain = ev->type == YAML_SCALAR_EVENT && ev->data.scalar.plain_implicit &&
                 ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    struct sco_str text = {0};
    char tmp[32];
    struct sco_iac_node v = {0};
    ret->key_pos = byte_of(y, ev->start_mark.index);
    if (ev->type == YAML_SCALAR_EVENT && !ev->data.scalar.anchor &&
        (!plain || y->schema == IAC_SCHEMA_CORE || ev->data.scalar.length > 5)) {
        text = sco_str_make((const char *)ev->data.scalar.value, ev->data.scalar.length);
        y->nodes++;
    } else { /* rare: short enough for a boolean, anchored, or an alias */
        int r = node(y, ev, depth, &v);
        if (r < 0)
            return r;
        if (v.type == SCO_IAC_MAP || v.type == SCO_IAC_LIST) {
            y->complex_key = true;
            return iac_yaml_fault(y, SCO_E_PARSE, ret->key_pos,
                                  "a key has to be text, this is a %s", sco_iac_type_name(v.type));
        }
        if (ev->type == YAML_SCALAR_EVENT && y->schema == IAC_SCHEMA_CORE)
            text = sco_str_make((const char *)ev->data.scalar.value, ev->data.scalar.length);
        else
            text = iac_yaml_key_text(&v, tmp);
    }
    bool merge = plain && y->schema != IAC_SCHEMA_CORE && sco_str_is(text, "<<");
    ret->key = merge ? iac_merge_key : iac_key(y->s, text);
    ret->key_n = (uint32_t)text.n;
    return ret->key ? 0 : sco_error_nomem(y->err);
}

/* The next member of a map: 1; 0 at its end. */
static int member(struct iac_yaml *y, uint32_t depth, uint32_t *ret_end)
{
    yaml_event_t ev;
    if (!yaml_parser_parse(y->parser, &ev))
        return parser_error(y);
    struct sco_iac_member m;
    bool end = ev.type == YAML_MAPPING_END_EVENT;
    int r = 0;
    if (end)
        *ret_end = byte_of(y, ev.end_mark.index);
    else
        r = key_of(y, &ev, depth, &m);
    yaml_event_delete(&ev);
    if (end || r < 0)
        return r;
    if ((r = next_node(y, YAML_NO_EVENT, depth, &m.value, ret_end)) < 0)
        return r;
    if (y->members.n == y->members.cap &&
        SCO_VEC_PUSH(y->members.v, y->members.n, y->members.cap) < 0)
        return sco_error_nomem(y->err);
    y->members.v[y->members.n++] = m;
    return 1;
}

static int item(struct iac_yaml *y, uint32_t depth, uint32_t *ret_end)
{
    struct sco_iac_node v = {0};
    int r = next_node(y, YAML_SEQUENCE_END_EVENT, depth, &v, ret_end);
    if (r <= 0)
        return r;
    if (iac_item(&y->items, v) < 0)
        return sco_error_nomem(y->err);
    return 1;
}

/* A block collection ends, for libyaml, where the next token starts; for people, and for whoever
 * changes it, with its last child. */
static void collection_end(struct iac_yaml *y, bool flow, uint32_t end)
{
    const char *p = y->text->bytes.p;
    if (flow && end > y->last_end && (p[end - 1] == '}' || p[end - 1] == ']'))
        y->last_end = end;
}

static int collection(struct iac_yaml *y, const yaml_event_t *ev, uint32_t pos, uint32_t depth,
                      struct sco_iac_node *ret)
{
    bool map = ev->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *anchor =
                          map ? ev->data.mapping_start.anchor : ev->data.sequence_start.anchor,
                      *tag = map ? ev->data.mapping_start.tag : ev->data.sequence_start.tag;
    bool flow = map ? ev->data.mapping_start.style == YAML_FLOW_MAPPING_STYLE
                    : ev->data.sequence_start.style == YAML_FLOW_SEQUENCE_STYLE;
    size_t first = map ? y->members.n : y->items.n;
    uint32_t end = pos;
    if (depth >= SCO_IAC_DEPTH_MAX)
        return iac_yaml_fault(y, SCO_E_LIMIT, pos, "nested deeper than %d (SCO_IAC_DEPTH_MAX)",
                              SCO_IAC_DEPTH_MAX);
    int r = set_anchor(y, anchor, NULL);
    if (r < 0)
        return r;
    if (anchor || tag)
        pos = after_properties(y, pos, (uint32_t)y->text->bytes.n);
    y->last_end = pos;
    do
        r = map ? member(y, depth + 1, &end) : item(y, depth + 1, &end);
    while (r > 0);
    if (r < 0)
        return r;
    collection_end(y, flow, end);
    if (map) {
        r = iac_yaml_map(y, first, span(y, pos, y->last_end), ret);
    } else {
        r = iac_seal_list(y->s, y->items.v ? y->items.v + first : NULL, y->items.n - first,
                          span(y, pos, y->last_end), ret);
        y->items.n = first;
        r = r < 0 ? iac_yaml_limit(y, r, pos) : 0;
    }
    if (r < 0 || (r = set_tag(y, tag, ret)) < 0)
        return r;
    return set_anchor(y, anchor, ret);
}

/* ---- documents ---- */
int iac_yaml_next(struct iac_yaml *y, uint32_t doc, struct sco_iac_node *ret)
{
    y->doc = doc;
    y->members.n = y->items.n = 0;
    sco_map_done(&y->anchors); /* anchors do not reach into the next document */
    for (;;) {
        yaml_event_t ev;
        if (!yaml_parser_parse(y->parser, &ev))
            return parser_error(y);
        yaml_event_type_t type = ev.type;
        yaml_event_delete(&ev);
        if (type == YAML_STREAM_END_EVENT || type == YAML_NO_EVENT)
            return 0;
        if (type != YAML_DOCUMENT_START_EVENT) /* STREAM_START */
            continue;
        uint32_t end;
        int r = next_node(y, YAML_NO_EVENT, 0, ret, &end);
        if (r < 0)
            return r;
        if (!yaml_parser_parse(y->parser, &ev)) /* DOCUMENT_END, or what has no place here */
            return parser_error(y);
        yaml_event_delete(&ev);
        return 1;
    }
}

static bool is_ascii(struct sco_str s)
{
    uint64_t high = 0, word;
    size_t i = 0;
    for (; i + sizeof word <= s.n; i += sizeof word) {
        memcpy(&word, s.p + i, sizeof word);
        high |= word;
    }
    for (; i < s.n; i++)
        high |= (unsigned char)s.p[i];
    return !(high & 0x8080808080808080u);
}

int iac_yaml_open(struct iac_yaml *y, struct sco_iac_set *s, struct sco_iac_text *text,
                  enum iac_schema schema, struct sco_error *err)
{
    *y = (struct iac_yaml){.s = s, .text = text, .schema = schema, .err = err};
    if (text->bytes.n > SCO_IAC_YAML_SIZE_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "%s: larger than %d bytes (SCO_IAC_YAML_SIZE_MAX)",
                             text->file_path, SCO_IAC_YAML_SIZE_MAX);
    y->ascii = is_ascii(text->bytes);
    y->braces = sco_str_contains(text->bytes, "{{");
    yaml_parser_t *p = sco_alloc(1, sizeof *p);
    if (!p || !yaml_parser_initialize(p)) {
        free(p);
        return sco_error_nomem(err);
    }
    yaml_parser_set_encoding(p, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(p, (const unsigned char *)text->bytes.p, text->bytes.n);
    y->parser = p;
    return 0;
}

void iac_yaml_close(struct iac_yaml *y)
{
    if (y->parser) {
        yaml_parser_delete(y->parser);
        free(y->parser);
    }
    iac_members_cleanup_(&y->members);
    iac_items_cleanup_(&y->items);
    sco_map_done(&y->anchors);
    *y = (struct iac_yaml){0};
}
