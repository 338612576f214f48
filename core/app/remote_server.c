/* Which daemon, and what it can be told. */
#include "remote.h"

const char *remote_wanted(const struct cli *c)
{
    const char *env = getenv("SECUREOPS_SERVER");
    if (args_has(c, ARG_SERVER))
        return c->values[ARG_SERVER];
    return env && *env && !args_has(c, ARG_STORE) ? env : NULL;
}

int remote_check_flags(const struct cli *c, const char *const *allowed, struct sco_error *err)
{
    static const char *const always[] = {"server",    "ca-file",    "config",
                                         "log-level", "log-format", NULL};
    const struct flag *flags = c->command->flags;
    for (size_t i = 0; flags[i].name; i++) {
        bool fine = !(c->given >> i & 1);
        for (const char *const *a = always; *a && !fine; a++)
            fine = strcmp(*a, flags[i].name) == 0;
        for (const char *const *a = allowed; *a && !fine; a++)
            fine = strcmp(*a, flags[i].name) == 0;
        if (!fine)
            return sco_error_set(err, SCO_E_INVALID,
                                 "--%s is for what is done here: it has no effect on a daemon "
                                 "(--server, SECUREOPS_SERVER)",
                                 flags[i].name);
    }
    return 0;
}

static bool is_loopback(struct sco_str authority)
{
    static const char *const hosts[] = {"localhost", "127.0.0.1", "[::1]"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(hosts); i++) {
        size_t n = strlen(hosts[i]);
        if (authority.n >= n && memcmp(authority.p, hosts[i], n) == 0 &&
            (authority.n == n || authority.p[n] == ':'))
            return true;
    }
    return false;
}

int remote_server_parse(const char *text, struct sco_arena *a, struct remote_server *ret,
                        struct sco_error *err)
{
    struct sco_str s = sco_str_trim(sco_str_c(text));
    struct remote_server v = {0};
    size_t scheme = sco_str_starts(s, "https://") ? 8 : sco_str_starts(s, "http://") ? 7 : 0;
    if (sco_str_starts(s, "unix:/")) {
        v.name = sco_arena_cstr(a, s);
        v.socket = v.name ? v.name + 5 : NULL;
        v.url = "http://localhost";
        *ret = v;
        return v.name ? 0 : sco_error_nomem(err);
    }
    while (s.n > scheme && s.p[s.n - 1] == '/')
        s.n--;
    bool clean = scheme && s.n > scheme;
    for (size_t i = 0; i < s.n; i++)
        clean = clean && s.p[i] > ' ' && s.p[i] < 127 && !strchr("@?#\\", s.p[i]);
    if (!clean) /* it is not repeated: it may hold a password */
        return sco_error_set(err, SCO_E_INVALID,
                             "a server is https://HOST[:PORT], http://HOST[:PORT] or unix:/PATH, "
                             "without user, query and fragment");
    struct sco_str authority = sco_str_make(s.p + scheme, s.n - scheme);
    const char *slash = memchr(authority.p, '/', authority.n);
    if (slash)
        authority.n = (size_t)(slash - authority.p);
    v.name = v.url = sco_arena_cstr(a, s);
    v.plain = scheme == 7 && !is_loopback(authority);
    *ret = v;
    return v.name ? 0 : sco_error_nomem(err);
}
