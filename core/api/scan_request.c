/* A request for a scan, from its body to a job of the queue. */
#include "content_priv.h"

#include <secureops/crypto.h>
#include <stdlib.h>

enum { NAMES_MAX = 64, NAME_MAX_LEN = 64 };

/* ---- members ---- */
static bool is_name(struct sco_str s, const char *extra)
{
    if (!s.n || s.n > NAME_MAX_LEN || s.p[0] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        if (!((ch >= 'a' && ch <= 'z') || (ch >= '0' && ch <= '9') || ch == '-' ||
              (ch && strchr(extra, ch))))
            return false;
    }
    return true;
}

/* A list of names, as it goes into the request; *ret_joined, when wanted: by commas. */
static int take_names(struct api_call *c, const struct sco_node *body, const char *member,
                      const char *extra, struct sco_json_out *o, const char **ret_joined,
                      struct sco_error *err)
{
    const struct sco_node *list = sco_get(body, member);
    SCO_AUTO(sco_buf) struct sco_buf joined = {0};
    size_t n = 0;
    char pointer[80];
    if (ret_joined)
        *ret_joined = "";
    if (!list || list->type == SCO_NODE_NULL || (list->type == SCO_NODE_LIST && !list->n))
        return 0;
    snprintf(pointer, sizeof pointer, "/%s", member);
    if (list->type != SCO_NODE_LIST || list->n > NAMES_MAX)
        return api_fault(c, err, pointer, "a list of at most %d names", NAMES_MAX);
    sco_json_key(o, member);
    sco_json_begin(o, '[');
    for (const struct sco_node *v = list->child; v; v = v->next, n++) {
        snprintf(pointer, sizeof pointer, "/%s/%zu", member, n);
        if (!is_name(sco_text(v), extra))
            return api_fault(c, err, pointer, "no name");
        sco_json_str(o, v->text);
        sco_buf_addf(&joined, "%s%.*s", n ? "," : "", SCO_STR_ARG(v->text));
    }
    sco_json_end(o, ']');
    if (ret_joined && !(*ret_joined = sco_arena_cstr(&c->arena, sco_buf_str(&joined))))
        return sco_error_nomem(err);
    return sco_buf_check(&joined, err);
}

/* Names that no plugin here has. Where the plugins cannot be asked, the job will tell. */
static int check_scanners(struct api_call *c, const struct sco_node *body, struct sco_error *err)
{
    static const char *const argv[] = {"plugin", "list", "--format", "json", NULL};
    static const char *const members[] = {"scanners", "skip"};
    const struct sco_api_options *o = api_options(c->api);
    const struct sco_node *a = sco_get(body, members[0]), *b = sco_get(body, members[1]);
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *root = NULL;
    const char *names[256];
    size_t n = 0;
    int status = 0;
    if (!((a && a->n) || (b && b->n)) || !o->run ||
        o->run(o->user, NULL, argv, &out, &status, NULL) < 0 || status ||
        sco_json_parse(sco_buf_str(&out), &arena, &root, NULL) < 0)
        return 0;
    SCO_EACH (p, sco_get(root, "plugins"))
        if (n < SCO_ARRAY_LEN(names) && sco_text(sco_get(p, "name")).n)
            names[n++] = sco_text(sco_get(p, "name")).p;
    for (size_t k = 0; n && k < SCO_ARRAY_LEN(members); k++) {
        size_t nth = 0;
        SCO_EACH (v, sco_get(body, members[k])) {
            char pointer[40];
            size_t i = 0;
            while (i < n && !sco_str_is(sco_text(v), names[i]))
                i++;
            const char *near = i < n ? NULL : sco_str_nearest(sco_text(v), names, n);
            snprintf(pointer, sizeof pointer, "/%s/%zu", members[k], nth++);
            if (i == n)
                return api_fault(c, err, pointer, "there is no such scanner%s%s%s",
                                 near ? "; did you mean \"" : "", near ? near : "",
                                 near ? "\"?" : "");
        }
    }
    return 0;
}

static int take_fail_on(struct api_call *c, const struct sco_node *body, struct sco_json_out *o,
                        struct sco_error *err)
{
    struct sco_str s = sco_text(sco_get(body, "fail_on"));
    if (!s.n)
        return 0;
    if (!sco_str_is(s, "none") && sco_severity_parse(s) == SCO_SEV_UNKNOWN)
        return api_fault(c, err, "/fail_on", "info, low, medium, high, critical or none");
    sco_json_kstr(o, "fail_on", s);
    return 0;
}

static int take_timeout(struct api_call *c, const struct sco_node *body, struct sco_json_out *o,
                        struct sco_error *err)
{
    struct sco_str s = sco_text(sco_get(body, "timeout"));
    int64_t ms = 0;
    if (!s.n)
        return 0;
    if (sco_parse_duration(s, &ms) < 0 || ms < 1000 || ms > (int64_t)24 * 3600 * 1000)
        return api_fault(c, err, "/timeout", "a duration from 1s to 24h, such as 15m");
    sco_json_ki64(o, "timeout_ms", ms);
    return 0;
}

/* A secret is for one host, which its name says: whoever may ask for a scan could else have any
 * secret sent to a host of theirs. */
static int take_secret(struct api_call *c, const struct sco_node *body, const struct api_target *t,
                       struct sco_json_out *o, struct sco_error *err)
{
    struct sco_str s = sco_text(sco_get(body, "checkout_secret"));
    if (!s.n)
        return 0;
    const char *want = sco_arena_fmt(&c->arena, "checkout.%s", t->host ? t->host : "");
    if (!want)
        return sco_error_nomem(err);
    size_t n = strlen(want);
    bool fits = t->host && sco_str_starts(s, want) && (s.n == n || s.p[n] == '.');
    if (!fits || strcmp(t->kind, "repository") != 0)
        return api_fault(c, err, "/checkout_secret",
                         "a secret for this host is called %s, or begins with %s.", want, want);
    sco_json_kstr(o, "checkout_secret", s);
    return 0;
}

/* Of a pull request: only what the change brings is judged. */
static int take_diff(struct api_call *c, const struct sco_node *body, const struct api_target *t,
                     struct sco_json_out *o, struct sco_job_request *q, struct sco_error *err)
{
    const struct sco_node *diff = sco_get(body, "diff");
    struct sco_str base = sco_text(sco_get(diff, "base"));
    if (!diff)
        return 0;
    if (strcmp(t->kind, "repository") != 0 && strcmp(t->kind, "directory") != 0)
        return api_fault(c, err, "/diff", "only a repository has changes");
    if (!base.n || !api_revision_is_safe(base.p))
        return api_fault(c, err, "/diff/base", "a branch, tag or commit");
    sco_json_key(o, "diff");
    sco_json_begin(o, '{');
    sco_json_kstr(o, "base", base);
    sco_json_end(o, '}');
    /* not the same job as one of the branch, which could else take its place */
    q->revision = sco_arena_fmt(&c->arena, "%s...%s", base.p, q->revision);
    return q->revision ? 0 : sco_error_nomem(err);
}

/* Another job than one without: that is not to take its place. */
static int take_sbom(struct api_call *c, const struct sco_node *body, const struct api_target *t,
                     struct sco_json_out *o, struct sco_job_request *q, struct sco_error *err)
{
    bool is_auto = sco_str_is(sco_text(sco_get(body, "sbom")), "auto");
    if (!is_auto && !sco_bool(sco_get(body, "sbom"), 0))
        return 0;
    if (strcmp(t->kind, "url") == 0)
        return api_fault(c, err, "/sbom", "a running application has no SBOM");
    if (is_auto)
        sco_json_kz(o, "sbom", "auto");
    else
        sco_json_kbool(o, "sbom", true);
    q->revision = sco_arena_fmt(&c->arena, "%s+sbom", q->revision);
    return q->revision ? 0 : sco_error_nomem(err);
}

static int take_revision(struct api_call *c, const struct sco_node *body,
                         const struct api_target *t, struct sco_json_out *o,
                         struct sco_job_request *q, struct sco_error *err)
{
    struct sco_str branch = sco_text(sco_get(body, "branch"));
    struct sco_str commit = sco_text(sco_get(body, "commit"));
    if (!branch.n && t->branch)
        branch = sco_str_c(t->branch);
    if (branch.n && !api_revision_is_safe(branch.p))
        return api_fault(c, err, "/branch", "no name of a branch or tag");
    for (size_t i = 0; i < commit.n; i++)
        if (!((commit.p[i] >= '0' && commit.p[i] <= '9') ||
              (commit.p[i] >= 'a' && commit.p[i] <= 'f')))
            return api_fault(c, err, "/commit", "a commit is 7 to 64 hex digits");
    if (commit.n && (commit.n < 7 || commit.n > 64))
        return api_fault(c, err, "/commit", "a commit is 7 to 64 hex digits");
    if (branch.n)
        sco_json_kstr(o, "branch", branch);
    if (commit.n)
        sco_json_kstr(o, "commit", commit);
    q->revision = commit.n ? commit.p : branch.n ? branch.p : "";
    return 0;
}

static int take_times(struct api_call *c, const struct sco_node *body, struct sco_job_request *q,
                      struct sco_error *err)
{
    struct sco_str s = sco_text(sco_get(body, "deadline"));
    int64_t priority = sco_int(sco_get(body, "priority"), SCO_JOB_PRIORITY);
    if (s.n && (sco_time_parse(s, &q->deadline) < 0 || q->deadline <= c->now))
        return api_fault(c, err, "/deadline", "a time to come, as of RFC 3339");
    if (priority < 0 || priority > SCO_JOB_PRIORITY_MAX)
        return api_fault(c, err, "/priority", "from 0 to %d", SCO_JOB_PRIORITY_MAX);
    q->priority = (int32_t)priority;
    return 0;
}

static void write_target(struct sco_json_out *o, const struct api_target *t, uint32_t type)
{
    sco_json_key(o, "target");
    sco_json_begin(o, '{');
    sco_json_kz(o, "kind", t->kind);
    sco_json_kz(o, "location", t->location);
    sco_json_end(o, '}');
    if (!type)
        return;
    sco_json_key(o, "types");
    sco_json_begin(o, '[');
    sco_json_str(o, sco_str_c(sco_type_name(type)));
    sco_json_end(o, ']');
}

int api_scan_request(struct api_call *c, const struct sco_node *body, uint32_t type,
                     struct sco_job_request *ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    struct sco_json_out o = {.b = &text};
    struct sco_job_request q = {.kind = "scan", .priority = SCO_JOB_PRIORITY};
    struct api_target t = {0};
    const struct sco_node *offline = sco_get(body, "offline");
    int r = api_target(c, sco_get(body, "target"), "/target", &t, err);
    if (r < 0)
        return r;
    sco_json_begin(&o, '{');
    write_target(&o, &t, type);
    if ((r = take_revision(c, body, &t, &o, &q, err)) < 0 ||
        (r = take_names(c, body, "scanners", "_", &o, &q.scanners, err)) < 0 ||
        (r = take_names(c, body, "skip", "_", &o, NULL, err)) < 0 ||
        (r = take_names(c, body, "frameworks", "_.@", &o, NULL, err)) < 0 ||
        (r = take_names(c, body, "gates", "_.", &o, NULL, err)) < 0 ||
        (r = take_fail_on(c, body, &o, err)) < 0 || (r = take_timeout(c, body, &o, err)) < 0 ||
        (r = take_diff(c, body, &t, &o, &q, err)) < 0 ||
        (r = take_sbom(c, body, &t, &o, &q, err)) < 0 ||
        (r = take_secret(c, body, &t, &o, err)) < 0 || (r = check_scanners(c, body, err)) < 0 ||
        (r = take_times(c, body, &q, err)) < 0)
        return r;
    if (offline)
        sco_json_kbool(&o, "offline", sco_bool(offline, 0));
    sco_json_end(&o, '}');
    q.target_key = t.key;
    q.only_node = t.local ? api_options(c->api)->node : NULL;
    q.request = sco_arena_cstr(&c->arena, sco_buf_str(&text));
    r = sco_buf_check(&text, err);
    if (r == 0 && !q.request)
        r = sco_error_nomem(err);
    if (r == 0)
        *ret = q;
    return r;
}

/* ---- into the queue ---- */
/* The key is the caller's own: two callers that use the same have two jobs. */
static const char *own_key(struct api_call *c)
{
    struct sco_sha256 *h = sco_sha256_new();
    uint8_t digest[SCO_SHA256_LEN];
    char hex[2 * SCO_SHA256_LEN + 1];
    if (!h)
        return NULL;
    sco_sha256_begin(h);
    sco_sha256_field(h, sco_str_c(c->who.user_id));
    sco_sha256_field(h, sco_str_c(c->who.token_id));
    sco_sha256_field(h, sco_str_c(c->who.name)); /* of an issuer's subject, it is all there is */
    sco_sha256_field(h, sco_str_c(c->route->path));
    sco_sha256_field(h, sco_str_c(c->idempotency_key));
    int r = sco_sha256_end(h, digest);
    sco_sha256_free(h);
    sco_hex(digest, sizeof digest, hex);
    return r < 0 ? NULL : sco_arena_fmt(&c->arena, "api:%s", hex);
}

int api_job_add(struct api_call *c, struct sco_job_request *q, bool *ret_existing,
                struct sco_error *err)
{
    struct sco_job_added added = {0};
    struct sco_job_page job = {0};
    char traceparent[SCO_TRACEPARENT_LEN];
    if (c->trace.valid) {
        sco_traceparent_format(&c->trace, traceparent);
        q->traceparent = traceparent;
    }
    q->origin = "api";
    q->requested_by = c->who.user_id[0] ? c->who.user_id : NULL;
    q->correlation_id = c->correlation_id;
    if (c->idempotency_key && !(q->idempotency_key = own_key(c)))
        return sco_error_nomem(err);
    int r = sco_store_job_add(c->store, q, c->now, &added, err);
    if (r == 0)
        r = sco_store_job(c->store, added.id, &job, err);
    if (r < 0)
        return r;
    sco_stored_job_write(&c->out, &job.v[0]);
    sco_job_page_done(&job);
    const char *where = sco_arena_fmt(&c->arena, "/api/v1/scans/%s", added.id);
    if (!where)
        return sco_error_nomem(err);
    api_header(c, "Location", where);
    c->status = 202;
    c->wake = !added.existing;
    if (ret_existing)
        *ret_existing = added.existing;
    return 0;
}
