/* What a file looks like from its first MiB: for the plugins' sniff functions, and for the person
 * whose file no plugin knows. */
#include "host_priv.h"

#include <secureops/fs.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD_MAX = 1 << 20, MEMBERS_SHOWN = 6 };

static int read_head(struct sco_buf *b, const char *path, struct sco_error *err)
{
    SCO_AUTO(sco_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return sco_error_errno(err, errno, "cannot open %s", path);
    if (S_ISDIR(st.st_mode))
        return sco_error_set(err, SCO_E_FORMAT, "%s is a folder, not a report", path);
    while (b->n < HEAD_MAX) {
        if (sco_buf_reserve(b, HEAD_MAX - b->n) < 0)
            return sco_error_nomem(err);
        ssize_t n = read(fd, b->p + b->n, HEAD_MAX - b->n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sco_error_errno(err, errno, "cannot read %s", path);
        if (n == 0)
            break;
        b->n += (size_t)n;
    }
    return 0;
}

static uint32_t format_of(struct sco_str head)
{
    if (sco_str_starts(head, "\xEF\xBB\xBF"))
        head = sco_str_make(head.p + 3, head.n - 3);
    head = sco_str_trim(head);
    if (!head.n)
        return SCO_PROBE_EMPTY;
    if (head.p[0] == '{' || head.p[0] == '[')
        return SCO_PROBE_JSON;
    return head.p[0] == '<' ? SCO_PROBE_XML : SCO_PROBE_TEXT;
}

int host_probe_open(struct host_probe *p, const char *path, struct sco_error *err)
{
    memset(p, 0, sizeof *p);
    int r = read_head(&p->head, path, err);
    if (r < 0)
        return r;
    struct sco_str head = sco_buf_str(&p->head);
    p->probe = (struct sco_probe){.struct_size = sizeof p->probe,
                                  .format = format_of(head),
                                  .file_name = sco_path_base(sco_str_c(path)).p,
                                  .head = head};
    if (p->probe.format == SCO_PROBE_EMPTY)
        return sco_error_set(err, SCO_E_FORMAT, "%s is empty", path);
    if (p->probe.format == SCO_PROBE_JSON)
        p->probe.root = sco_json_parse_head(head, &p->arena);
    if (p->probe.format != SCO_PROBE_XML)
        return 0;
    const struct sco_xml_module *xml;
    r = host_xml(&xml, err);
    if (r < 0)
        return r;
    if (xml->head(head, &p->arena, &p->probe.root) == SCO_E_NOMEM)
        return sco_error_nomem(err);
    return 0;
}

void host_probe_done(struct host_probe *p)
{
    sco_buf_done(&p->head);
    sco_arena_done(&p->arena);
}

static const char *by_magic(struct sco_str head)
{
    static const struct {
        const char *magic;
        size_t n;
        const char *name;
    } known[] = {
        {"\x1F\x8B", 2, "a gzip file: unpack it first"},
        {"PK\x03\x04", 4, "a zip archive: unpack it first"},
        {"BZh", 3, "a bzip2 file: unpack it first"},
        {"\xFD"
         "7zXZ",
         5, "an xz file: unpack it first"},
        {"\x28\xB5\x2F\xFD", 4, "a zstd file: unpack it first"},
        {"%PDF", 4, "a PDF document"},
        {"\x7F"
         "ELF",
         4, "a program"},
        {"SQLite format 3", 15, "an SQLite database"},
        {"\xFF\xFE", 2, "UTF-16 text: convert it to UTF-8 first"},
        {"\xFE\xFF", 2, "UTF-16 text: convert it to UTF-8 first"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(known); i++)
        if (head.n >= known[i].n && memcmp(head.p, known[i].magic, known[i].n) == 0)
            return known[i].name;
    return NULL;
}

static void add_members(struct sco_buf *out, const struct sco_node *map)
{
    int shown = 0;
    for (const struct sco_node *m = map->child; m && shown < MEMBERS_SHOWN; m = m->next) {
        sco_buf_addz(out, shown++ ? ", " : " with the members ");
        sco_buf_add_printable(out, sco_str_make(m->key.p, m->key.n > 40 ? 40 : m->key.n));
    }
    if (map->n > MEMBERS_SHOWN)
        sco_buf_addz(out, ", ...");
}

static void describe_json(const struct sco_node *root, struct sco_buf *out)
{
    if (!root) {
        sco_buf_addz(out, "broken JSON");
    } else if (root->type == SCO_NODE_MAP) {
        sco_buf_addz(out, "a JSON object");
        add_members(out, root);
    } else if (root->type == SCO_NODE_LIST) {
        sco_buf_addz(out, root->n ? "a JSON list" : "an empty JSON list");
        if (root->n && root->child->type == SCO_NODE_MAP) {
            sco_buf_addz(out, " of objects");
            add_members(out, root->child);
        }
    } else {
        sco_buf_addz(out, "a single JSON value");
    }
}

static void describe_xml(const struct sco_node *root, struct sco_buf *out)
{
    struct sco_str name = sco_text(sco_get(root, "#name")), ns = sco_text(sco_get(root, "#ns"));
    sco_buf_addz(out, "an XML document");
    if (name.n) {
        sco_buf_addz(out, " with the root element ");
        sco_buf_add_printable(out, sco_str_make(name.p, name.n > 60 ? 60 : name.n));
    }
    if (ns.n) {
        sco_buf_addz(out, " of namespace ");
        sco_buf_add_printable(out, sco_str_make(ns.p, ns.n > 120 ? 120 : ns.n));
    }
}

static bool starts_nocase(struct sco_str s, const char *z)
{
    size_t n = strlen(z);
    return s.n >= n && sco_str_is_nocase(sco_str_make(s.p, n), z);
}

static void describe_text(struct sco_str head, struct sco_buf *out)
{
    const char *nl = memchr(head.p, '\n', head.n);
    size_t n = nl ? (size_t)(nl - head.p) : head.n;
    sco_buf_addz(out, "text that starts with \"");
    sco_buf_add_printable(out, sco_str_make(head.p, n > 60 ? 60 : n));
    sco_buf_addz(out, "\"");
}

void host_probe_describe(const struct host_probe *p, struct sco_buf *out)
{
    struct sco_str head = sco_str_trim(p->probe.head);
    const char *magic = by_magic(p->probe.head);
    if (magic)
        sco_buf_addz(out, magic);
    else if (p->probe.format == SCO_PROBE_JSON)
        describe_json(p->probe.root, out);
    else if (starts_nocase(head, "<!doctype html") || starts_nocase(head, "<html"))
        sco_buf_addz(out, "a web page");
    else if (p->probe.format == SCO_PROBE_XML && p->probe.root)
        describe_xml(p->probe.root, out);
    else if (p->probe.format == SCO_PROBE_XML)
        sco_buf_addz(out, "broken XML");
    else
        describe_text(head, out);
}
