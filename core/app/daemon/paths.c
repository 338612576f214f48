/* Places of the daemon: its folder and what is in it, its store, its name, the programs beside it.
 *
 * The folder is locked for as long as the daemon runs: two daemons on one SQLite file would each
 * believe the leases of the other to be its own, and share keys and uploads by accident. */
#include "daemon_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <secureops/fs.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

/* ---- the folder ---- */
static const char *data_folder(struct paths *p, const struct sco_config *c, struct sco_error *err)
{
    const char *given = getenv("STATE_DIRECTORY"); /* systemd's, several with ":" between */
    SCO_AUTO(sco_free) char *state = NULL;
    struct sco_str path;
    if (c->server.data.n)
        path = c->server.data;
    else if (given && *given)
        path = sco_str_make(given, strcspn(given, ":"));
    else if (geteuid() == 0)
        path = SCO_STR("/var/lib/secureops");
    else {
        state = sco_dir_state();
        path = sco_str_c(state);
    }
    if (!path.n || path.p[0] != '/') {
        sco_error_set(err, SCO_E_INVALID, "server.data: \"%.*s\" is not an absolute path",
                      SCO_STR_ARG(path));
        return NULL;
    }
    const char *kept = sco_arena_cstr(&p->arena, path);
    if (!kept)
        sco_error_nomem(err);
    return kept;
}

static int make_private(const char *path, struct sco_error *err)
{
    struct stat st;
    int r = sco_fs_mkdirs(path, 0700, err);
    if (r < 0)
        return r;
    if (stat(path, &st) < 0)
        return sco_error_errno(err, errno, "cannot look at %s", path);
    if (st.st_uid != geteuid() && geteuid() != 0)
        return sco_error_set(err, SCO_E_PERMISSION, "%s belongs to another user", path);
    if (st.st_mode & 022)
        return sco_error_set(err, SCO_E_PERMISSION, "others may write to %s", path);
    return 0;
}

/* One that was killed may have left a child between its fork and its exec, which has the lock for
 * that moment. */
static int wait_for_lock(int fd)
{
    int r;
    for (int i = 0; (r = flock(fd, LOCK_EX | LOCK_NB)) < 0 && errno == EWOULDBLOCK && i < 20; i++)
        nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    return r;
}

static int lock(struct paths *p, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    char text[32] = "";
    sco_buf_addf(&path, "%s/secureopsd.lock", p->data);
    int fd = open(sco_buf_z(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return sco_error_errno(err, errno, "cannot open %s", sco_buf_z(&path));
    if (wait_for_lock(fd) < 0) {
        int e = errno;
        ssize_t n = pread(fd, text, sizeof text - 1, 0);
        close(fd);
        if (e != EWOULDBLOCK)
            return sco_error_errno(err, e, "cannot lock %s", sco_buf_z(&path));
        struct sco_str pid = sco_str_trim(sco_str_make(text, n > 0 ? (size_t)n : 0));
        return sco_error_set(err, SCO_E_PERMISSION,
                             "another secureopsd (process %.*s) uses %s; several nodes want a "
                             "folder each, and a PostgreSQL store",
                             SCO_STR_ARG(pid), p->data);
    }
    int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n) {
        int e = errno;
        close(fd);
        return sco_error_errno(err, e, "cannot write %s", sco_buf_z(&path));
    }
    p->lock_fd = fd;
    return 0;
}

static int folder(struct paths *p, const char *name, const char **ret, struct sco_error *err)
{
    *ret = sco_arena_fmt(&p->arena, "%s/%s", p->data, name);
    return *ret ? make_private(*ret, err) : sco_error_nomem(err);
}

static int take_mirrors(struct paths *p, const struct sco_config *c, struct sco_error *err)
{
    if (!c->checkout.cache.n)
        return folder(p, "mirrors", &p->mirrors, err);
    p->mirrors = sco_arena_cstr(&p->arena, c->checkout.cache);
    return p->mirrors ? make_private(p->mirrors, err) : sco_error_nomem(err);
}

static int take_store(struct paths *p, const struct sco_config *c, struct sco_error *err)
{
    if (c->store.url.n)
        p->store = sco_arena_cstr(&p->arena, c->store.url);
    else if (c->store.path.n && !sco_str_is(c->store.path, "default")) {
        if (c->store.path.p[0] != '/')
            return sco_error_set(err, SCO_E_INVALID, "store.path: \"%s\" is not an absolute path",
                                 c->store.path.p);
        p->store = sco_arena_cstr(&p->arena, c->store.path);
    } else {
        p->store = sco_arena_fmt(&p->arena, "%s/store.db", p->data);
    }
    return p->store ? 0 : sco_error_nomem(err);
}

/* ---- name and programs ---- */
static int take_node(struct paths *p, const struct sco_config *c, struct sco_error *err)
{
    char host[DAEMON_NODE_MAX + 1] = "";
    if (gethostname(host, sizeof host - 1) < 0 || !*host)
        snprintf(host, sizeof host, "localhost");
    struct sco_str name = c->server.node.n ? c->server.node : sco_str_c(host);
    for (size_t i = 0; i < name.n; i++)
        if (name.n > DAEMON_NODE_MAX || name.p[i] <= ' ' || name.p[i] > '~' || name.p[i] == '"')
            return sco_error_set(err, SCO_E_INVALID,
                                 "server.node: \"%.*s\" is not a name of up to %d letters without "
                                 "spaces",
                                 SCO_STR_ARG(name), DAEMON_NODE_MAX);
    memcpy(p->node, name.p, name.n);
    p->node[name.n] = '\0';
    return 0;
}

static const char *find_program(struct paths *p, const char *exe, const char *name)
{
    static const char *const places[] = {"", "../libexec/secureops/", "../bin/", "../../bin/"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(places); i++) {
        const char *path = sco_arena_fmt(&p->arena, "%s/%s%s", exe, places[i], name);
        if (path && sco_fs_is_executable(path))
            return path;
    }
    return NULL;
}

int paths_programs(struct paths *p, struct sco_error *err)
{
    SCO_AUTO(sco_free) char *exe = sco_dir_exe();
    if (!exe)
        return sco_error_nomem(err);
    p->runner = find_program(p, exe, "secureops-runner");
    p->secureops = find_program(p, exe, "secureops");
    if (p->runner && p->secureops)
        return 0;
    return sco_error_set(err, SCO_E_NOT_FOUND,
                         "%s is not beside secureopsd in %s: the "
                         "installation is incomplete",
                         p->runner ? "secureops" : "secureops-runner", exe);
}

int paths_init(struct paths *p, const struct sco_config *c, struct sco_error *err)
{
    p->lock_fd = -1;
    p->data = data_folder(p, c, err);
    int r = p->data ? make_private(p->data, err) : SCO_E_INVALID;
    if (r == 0)
        r = lock(p, err);
    if (r == 0)
        r = folder(p, "spool", &p->spool, err);
    if (r == 0)
        spool_clean(p->spool);
    if (r == 0)
        r = take_mirrors(p, c, err);
    if (r == 0)
        r = take_store(p, c, err);
    if (r == 0)
        r = take_node(p, c, err);
    if (r == 0)
        r = paths_programs(p, err);
    return r;
}

void paths_done(struct paths *p)
{
    if (p->lock_fd >= 0)
        close(p->lock_fd);
    sco_arena_done(&p->arena);
}

/* ---- the runners' environment ---- */
static bool is_named(struct sco_str variable, const char *name)
{
    size_t n = strlen(name);
    return variable.n > n && memcmp(variable.p, name, n) == 0 && variable.p[n] == '=';
}

static bool is_ours(struct sco_str variable, const struct sco_config *c)
{
    static const char *const prefixes[] = {"NOTIFY_SOCKET=",
                                           "WATCHDOG_",
                                           "LISTEN_",
                                           "CREDENTIALS_DIRECTORY=",
                                           "SECUREOPS_AUTH_",
                                           "SECUREOPS_SMTP_",
                                           "SECUREOPS_VAULT_",
                                           "SECUREOPS_EVENTS_KAFKA_PASSWORD=",
                                           "SECUREOPS_SERVER_METRICS_TOKEN="};
    const struct sco_str secrets[] = {c->auth.key,
                                      c->auth.old_key,
                                      c->smtp.password,
                                      c->server.metrics_token,
                                      c->events.kafka_password,
                                      c->checkout.token,
                                      c->vault.token};
    for (size_t i = 0; i < SCO_ARRAY_LEN(prefixes); i++)
        if (sco_str_starts(variable, prefixes[i]))
            return true;
    for (size_t i = 0; i < SCO_ARRAY_LEN(secrets); i++)
        if (sco_str_starts(secrets[i], "env:") && is_named(variable, secrets[i].p + 4))
            return true;
    return false;
}

const char *const *paths_environment(struct sco_arena *a, const struct sco_config *c)
{
    size_t n = 0, all = 0;
    bool path = false;
    while (environ[all])
        all++;
    const char **v = sco_arena_alloc(a, (all + 2) * sizeof *v);
    for (size_t i = 0; v && i < all; i++) {
        struct sco_str one = sco_str_c(environ[i]);
        if (is_ours(one, c))
            continue;
        v[n] = sco_arena_cstr(a, one);
        if (!v[n++])
            return NULL;
        path |= sco_str_starts(one, "PATH=");
    }
    if (v && !path)
        v[n] = "PATH=/usr/local/bin:/usr/bin:/bin";
    return v;
}
