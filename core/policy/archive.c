/* Bundles as archives: uncompressed ustar, with ARCHIVE.sig, an Ed25519 signature over the whole
 * file. Nothing is unpacked: the files are read where they stand. */
#include "policy_priv.h"
#include <secureops/crypto.h>
#include <secureops/fs.h>

enum {
    ARCHIVE_MAX = 64 << 20,
    KEYS_MAX = 64 << 10, /* bytes of the file with the public keys */
    BLOCK = 512,
    NAME = 0,
    NAME_N = 100,
    SIZE = 124,
    SIZE_N = 12,
    SUM = 148,
    SUM_N = 8,
    TYPE = 156,
    MAGIC = 257,
    PREFIX = 345,
    PREFIX_N = 155,
};

/* ---- signature ---- */
/* 64 bytes as they are, or in base64. */
static bool read_signature(struct sco_str s, uint8_t ret[SCO_ED25519_SIGNATURE_LEN])
{
    size_t n = 0;
    if (s.n == SCO_ED25519_SIGNATURE_LEN)
        memcpy(ret, s.p, SCO_ED25519_SIGNATURE_LEN);
    else if (!sco_base64_decode(s, ret, SCO_ED25519_SIGNATURE_LEN, &n) ||
             n != SCO_ED25519_SIGNATURE_LEN)
        return false;
    return true;
}

static int verify(const char *keys_path, const char *path, struct sco_str archive,
                  struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf keys = {0};
    SCO_AUTO(sco_buf) struct sco_buf signature = {0};
    SCO_AUTO(sco_buf) struct sco_buf name = {0};
    uint8_t raw[SCO_ED25519_SIGNATURE_LEN], key[SCO_ED25519_KEY_LEN];
    sco_buf_addf(&name, "%s.sig", path);
    int r = sco_fs_read(keys_path, KEYS_MAX, &keys, err);
    if (r < 0)
        return sco_error_prefix(err, "public keys of policy bundles");
    r = sco_fs_read(sco_buf_z(&name), 4096, &signature, err);
    if (r < 0)
        return sco_error_prefix(err, "the policy bundle %s is not signed", path);
    if (!read_signature(sco_buf_str(&signature), raw))
        return sco_error_set(err, SCO_E_INVALID, "%s: no Ed25519 signature", sco_buf_z(&name));
    size_t at = 0, n = 0;
    while ((r = sco_ed25519_read_public(sco_buf_str(&keys), &at, key)) != SCO_E_NOT_FOUND) {
        n += r == 0;
        if (r == 0 && sco_ed25519_verify(key, archive, raw))
            return 0;
    }
    if (!n)
        return sco_error_set(err, SCO_E_INVALID, "%s: no Ed25519 public key in it", keys_path);
    return sco_error_set(err, SCO_E_INVALID,
                         "%s: the signature is by none of the public keys, or the file was changed",
                         path);
}

/* ---- ustar ---- */
struct entry {
    const unsigned char *head;
    char path[NAME_N + PREFIX_N + 2];
    struct sco_str content;
};

static bool octal(const unsigned char *p, size_t n, uint64_t *ret)
{
    size_t i = 0;
    *ret = 0;
    while (i < n && p[i] == ' ')
        i++;
    size_t first = i;
    for (; i < n && p[i] >= '0' && p[i] <= '7'; i++)
        *ret = *ret << 3 | (uint64_t)(p[i] - '0');
    return i > first && (i == n || p[i] == ' ' || p[i] == 0);
}

static bool sum_is_right(const unsigned char *head)
{
    uint64_t want, sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= SUM && i < SUM + SUM_N ? ' ' : head[i];
    return octal(head + SUM, SUM_N, &want) && want == sum;
}

static bool is_zero(const unsigned char *head)
{
    for (size_t i = 0; i < BLOCK; i++)
        if (head[i])
            return false;
    return true;
}

/* "./" goes; absolute paths and ".." are refused. */
static bool read_path(struct entry *e)
{
    const char *name = (const char *)e->head + NAME, *prefix = (const char *)e->head + PREFIX;
    size_t n = strnlen(name, NAME_N), m = strnlen(prefix, PREFIX_N);
    snprintf(e->path, sizeof e->path, "%.*s%s%.*s", (int)m, prefix, m ? "/" : "", (int)n, name);
    while (strncmp(e->path, "./", 2) == 0)
        memmove(e->path, e->path + 2, strlen(e->path) - 1);
    struct sco_str rest = sco_str_c(e->path), part;
    if (*e->path == '/')
        return false;
    while (sco_str_split(&rest, '/', &part))
        if (sco_str_is(part, "..") || memchr(part.p, '\\', part.n))
            return false;
    return true;
}

/* Reads the entry at *at and moves behind it. 1: an entry, 0: the end. */
static int next_entry(struct sco_str archive, size_t *at, struct entry *ret, const char *path,
                      struct sco_error *err)
{
    uint64_t size;
    if (*at == archive.n)
        return 0;
    if (archive.n - *at < BLOCK)
        return sco_error_set(err, SCO_E_INVALID, "%s: cut off at byte %zu", path, *at);
    ret->head = (const unsigned char *)archive.p + *at;
    if (is_zero(ret->head))
        return 0;
    if (memcmp(ret->head + MAGIC, "ustar", 5) != 0 || !sum_is_right(ret->head) ||
        !octal(ret->head + SIZE, SIZE_N, &size))
        return sco_error_set(err, SCO_E_INVALID,
                             "%s: no uncompressed ustar archive (byte %zu): make it with tar "
                             "--format=ustar",
                             path, *at);
    *at += BLOCK;
    if (size > archive.n - *at)
        return sco_error_set(err, SCO_E_INVALID, "%s: cut off at byte %zu", path, archive.n);
    if (!read_path(ret))
        return sco_error_set(err, SCO_E_INVALID, "%s: the path '%s' leads out of the bundle", path,
                             ret->path);
    ret->content = sco_str_make(archive.p + *at, (size_t)size);
    size_t whole = ((size_t)size + BLOCK - 1) / BLOCK * BLOCK;
    *at = whole > archive.n - *at ? archive.n : *at + whole;
    return 1;
}

static int add_entry(struct sco_policies *p, struct pl_bundle *b, const struct entry *e,
                     struct sco_error *err)
{
    SCO_BUG_ON(!e->head);
    struct sco_str path = sco_str_c(e->path);
    char type = (char)e->head[TYPE];
    if (type == '5' || type == 'g') /* a folder; a comment of git archive */
        return 0;
    if (type != '0' && type != 0)
        return sco_error_set(err, SCO_E_INVALID,
                             "%s: '%s' is no regular file (type '%c'): links and long names have "
                             "no place in a bundle",
                             b->dir, e->path, type);
    if (!sco_str_ends(path, ".lua") && !sco_str_ends(path, ".yaml"))
        return 0;
    if (e->content.n > SCO_POLICY_SOURCE_MAX)
        return pl_problem(p, "%s/%s: larger than %d bytes", b->dir, e->path, SCO_POLICY_SOURCE_MAX);
    for (size_t i = 0; i < b->n; i++)
        if (strcmp(b->files[i]->path, e->path) == 0)
            return sco_error_set(err, SCO_E_INVALID, "%s: '%s' is there twice", b->dir, e->path);
    return pl_bundle_add(p, b, path, e->content, err);
}

int pl_archive_read(struct sco_policies *p, struct pl_bundle *b, const char *path,
                    struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    int r = sco_fs_read(path, ARCHIVE_MAX, &text, err);
    if (r < 0)
        return r;
    struct sco_str archive = sco_buf_str(&text);
    if (p->opt.public_keys) {
        r = verify(p->opt.public_keys, path, archive, err);
        if (r < 0)
            return r == SCO_E_NOMEM ? r : SCO_E_INVALID;
    }
    struct entry e = {0};
    size_t at = 0;
    while ((r = next_entry(archive, &at, &e, path, err)) > 0) {
        r = add_entry(p, b, &e, err);
        if (r < 0)
            return r;
    }
    return r;
}
