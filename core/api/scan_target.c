/* What may be scanned. A request names a host or a folder of this machine, so that it is checked
 * against checkout.hosts and checkout.folders before anything is queued, and once more by whoever
 * checks it out. Credentials never come in a location: they would be in every log and list. */
#include "content_priv.h"

#include <event2/http.h>
#include <secureops/checkout.h>
#include <secureops/fs.h>
#include <stdlib.h>

enum { LOCATION_MAX = 2048, REVISION_MAX = 255 };

static bool is_plain(const char *z, size_t max)
{
    size_t n = strlen(z);
    if (!n || n > max || *z == '-' || !sco_utf8_valid(sco_str_c(z)))
        return false;
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)z[i] <= 0x20 || z[i] == 0x7f)
            return false;
    return true;
}

bool api_revision_is_safe(const char *z)
{
    if (!z || !*z)
        return true;
    return is_plain(z, REVISION_MAX) && !strstr(z, "..") && !strpbrk(z, "~^:?*[\\") &&
           !strstr(z, "@{") && !sco_str_ends(sco_str_c(z), ".lock") &&
           !sco_str_ends(sco_str_c(z), "/");
}

/* ---- hosts ---- */
static const char *lower(struct api_call *c, struct sco_str s)
{
    char *z = sco_arena_cstr(&c->arena, s);
    for (char *p = z; p && *p; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p + 32);
    return z;
}

static int check_host(struct api_call *c, const char *pointer, const char *host,
                      struct sco_error *err)
{
    const char *const *rule = api_options(c->api)->checkout_hosts;
    if (!host || !*host)
        return api_fault(c, err, pointer, "it names no host");
    if (!rule || !rule[0])
        return 0;
    for (; *rule; rule++)
        if (sco_glob_match(*rule, sco_str_c(host)))
            return 0;
    return sco_error_set(err, SCO_E_PERMISSION,
                         "%s may not be scanned from here: checkout.hosts does not name it", host);
}

/* user@host:path, as git and ssh take it. */
static bool scp_host(struct sco_str text, struct sco_str *ret)
{
    const char *colon = memchr(text.p, ':', text.n), *slash = memchr(text.p, '/', text.n);
    const char *at = colon ? memchr(text.p, '@', (size_t)(colon - text.p)) : NULL;
    if (!colon || (slash && slash < colon) || !at || at == text.p || at + 1 == colon)
        return false;
    *ret = sco_str_make(at + 1, (size_t)(colon - at - 1));
    return ret->p[0] != '-';
}

static int read_url(struct api_call *c, const char *pointer, const char *const *schemes,
                    struct api_target *t, struct sco_error *err)
{
    struct evhttp_uri *uri = evhttp_uri_parse_with_flags(t->location, 0);
    const char *scheme = uri ? evhttp_uri_get_scheme(uri) : NULL;
    const char *user = uri ? evhttp_uri_get_userinfo(uri) : NULL;
    const char *host = uri ? evhttp_uri_get_host(uri) : NULL;
    size_t known = 0;
    while (scheme && schemes[known] && !sco_str_is_nocase(sco_str_c(scheme), schemes[known]))
        known++;
    int r = 0;
    if (!scheme || !schemes[known])
        r = api_fault(c, err, pointer, "its scheme is none of those that are taken");
    else if (user && (strchr(user, ':') || strcmp(schemes[known], "ssh") != 0))
        r = api_fault(c, err, pointer, "it has credentials in it: name a checkout_secret");
    else if (user && *user == '-')
        r = api_fault(c, err, pointer, "its user name is an option");
    if (r == 0) {
        t->host = host ? lower(c, sco_str_c(host)) : NULL;
        r = host && !t->host ? sco_error_nomem(err) : check_host(c, pointer, t->host, err);
    }
    if (r == 0 && t->host && t->host[0] == '-')
        r = api_fault(c, err, pointer, "its host is an option");
    if (uri)
        evhttp_uri_free(uri);
    return r;
}

/* ---- folders ---- */
static bool is_below(const char *path, const char *folder)
{
    size_t n = strlen(folder);
    while (n > 1 && folder[n - 1] == '/')
        n--;
    return strncmp(path, folder, n) == 0 && (n == 1 || !path[n] || path[n] == '/');
}

/* What is not allowed and what is not there read the same: nobody learns which folders there are.
 */
static int check_folder(struct api_call *c, const char *path, const char **ret,
                        struct sco_error *err)
{
    const char *const *rule = api_options(c->api)->checkout_folders;
    char *real = sco_fs_realpath(path, NULL);
    bool allowed = false;
    for (; real && rule && *rule && !allowed; rule++) {
        char *folder = sco_fs_realpath(*rule, NULL);
        allowed = folder && is_below(real, folder);
        free(folder);
    }
    allowed = allowed && sco_fs_is_dir(real);
    const char *kept = allowed ? sco_arena_cstr(&c->arena, sco_str_c(real)) : NULL;
    free(real);
    if (!allowed)
        return sco_error_set(err, SCO_E_PERMISSION,
                             "%s may not be scanned: it is no folder that checkout.folders has",
                             path);
    if (!kept)
        return sco_error_nomem(err);
    *ret = kept;
    return 0;
}

/* ---- kinds ---- */
static int take_key(struct api_call *c, struct api_target *t, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    sco_repository_normal(sco_str_c(t->location), &key);
    int r = sco_buf_check(&key, err);
    if (r == 0)
        t->key = sco_arena_cstr(&c->arena, sco_buf_str(&key));
    return r == 0 && !t->key ? sco_error_nomem(err) : r;
}

static int take_folder(struct api_call *c, const char *path, struct api_target *t,
                       struct sco_error *err)
{
    t->local = true;
    int r = check_folder(c, path, &t->location, err);
    t->key = t->location;
    return r;
}

static int take_repository(struct api_call *c, const char *pointer, struct api_target *t,
                           struct sco_error *err)
{
    static const char *const schemes[] = {"https", "ssh", NULL};
    struct sco_str text = sco_str_c(t->location), host;
    if (text.p[0] == '/')
        return take_folder(c, text.p, t, err);
    if (sco_str_starts(text, "file://")) {
        if (text.p[7] != '/' || memchr(text.p, '%', text.n))
            return api_fault(c, err, pointer, "a file URL is file:///folder, without escapes");
        return take_folder(c, text.p + 7, t, err);
    }
    int r = 0;
    if (strstr(text.p, "://"))
        r = read_url(c, pointer, schemes, t, err);
    else if (!scp_host(text, &host))
        r = api_fault(c, err, pointer,
                      "expected https://, ssh://, user@host:path, or an absolute folder");
    else if (!(t->host = lower(c, host)))
        r = sco_error_nomem(err);
    else
        r = check_host(c, pointer, t->host, err);
    /* it would be in the scope of one path, and fetched from another */
    if (r == 0 && !sco_repository_is_plain(text))
        r = api_fault(c, err, pointer,
                      "the path of a repository has no \"..\", no query and no fragment");
    return r < 0 ? r : take_key(c, t, err);
}

static int take_image(struct api_call *c, const char *pointer, struct api_target *t,
                      struct sco_error *err)
{
    for (const char *p = t->location; *p; p++)
        if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') || (*p >= '0' && *p <= '9') ||
              strchr("._-/:@", *p)))
            return api_fault(c, err, pointer, "no name of an image");
    t->key = t->location;
    return 0;
}

static int take_by_kind(struct api_call *c, const char *pointer, struct api_target *t,
                        struct sco_error *err)
{
    static const char *const web[] = {"https", "http", NULL};
    if (!t->kind || !t->location || !is_plain(t->location, LOCATION_MAX))
        return api_fault(c, err, pointer,
                         "a location has no spaces, does not begin with a hyphen, and is at most "
                         "%d bytes long",
                         LOCATION_MAX);
    if (strcmp(t->kind, "repository") == 0)
        return take_repository(c, pointer, t, err);
    if (strcmp(t->kind, "image") == 0)
        return take_image(c, pointer, t, err);
    if (strcmp(t->kind, "directory") == 0 && t->location[0] == '/')
        return take_folder(c, t->location, t, err);
    if (strcmp(t->kind, "directory") == 0)
        return api_fault(c, err, pointer, "a directory is an absolute folder");
    int r = read_url(c, pointer, web, t, err);
    t->key = t->location;
    return r;
}

static int from_store(struct api_call *c, const char *name, const char *pointer,
                      struct api_target *t, struct sco_error *err)
{
    struct sco_target_page p = {0};
    int r = sco_store_target(c->store, name, &p, err);
    if (r == SCO_E_NOT_FOUND)
        return api_fault(c, err, pointer, "there is no target of this name");
    if (r < 0)
        return r;
    t->kind = sco_arena_cstr(&c->arena, sco_str_c(p.v[0].kind));
    t->location = sco_arena_cstr(&c->arena, sco_str_c(p.v[0].location));
    t->branch = sco_arena_cstr(&c->arena, sco_str_c(p.v[0].branch ? p.v[0].branch : ""));
    bool paused = p.v[0].status && strcmp(p.v[0].status, "paused") == 0;
    sco_target_page_done(&p);
    if (!t->kind || !t->location || !t->branch)
        return sco_error_nomem(err);
    return paused ? api_problem(c, 409, err, "the target is paused") : 0;
}

int api_target(struct api_call *c, const struct sco_node *v, const char *pointer,
               struct api_target *ret, struct sco_error *err)
{
    struct api_target t = {0};
    struct sco_str kind = sco_text(sco_get(v, "kind")), location = sco_text(sco_get(v, "location"));
    struct sco_str name = sco_text(sco_get(v, "name"));
    static const char *const kinds[] = {"repository", "image", "directory", "url"};
    int r = 0;
    if (!!name.n == !!location.n || (name.n && kind.n))
        return api_fault(c, err, pointer, "a target has either a name, or a location and a kind");
    if (name.n) {
        r = from_store(c, name.p, pointer, &t, err);
    } else {
        for (size_t i = 0; i < SCO_ARRAY_LEN(kinds); i++)
            if (sco_str_is(kind.n ? kind : SCO_STR("repository"), kinds[i]))
                t.kind = kinds[i];
        t.location = location.p;
        r = t.kind ? 0 : api_fault(c, err, pointer, "kind: repository, image, directory or url");
    }
    if (r == 0)
        r = take_by_kind(c, pointer, &t, err);
    if (r == 0 && !sco_principal_sees(&c->who, t.key))
        r = name.n ? api_fault(c, err, pointer, "there is no target of this name")
                   : sco_error_set(err, SCO_E_PERMISSION, "%s is not in your scope", t.key);
    if (r == 0)
        *ret = t;
    return r;
}
