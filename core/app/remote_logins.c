/* Logins, by server, in a file that only its user can read. Written whole or not at all, by one
 * program at a time: a refresh token that two programs use ends the login. */
#include "remote.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 1 << 20 };

static int add_path(struct sco_buf *b, const char *name, struct sco_error *err)
{
    SCO_AUTO(sco_free) char *dir = sco_dir_config();
    sco_buf_addf(b, "%s/%s", dir ? dir : "", name);
    return !dir || b->failed ? sco_error_nomem(err) : 0;
}

int logins_lock(int *ret_fd, struct sco_error *err)
{
    SCO_AUTO(sco_free) char *dir = sco_dir_config();
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    int r = dir ? sco_fs_mkdirs(dir, 0700, err) : sco_error_nomem(err);
    if (r == 0)
        r = add_path(&path, "credentials.lock", err);
    if (r < 0)
        return r;
    int fd = open(sco_buf_z(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return sco_error_errno(err, errno, "cannot open %s", sco_buf_z(&path));
    while (flock(fd, LOCK_EX) < 0)
        if (errno != EINTR) {
            r = sco_error_errno(err, errno, "cannot lock %s", sco_buf_z(&path));
            close(fd);
            return r;
        }
    *ret_fd = fd;
    return 0;
}

/* *ret NULL: there is no file yet. */
static int load(struct sco_arena *a, const struct sco_node **ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, text = {0};
    struct stat st;
    int r = add_path(&path, "credentials.json", err);
    *ret = NULL;
    if (r < 0)
        return r;
    SCO_AUTO(sco_fd)
    int fd = open(sco_buf_z(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0 || fstat(fd, &st) < 0)
        return sco_error_errno(err, errno, "cannot read %s", sco_buf_z(&path));
    if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_mode & 077)
        return sco_error_set(err, SCO_E_PERMISSION,
                             "%s holds logins, and has to be a file that only its user can read: "
                             "chmod 600 %s",
                             sco_buf_z(&path), sco_buf_z(&path));
    r = sco_fs_read_fd(fd, sco_buf_z(&path), FILE_MAX, &text, err);
    if (r == 0)
        r = sco_json_parse(sco_buf_str(&text), a, ret, err);
    if (text.p)
        explicit_bzero(text.p, text.n);
    return r < 0 ? sco_error_prefix(err, "%s", sco_buf_z(&path)) : 0;
}

static const char *text_of(struct sco_arena *a, const struct sco_node *map, const char *key,
                           bool *failed)
{
    struct sco_str s = sco_text(sco_get(map, key));
    const char *z = s.n ? sco_arena_cstr(a, s) : NULL;
    *failed |= s.n && !z;
    return z;
}

int logins_get(const char *server, struct sco_arena *a, struct remote_login *ret,
               struct sco_error *err)
{
    const struct sco_node *root = NULL;
    bool failed = false;
    int r = load(a, &root, err);
    const struct sco_node *m = sco_get(sco_get(root, "servers"), server);
    if (r < 0)
        return r;
    if (!m)
        return sco_error_set(err, SCO_E_NOT_FOUND, "not logged in to %s", server);
    struct remote_login l = {.token = text_of(a, m, "token", &failed),
                             .access = text_of(a, m, "access_token", &failed),
                             .refresh = text_of(a, m, "refresh_token", &failed),
                             .email = text_of(a, m, "email", &failed),
                             .ca_file = text_of(a, m, "ca_file", &failed),
                             .expires_ms = sco_int(sco_get(m, "expires_ms"), 0)};
    if (failed)
        return sco_error_nomem(err);
    *ret = l;
    return 0;
}

static void write_login(struct sco_json_out *o, const struct remote_login *l)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, "email", l->email);
    sco_json_kz(o, "ca_file", l->ca_file);
    sco_json_kz(o, "token", l->token);
    sco_json_kz(o, "access_token", l->access);
    sco_json_kz(o, "refresh_token", l->refresh);
    if (l->access)
        sco_json_ki64(o, "expires_ms", l->expires_ms);
    sco_json_end(o, '}');
}

int logins_put(const char *server, const struct remote_login *l, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, text = {0};
    struct sco_json_out o = {.b = &text, .pretty = true};
    const struct sco_node *root = NULL;
    int r = load(&a, &root, err);
    if (r == 0)
        r = add_path(&path, "credentials.json", err);
    if (r < 0)
        return r;
    const struct sco_node *servers = sco_get(root, "servers");
    sco_json_begin(&o, '{');
    sco_json_key(&o, "servers");
    sco_json_begin(&o, '{');
    for (const struct sco_node *m = sco_is(servers, SCO_NODE_MAP) ? servers->child : NULL; m;
         m = m->next) {
        if (sco_str_is(m->key, server))
            continue;
        sco_json_key(&o, m->key.p);
        sco_json_node(&o, m);
    }
    if (l) {
        sco_json_key(&o, server);
        write_login(&o, l);
    }
    sco_json_end(&o, '}');
    sco_json_end(&o, '}');
    sco_buf_addc(&text, '\n');
    r = sco_buf_check(&text, err);
    if (r == 0)
        r = sco_fs_write(sco_buf_z(&path), sco_buf_str(&text), 0600, err);
    if (text.p)
        explicit_bzero(text.p, text.n);
    return r;
}
