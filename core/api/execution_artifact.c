/* One artifact of a platform's run: fetched by the integration's plugin in a worker of `secureops`,
 * to a file of a folder of its own, and sent from there. Nothing of it is kept, in memory or in the
 * store. */
#include "pipelines_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <secureops/fs.h>
#include <stdlib.h>
#include <unistd.h>

enum { AT_ONCE = 2, NAME_LEN = 150 };
#define TIMEOUT "100s" /* below that of commands */

static int fetching; /* requests of this process that do */

/* ---- which ---- */
static const struct sco_node *find_listed(struct api_call *c, const struct sco_stored_execution *x,
                                          const char *id)
{
    const struct sco_node *q = NULL;
    if (!x->details || sco_json_parse(sco_str_c(x->details), &c->arena, &q, NULL) < 0)
        return NULL;
    SCO_EACH (m, sco_get(q, "artifacts"))
        if (sco_str_is(sco_text(sco_get(m, "id")), id))
            return m;
    return NULL;
}

/* Somebody may have made another place of its pipeline since. */
static int check_pipeline(struct api_call *c, const struct sco_stored_execution *x,
                          struct sco_error *err)
{
    struct sco_pipeline_page p = {0};
    struct sco_error why = {0};
    int r = x->pipeline_id ? sco_store_pipeline(c->store, x->pipeline_id, &p, &why) : 0;
    if (r == 0 && p.n && p.v[0].integration)
        r = api_pipeline_allowed(c, &p.v[0], err);
    else
        r = r == SCO_E_NOT_FOUND ? 0 : r < 0 ? sco_error_set(err, r, "%s", why.text) : 0;
    sco_pipeline_page_done(&p);
    return r;
}

static const char *request_of(struct api_call *c, const struct sco_stored_execution *x,
                              const char *id)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_json_out o = {.b = &b};
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "repository", x->repository);
    sco_json_kz(&o, "pipeline_id", x->external_id);
    sco_json_kz(&o, "id", id);
    sco_json_ki64(&o, "limit", (int64_t)api_options(c->api)->artifact_limit);
    sco_json_end(&o, '}');
    return b.failed ? NULL : sco_arena_cstr(&c->arena, sco_buf_str(&b));
}

/* ---- the file ---- */
static int refuse(struct api_call *c, const struct sco_node *said, struct sco_error *err)
{
    struct sco_str code = sco_text(sco_get(said, "error")), why = sco_text(sco_get(said, "reason"));
    int status = sco_str_is(code, sco_error_name(SCO_E_LIMIT))       ? 413
                 : sco_str_is(code, sco_error_name(SCO_E_NOT_FOUND)) ? 404
                                                                     : 502;
    return api_problem(c, status, err, "%.*s", SCO_STR_ARG(why));
}

static int fetch(struct api_call *c, const struct sco_stored_execution *x, const char *request,
                 const char *folder, const struct sco_node **ret, struct sco_error *err)
{
    const struct sco_api_options *o = api_options(c->api);
    const char *const argv[] = {
        "integration", "run",   x->integration, "artifacts", "--request", request,
        "--timeout",   TIMEOUT, "--output",     "content",   NULL};
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    struct sco_error why = {0};
    int status = 0;
    int r = o->run ? o->run(o->user, folder, argv, &out, &status, &why)
                   : sco_error_set(&why, SCO_E_UNSUPPORTED, "this server asks no platforms");
    if (r == SCO_E_TIMEOUT)
        return api_problem(c, 504, err, "the platform took too long");
    if (r < 0)
        return sco_error_set(err, r, "%s", why.text);
    if (sco_json_parse(sco_buf_str(&out), &c->arena, ret, NULL) < 0)
        return api_problem(c, 502, err, "integrations.%s cannot be asked", x->integration);
    return status ? refuse(c, *ret, err) : 0;
}

static int open_content(const char *folder, int *ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    sco_buf_addf(&path, "%s/content", folder);
    int r = sco_buf_check(&path, err);
    int fd = r == 0 ? open(sco_buf_z(&path), O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    if (r == 0 && fd < 0)
        r = sco_error_errno(err, errno, "cannot open the artifact");
    if (r == 0)
        *ret = fd;
    return r;
}

/* A name that means nothing to a shell, a browser or a file system. */
static const char *disposition(struct api_call *c, struct sco_str name, bool zip)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addz(&b, "attachment; filename=\"");
    for (size_t i = 0; i < name.n && i < NAME_LEN; i++) {
        char ch = name.p[i];
        bool good = (ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') ||
                    (ch >= '0' && ch <= '9') || ch == '_' || ch == '-' || (ch == '.' && i);
        sco_buf_addc(&b, good ? ch : '_');
    }
    sco_buf_addf(&b, "%s%s\"", name.n ? "" : "artifact",
                 zip && !sco_str_ends(name, ".zip") ? ".zip" : "");
    return b.failed ? NULL : sco_arena_cstr(&c->arena, sco_buf_str(&b));
}

static int send_it(struct api_call *c, const struct sco_stored_execution *x, const char *id,
                   const struct sco_node *listed, struct sco_error *err)
{
    char *folder = NULL;
    const struct sco_node *said = NULL;
    const char *request = request_of(c, x, id), *name = NULL;
    int fd = -1, r = request ? api_spool_folder(c, &folder, err) : sco_error_nomem(err);
    if (r < 0)
        return r;
    r = fetch(c, x, request, folder, &said, err);
    if (r == 0)
        r = open_content(folder, &fd, err);
    sco_fs_remove_tree(folder);
    free(folder);
    if (r == 0) {
        struct sco_str type = sco_text(sco_get(said, "media_type"));
        name =
            disposition(c, sco_text(sco_get(listed, "name")), sco_str_is(type, "application/zip"));
        r = name ? 0 : sco_error_nomem(err);
    }
    if (r == 0) {
        api_header(c, "Content-Disposition", name);
        r = api_spool_reply(c, &fd, "application/octet-stream", err);
    }
    if (r != 0 && fd >= 0)
        close(fd);
    return r;
}

int api_execution_platform_artifact(struct api_call *c, const struct sco_stored_execution *x,
                                    const char *id, struct sco_error *err)
{
    const struct sco_node *listed = find_listed(c, x, id);
    if (!*x->integration || !x->external_id || !listed)
        return sco_error_set(err, SCO_E_NOT_FOUND, "there is no such artifact");
    if (sco_bool(sco_get(listed, "expired"), 0))
        return api_problem(c, 404, err, "the platform does not keep it any more");
    int64_t size = sco_int(sco_get(listed, "size"), 0);
    if (size > 0 && (uint64_t)size > api_options(c->api)->artifact_limit)
        return api_problem(c, 413, err, "it has %lld bytes: pipelines.artifact_limit is %llu",
                           (long long)size,
                           (unsigned long long)api_options(c->api)->artifact_limit);
    int r = check_pipeline(c, x, err);
    if (r != 0)
        return r;
    if (__atomic_add_fetch(&fetching, 1, __ATOMIC_RELAXED) > AT_ONCE)
        r = api_problem(c, 503, err, "%d others are being fetched: try again", AT_ONCE);
    else
        r = send_it(c, x, id, listed, err);
    __atomic_sub_fetch(&fetching, 1, __ATOMIC_RELAXED);
    return r;
}
