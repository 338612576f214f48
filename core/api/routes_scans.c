/* Routes: scans, jobs, imports. */
#include "content_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <secureops/checkout.h>
#include <secureops/crypto.h>
#include <unistd.h>

/* ---- requests ---- */
static int post_scan(struct api_call *c, struct sco_error *err)
{
    static const struct {
        const char *end;
        uint32_t type;
    } types[] = {{"/sast", SCO_TYPE_SAST}, {"/sca", SCO_TYPE_SCA},        {"/dast", SCO_TYPE_DAST},
                 {"/iac", SCO_TYPE_IAC},   {"/secrets", SCO_TYPE_SECRET}, {"/all", 0}};
    struct sco_job_request q;
    uint32_t type = 0;
    for (size_t i = 0; i < SCO_ARRAY_LEN(types); i++)
        if (sco_str_ends(sco_str_c(c->route->path), types[i].end))
            type = types[i].type;
    int r = api_scan_request(c, c->json, type, &q, err);
    return r < 0 ? r : api_job_add(c, &q, NULL, err);
}

/* ---- imports: a report that somebody else's scanner wrote ---- */
static int import_key(struct api_call *c, const char *repository, const char **ret,
                      struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf key = {0};
    if (!repository || !*repository || *repository == '-' || strlen(repository) > 2048 ||
        !sco_utf8_valid(sco_str_c(repository)))
        return api_fault(c, err, "?repository", "the repository that the report is about");
    sco_repository_normal(sco_str_c(repository), &key);
    int r = sco_buf_check(&key, err);
    if (r < 0)
        return r;
    *ret = sco_arena_cstr(&c->arena, sco_buf_str(&key));
    if (!*ret)
        return sco_error_nomem(err);
    if (!sco_principal_sees(&c->who, *ret))
        return sco_error_set(err, SCO_E_PERMISSION, "%s is not in your scope", *ret);
    return 0;
}

static int check_import(struct api_call *c, struct sco_error *err)
{
    static const char *const names[] = {"branch", "commit", "scanner", "scope", "name"};
    char pointer[16];
    for (size_t i = 0; i < SCO_ARRAY_LEN(names); i++) {
        const char *v = api_query(c, names[i]);
        snprintf(pointer, sizeof pointer, "?%s", names[i]);
        if (v && (strlen(v) > 255 || *v == '-' || !sco_utf8_valid(sco_str_c(v))))
            return api_fault(c, err, pointer, "at most 255 bytes, and no hyphen at its start");
    }
    if (!api_revision_is_safe(api_query(c, "branch")))
        return api_fault(c, err, "?branch", "no name of a branch or tag");
    return 0;
}

/* Under a name that a restart leaves alone, and on the disk before somebody relies on it. */
static int keep_report(struct api_call *c, const char *unique, const char **ret,
                       struct sco_error *err)
{
    const char *spool = api_options(c->api)->spool;
    const char *path = sco_arena_fmt(&c->arena, "%s/import-%s", spool, unique);
    if (!path)
        return sco_error_nomem(err);
    SCO_AUTO(sco_fd) int file = open(c->body_file, O_RDONLY | O_CLOEXEC);
    SCO_AUTO(sco_fd) int folder = open(spool, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file < 0 || folder < 0 || fsync(file) < 0)
        return sco_error_errno(err, errno, "cannot keep the report");
    if (rename(c->body_file, path) < 0)
        return sco_error_errno(err, errno, "cannot make %s", path);
    if (fsync(folder) < 0) {
        int e = errno;
        unlink(path);
        return sco_error_errno(err, e, "cannot keep the report");
    }
    *ret = path;
    return 0;
}

static int add_import(struct api_call *c, const char *file, const char *unique,
                      struct sco_job_request *q, bool *ret_existing, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    struct sco_json_out o = {.b = &text};
    const char *branch = api_query(c, "branch"), *name = api_query(c, "name");
    sco_json_begin(&o, '{');
    sco_json_kz(&o, "file", file);
    sco_json_kz(&o, "name", name && *name ? name : "report");
    sco_json_kz(&o, "scanner", api_query(c, "scanner"));
    sco_json_kz(&o, "repository", q->target_key);
    sco_json_kz(&o, "branch", branch);
    sco_json_kz(&o, "commit", api_query(c, "commit"));
    sco_json_kz(&o, "scope", api_query(c, "scope"));
    sco_json_end(&o, '}');
    /* No report takes the place of another one that waits. */
    q->revision = sco_arena_fmt(&c->arena, "%s#%s", branch ? branch : "", unique);
    q->request = sco_buf_z(&text);
    q->scanners = api_query(c, "scanner") ? api_query(c, "scanner") : "";
    int r = q->revision ? sco_buf_check(&text, err) : sco_error_nomem(err);
    return r < 0 ? r : api_job_add(c, q, ret_existing, err);
}

static int post_import(struct api_call *c, struct sco_error *err)
{
    struct sco_job_request q = {
        .kind = "import", .priority = SCO_JOB_PRIORITY, .only_node = api_options(c->api)->node};
    const char *file = NULL;
    bool existing = false;
    char unique[37];
    int r = check_import(c, err);
    if (r == 0)
        r = import_key(c, api_query(c, "repository"), &q.target_key, err);
    if (r == 0 && !c->body_file)
        r = sco_error_set(err, SCO_E_INVALID, "the body is the report, and it is empty");
    if (r < 0)
        return r;
    sco_uuid4(unique);
    r = keep_report(c, unique, &file, err);
    if (r != 0 || !file)
        return r;
    c->body_file_taken = true;
    c->made_file = file;
    r = add_import(c, file, unique, &q, &existing, err);
    if (r < 0 || existing)
        unlink(file);
    return r;
}

#define V1 "/api/v1"
#define SCAN(type)                                                                                 \
    {                                                                                              \
        "POST", V1 "/scans/" type, SCO_ACT_CREATE, SCO_RES_SECURITY, 0, post_scan                  \
    }
#define GET(path, flags, handler)                                                                  \
    {                                                                                              \
        "GET", V1 path, SCO_ACT_READ, SCO_RES_SECURITY, flags, handler                             \
    }
#define DO(path, handler)                                                                          \
    {                                                                                              \
        "POST", V1 path, SCO_ACT_UPDATE, SCO_RES_SECURITY, 0, handler                              \
    }

const struct api_route api_routes_scans[] = {
    SCAN("sast"),
    SCAN("sca"),
    SCAN("dast"),
    SCAN("iac"),
    SCAN("secrets"),
    SCAN("all"),
    GET("/scans", 0, api_scan_list),
    GET("/scans/{id}", 0, api_scan_get),
    GET("/scans/{id}/findings", API_FRESH, api_scan_findings),
    GET("/scans/{id}/sarif", API_FRESH, api_scan_artifact),
    GET("/scans/{id}/sbom", API_FRESH, api_scan_artifact),
    GET("/scans/{id}/report", API_FRESH, api_scan_artifact),
    GET("/scans/{id}/log", API_FRESH, api_scan_artifact),
    DO("/scans/{id}/cancel", api_job_cancel),
    DO("/scans/{id}/retry", api_job_retry),
    GET("/jobs", 0, api_job_list),
    GET("/jobs/{id}", 0, api_job_get),
    DO("/jobs/{id}/cancel", api_job_cancel),
    DO("/jobs/{id}/retry", api_job_retry),
    {"POST", V1 "/imports", SCO_ACT_CREATE, SCO_RES_SECURITY, API_UPLOAD | API_ANY_BODY,
     post_import},
    {0},
};
