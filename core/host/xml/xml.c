/* The XML module: libxml2's push parser, with nothing of it that goes out of the document. No DTD
 * is loaded, no entity is expanded but the five of XML, and a document that declares some is
 * refused: they serve attacks only. */
#include "xml_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <libxml/parser.h>
#include <libxml/parserInternals.h>

#include <secureops/fs.h>

enum { CHUNK = 16 << 10 };

struct reader {
    xmlParserCtxtPtr ctxt;
    struct xml_tree tree;
    struct sco_arena *head; /* only the root element is asked for */
    const struct sco_node *root;
    bool complete;         /* the root element has ended */
    int result;            /* other than 0: the parser was stopped */
    bool by_record;        /* by the record function */
    const char *refused;   /* why, in words, when result is SCO_E_PARSE */
    int line, column;      /* where it was stopped, or where the text is wrong */
    char wrong[256];       /* what libxml2 says */
    size_t markup, quotes; /* fed since the last event */
    bool event;
};

static void stop(struct reader *x, int result, const char *refused)
{
    if (x->result || result == 0)
        return;
    x->result = result;
    x->refused = refused;
    if (x->ctxt && x->ctxt->input) {
        x->line = x->ctxt->input->line;
        x->column = x->ctxt->input->col;
    }
    xmlStopParser(x->ctxt);
}

static struct sco_str view(const xmlChar *z)
{
    return sco_str_c((const char *)z);
}

/* ---- events -----------------------------------------------------------------------------------
 */

static struct sco_str attribute_value(const xmlChar **a)
{
    return sco_str_make((const char *)a[3], (size_t)(a[4] - a[3]));
}

static int head_member(struct reader *x, struct sco_node *map, const struct sco_node ***tail,
                       const char *prefix, struct sco_str name, struct sco_str value)
{
    struct sco_node *v = xml_member(x->head, map, tail, prefix, name);
    if (!v || !(v->text = sco_arena_str(x->head, value)).p)
        return SCO_E_NOMEM;
    v->type = SCO_NODE_STR;
    return 0;
}

static int make_head(struct reader *x, struct sco_str name, const xmlChar *uri,
                     const xmlChar **atts, size_t n)
{
    struct sco_node *map = sco_arena_alloc(x->head, sizeof *map);
    if (!map || !(map->key = sco_arena_str(x->head, name)).p)
        return SCO_E_NOMEM;
    map->type = SCO_NODE_MAP;
    const struct sco_node **tail = &map->child;
    int r = head_member(x, map, &tail, "#name", sco_str_make(NULL, 0), name);
    if (r == 0 && uri)
        r = head_member(x, map, &tail, "#ns", sco_str_make(NULL, 0), view(uri));
    for (size_t i = 0; r == 0 && i < n; i++, atts += 5)
        r = head_member(x, map, &tail, "@", view(atts[0]), attribute_value(atts));
    if (r == 0)
        x->root = map;
    return r == 0 ? 1 : r;
}

static void on_start(void *user, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri,
                     int n_ns, const xmlChar **ns, int n_atts, int n_defaulted,
                     const xmlChar **atts)
{
    struct reader *x = user;
    (void)prefix, (void)n_ns, (void)ns, (void)n_defaulted;
    x->event = true;
    if (x->result)
        return;
    if (x->head) {
        stop(x, make_head(x, view(name), uri, atts, (size_t)n_atts), NULL);
        return;
    }
    int r = xml_start(&x->tree, view(name));
    for (int i = 0; r == 0 && i < n_atts; i++, atts += 5)
        r = xml_attribute(&x->tree, view(atts[0]), attribute_value(atts));
    stop(x, r, NULL);
}

static void on_end(void *user, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct reader *x = user;
    (void)name, (void)prefix, (void)uri;
    x->event = true;
    if (x->result)
        return;
    stop(x, xml_end(&x->tree), NULL);
    x->complete = x->tree.depth == 0;
}

static void on_text(void *user, const xmlChar *text, int n)
{
    struct reader *x = user;
    x->event = true;
    if (!x->result && !x->head)
        stop(x, xml_text(&x->tree, sco_str_make((const char *)text, (size_t)n)), NULL);
}

static void on_comment(void *user, const xmlChar *text)
{
    (void)text;
    ((struct reader *)user)->event = true;
}

static void on_instruction(void *user, const xmlChar *target, const xmlChar *data)
{
    (void)target, (void)data;
    ((struct reader *)user)->event = true;
}

static void refuse_entities(struct reader *x)
{
    if (!x->head)
        stop(x, SCO_E_PARSE, "the DOCTYPE declares entities, which are refused");
}

static void on_entity(void *user, const xmlChar *name, int type, const xmlChar *public_id,
                      const xmlChar *system_id, xmlChar *content)
{
    (void)name, (void)type, (void)public_id, (void)system_id, (void)content;
    refuse_entities(user);
}

static void on_unparsed_entity(void *user, const xmlChar *name, const xmlChar *public_id,
                               const xmlChar *system_id, const xmlChar *notation)
{
    (void)name, (void)public_id, (void)system_id, (void)notation;
    refuse_entities(user);
}

/* A default of many bytes on many elements would multiply the document. */
static void on_attribute_declared(void *user, const xmlChar *element, const xmlChar *name, int type,
                                  int def, const xmlChar *value, xmlEnumerationPtr values)
{
    struct reader *x = user;
    (void)element, (void)name, (void)type, (void)def;
    xmlFreeEnumeration(values);
    if (value && !x->head)
        stop(x, SCO_E_PARSE, "the DOCTYPE declares default attributes, which are refused");
}

static void on_reference(void *user, const xmlChar *name)
{
    (void)name;
    stop(user, SCO_E_PARSE, "a reference to an entity other than the five of XML");
}

static xmlEntityPtr on_get_entity(void *user, const xmlChar *name)
{
    (void)user;
    return xmlGetPredefinedEntity(name);
}

/* Keeps the first error that makes the document malformed. */
static void on_error(void *user, xmlErrorPtr e)
{
    struct reader *x = user;
    if (e->level != XML_ERR_FATAL || x->wrong[0] || x->result)
        return;
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    sco_buf_add_printable(&text, sco_str_trim(sco_str_c(e->message)));
    if (text.n >= sizeof x->wrong)
        text.n = sizeof x->wrong - 1;
    while (text.n && !sco_utf8_valid(sco_buf_str(&text))) /* not in the middle of a character */
        text.n--;
    snprintf(x->wrong, sizeof x->wrong, "%s", text.n ? sco_buf_z(&text) : "malformed XML");
    x->line = e->line;
    x->column = e->int2;
}

/* What libxml2 would print to stderr: errors of conversion that belong to no parser. They stop the
 * parser, which is how they are noticed. */
static void ignore_text(void *user, const char *fmt, ...)
{
    (void)user, (void)fmt;
}

static void ignore_error(void *user, xmlErrorPtr e)
{
    (void)user, (void)e;
}

static const xmlSAXHandler handler = {
    .initialized = XML_SAX2_MAGIC,
    .startElementNs = on_start,
    .endElementNs = on_end,
    .characters = on_text,
    .cdataBlock = on_text,
    .ignorableWhitespace = on_text,
    .comment = on_comment,
    .processingInstruction = on_instruction,
    .entityDecl = on_entity,
    .unparsedEntityDecl = on_unparsed_entity,
    .attributeDecl = on_attribute_declared,
    .reference = on_reference,
    .getEntity = on_get_entity,
    .serror = on_error,
};

/* ---- feeding ----------------------------------------------------------------------------------
 */

static int begin(struct reader *x)
{
    xmlSAXHandler sax = handler;
    xmlSetGenericErrorFunc(NULL, ignore_text);
    xmlSetStructuredErrorFunc(NULL, ignore_error);
    x->ctxt = xmlCreatePushParserCtxt(&sax, x, NULL, 0, NULL);
    if (!x->ctxt)
        return SCO_E_NOMEM;
    /* NOENT: else "&amp;" in an attribute arrives as "&#38;". There are no others to expand. */
    xmlCtxtUseOptions(x->ctxt, XML_PARSE_NONET | XML_PARSE_NOENT);
    return 0;
}

static void done(struct reader *x)
{
    if (x->ctxt) {
        xmlFreeDoc(x->ctxt->myDoc); /* there is one when the document has a DOCTYPE */
        x->ctxt->myDoc = NULL;
        xmlFreeParserCtxt(x->ctxt);
    }
    xml_tree_done(&x->tree);
}

/* Gives libxml2 the next bytes, or tells it that there are no more (n is 0). */
static void parse(struct reader *x, const char *p, size_t n)
{
    xmlParseChunk(x->ctxt, p, (int)n, n == 0);
    if (x->result || x->wrong[0] || !x->ctxt->disableSAX)
        return;
    snprintf(x->wrong, sizeof x->wrong, "the text is not in the encoding that it declares");
    x->line = x->ctxt->input ? x->ctxt->input->line : 0;
    x->column = x->ctxt->input ? x->ctxt->input->col : 0;
}

/* Feeds one chunk. Markup reaches the parser whole, so what is pending without an event is one tag,
 * comment or declaration: its size is limited here, before the parser works on it. */
static void feed(struct reader *x, const char *p, size_t n)
{
    size_t quotes = 0;
    for (size_t i = 0; i < n; i++)
        quotes += p[i] == '"' || p[i] == '\'';
    x->event = false;
    parse(x, p, n);
    x->markup = x->event ? n : x->markup + n;
    x->quotes = x->event ? quotes : x->quotes + quotes;
    const char *limit = x->quotes > SCO_XML_QUOTES_MAX   ? "SCO_XML_QUOTES_MAX"
                        : x->markup > SCO_XML_MARKUP_MAX ? "SCO_XML_MARKUP_MAX"
                                                         : NULL;
    if (limit && !x->result) {
        x->tree.limit = limit;
        stop(x, SCO_E_LIMIT, NULL);
    }
}

static bool is_over(const struct reader *x)
{
    return x->result || x->wrong[0];
}

static int feed_file(struct reader *x, int fd, const char *path, struct sco_error *err)
{
    char buf[CHUNK];
    while (!is_over(x)) {
        ssize_t n = read(fd, buf, sizeof buf);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sco_error_errno(err, errno, "cannot read %s", path);
        if (n == 0)
            break;
        if (!x->ctxt && begin(x) < 0)
            return sco_error_nomem(err);
        feed(x, buf, (size_t)n);
    }
    if (x->ctxt && !is_over(x))
        parse(x, NULL, 0);
    return 0;
}

static int report(const struct reader *x, const char *name, struct sco_error *err)
{
    if (x->by_record)
        return x->result;
    if (x->result == SCO_E_LIMIT)
        return sco_error_set(err, SCO_E_LIMIT, "%s: line %d, column %d: over the limit %s", name,
                             x->line, x->column, x->tree.limit ? x->tree.limit : "");
    if (x->result == SCO_E_NOMEM)
        return sco_error_nomem(err);
    if (x->result)
        return sco_error_set(err, x->result, "%s: line %d, column %d: %s", name, x->line, x->column,
                             x->refused ? x->refused : "stopped");
    if (!x->ctxt)
        return sco_error_set(err, SCO_E_PARSE, "%s: the file is empty", name);
    /* libxml2 lets some texts in strange encodings pass as well-formed and empty */
    if (x->wrong[0] || !x->ctxt->wellFormed || !x->complete)
        return sco_error_set(err, SCO_E_PARSE, "%s: line %d, column %d: %s", name, x->line,
                             x->column, x->wrong[0] ? x->wrong : "malformed or cut short");
    return 0;
}

/* The record function is called through this, to tell its results from those of the tree. */
struct call {
    struct reader *x;
    sco_xml_record_fn fn;
    void *user;
};

static int call_record(void *user, const struct sco_node *const *above, size_t n,
                       const struct sco_node *record)
{
    struct call *c = user;
    int r = c->fn(c->user, above, n, record);
    c->x->by_record = r != 0;
    return r;
}

static int read_xml(const char *path, const char *const *records, sco_xml_record_fn fn, void *user,
                    struct sco_error *err)
{
    struct reader x = {.tree = {.records = records, .fn = call_record}};
    struct call call = {&x, fn, user};
    struct stat st;
    SCO_AUTO(sco_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0)
        return sco_error_errno(err, errno, "cannot open %s", path);
    if (S_ISDIR(st.st_mode))
        return sco_error_set(err, SCO_E_IO, "cannot read %s: it is a folder", path);
    x.tree.user = &call;
    if (xml_tree_init(&x.tree) < 0)
        return sco_error_nomem(err);
    int r = feed_file(&x, fd, path, err);
    if (r == 0)
        r = report(&x, sco_path_base(sco_str_c(path)).p, err);
    done(&x);
    return r;
}

static int read_head(struct sco_str text, struct sco_arena *arena, const struct sco_node **ret)
{
    struct reader x = {.head = arena};
    if (begin(&x) < 0)
        return SCO_E_NOMEM;
    for (size_t at = 0; at < text.n && !is_over(&x); at += CHUNK)
        feed(&x, text.p + at, text.n - at < CHUNK ? text.n - at : CHUNK);
    /* not told that the text ends: half a tag would be taken for a whole one */
    int r = x.result == SCO_E_NOMEM ? SCO_E_NOMEM : x.root ? 1 : 0;
    if (r == 1)
        *ret = x.root;
    done(&x);
    return r;
}

SCO_EXPORT const struct sco_xml_module *sco_xml_module_v1(void)
{
    static const struct sco_xml_module module = {
        .struct_size = sizeof module, .read = read_xml, .head = read_head};
    xmlInitParser();
    return &module;
}
