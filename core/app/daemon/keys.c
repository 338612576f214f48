/* The key that seals secrets and signs tokens: configured, or a systemd credential, or a file that
 * the first start makes. Never in a log or an error. */
#include "daemon_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <secureops/crypto.h>
#include <secureops/fs.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCO_LOG_MODULE "daemon"
#include <secureops/log.h>

enum { FILE_MAX = 4096 };

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_hex(struct sco_str s, uint8_t out[DAEMON_KEY_LEN])
{
    for (size_t i = 0; i < DAEMON_KEY_LEN; i++) {
        int high = hex_value(s.p[2 * i]), low = hex_value(s.p[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* 64 hex digits, base64, or (a credential) the 32 bytes themselves. */
static int parse(struct sco_str text, bool raw, const char *where, uint8_t out[DAEMON_KEY_LEN],
                 struct sco_error *err)
{
    size_t n = 0;
    if (raw && text.n == DAEMON_KEY_LEN) {
        memcpy(out, text.p, DAEMON_KEY_LEN);
        return 0;
    }
    struct sco_str s = sco_str_trim(text);
    if (s.n == 2 * DAEMON_KEY_LEN && parse_hex(s, out))
        return 0;
    uint8_t bytes[DAEMON_KEY_LEN + 3];
    bool good = sco_base64_decode(s, bytes, sizeof bytes, &n) && n == DAEMON_KEY_LEN;
    if (good)
        memcpy(out, bytes, DAEMON_KEY_LEN);
    sco_wipe(bytes, sizeof bytes);
    return good ? 0
                : sco_error_set(err, SCO_E_INVALID,
                                "%s is no key: 32 bytes as 64 hex digits or in base64", where);
}

static void identify(const uint8_t key[DAEMON_KEY_LEN], char ret[DAEMON_KEY_ID_LEN + 1])
{
    uint8_t digest[SCO_SHA256_LEN] = {0};
    if (sco_hkdf(sco_str_make((const char *)key, DAEMON_KEY_LEN), "secureops key id", digest,
                 sizeof digest) < 0)
        return;
    sco_hex(digest, DAEMON_KEY_ID_LEN / 2, ret);
}

static void wipe_buf(struct sco_buf *b)
{
    if (b->p)
        sco_wipe(b->p, b->cap);
    sco_buf_done(b);
}

static int from_reference(struct sco_str ref, const char *name, uint8_t out[DAEMON_KEY_LEN],
                          struct sco_error *err)
{
    struct sco_buf text = {0};
    int r = sco_secret_resolve(ref, &text, err);
    if (r == 0)
        r = parse(sco_buf_str(&text), false, name, out, err);
    else
        sco_error_prefix(err, "%s", name);
    wipe_buf(&text);
    return r;
}

/* 1: there is none. */
static int from_file(const char *path, bool ours, uint8_t out[DAEMON_KEY_LEN],
                     struct sco_error *err)
{
    struct stat st;
    struct sco_buf text = {0};
    SCO_AUTO(sco_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | (ours ? O_NOFOLLOW : 0));
    if (fd < 0 && errno == ENOENT)
        return 1;
    if (fd < 0 || fstat(fd, &st) < 0)
        return sco_error_errno(err, errno, "cannot open %s", path);
    if (ours && (st.st_mode & 077 || (st.st_uid != geteuid() && geteuid() != 0)))
        return sco_error_set(err, SCO_E_PERMISSION,
                             "%s can be read by others: chmod 600, or better a new key", path);
    int r = sco_fs_read_fd(fd, path, FILE_MAX, &text, err);
    if (r == 0)
        r = parse(sco_buf_str(&text), true, path, out, err);
    wipe_buf(&text);
    return r;
}

/* Two daemons that start at once on one folder do not both get here: the folder is locked. */
static int make_file(const char *path, uint8_t out[DAEMON_KEY_LEN], struct sco_error *err)
{
    char hex[2 * DAEMON_KEY_LEN + 2];
    if (sco_random(out, DAEMON_KEY_LEN) < 0)
        return sco_error_set(err, SCO_E_INTERNAL, "the system gives no random bytes");
    sco_hex(out, DAEMON_KEY_LEN, hex);
    hex[2 * DAEMON_KEY_LEN] = '\n';
    int r = sco_fs_write(path, sco_str_make(hex, 2 * DAEMON_KEY_LEN + 1), 0600, err);
    sco_wipe(hex, sizeof hex);
    if (r == 0)
        sco_log_info("made a new key in %s: back it up apart from the store", path);
    return r;
}

int keys_load(struct keys *k, const struct sco_config *c, const char *data, struct sco_error *err)
{
    const char *credentials = getenv("CREDENTIALS_DIRECTORY");
    SCO_AUTO(sco_buf) struct sco_buf credential = {0}, file = {0};
    int r = 1;
    sco_buf_addf(&credential, "%s/secureops-key", credentials ? credentials : "");
    sco_buf_addf(&file, "%s/key", data);
    if (c->auth.key.n)
        r = from_reference(c->auth.key, "auth.key", k->key, err);
    else if (credentials && *credentials)
        r = from_file(sco_buf_z(&credential), false, k->key, err);
    if (r == 1)
        r = from_file(sco_buf_z(&file), true, k->key, err);
    if (r == 1)
        r = make_file(sco_buf_z(&file), k->key, err);
    if (r == 0 && c->auth.old_key.n) {
        r = from_reference(c->auth.old_key, "auth.old_key", k->old_key, err);
        k->has_old = r == 0;
        identify(k->old_key, k->old_id);
    }
    identify(k->key, k->id);
    return r;
}

void keys_done(struct keys *k)
{
    sco_wipe(k, sizeof *k);
}
