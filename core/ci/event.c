/* Events as plugins give them (docs/ci-plugins.md), checked: what a platform says ends up in
 * commands of git, in URLs that are asked and in what people read. */
#include <secureops/ci.h>

enum {
    TEXT_MAX = 1024,
    URL_MAX = 2048,
    DEPTH_OF_NAMES_MAX = 30, /* group/subgroup/.../name */
};

static const char *const kind_names[SCO_CI_KIND_MAX_] = {
    [SCO_CI_IGNORED] = "ignored",
    [SCO_CI_PUSH] = "push",
    [SCO_CI_TAG] = "tag",
    [SCO_CI_PULL_REQUEST] = "pull_request",
    [SCO_CI_RELEASE] = "release",
    [SCO_CI_PIPELINE] = "pipeline",
    [SCO_CI_JOB] = "job",
    [SCO_CI_CHECK] = "check",
    [SCO_CI_COMMENT] = "comment",
    [SCO_CI_MANUAL] = "manual",
    [SCO_CI_MERGE_GROUP] = "merge_group",
    [SCO_CI_PING] = "ping",
    [SCO_CI_SCHEDULE] = "schedule",
};

const char *sco_ci_kind_name(enum sco_ci_kind k)
{
    return (unsigned)k < SCO_CI_KIND_MAX_ ? kind_names[k] : "unknown";
}

/* ---- forms ---- */
static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

static bool is_line(struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (is_control((unsigned char)s.p[i]))
            return false;
    return s.n <= TEXT_MAX;
}

static bool is_word(struct sco_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz_-", s.p[i]) || !s.p[i])
            return false;
    return s.n <= 32;
}

static bool is_status(struct sco_str s)
{
    static const char *const words[] = {"queued",          "running", "success",    "failure",
                                        "cancelled",       "skipped", "neutral",    "timed_out",
                                        "action_required", "unknown", "open",       "closed",
                                        "merged",          "draft",   "prerelease", "published"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(words); i++)
        if (sco_str_is(s, words[i]))
            return true;
    return false;
}

/* owner/name: no part is empty, "." or "..". */
static bool is_repository(struct sco_str s)
{
    struct sco_str rest = s, part;
    size_t n = 0;
    if (!is_line(s) || s.p[0] == '-')
        return false;
    while (n <= DEPTH_OF_NAMES_MAX && sco_str_split(&rest, '/', &part)) {
        if (!part.n || sco_str_is(part, ".") || sco_str_is(part, ".."))
            return false;
        n++;
    }
    return n <= DEPTH_OF_NAMES_MAX && s.p[s.n - 1] != '/';
}

static bool is_sha(struct sco_str s)
{
    size_t zeros = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (!strchr("0123456789abcdef", s.p[i]) || !s.p[i])
            return false;
        zeros += s.p[i] == '0';
    }
    return (s.n == 40 || s.n == 64) && zeros < s.n;
}

/* git-check-ref-format, and no option of git. */
static bool is_ref_name(struct sco_str s)
{
    struct sco_str rest = s, part;
    if (!is_line(s) || s.p[0] == '-' || s.p[0] == '/' || s.p[s.n - 1] == '/' ||
        s.p[s.n - 1] == '.' || sco_str_is(s, "@") || sco_str_contains(s, "..") ||
        sco_str_contains(s, "@{"))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (strchr(" ~^:?*[\\", s.p[i]))
            return false;
    while (sco_str_split(&rest, '/', &part))
        if (!part.n || part.p[0] == '.' || sco_str_ends(part, ".lock"))
            return false;
    return true;
}

static bool is_ref(struct sco_str s)
{
    return is_ref_name(s) && sco_str_starts(s, "refs/");
}

/* http or https, a host, no password and, but for `user`, no user. What may be asked is for others
 * to decide. */
static bool is_http(struct sco_str s, bool user)
{
    size_t n = sco_str_starts(s, "https://") ? 8 : sco_str_starts(s, "http://") ? 7 : 0;
    if (!n || s.n > URL_MAX || s.n == n)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (is_control((unsigned char)s.p[i]) || strchr(" \"<>\\^`{|}", s.p[i]))
            return false;
    struct sco_str host = sco_str_make(s.p + n, s.n - n);
    for (size_t i = 0; i < host.n; i++)
        if (strchr("/?#", host.p[i]))
            host.n = i;
    const char *at = memchr(host.p, '@', host.n);
    if (at && user && !memchr(host.p, ':', (size_t)(at - host.p)))
        host = sco_str_make(at + 1, host.n - (size_t)(at + 1 - host.p));
    return host.n > 0 && host.p[0] != ':' && !memchr(host.p, '@', host.n);
}

static bool is_url(struct sco_str s)
{
    return is_http(s, false);
}

/* Also as Azure DevOps (https://org@host/...) and the jobs of Jenkins (ssh://..., git@host:path)
 * have it. */
static bool is_clone_url(struct sco_str s)
{
    struct sco_str host, path = s;
    if (is_http(s, true))
        return true;
    if (!is_line(s) || s.n > URL_MAX || s.p[0] == '-' || memchr(s.p, ' ', s.n))
        return false;
    if (sco_str_starts(s, "ssh://"))
        return s.n > 6 && s.p[6] != '-' && s.p[6] != '/';
    return !sco_str_contains(s, "://") && sco_str_split(&path, ':', &host) && host.n && path.n &&
           memchr(host.p, '@', host.n) && !memchr(host.p, '/', host.n);
}

/* ---- members ---- */
struct field {
    const char *name;
    size_t offset;
    bool (*good)(struct sco_str s);
    const char *expected;
};
#define FIELD(member, form, what)                                                                  \
    {                                                                                              \
#member, offsetof(struct sco_ci_event, member), form, what                                 \
    }
static const struct field fields[] = {
    FIELD(platform, is_word, "a word"),
    FIELD(action, is_line, "a line of text"),
    FIELD(native_event, is_line, "a line of text"),
    FIELD(repo_full_name, is_repository, "the name of a repository"),
    FIELD(clone_url, is_clone_url, "a URL of https, http or ssh"),
    FIELD(head_clone_url, is_clone_url, "a URL of https, http or ssh"),
    FIELD(ref, is_ref, "a ref (refs/...)"),
    FIELD(branch, is_ref_name, "the name of a branch"),
    FIELD(tag, is_ref_name, "the name of a tag"),
    FIELD(commit_sha, is_sha, "40 or 64 hexadecimal digits"),
    FIELD(base_sha, is_sha, "40 or 64 hexadecimal digits"),
    FIELD(pr_source_branch, is_ref_name, "the name of a branch"),
    FIELD(pr_target_branch, is_ref_name, "the name of a branch"),
    FIELD(actor, is_line, "a line of text"),
    FIELD(pipeline_id, is_line, "a line of text"),
    FIELD(job_id, is_line, "a line of text"),
    FIELD(status, is_status, "a status"),
    FIELD(name, is_line, "a line of text"),
    FIELD(url, is_url, "an http or https URL"),
    FIELD(default_branch, is_ref_name, "the name of a branch"),
};

static int wrong(const char *member, const char *expected, struct sco_error *err)
{
    return sco_error_set(err, SCO_E_FORMAT, "event: \"%s\": expected %s", member, expected);
}

static const struct sco_node *get(const struct sco_node *m, const char *name)
{
    const struct sco_node *v = sco_get(m, name);
    return v && v->type != SCO_NODE_NULL ? v : NULL;
}

/* Who clones brings a credential of its own. */
static const char *without_user(struct sco_arena *a, const char *url)
{
    const char *scheme = strstr(url, "://"), *host = scheme ? scheme + 3 : NULL;
    size_t n = host ? strcspn(host, "@/?#") : 0;
    if (!host || strncmp(url, "http", 4) != 0 || host[n] != '@')
        return url;
    return sco_arena_fmt(a, "%.*s%s", (int)(host - url), url, host + n + 1);
}

static int take_texts(const struct sco_node *m, struct sco_arena *a, struct sco_ci_event *e,
                      struct sco_error *err)
{
    for (size_t i = 0; i < SCO_ARRAY_LEN(fields); i++) {
        const struct field *f = &fields[i];
        const struct sco_node *v = get(m, f->name);
        if (!v)
            continue;
        if (v->type != SCO_NODE_STR)
            return wrong(f->name, "text or null", err);
        if (!v->text.n) /* nobody means an empty one */
            continue;
        if (memchr(v->text.p, 0, v->text.n) || !f->good(v->text))
            return wrong(f->name, f->expected, err);
        const char *z = sco_arena_cstr(a, v->text);
        if (z && f->good == is_clone_url)
            z = without_user(a, z);
        if (!z)
            return sco_error_nomem(err);
        memcpy((char *)e + f->offset, &z, sizeof z);
    }
    return 0;
}

static int take_time(const struct sco_node *m, const char *name, int64_t *ret,
                     struct sco_error *err)
{
    const struct sco_node *v = get(m, name);
    if (!v)
        return 0;
    if (v->type != SCO_NODE_STR || sco_time_parse(v->text, ret) < 0)
        return wrong(name, "a time (RFC 3339)", err);
    return 0;
}

static int take_flag(const struct sco_node *m, const char *name, bool *ret, struct sco_error *err)
{
    const struct sco_node *v = get(m, name);
    if (v && v->type != SCO_NODE_BOOL)
        return wrong(name, "true or false", err);
    *ret = v && v->i;
    return 0;
}

static int take_object(const struct sco_node *m, const char *name, const struct sco_node **ret,
                       struct sco_error *err)
{
    const struct sco_node *v = get(m, name);
    if (v && v->type != SCO_NODE_MAP)
        return wrong(name, "an object", err);
    *ret = v;
    return 0;
}

static int take_others(const struct sco_node *m, struct sco_ci_event *e, struct sco_error *err)
{
    const struct sco_node *number = get(m, "pr_number");
    if (number && (number->type != SCO_NODE_INT || number->i < 1))
        return wrong("pr_number", "a number above 0", err);
    e->pr_number = number ? number->i : 0;
    int r = take_flag(m, "is_fork", &e->is_fork, err);
    if (r == 0)
        r = take_flag(m, "is_delete", &e->is_delete, err);
    if (r == 0)
        r = take_time(m, "created_at", &e->created_at, err);
    if (r == 0)
        r = take_time(m, "started_at", &e->started_at, err);
    if (r == 0)
        r = take_time(m, "finished_at", &e->finished_at, err);
    if (r == 0)
        r = take_object(m, "details", &e->details, err);
    return r == 0 ? take_object(m, "context", &e->context, err) : r;
}

static int take_kind(const struct sco_node *m, enum sco_ci_kind *ret, struct sco_error *err)
{
    struct sco_str name = sco_text(get(m, "event"));
    for (int i = 0; i < SCO_CI_KIND_MAX_; i++) {
        if (i != SCO_CI_SCHEDULE && sco_str_is(name, kind_names[i])) {
            *ret = (enum sco_ci_kind)i;
            return 0;
        }
    }
    return wrong("event",
                 "push, tag, pull_request, release, pipeline, job, check, comment, manual, "
                 "merge_group, ping or ignored",
                 err);
}

/* Without these nothing can be done about it. */
#define OF_CODE                                                                                    \
    (1u << SCO_CI_PUSH | 1u << SCO_CI_TAG | 1u << SCO_CI_PULL_REQUEST | 1u << SCO_CI_MERGE_GROUP)
static int check_whole(const struct sco_ci_event *e, struct sco_error *err)
{
    if (e->kind == SCO_CI_IGNORED || e->kind == SCO_CI_PING)
        return 0;
    /* what runs elsewhere does not always say of which repository: Jenkins, Azure Pipelines */
    if (!e->repo_full_name && ((1u << e->kind) & OF_CODE))
        return wrong("repo_full_name", "text", err);
    if (e->kind == SCO_CI_PUSH && !e->branch)
        return wrong("branch", "text, of a push", err);
    if (e->kind == SCO_CI_TAG && !e->tag)
        return wrong("tag", "text, of a tag", err);
    if (e->kind == SCO_CI_PULL_REQUEST && !e->pr_number)
        return wrong("pr_number", "a number, of a pull request", err);
    if (e->kind == SCO_CI_PIPELINE && !e->pipeline_id)
        return wrong("pipeline_id", "text, of a pipeline", err);
    return 0;
}

int sco_ci_event_parse(struct sco_str json, const char *integration, struct sco_arena *arena,
                       struct sco_ci_event *ret, struct sco_error *err)
{
    struct sco_ci_event e = {.json = sco_arena_str(arena, json)};
    const struct sco_node *m = NULL;
    e.integration = integration ? sco_arena_cstr(arena, sco_str_c(integration)) : NULL;
    if (!e.json.p || (integration && !e.integration))
        return sco_error_nomem(err);
    int r = sco_json_parse(e.json, arena, &m, err);
    if (r == SCO_E_PARSE)
        return sco_error_prefix(err, "event"), SCO_E_FORMAT;
    if (r < 0)
        return r;
    if (m->type != SCO_NODE_MAP)
        return sco_error_set(err, SCO_E_FORMAT, "event: expected an object");
    r = take_kind(m, &e.kind, err);
    if (r == 0)
        r = take_texts(m, arena, &e, err);
    if (r == 0)
        r = take_others(m, &e, err);
    if (r == 0)
        r = check_whole(&e, err);
    if (r == 0)
        *ret = e;
    return r;
}
