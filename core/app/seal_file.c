/* Sealed files: "SCOSEAL1", 16 random bytes, then pieces of (length, sealed bytes). A piece is
 * sealed for (random bytes, number, whether it is the last). */
#include "db_priv.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { PIECE = 1 << 20, MAGIC_LEN = 8, ID_LEN = 16, HEAD_LEN = MAGIC_LEN + ID_LEN };
static const char magic[MAGIC_LEN + 1] = "SCOSEAL1";

int seal_key_read(const char *path, uint8_t ret[SCO_SEAL_KEY_LEN], struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    size_t n = 0;
    int r = sco_fs_read(path, 4096, &b, err);
    if (r < 0)
        return r;
    struct sco_str text = sco_str_trim(sco_buf_str(&b));
    bool hex = text.n == 2 * SCO_SEAL_KEY_LEN;
    for (size_t i = 0; i < text.n && hex; i++) {
        char c = text.p[i];
        int v = c >= '0' && c <= '9'   ? c - '0'
                : c >= 'a' && c <= 'f' ? c - 'a' + 10
                : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                       : -1;
        hex = v >= 0;
        ret[i / 2] = (uint8_t)(i % 2 ? ret[i / 2] | v : v << 4);
    }
    if (!hex && (!sco_base64_decode(text, ret, SCO_SEAL_KEY_LEN, &n) || n != SCO_SEAL_KEY_LEN))
        r = sco_error_set(err, SCO_E_INVALID,
                          "%s: a key is 32 bytes, as 64 hex digits or in base64 (openssl rand -hex "
                          "32)",
                          path);
    sco_wipe(b.p, b.n);
    return r;
}

/* Up to n bytes; fewer only at the end. */
static int read_up_to(int fd, char *p, size_t n, size_t *ret, struct sco_error *err)
{
    size_t at = 0;
    while (at < n) {
        ssize_t got = read(fd, p + at, n - at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return sco_error_errno(err, errno, "cannot read");
        if (got == 0)
            break;
        at += (size_t)got;
    }
    *ret = at;
    return 0;
}

static int write_out(int fd, struct sco_str s, struct sco_error *err)
{
    int r = sco_fs_write_all(fd, s);
    return r < 0 ? sco_error_errno(err, -r, "cannot write") : 0;
}

/* What a piece is sealed for. */
static void context_of(const char id[ID_LEN], uint64_t number, bool last, char out[ID_LEN + 9])
{
    uint64_t be = htobe64(number);
    memcpy(out, id, ID_LEN);
    memcpy(out + ID_LEN, &be, 8);
    out[ID_LEN + 8] = last;
}

int copy_stream(int in, int out, struct sco_error *err)
{
    SCO_AUTO(sco_free) char *piece = sco_alloc(1, PIECE);
    size_t n = PIECE;
    int r = piece ? 0 : sco_error_nomem(err);
    while (r == 0 && n == PIECE) {
        r = read_up_to(in, piece, PIECE, &n, err);
        if (r == 0)
            r = write_out(out, sco_str_make(piece, n), err);
    }
    return r;
}

int seal_stream(int in, int out, const uint8_t key[SCO_SEAL_KEY_LEN], struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf sealed = {0};
    SCO_AUTO(sco_free) char *piece = sco_alloc(1, PIECE);
    char head[HEAD_LEN], context[ID_LEN + 9];
    bool last = false;
    if (!piece)
        return sco_error_nomem(err);
    memcpy(head, magic, MAGIC_LEN);
    if (sco_random(head + MAGIC_LEN, ID_LEN) < 0)
        return sco_error_set(err, SCO_E_INTERNAL, "no random numbers from the system");
    int r = write_out(out, sco_str_make(head, HEAD_LEN), err);
    for (uint64_t number = 0; r == 0 && !last; number++) {
        size_t n = 0;
        r = read_up_to(in, piece, PIECE, &n, err);
        if (r < 0)
            break;
        last = n < PIECE;
        context_of(head + MAGIC_LEN, number, last, context);
        sco_buf_clear(&sealed);
        r = sco_seal(key, sco_str_make(context, sizeof context), sco_str_make(piece, n), &sealed,
                     err);
        uint32_t be = htobe32((uint32_t)sealed.n);
        if (r == 0)
            r = write_out(out, sco_str_make((const char *)&be, sizeof be), err);
        if (r == 0)
            r = write_out(out, sco_buf_str(&sealed), err);
    }
    sco_wipe(piece, PIECE);
    return r;
}

/* 1: it was the last one. */
static int unseal_piece(const uint8_t *key, const char *id, uint64_t number, struct sco_str sealed,
                        struct sco_buf *plain, struct sco_error *err)
{
    char context[ID_LEN + 9];
    for (int last = 0; last < 2; last++) {
        context_of(id, number, last, context);
        sco_buf_clear(plain);
        int r = sco_unseal(key, sco_str_make(context, sizeof context), sealed, plain,
                           last ? err : NULL);
        if (r == 0)
            return last;
        if (last || r != SCO_E_PERMISSION)
            return r;
    }
    return 0;
}

int unseal_stream(int in, int out, const uint8_t key[SCO_SEAL_KEY_LEN], struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf plain = {0};
    SCO_AUTO(sco_free) char *piece = sco_alloc(1, PIECE + SCO_SEAL_EXTRA);
    char head[HEAD_LEN];
    size_t n = 0;
    int last = 0;
    if (!piece)
        return sco_error_nomem(err);
    int r = read_up_to(in, head, HEAD_LEN, &n, err);
    if (r == 0 && (n != HEAD_LEN || memcmp(head, magic, MAGIC_LEN) != 0))
        r = sco_error_set(err, SCO_E_FORMAT, "it is no sealed backup");
    for (uint64_t number = 0; r == 0 && !last; number++) {
        uint32_t be = 0;
        r = read_up_to(in, (char *)&be, sizeof be, &n, err);
        uint32_t want = be32toh(be);
        if (r == 0 && (n != sizeof be || want < SCO_SEAL_EXTRA || want > PIECE + SCO_SEAL_EXTRA))
            r = sco_error_set(err, SCO_E_FORMAT, "the backup is cut off or damaged");
        if (r == 0)
            r = read_up_to(in, piece, want, &n, err);
        if (r == 0 && n != want)
            r = sco_error_set(err, SCO_E_FORMAT, "the backup is cut off");
        if (r < 0)
            break;
        last = unseal_piece(key, head + MAGIC_LEN, number, sco_str_make(piece, n), &plain, err);
        r = last < 0 ? last : write_out(out, sco_buf_str(&plain), err);
    }
    if (r == 0)
        r = read_up_to(in, head, 1, &n, err);
    if (r == 0 && n)
        r = sco_error_set(err, SCO_E_FORMAT, "there is something behind the backup's end");
    sco_wipe(plain.p, plain.n);
    return r;
}

bool seal_is_sealed(int fd)
{
    char head[MAGIC_LEN];
    bool sealed =
        pread(fd, head, sizeof head, 0) == MAGIC_LEN && memcmp(head, magic, MAGIC_LEN) == 0;
    return sealed;
}
