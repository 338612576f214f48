/* References to secrets: env:NAME, file:PATH, and what a program has a provider for. The value goes
 * into the caller's buffer and nowhere else; no message here contains it. */
#include <secureops/fs.h>
#include <secureops/option.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_variable_name(struct sco_str s)
{
    if (!s.n || (s.p[0] >= '0' && s.p[0] <= '9'))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!s.p[i] ||
            !strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_", s.p[i]))
            return false;
    return true;
}

static struct {
    const char *scheme;
    sco_secret_fn fn;
    void *user;
} providers[] = {{"vault:", NULL, NULL}, {"store:", NULL, NULL}};

void sco_secret_provider(const char *scheme, sco_secret_fn fn, void *user)
{
    for (size_t i = 0; i < SCO_ARRAY_LEN(providers); i++)
        if (strncmp(providers[i].scheme, scheme, strlen(scheme)) == 0) {
            providers[i].fn = fn;
            providers[i].user = user;
        }
}

/* Which provider, by its place; -1: none. */
static int provider_of(struct sco_str ref)
{
    for (size_t i = 0; i < SCO_ARRAY_LEN(providers); i++)
        if (sco_str_starts(ref, providers[i].scheme))
            return (int)i;
    return -1;
}

static bool is_name(struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 127)
            return false;
    return s.n > 0;
}

bool sco_secret_is_ref(struct sco_str ref)
{
    int provider = provider_of(ref);
    if (sco_str_starts(ref, "env:"))
        return is_variable_name(sco_str_make(ref.p + 4, ref.n - 4));
    if (provider >= 0)
        return is_name(sco_str_make(ref.p + strlen(providers[provider].scheme),
                                    ref.n - strlen(providers[provider].scheme)));
    return sco_str_starts(ref, "file:") && ref.n > 5 && !memchr(ref.p, 0, ref.n);
}

/* A regular file only: a secret must not make the program wait for a pipe or a device. */
static int read_file(const char *path, struct sco_buf *out, struct sco_error *err)
{
    SCO_AUTO(sco_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0)
        return sco_error_errno(err, errno, "secret file:%s", path);
    if (!S_ISREG(st.st_mode))
        return sco_error_set(err, SCO_E_INVALID, "secret file:%s: not a regular file", path);
    for (;;) {
        if (sco_buf_reserve(out, 4096) < 0)
            return sco_error_nomem(err);
        ssize_t n = read(fd, out->p + out->n, out->cap - out->n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return sco_error_errno(err, errno, "secret file:%s", path);
        if (n == 0)
            return 0;
        out->n += (size_t)n;
        if (out->n > SCO_VALUE_LEN_MAX)
            return sco_error_set(err, SCO_E_LIMIT, "secret file:%s: larger than %d bytes", path,
                                 SCO_VALUE_LEN_MAX);
    }
}

static int ask(int provider, const char *ref, struct sco_buf *out, struct sco_error *err)
{
    const char *name = ref + strlen(providers[provider].scheme);
    if (!providers[provider].fn)
        return sco_error_set(err, SCO_E_UNSUPPORTED,
                             "secret %s: nothing is configured to ask for it", ref);
    int r = providers[provider].fn(providers[provider].user, name, out, err);
    return r < 0 ? sco_error_prefix(err, "secret %s", ref) : 0;
}

static int read_ref(const char *ref, struct sco_buf *out, struct sco_error *err)
{
    int provider = provider_of(sco_str_c(ref));
    if (provider >= 0)
        return ask(provider, ref, out, err);
    if (ref[0] == 'e') {
        const char *value = getenv(ref + 4);
        if (!value)
            return sco_error_set(err, SCO_E_NOT_FOUND, "secret %s: the variable is not set", ref);
        sco_buf_addz(out, value);
        return sco_buf_check(out, err);
    }
    int r = read_file(ref + 5, out, err);
    if (r == 0 && out->n && out->p[out->n - 1] == '\n')
        out->n--;
    if (r == 0 && out->n && out->p[out->n - 1] == '\r')
        out->n--;
    return r;
}

int sco_secret_resolve(struct sco_str ref, struct sco_buf *out, struct sco_error *err)
{
    if (!sco_secret_is_ref(ref))
        return sco_error_set(err, SCO_E_INVALID,
                             "a secret is written as env:NAME or file:PATH, in the daemon also as "
                             "vault:MOUNT/PATH#KEY or store:NAME");
    SCO_AUTO(sco_free) char *name = sco_strdup(ref);
    if (!name)
        return sco_error_nomem(err);
    struct sco_buf value = {0};
    int r = read_ref(name, &value, err);
    if (r == 0 && !value.n)
        r = sco_error_set(err, SCO_E_INVALID, "secret %s: empty", name);
    else if (r == 0 && (memchr(value.p, 0, value.n) || !sco_utf8_valid(sco_buf_str(&value))))
        r = sco_error_set(err, SCO_E_INVALID, "secret %s: not text", name);
    if (r == 0) {
        sco_buf_add(out, sco_buf_str(&value));
        r = sco_buf_check(out, err);
    }
    if (value.p) /* freed memory may end up in a core file */
        explicit_bzero(value.p, value.cap);
    sco_buf_done(&value);
    return r;
}
