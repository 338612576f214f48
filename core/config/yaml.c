/* libyaml's events to nodes. One yaml_parser_t and one event at a time; every limit is checked
 * before the memory is taken. See yaml.h for what the tree promises. */
#include <secureops/fs.h>
#include <secureops/yaml.h>
#include "yaml_priv.h"

#include <yaml.h>

struct yaml_source {
    struct yaml_build build;
    struct sco_str text;
    yaml_parser_t parser;
};

/* ---- errors ---- */
/* libyaml says "found character that cannot start any token" for a tab, which helps nobody. */
static bool is_tab(struct sco_str text, size_t line)
{
    struct sco_str row = {NULL, 0};
    for (size_t i = 0; i <= line; i++)
        if (!sco_str_split(&text, '\n', &row))
            return false;
    size_t i = 0;
    while (i < row.n && row.p[i] == ' ')
        i++;
    return i < row.n && row.p[i] == '\t';
}

static void place_of_offset(struct sco_str text, size_t offset, struct sco_yaml *at)
{
    at->line = at->column = 1;
    for (size_t i = 0; i < offset && i < text.n; i++) {
        if (text.p[i] == '\n') {
            at->line++;
            at->column = 1;
        } else if (((unsigned char)text.p[i] & 0xC0) != 0x80) {
            at->column++;
        }
    }
}

static int parser_error(struct yaml_source *s)
{
    const yaml_parser_t *p = &s->parser;
    struct yaml_build *b = &s->build;
    const char *problem = p->problem ? p->problem : "malformed";
    struct sco_yaml at = {.line = (uint32_t)p->problem_mark.line + 1,
                          .column = (uint32_t)p->problem_mark.column + 1};
    if (p->error == YAML_MEMORY_ERROR)
        return sco_error_nomem(b->err);
    if (p->error == YAML_READER_ERROR) {
        place_of_offset(s->text, p->problem_offset, &at);
        return sco_yaml_error(b->err, SCO_E_PARSE, b->file, &at, "not text: %s", problem);
    }
    if (p->error == YAML_SCANNER_ERROR && is_tab(s->text, p->problem_mark.line))
        return sco_yaml_error(b->err, SCO_E_PARSE, b->file, &at,
                              "a tab cannot indent YAML, use spaces");
    if (p->context && p->context_mark.line != p->problem_mark.line)
        return sco_yaml_error(b->err, SCO_E_PARSE, b->file, &at, "%s, %s that starts in line %zu",
                              problem, p->context, p->context_mark.line + 1);
    return sco_yaml_error(b->err, SCO_E_PARSE, b->file, &at, "%s%s%s", problem,
                          p->context ? ", " : "", p->context ? p->context : "");
}

static int next_event(struct yaml_source *s, yaml_event_t *ev)
{
    return yaml_parser_parse(&s->parser, ev) ? 0 : parser_error(s);
}

/* ---- nodes ---- */
static const char *anchor_of(const yaml_event_t *ev)
{
    const yaml_char_t *a = ev->type == YAML_SCALAR_EVENT           ? ev->data.scalar.anchor
                           : ev->type == YAML_SEQUENCE_START_EVENT ? ev->data.sequence_start.anchor
                           : ev->type == YAML_MAPPING_START_EVENT  ? ev->data.mapping_start.anchor
                                                                   : ev->data.alias.anchor;
    return (const char *)a;
}

static const char *tag_of(const yaml_event_t *ev)
{
    const yaml_char_t *t = ev->type == YAML_SCALAR_EVENT           ? ev->data.scalar.tag
                           : ev->type == YAML_SEQUENCE_START_EVENT ? ev->data.sequence_start.tag
                                                                   : ev->data.mapping_start.tag;
    return (const char *)t;
}

static struct sco_yaml place_of_event(const yaml_event_t *ev)
{
    return (struct sco_yaml){.line = (uint32_t)ev->start_mark.line + 1,
                             .column = (uint32_t)ev->start_mark.column + 1};
}

static int new_node(struct yaml_build *b, const yaml_event_t *ev, struct sco_yaml **ret)
{
    struct sco_yaml at = place_of_event(ev);
    if (++b->nodes > SCO_YAML_NODES_MAX)
        return sco_yaml_error(b->err, SCO_E_LIMIT, b->file, &at, "more than %d nodes",
                              SCO_YAML_NODES_MAX);
    struct sco_yaml *v = sco_arena_alloc(b->arena, sizeof *v);
    if (!v)
        return sco_error_nomem(b->err);
    v->line = at.line;
    v->column = at.column;
    v->kind = ev->type == YAML_SCALAR_EVENT           ? SCO_YAML_SCALAR
              : ev->type == YAML_SEQUENCE_START_EVENT ? SCO_YAML_LIST
                                                      : SCO_YAML_MAP;
    const char *tag = tag_of(ev), *anchor = anchor_of(ev);
    if (tag && !(v->tag = sco_arena_cstr(b->arena, sco_str_c(tag))))
        return sco_error_nomem(b->err);
    if (anchor) {
        void **slot = sco_map_put(&b->anchors, sco_str_c(anchor), NULL);
        if (!slot)
            return sco_error_nomem(b->err);
        *slot = v;
    }
    *ret = v;
    return 0;
}

/* A copy of the anchored node: it gets a key and a sibling of its own, the children are shared. */
static int copy_alias(struct yaml_build *b, const yaml_event_t *ev, uint32_t depth,
                      struct sco_yaml **ret)
{
    struct sco_yaml at = place_of_event(ev);
    struct sco_str name = sco_str_c(anchor_of(ev));
    const struct sco_yaml *from = sco_map_get(&b->anchors, name);
    if (!from)
        return sco_yaml_error(b->err, SCO_E_PARSE, b->file, &at, "no anchor &%.80s before this",
                              name.p);
    if (!from->size) /* set when a node is complete */
        return sco_yaml_error(b->err, SCO_E_PARSE, b->file, &at, "*%.80s contains itself", name.p);
    if (depth + from->depth > SCO_YAML_DEPTH_MAX)
        return sco_yaml_error(b->err, SCO_E_LIMIT, b->file, &at, "nested deeper than %d",
                              SCO_YAML_DEPTH_MAX);
    int r = yaml_count_alias(b, &at, from->size);
    if (r < 0)
        return r;
    struct sco_yaml *v = sco_arena_alloc(b->arena, sizeof *v);
    if (!v)
        return sco_error_nomem(b->err);
    *v = *from;
    v->alias = true;
    v->key = v->next = NULL;
    *ret = v;
    return 0;
}

static int scalar(struct yaml_build *b, const yaml_event_t *ev, struct sco_yaml **ret)
{
    struct sco_yaml *v = NULL;
    int r = new_node(b, ev, &v);
    if (r < 0)
        return r;
    SCO_BUG_ON(!v);
    v->plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && ev->data.scalar.plain_implicit;
    v->text = sco_arena_str(
        b->arena, sco_str_make((const char *)ev->data.scalar.value, ev->data.scalar.length));
    if (!v->text.p)
        return sco_error_nomem(b->err);
    v->size = 1;
    *ret = v;
    return 0;
}

static int collection(struct yaml_source *s, const yaml_event_t *ev, uint32_t depth,
                      struct sco_yaml **ret);

/* The node that starts with `ev`. Depth counts the lists and maps around it. */
static int node(struct yaml_source *s, const yaml_event_t *ev, uint32_t depth,
                struct sco_yaml **ret)
{
    if (ev->type == YAML_ALIAS_EVENT)
        return copy_alias(&s->build, ev, depth, ret);
    if (ev->type == YAML_SCALAR_EVENT)
        return scalar(&s->build, ev, ret);
    return collection(s, ev, depth, ret);
}

/* Reads one event and the node that it starts; *ret is NULL when the event is `end`. */
static int next_node(struct yaml_source *s, yaml_event_type_t end, uint32_t depth,
                     struct sco_yaml **ret)
{
    yaml_event_t ev;
    int r = next_event(s, &ev);
    if (r < 0)
        return r;
    *ret = NULL;
    if (ev.type != end)
        r = node(s, &ev, depth, ret);
    yaml_event_delete(&ev);
    return r;
}

/* The value of a map's key. */
static int member(struct yaml_source *s, struct sco_yaml *key, uint32_t depth,
                  struct sco_yaml **ret)
{
    struct yaml_build *b = &s->build;
    if (key->kind != SCO_YAML_SCALAR)
        return sco_yaml_error(b->err, SCO_E_PARSE, b->file, key, "a key has to be text, this is %s",
                              sco_yaml_kind_name(key));
    int r = next_node(s, YAML_NO_EVENT, depth, ret);
    if (r < 0)
        return r;
    SCO_BUG_ON(!*ret); /* the parser ends no map between key and value */
    (*ret)->key = key;
    return 0;
}

static int collection(struct yaml_source *s, const yaml_event_t *ev, uint32_t depth,
                      struct sco_yaml **ret)
{
    struct yaml_build *b = &s->build;
    struct sco_yaml *v = NULL, *last = NULL;
    int r = new_node(b, ev, &v);
    if (r < 0)
        return r;
    SCO_BUG_ON(!v);
    if (++depth > SCO_YAML_DEPTH_MAX)
        return sco_yaml_error(b->err, SCO_E_LIMIT, b->file, v, "nested deeper than %d",
                              SCO_YAML_DEPTH_MAX);
    bool map = v->kind == SCO_YAML_MAP;
    uint32_t size = 1;
    v->depth = 1;
    for (;;) {
        struct sco_yaml *c;
        r = next_node(s, map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT, depth, &c);
        if (r == 0 && c && map)
            r = member(s, c, depth, &c);
        if (r < 0)
            return r;
        if (!c)
            break;
        if (last)
            last->next = c;
        else
            v->child = c;
        last = c;
        v->n++;
        size += c->size;
        if (c->depth >= v->depth)
            v->depth = (uint8_t)(c->depth + 1);
    }
    if (map && (r = yaml_finish_map(b, v)) < 0) /* sets the size */
        return r;
    if (!map)
        v->size = size;
    *ret = v;
    return 0;
}

/* ---- documents ---- */
/* After a DOCUMENT_START: the document's node, NULL when it is empty. */
static int document(struct yaml_source *s, struct sco_yaml **ret)
{
    struct sco_yaml *root;
    sco_map_done(&s->build.anchors); /* anchors do not reach into the next document */
    int r = next_node(s, YAML_NO_EVENT, 0, &root);
    if (r < 0)
        return r;
    yaml_event_t ev;
    if ((r = next_event(s, &ev)) < 0)
        return r;
    yaml_event_delete(&ev); /* DOCUMENT_END: the parser allows nothing else */
    *ret = sco_yaml_is_null(root) && !root->tag ? NULL : root;
    return 0;
}

/* All documents as children of `list`; no more than one when `single`. */
static int documents(struct yaml_source *s, bool single, struct sco_yaml *list)
{
    struct yaml_build *b = &s->build;
    struct sco_yaml *last = NULL;
    bool seen = false;
    list->size = 1;
    for (;;) {
        yaml_event_t ev;
        int r = next_event(s, &ev);
        if (r < 0)
            return r;
        struct sco_yaml at = place_of_event(&ev), *root = NULL;
        yaml_event_type_t type = ev.type;
        yaml_event_delete(&ev);
        if (type == YAML_STREAM_END_EVENT)
            return 0;
        if (type != YAML_DOCUMENT_START_EVENT) /* STREAM_START */
            continue;
        if (single && seen)
            return sco_yaml_error(b->err, SCO_E_PARSE, b->file, &at,
                                  "a second document starts here, only one is read");
        seen = true;
        if ((r = document(s, &root)) < 0)
            return r;
        if (!root)
            continue;
        if (last)
            last->next = root;
        else
            list->child = root;
        last = root;
        list->n++;
        list->size += root->size;
    }
}

static int parse(struct sco_str text, const char *file, uint32_t flags, struct sco_arena *arena,
                 struct sco_yaml *list, bool single, struct sco_error *err)
{
    if (text.n > SCO_YAML_SIZE_MAX)
        return sco_error_set(err, SCO_E_LIMIT, "%s: larger than %d bytes", file, SCO_YAML_SIZE_MAX);
    struct yaml_source s = {.text = text,
                            .build = {.file = file, .flags = flags, .arena = arena, .err = err}};
    if (!yaml_parser_initialize(&s.parser))
        return sco_error_nomem(err);
    yaml_parser_set_input_string(&s.parser, (const unsigned char *)(text.p ? text.p : ""), text.n);
    int r = documents(&s, single, list);
    yaml_parser_delete(&s.parser);
    sco_map_done(&s.build.anchors);
    return r;
}

int sco_yaml_parse(struct sco_str text, const char *file, uint32_t flags, struct sco_arena *arena,
                   const struct sco_yaml **ret, struct sco_error *err)
{
    struct sco_yaml list = {.kind = SCO_YAML_LIST};
    int r = parse(text, file, flags, arena, &list, true, err);
    if (r == 0)
        *ret = list.child;
    return r;
}

int sco_yaml_parse_all(struct sco_str text, const char *file, uint32_t flags,
                       struct sco_arena *arena, const struct sco_yaml **ret, struct sco_error *err)
{
    struct sco_yaml *list = sco_arena_alloc(arena, sizeof *list);
    if (!list)
        return sco_error_nomem(err);
    list->kind = SCO_YAML_LIST;
    list->line = list->column = 1;
    int r = parse(text, file, flags, arena, list, false, err);
    if (r == 0)
        *ret = list;
    return r;
}

int sco_yaml_load(const char *path, uint32_t flags, struct sco_arena *arena,
                  const struct sco_yaml **ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    int r = sco_fs_read(path, SCO_YAML_SIZE_MAX, &text, err);
    if (r < 0)
        return r;
    return sco_yaml_parse(sco_buf_str(&text), path, flags, arena, ret, err);
}
