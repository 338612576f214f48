/* The document: what makes it a whole SBOM, and its way to the engine.
 *
 * A record is {"part":N,"text":"..."}: part 0, 1, ... of the bytes of the file, cut between
 * characters; the last one is {"parts":N,"bytes":N,"components":N,"spec_version":"1.6"}, so that
 * what is lost on the way is missed. */
#include "sbom_priv.h"

#include <stdio.h>

enum {
    PART = 160 << 10, /* each byte may become six, in a record of 1 MiB */
    RECORD = SCO_RECORD_MAX,
    UTF8_MAX = 4,
};

/* Lists that may be long; "components" of tools and nested ones, too. */
static const char *const LONG[] = {
    "components",   "dependencies", "vulnerabilities", "services", "annotations", "formulation",
    "compositions", "properties",   "hashes",          "licenses", NULL};

/* ---- check ---- */
static int on_component(void *user, const struct sco_node *item)
{
    struct rep_doc *d = user;
    if (!sco_text(sco_get(item, "name")).n || !sco_text(sco_get(item, "type")).n)
        return REP_UNUSABLE;
    d->emitted++;
    return 0;
}

static int is_version(struct sco_str v)
{
    if (v.n < 3 || v.n > 8 || v.p[0] != '1' || v.p[1] != '.')
        return 0;
    for (size_t i = 2; i < v.n; i++)
        if (v.p[i] < '0' || v.p[i] > '9')
            return 0;
    return 1;
}

/* metadata.tools is {"components": [...]} since 1.5, a list before. */
static int tell_tool(struct rep_doc *d)
{
    const struct sco_node *tools = sco_path(d->root, "metadata.tools"), *tool = NULL;
    const struct sco_node *list = sco_get(tools, "components");
    struct sco_iter *it = NULL;
    int r = 0;
    if (sco_is(tools, SCO_NODE_LIST))
        tool = tools->child;
    else if ((r = d->h->data->iter_open(d->r, list, &it, d->e)) == 0)
        r = d->h->data->iter_next(it, LONG, &tool, d->e) < 0 ? SCO_E_FORMAT : 0;
    if (r == 0 && tool && sco_text(sco_get(tool, "name")).n)
        r = d->h->tool(d->h, sco_text(sco_get(tool, "name")), sco_text(sco_get(tool, "version")));
    d->h->data->iter_close(it);
    return r;
}

static int check(struct rep_doc *d, struct sbom_facts *ret)
{
    struct sco_str version = sco_text(sco_get(d->root, "specVersion"));
    if (!sco_is(d->root, SCO_NODE_MAP) ||
        !sco_str_is(sco_text(sco_get(d->root, "bomFormat")), "CycloneDX"))
        return rep_format(d, "it is no CycloneDX document");
    if (!is_version(version))
        return rep_format(d, "specVersion is not one of CycloneDX 1");
    ret->spec_version = sco_str_c(sco_cstr(d->h, version));
    int r = tell_tool(d);
    if (r == 0)
        r = rep_walk(d, sco_get(d->root, "components"), "components", LONG, on_component, d);
    return r;
}

int sbom_check(struct sbom *s, const char *tool, const char *path, struct sbom_facts *ret,
               struct sco_errbuf *e)
{
    struct rep_doc d = {.h = s->h, .tool = tool, .e = e};
    struct sbom_facts facts = {.components = 0};
    struct stat st;
    if (stat(path, &st) == 0 && st.st_size > s->max_size)
        return sco_errf(e, SCO_E_LIMIT, "the SBOM is larger than max_size: %lld bytes",
                        (long long)st.st_size);
    int r = rep_open(&d, path, LONG);
    if (r == 0)
        r = check(&d, &facts);
    facts.components = d.emitted;
    r = rep_close(&d, r);
    if (r == 0)
        *ret = facts;
    return r;
}

/* ---- hand over ---- */
/* How much of the end begins a character that goes on behind it. */
static size_t begun(const char *p, size_t n)
{
    for (size_t k = 1; k < UTF8_MAX && k <= n; k++) {
        unsigned char c = (unsigned char)p[n - k];
        if ((c & 0xc0) == 0x80)
            continue;
        size_t len = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : c >= 0xc0 ? 2 : 1;
        return len > k ? k : 0;
    }
    return 0;
}

static size_t escape(const char *p, size_t n, char *out)
{
    static const char hex[] = "0123456789abcdef";
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)p[i];
        if (c >= 0x20 && c != '"' && c != '\\') {
            out[k++] = p[i];
            continue;
        }
        out[k++] = '\\';
        if (c >= 0x20) {
            out[k++] = p[i];
        } else if (c == '\n') {
            out[k++] = 'n';
        } else {
            memcpy(out + k, "u00", 3);
            out[k + 3] = hex[c >> 4];
            out[k + 4] = hex[c & 15];
            k += 5;
        }
    }
    return k;
}

static int send_part(struct sbom *s, uint64_t nth, const char *p, size_t n, char *record)
{
    size_t k =
        (size_t)snprintf(record, RECORD, "{\"part\":%llu,\"text\":\"", (unsigned long long)nth);
    k += escape(p, n, record + k);
    memcpy(record + k, "\"}", 2);
    return s->h->record(s->h, "sbom", sco_str_make(record, k + 2));
}

static int send_parts(struct sbom *s, FILE *f, char *part, char *record, uint64_t *ret_parts,
                      uint64_t *ret_bytes)
{
    uint64_t parts = 0, bytes = 0;
    size_t kept = 0;
    for (;;) {
        size_t got = fread(part + kept, 1, PART - kept, f), n = kept + got;
        if (got == 0 && ferror(f))
            return SCO_E_IO;
        if (n == 0)
            break;
        kept = got ? begun(part, n) : 0;
        int r = send_part(s, parts++, part, n - kept, record);
        if (r < 0)
            return r;
        bytes += n - kept;
        memmove(part, part + n - kept, kept);
    }
    *ret_parts = parts;
    *ret_bytes = bytes;
    return 0;
}

int sbom_hand_over(struct sbom *s, const char *path, const struct sbom_facts *facts,
                   struct sco_errbuf *e)
{
    uint64_t parts = 0, bytes = 0;
    char *part = s->h->alloc(s->h, PART), *record = s->h->alloc(s->h, RECORD);
    if (!part || !record)
        return sco_errf(e, SCO_E_NOMEM, "out of memory");
    FILE *f = fopen(path, "rbe");
    if (!f)
        return sco_errf(e, SCO_E_IO, "the SBOM cannot be read");
    int r = send_parts(s, f, part, record, &parts, &bytes);
    fclose(f);
    if (r == 0) {
        int n = snprintf(record, RECORD,
                         "{\"parts\":%llu,\"bytes\":%llu,\"components\":%llu,"
                         "\"spec_version\":\"%.*s\"}",
                         (unsigned long long)parts, (unsigned long long)bytes,
                         (unsigned long long)facts->components, SCO_STR_ARG(facts->spec_version));
        r = s->h->record(s->h, "sbom", sco_str_make(record, (size_t)n));
    }
    return r < 0 ? sco_errf(e, r, "the SBOM could not be handed over whole") : 0;
}
