/* secureops db backup PATH | restore PATH: whole files, sealed when there is a key. What fails
 * leaves nothing under the name that was asked for. */
#include "db_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_postgresql(const char *where)
{
    return strncmp(where, "postgresql://", 13) == 0 || strncmp(where, "postgres://", 11) == 0;
}

static int key_of(struct cli *c, uint8_t key[SCO_SEAL_KEY_LEN], bool *ret, struct sco_error *err)
{
    *ret = args_has(c, ARG_ENCRYPT_KEY);
    return *ret ? seal_key_read(c->values[ARG_ENCRYPT_KEY], key, err) : 0;
}

/* ---- a file that is there when it is whole ---- */
struct part {
    struct sco_buf name;
    int fd;
};

static int part_open(struct part *p, const char *path, struct sco_error *err)
{
    struct stat st;
    *p = (struct part){.fd = -1};
    if (lstat(path, &st) == 0)
        return sco_error_set(err, SCO_E_INVALID, "%s is there already: nothing takes its place",
                             path);
    sco_buf_addf(&p->name, "%s.part", path);
    if (p->name.failed)
        return sco_error_nomem(err);
    unlink(sco_buf_z(&p->name));
    p->fd = open(sco_buf_z(&p->name), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    return p->fd < 0 ? sco_error_errno(err, errno, "cannot write %s", sco_buf_z(&p->name)) : 0;
}

static int part_end(struct part *p, const char *path, int r, struct sco_error *err)
{
    if (r == 0 && fsync(p->fd) < 0)
        r = sco_error_errno(err, errno, "cannot write %s", path);
    if (p->fd >= 0)
        close(p->fd);
    if (r == 0 && link(sco_buf_z(&p->name), path) < 0)
        r = sco_error_errno(err, errno, "cannot write %s", path);
    if (p->name.n && p->fd >= 0)
        unlink(sco_buf_z(&p->name));
    sco_buf_done(&p->name);
    return r;
}

/* ---- backup ---- */
static int dump(const char *address, int out, const uint8_t *key, struct sco_error *err)
{
    static const char *const args[] = {"pg_dump",  "--format=custom", "--no-owner",
                                       "--no-acl", "--no-password",   NULL};
    struct pg_program p;
    int r = pg_program_start(args, address, false, &p, err);
    if (r < 0)
        return r;
    r = key ? seal_stream(p.fd, out, key, err) : copy_stream(p.fd, out, err);
    if (r < 0)
        pg_program_kill(&p);
    else
        r = pg_program_end(&p, "pg_dump", err);
    return r;
}

/* SQLite copies itself into a file, which is then sealed. */
static int seal_copy(struct sco_store *s, const char *path, int out, const uint8_t *key,
                     struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf plain = {0};
    sco_buf_addf(&plain, "%s.plain", path);
    if (plain.failed)
        return sco_error_nomem(err);
    unlink(sco_buf_z(&plain));
    int r = sco_store_backup(s, sco_buf_z(&plain), err);
    if (r < 0)
        return r;
    SCO_AUTO(sco_fd) int in = open(sco_buf_z(&plain), O_RDONLY | O_CLOEXEC);
    r = in < 0 ? sco_error_errno(err, errno, "cannot read %s", sco_buf_z(&plain))
               : seal_stream(in, out, key, err);
    unlink(sco_buf_z(&plain));
    return r;
}

int db_backup(struct cli *c, struct sco_store *s, const char *path, struct sco_error *err)
{
    uint8_t key[SCO_SEAL_KEY_LEN] = {0};
    bool sealed = false, postgresql = is_postgresql(sco_store_address(s));
    struct part part = {.fd = -1};
    int r = key_of(c, key, &sealed, err);
    if (r < 0 || (!sealed && !postgresql))
        return r < 0 ? r : sco_store_backup(s, path, err);
    signal(SIGPIPE, SIG_IGN);
    r = part_open(&part, path, err);
    if (r == 0)
        r = postgresql ? dump(sco_store_address(s), part.fd, sealed ? key : NULL, err)
                       : seal_copy(s, path, part.fd, key, err);
    r = part_end(&part, path, r, err);
    sco_wipe(key, sizeof key);
    return r < 0 ? sco_error_prefix(err, "backup to %s", path) : 0;
}

/* ---- restore ---- */
static int check_new(const char *where, struct sco_error *err)
{
    struct sco_store_options o = {.where = where, .any_version = true};
    struct sco_store *s = NULL;
    uint32_t version = 0;
    int r = sco_store_open(&o, &s, err);
    if (r == 0)
        r = sco_store_version(s, &version, err);
    sco_store_close(s);
    if (r == 0 && version)
        r = sco_error_set(err, SCO_E_INVALID,
                          "the database holds a store already: restore into a new one");
    return r;
}

static int load(const char *address, int in, const uint8_t *key, struct sco_error *err)
{
    static const char *const args[] = {"pg_restore",
                                       "--single-transaction",
                                       "--exit-on-error",
                                       "--no-owner",
                                       "--no-acl",
                                       "--no-password",
                                       NULL};
    struct pg_program p = {.fd = -1};
    int r = check_new(address, err);
    if (r == 0)
        r = pg_program_start(args, address, true, &p, err);
    if (r < 0)
        return r;
    struct sco_error why = {0};
    r = key ? unseal_stream(in, p.fd, key, &why) : copy_stream(in, p.fd, &why);
    if (r < 0 && why.code != SCO_E_IO) { /* the file is no good: nothing of it is kept */
        pg_program_kill(&p);
        return sco_error_set(err, why.code, "%s", why.text);
    }
    return pg_program_end(&p, "pg_restore", err); /* that it read no further, it says itself */
}

static int put_back(const char *where, int in, const uint8_t *key, struct sco_error *err)
{
    struct part part = {.fd = -1};
    struct sco_store *s = NULL;
    uint64_t findings = 0, scans = 0;
    int r = part_open(&part, where, err);
    if (r == 0)
        r = key ? unseal_stream(in, part.fd, key, err) : copy_stream(in, part.fd, err);
    struct sco_store_options o = {.where = sco_buf_z(&part.name)};
    if (r == 0) /* of another version it cannot be read all, and is sound if it can be opened */
        r = sco_store_open(&o, &s, err);
    if (r == 0)
        r = sco_store_verify(s, &findings, &scans, err);
    sco_store_close(s);
    if (r == SCO_E_UNSUPPORTED)
        r = 0;
    return part_end(&part, where, r, err);
}

int db_restore(struct cli *c, const char *where, const char *path, struct sco_error *err)
{
    uint8_t key[SCO_SEAL_KEY_LEN] = {0};
    bool has_key = false;
    int r = key_of(c, key, &has_key, err);
    if (r < 0)
        return r;
    SCO_AUTO(sco_fd) int in = open(path, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return sco_error_errno(err, errno, "cannot read %s", path);
    signal(SIGPIPE, SIG_IGN);
    bool sealed = seal_is_sealed(in);
    if (sealed != has_key)
        r = sco_error_set(err, SCO_E_INVALID,
                          sealed ? "%s is encrypted: --encrypt-key FILE" : "%s is not encrypted",
                          path);
    if (r == 0)
        r = is_postgresql(where) ? load(where, in, has_key ? key : NULL, err)
                                 : put_back(where, in, has_key ? key : NULL, err);
    sco_wipe(key, sizeof key);
    return r < 0 ? sco_error_prefix(err, "restore from %s", path) : 0;
}
