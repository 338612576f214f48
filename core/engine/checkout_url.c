/* What may be fetched, by its text alone, and under which name a repository is known. */
#include "checkout_priv.h"

#include <secureops/fs.h>

#include <strings.h>

enum { URL_MAX = 2048, REVISION_MAX = 512 };

bool checkout_is_hex(const char *s, size_t min, size_t max)
{
    size_t n = strspn(s, "0123456789abcdef");
    return !s[n] && n >= min && n <= max;
}

const char *checkout_local_path(const char *url)
{
    if (strncmp(url, "file:///", 8) == 0)
        return url + 7;
    return url[0] == '/' ? url : NULL;
}

/* "https" of "https://..."; empty: none */
static struct sco_str scheme_of(struct sco_str url)
{
    const char *p = url.n ? memmem(url.p, url.n, "://", 3) : NULL;
    return sco_str_make(url.p, p ? (size_t)(p - url.p) : 0);
}

struct parts {
    struct sco_str scheme, user, host, port, path; /* path without its first slash */
};

/* user@host:path is ssh as well. False: no URL, but a path or a name. */
static bool cut(struct sco_str url, struct parts *ret)
{
    struct parts p = {.scheme = scheme_of(url)};
    struct sco_str rest = url;
    char separator = '/';
    if (p.scheme.n)
        rest = sco_str_make(url.p + p.scheme.n + 3, url.n - p.scheme.n - 3);
    else {
        const char *colon = url.n ? memchr(url.p, ':', url.n) : NULL;
        const char *slash = url.n ? memchr(url.p, '/', url.n) : NULL;
        if (!colon || colon == url.p || (slash && slash < colon))
            return false;
        p.scheme = SCO_STR("ssh");
        separator = ':';
    }
    const char *end = rest.n ? memchr(rest.p, separator, rest.n) : NULL;
    struct sco_str authority = end ? sco_str_make(rest.p, (size_t)(end - rest.p)) : rest;
    if (end)
        p.path = sco_str_make(end + 1, rest.n - authority.n - 1);
    const char *at = authority.n ? memrchr(authority.p, '@', authority.n) : NULL;
    if (at) {
        p.user = sco_str_make(authority.p, (size_t)(at - authority.p));
        authority = sco_str_make(at + 1, authority.n - p.user.n - 1);
    }
    const char *colon =
        authority.n && authority.p[0] != '[' ? memchr(authority.p, ':', authority.n) : NULL;
    p.host = colon ? sco_str_make(authority.p, (size_t)(colon - authority.p)) : authority;
    if (colon)
        p.port = sco_str_make(colon + 1, authority.n - p.host.n - 1);
    *ret = p;
    return true;
}

static void add_lower(struct sco_buf *out, struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++)
        sco_buf_addc(out, (char)(s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] + 32 : s.p[i]));
}

static struct sco_str trim_path(struct sco_str s, bool git)
{
    while (s.n > 1 && s.p[s.n - 1] == '/')
        s.n--;
    if (git && s.n > 4 && sco_str_ends(s, ".git") && s.p[s.n - 5] != '/')
        s.n -= 4;
    return s;
}

/* https and ssh of one host are the same repository; so is one with the usual port. */
void sco_repository_normal(struct sco_str url, struct sco_buf *out)
{
    struct parts p;
    url = sco_str_trim(url);
    if (sco_str_starts(url, "file:///"))
        url = sco_str_make(url.p + 7, url.n - 7);
    if (!cut(url, &p)) {
        sco_buf_add(out, trim_path(url, false));
        return;
    }
    bool https = sco_str_is_nocase(p.scheme, "https"), ssh = sco_str_is_nocase(p.scheme, "ssh");
    bool usual =
        !p.port.n || (https && sco_str_is(p.port, "443")) || (ssh && sco_str_is(p.port, "22"));
    if (usual && ssh)
        sco_buf_addz(out, "https");
    else
        add_lower(out, p.scheme);
    sco_buf_addz(out, "://");
    add_lower(out, p.host);
    if (!usual)
        sco_buf_addf(out, ":%.*s", SCO_STR_ARG(p.port));
    struct sco_str path = p.path;
    while (path.n && path.p[0] == '/')
        path = sco_str_make(path.p + 1, path.n - 1);
    path = trim_path(path, true);
    if (path.n && !sco_str_is(path, "/"))
        sco_buf_addf(out, "/%.*s", SCO_STR_ARG(path));
}

/* "%2e" is a dot, "%2f" ends a part, "%5c" may. */
static bool part_is_plain(struct sco_str part)
{
    size_t dots = 0, n = 0;
    for (size_t i = 0; i < part.n; i++, n++) {
        char c = part.p[i];
        if (c == '%' && part.n - i > 2) {
            char low = (char)(part.p[i + 2] | 0x20);
            if (part.p[i + 1] == '2' && low == 'f')
                return false;
            if (part.p[i + 1] == '5' && low == 'c')
                return false;
            if (part.p[i + 1] == '2' && low == 'e') {
                c = '.';
                i += 2;
            }
        }
        dots += c == '.';
    }
    return n == 0 || n > 2 || dots < n;
}

bool sco_repository_is_plain(struct sco_str url)
{
    struct parts p;
    struct sco_str part;
    if (!cut(sco_str_trim(url), &p))
        return true; /* a name or a folder */
    if (p.path.n && (memchr(p.path.p, '?', p.path.n) || memchr(p.path.p, '#', p.path.n) ||
                     memchr(p.path.p, '\\', p.path.n)))
        return false;
    while (p.path.n && sco_str_split(&p.path, '/', &part))
        if (!part_is_plain(part))
            return false;
    return true;
}

void sco_repository_host(struct sco_str url, struct sco_buf *out)
{
    struct parts p;
    if (cut(sco_str_trim(url), &p))
        add_lower(out, p.host);
}

bool sco_repository_is_ssh(struct sco_str url)
{
    struct parts p;
    return cut(sco_str_trim(url), &p) && sco_str_is_nocase(p.scheme, "ssh");
}

/* ---- of a platform ---- */
static bool same_text(struct sco_str a, struct sco_str b)
{
    return a.n == b.n && (!a.n || strncasecmp(a.p, b.p, a.n) == 0);
}

static struct sco_str port_of(const struct parts *p)
{
    bool usual = sco_str_is(p->port, sco_str_is_nocase(p->scheme, "https") ? "443" : "80");
    return usual ? sco_str_make(NULL, 0) : p->port;
}

static bool is_ssh(const struct parts *p)
{
    return sco_str_is_nocase(p->scheme, "ssh");
}

/* ssh.github.com, altssh.gitlab.com, ssh.dev.azure.com are other doors of the same house. */
static bool same_server(const struct parts *u, const struct parts *s)
{
    struct sco_str host = u->host;
    if (is_ssh(u)) {
        size_t door = sco_str_starts(host, "ssh.") ? 4 : sco_str_starts(host, "altssh.") ? 7 : 0;
        return same_text(host, s->host) ||
               (door && same_text(sco_str_make(host.p + door, host.n - door), s->host));
    }
    return (same_text(u->scheme, s->scheme) ||
            (sco_str_is_nocase(u->scheme, "https") && sco_str_is_nocase(s->scheme, "http"))) &&
           same_text(host, s->host) && same_text(port_of(u), port_of(s));
}

static struct sco_str inner_path(struct sco_str path, bool git)
{
    while (path.n && path.p[0] == '/')
        path = sco_str_make(path.p + 1, path.n - 1);
    path = trim_path(path, git);
    return sco_str_is(path, "/") ? sco_str_make(NULL, 0) : path;
}

/* False: `path` is not below `folder`. */
static bool go_below(struct sco_str *path, struct sco_str folder)
{
    if (!folder.n)
        return true;
    if (path->n <= folder.n || path->p[folder.n] != '/' || memcmp(path->p, folder.p, folder.n) != 0)
        return false;
    *path = sco_str_make(path->p + folder.n + 1, path->n - folder.n - 1);
    return true;
}

static int hex_of(char c)
{
    return c >= '0' && c <= '9'                     ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* A name as the platform has it, against a path, which has escapes, and of Azure DevOps "_git/". */
static bool is_name(struct sco_str path, struct sco_str name)
{
    size_t k = 0, skipped = 0;
    for (size_t i = 0; i < path.n; i++, k++) {
        char c = path.p[i];
        struct sco_str rest = sco_str_make(path.p + i, path.n - i);
        if (!skipped && i && path.p[i - 1] == '/' && sco_str_starts(rest, "_git/")) {
            skipped = i += 5;
            c = i < path.n ? path.p[i] : 0;
        }
        if (c == '%' && path.n - i > 2 && hex_of(path.p[i + 1]) >= 0 &&
            hex_of(path.p[i + 2]) >= 0) {
            c = (char)(hex_of(path.p[i + 1]) * 16 + hex_of(path.p[i + 2]));
            i += 2;
        }
        if (k >= name.n || name.p[k] != c)
            return false;
    }
    return k == name.n;
}

bool sco_repository_is_at(struct sco_str url, struct sco_str server, struct sco_str name)
{
    struct parts u, s;
    url = sco_str_trim(url);
    if (!name.n || !sco_repository_is_plain(url) || !cut(url, &u) || !cut(server, &s) ||
        !same_server(&u, &s))
        return false;
    struct sco_str folder = inner_path(s.path, false), path = inner_path(u.path, true);
    if (!is_ssh(&u))
        return go_below(&path, folder) && is_name(path, name);
    struct sco_str below = path;
    (void)go_below(&below, SCO_STR("v3"));
    return is_name(path, name) || (go_below(&below, folder) && is_name(below, name));
}

/* ---- checks ---- */
static bool plain(const char *s, size_t max)
{
    size_t n = strlen(s);
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] <= ' ' || s[i] == 0x7f || strchr("\"'\\<>^`{|}", s[i]))
            return false;
    return n > 0 && n <= max && s[0] != '-';
}

static bool is_archive(const char *path)
{
    static const char *const ends[] = {".tar", ".tar.gz", ".tgz", ".zip"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(ends); i++)
        if (sco_str_ends(sco_str_c(path), ends[i]))
            return sco_fs_is_file(path);
    return false;
}

static int check_local(const struct sco_checkout_request *q, const char *path,
                       enum checkout_kind *ret, struct sco_error *err)
{
    if (!q->allow_local)
        return sco_error_set(err, SCO_E_PERMISSION, "folders of this machine are not allowed here");
    if (strstr(path, "/../") || sco_str_ends(sco_str_c(path), "/.."))
        return sco_error_set(err, SCO_E_INVALID, "a folder is named without \"..\"");
    if (is_archive(path))
        *ret = CHECKOUT_ARCHIVE;
    else if (path != q->url)
        *ret = CHECKOUT_GIT; /* file:// is a repository */
    else if (sco_fs_is_dir(path))
        *ret = CHECKOUT_FOLDER;
    else
        return sco_error_set(err, SCO_E_NOT_FOUND, "there is no such folder");
    return 0;
}

static int check_remote(const struct parts *p, struct sco_error *err)
{
    bool https = sco_str_is(p->scheme, "https"), ssh = sco_str_is(p->scheme, "ssh");
    int64_t port;
    if (sco_str_is_nocase(p->scheme, "http"))
        return sco_error_set(err, SCO_E_INVALID,
                             "http is not protected on its way; the URL must be https or ssh");
    if (!https && !ssh)
        return sco_error_set(err, SCO_E_INVALID, "only https, ssh and file URLs can be fetched");
    if (https && p->user.n)
        return sco_error_set(err, SCO_E_INVALID,
                             "the URL holds a user or a token; a token is given as a secret");
    if (ssh && p->user.n && memchr(p->user.p, ':', p->user.n))
        return sco_error_set(err, SCO_E_INVALID, "the URL holds a password");
    if (!p->host.n || p->host.p[0] == '-' || p->host.p[0] == '.' || !p->path.n ||
        p->path.p[0] == '-' || (p->user.n && p->user.p[0] == '-'))
        return sco_error_set(err, SCO_E_INVALID, "the URL has no host or no path");
    if (p->port.n && sco_parse_i64(p->port, 1, 65535, &port) < 0)
        return sco_error_set(err, SCO_E_INVALID, "the URL has a port that is none");
    return 0;
}

int checkout_check_url(const struct sco_checkout_request *q, enum checkout_kind *ret_kind,
                       struct sco_error *err)
{
    struct parts p;
    const char *local = q->url ? checkout_local_path(q->url) : NULL;
    if (local)
        return check_local(q, local, ret_kind, err);
    if (!q->url || !plain(q->url, URL_MAX) || strstr(q->url, "::") || !cut(sco_str_c(q->url), &p))
        return sco_error_set(err, SCO_E_INVALID, "this is no URL of a repository");
    int r = check_remote(&p, err);
    if (r == 0 && !sco_repository_is_plain(sco_str_c(q->url)))
        r = sco_error_set(err, SCO_E_INVALID,
                          "the path of a repository has no \"..\", no query and no fragment");
    if (r == 0)
        *ret_kind = CHECKOUT_GIT;
    return r;
}

/* What git accepts as the name of a branch or tag, and nothing that asks for more than that. */
int checkout_check_revision(const char *revision, struct sco_error *err)
{
    if (!revision || !*revision)
        return 0;
    if (plain(revision, REVISION_MAX) && !strstr(revision, "..") && !strstr(revision, "@{") &&
        !strpbrk(revision, "~:?*[") && revision[0] != '/' && revision[0] != '+' &&
        !sco_str_ends(sco_str_c(revision), ".lock") && !sco_str_ends(sco_str_c(revision), "/"))
        return 0;
    return sco_error_set(err, SCO_E_INVALID, "this is no name of a branch, tag or commit");
}
