/* ZIP archives of saved answers: every JSON file in them, read one by one. Only what such an
 * archive needs: stored and deflated members, no encryption, no ZIP64, no parts. */
#include "sonar_priv.h"

#include <stdlib.h>

struct member {
    struct sco_str name;
    unsigned method, flags;
    uint32_t crc, size, packed, offset;
};

static unsigned u16(const char *p)
{
    return (unsigned char)p[0] | (unsigned)(unsigned char)p[1] << 8;
}

static uint32_t u32(const char *p)
{
    return u16(p) | (uint32_t)u16(p + 2) << 16;
}

static uint32_t crc32_of(const unsigned char *p, size_t n)
{
    uint32_t crc = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        for (int k = 0; k < 8; k++)
            crc = (crc >> 1) ^ (0xedb88320u & (0u - (crc & 1)));
    }
    return ~crc;
}

/* The directory at the end: its place and how many members there are; -1: none. */
static int find_directory(struct sco_str z, size_t *ret_at)
{
    size_t least = z.n > 65557 ? z.n - 65557 : 0; /* a comment may follow */
    for (size_t i = z.n >= 22 ? z.n - 22 + 1 : 0; i > least; i--) {
        const char *p = z.p + i - 1;
        if (memcmp(p, "PK\5\6", 4) != 0)
            continue;
        uint32_t at = u32(p + 16), size = u32(p + 12);
        if (at > z.n || size > z.n - at)
            return -1;
        *ret_at = at;
        return (int)u16(p + 10);
    }
    return -1;
}

static int next_member(struct sco_str z, size_t *at, struct member *ret)
{
    const char *p = z.p + *at;
    if (*at > z.n || z.n - *at < 46 || memcmp(p, "PK\1\2", 4) != 0)
        return -1;
    unsigned name = u16(p + 28), extra = u16(p + 30), comment = u16(p + 32);
    if (z.n - *at - 46 < (size_t)name + extra + comment)
        return -1;
    *ret = (struct member){.name = sco_str_make(p + 46, name),
                           .flags = u16(p + 8),
                           .method = u16(p + 10),
                           .crc = u32(p + 16),
                           .packed = u32(p + 20),
                           .size = u32(p + 24),
                           .offset = u32(p + 42)};
    *at += 46 + (size_t)name + extra + comment;
    return 0;
}

static int is_json(struct sco_str name)
{
    return name.n > 5 && sco_str_is_nocase(sco_str_make(name.p + name.n - 5, 5), ".json") &&
           !memmem(name.p, name.n, "__MACOSX", 8);
}

/* The bytes of a member, in memory that free() ends. */
static int unpack(struct sco_str z, const struct member *m, unsigned char **ret)
{
    if ((m->flags & 1) || (m->method != 0 && m->method != 8) || m->size > SONAR_ZIP_MEMBER_MAX)
        return SCO_E_UNSUPPORTED;
    if (m->offset > z.n || z.n - m->offset < 30 || memcmp(z.p + m->offset, "PK\3\4", 4) != 0)
        return SCO_E_PARSE;
    size_t start = (size_t)m->offset + 30 + u16(z.p + m->offset + 26) + u16(z.p + m->offset + 28);
    if (start > z.n || m->packed > z.n - start)
        return SCO_E_PARSE;
    unsigned char *out = malloc((size_t)m->size + 1);
    if (!out)
        return SCO_E_NOMEM;
    struct sco_str packed = sco_str_make(z.p + start, m->packed);
    int r = 0;
    if (m->method == 8)
        r = sonar_inflate(packed, out, m->size);
    else if (m->packed != m->size)
        r = SCO_E_PARSE;
    else if (m->size)
        memcpy(out, packed.p, m->size);
    if (r == 0 && crc32_of(out, m->size) != m->crc)
        r = SCO_E_PARSE;
    if (r < 0)
        free(out);
    else
        *ret = out;
    return r;
}

static int parse_member(struct sonar *s, const struct member *m, const unsigned char *text,
                        struct sco_errbuf *e)
{
    static const char *const deferred[] = {"issues", "hotspots", "rules", "components", "[]", NULL};
    struct rep_doc doc = {.h = s->h, .tool = SONAR_TOOL, .e = e};
    const struct sco_data_api *data = s->h->data;
    int r = data->open_mem(s->h, sco_str_make((const char *)text, m->size), &doc.r, e);
    if (r == 0 && (r = data->read(doc.r, deferred, &doc.root, e)) == 0)
        r = rep_format(&doc, "a file in the archive is empty");
    if (r > 0)
        r = sonar_parse_document(s, &doc);
    return rep_close(&doc, r);
}

int sonar_parse_zip(struct sonar *s, struct sco_str z, struct sco_errbuf *e)
{
    size_t at = 0, files = 0;
    int n = find_directory(z, &at), worst = 0;
    if (n < 0)
        return sco_errf(e, SCO_E_PARSE, "the ZIP archive is cut short or damaged");
    if (n > SONAR_ZIP_MEMBERS_MAX)
        return sco_errf(e, SCO_E_LIMIT, "the ZIP archive has more than %d files",
                        SONAR_ZIP_MEMBERS_MAX);
    for (int i = 0; i < n; i++) {
        struct member m;
        unsigned char *text = NULL;
        if (next_member(z, &at, &m) < 0)
            return sco_errf(e, SCO_E_PARSE, "the directory of the ZIP archive is damaged");
        if (!is_json(m.name))
            continue;
        files++;
        int r = unpack(z, &m, &text);
        if (r < 0)
            return sco_errf(e, r, "cannot unpack file %d of the ZIP archive: %s", i + 1,
                            r == SCO_E_UNSUPPORTED ? "encrypted, too large, or packed in an "
                                                     "unknown way"
                                                   : "damaged");
        r = parse_member(s, &m, text, e);
        free(text);
        if (r < 0)
            return r;
        worst = r > worst ? r : worst;
    }
    if (!files)
        return sco_errf(e, SCO_RUN_INCOMPLETE, "the ZIP archive has no JSON files");
    return worst;
}
