/* From a revision to a work tree: which ref of the remote is meant, fetching it into a mirror or
 * the folder itself, checking it out there. What was fetched is kept under names of our own, so
 * that a branch "a" that became "a/b" is no conflict. */
#include "checkout_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <secureops/crypto.h>
#include <secureops/fs.h>
#include <stdlib.h>
#include <unistd.h>

enum { SHA1_DIGITS = 40, SHA256_DIGITS = 64, ABBREVIATED_MIN = 7, SUBMODULES_MAX = 100 };

static bool is_commit(const char *s)
{
    return checkout_is_hex(s, SHA1_DIGITS, SHA1_DIGITS) ||
           checkout_is_hex(s, SHA256_DIGITS, SHA256_DIGITS);
}

static const char *kept_name(struct checkout *k, const char *of)
{
    uint8_t digest[SCO_SHA256_LEN];
    char hex[SCO_SHA256_LEN * 2 + 1];
    if (sco_hmac_sha256(SCO_STR("ref"), sco_str_c(of), digest) < 0)
        return NULL;
    sco_hex(digest, 16, hex);
    return sco_arena_fmt(&k->arena, "refs/secureops/%s", hex);
}

/* ---- which one ---- */
/* The value of `ref` in the lines of ls-remote; with a prefix: what stands before the name. */
static struct sco_str line_of(struct sco_str text, const char *ref)
{
    struct sco_str line;
    while (sco_str_split(&text, '\n', &line)) {
        const char *tab = line.n ? memchr(line.p, '\t', line.n) : NULL;
        if (tab && sco_str_is(sco_str_make(tab + 1, line.n - (size_t)(tab + 1 - line.p)), ref))
            return sco_str_make(line.p, (size_t)(tab - line.p));
    }
    return sco_str_make(NULL, 0);
}

static int resolve_head(struct checkout *k, struct revision *v, struct sco_error *err)
{
    const char *const args[] = {"ls-remote", "--symref", "--", k->url, "HEAD", NULL};
    struct git_command c = {.dir = k->q->into, .args = args};
    struct sco_str out, head;
    int r = git_run(k, &c, &out, err);
    if (r < 0)
        return r;
    head = line_of(out, "HEAD");
    if (!head.n)
        return sco_error_set(err, SCO_E_NOT_FOUND, "the repository has no default branch yet");
    if (sco_str_starts(head, "ref: refs/heads/")) {
        v->ref = sco_arena_cstr(&k->arena, sco_str_make(head.p + 5, head.n - 5));
        v->branch = v->ref ? v->ref + strlen("refs/heads/") : NULL;
        return v->ref ? checkout_check_revision(v->branch, err) : sco_error_nomem(err);
    }
    v->ref = "HEAD";
    return 0;
}

static int resolve_name(struct checkout *k, const char *name, struct revision *v,
                        struct sco_error *err)
{
    const char *head = sco_arena_fmt(&k->arena, "refs/heads/%s", name);
    const char *tag = sco_arena_fmt(&k->arena, "refs/tags/%s", name);
    if (!head || !tag)
        return sco_error_nomem(err);
    const char *const args[] = {"ls-remote", "--", k->url, head, tag, name, NULL};
    struct git_command c = {.dir = k->q->into, .args = args};
    struct sco_str out;
    int r = git_run(k, &c, &out, err);
    if (r < 0)
        return r;
    if (line_of(out, head).n) {
        v->ref = head;
        v->branch = head + strlen("refs/heads/");
    } else if (line_of(out, tag).n)
        v->ref = tag;
    else if (strncmp(name, "refs/", 5) == 0 && line_of(out, name).n)
        v->ref = sco_arena_cstr(&k->arena, sco_str_c(name));
    else if (checkout_is_hex(name, ABBREVIATED_MIN, SHA256_DIGITS))
        v->commit = name;
    else
        return sco_error_set(err, SCO_E_NOT_FOUND, "there is no branch, tag or commit \"%s\"",
                             name);
    return 0;
}

int fetch_resolve(struct checkout *k, struct revision *ret, struct sco_error *err)
{
    const char *name = k->q->revision;
    struct revision v = {0};
    int r = 0;
    if (!name || !*name)
        r = resolve_head(k, &v, err);
    else if (is_commit(name))
        v.commit = name;
    else
        r = resolve_name(k, name, &v, err);
    if (r < 0)
        return r;
    v.kept = kept_name(k, v.ref ? v.ref : v.commit);
    if (!v.kept)
        return sco_error_nomem(err);
    *ret = v;
    return 0;
}

/* ---- fetching ---- */
static int fetch(struct checkout *k, const char *dir, const char *from, bool local, bool all,
                 const char *spec, struct sco_error *err)
{
    const char *args[20];
    char depth[32];
    size_t n = 0;
    SCO_AUTO(sco_buf) struct sco_buf shallow = {0};
    sco_buf_addf(&shallow, "%s%s/shallow", dir, dir == k->mirror ? "" : "/.git");
    bool is_shallow = !shallow.failed && access(sco_buf_z(&shallow), F_OK) == 0;
    if (local) { /* it was checked on its way into the mirror */
        args[n++] = "-c";
        args[n++] = "transfer.fsckObjects=false";
        args[n++] = "-c";
        args[n++] = "fetch.fsckObjects=false";
    }
    args[n++] = "fetch";
    args[n++] = "--quiet";
    args[n++] = "--force";
    args[n++] = "--no-tags";
    args[n++] = "--no-recurse-submodules";
    args[n++] = "--no-write-fetch-head";
    args[n++] = "--update-head-ok";
    if (k->q->depth && !all) {
        snprintf(depth, sizeof depth, "--depth=%u", k->q->depth);
        args[n++] = depth;
    } else if (is_shallow)
        args[n++] = "--unshallow";
    args[n++] = "--";
    args[n++] = from;
    args[n++] = spec;
    if (all)
        args[n++] = "+refs/tags/*:refs/all/tags/*";
    args[n] = NULL;
    struct git_command c = {.dir = dir, .args = args, .local = local};
    return git_run(k, &c, NULL, err);
}

static int rev_parse(struct checkout *k, const char *dir, const char *what, const char **ret,
                     struct sco_error *err)
{
    const char *spec = sco_arena_fmt(&k->arena, "%s^{commit}", what);
    const char *const args[] = {"rev-parse", "--quiet", "--verify", "--end-of-options", spec, NULL};
    struct git_command c = {.dir = dir, .args = args};
    struct sco_str out;
    if (!spec)
        return sco_error_nomem(err);
    int r = git_run(k, &c, &out, err);
    out = r < 0 ? SCO_STR("") : sco_str_trim(out);
    if (r < 0 && r != SCO_E_TOOL)
        return r;
    const char *commit = sco_arena_cstr(&k->arena, out);
    if (!commit)
        return sco_error_nomem(err);
    if (!is_commit(commit))
        return sco_error_set(err, SCO_E_NOT_FOUND, "there is no commit \"%s\"", k->q->revision);
    *ret = commit;
    return 0;
}

static int keep(struct checkout *k, const struct revision *v, const char *commit,
                struct sco_error *err)
{
    const char *const args[] = {"update-ref", "--no-deref", v->kept, commit, NULL};
    struct git_command c = {.dir = k->source, .args = args};
    return git_run(k, &c, NULL, err);
}

/* The remote answers us: what a mirror has may have been fetched with another's token. */
static int ask_remote(struct checkout *k, struct sco_error *err)
{
    const char *const args[] = {"ls-remote", "--", k->url, "HEAD", NULL};
    struct git_command c = {.dir = k->source, .args = args};
    return git_run(k, &c, NULL, err);
}

/* A commit is asked for by its name; a server that does not give it so has it in some branch. */
static int fetch_commit(struct checkout *k, const struct revision *v, struct sco_error *err)
{
    const char *commit = NULL;
    struct sco_error ignored = {0};
    if (is_commit(v->commit)) {
        const char *spec = sco_arena_fmt(&k->arena, "+%s:%s", v->commit, v->kept);
        if (!spec)
            return sco_error_nomem(err);
        /* what is there already git takes without a word to the remote */
        if (k->mirror && rev_parse(k, k->source, v->commit, &commit, &ignored) == 0) {
            int r = ask_remote(k, err);
            if (r < 0 || k->q->depth == 1) /* the commit itself cannot have changed */
                return r < 0 ? r : keep(k, v, commit, err);
        }
        int r = fetch(k, k->source, k->url, false, false, spec, err);
        if (r != SCO_E_NOT_FOUND && r != SCO_E_TOOL)
            return r;
    }
    int r = fetch(k, k->source, k->url, false, true, "+refs/heads/*:refs/all/heads/*", err);
    if (r == 0)
        r = rev_parse(k, k->source, v->commit, &commit, err);
    return r == 0 ? keep(k, v, commit, err) : r;
}

int fetch_source(struct checkout *k, const struct revision *v, struct sco_error *err)
{
    if (v->commit)
        return fetch_commit(k, v, err);
    const char *spec = sco_arena_fmt(&k->arena, "+%s:%s", v->ref, v->kept);
    return spec ? fetch(k, k->source, k->url, false, false, spec, err) : sco_error_nomem(err);
}

/* ---- the work tree ---- */
static int write_config(struct checkout *k, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, text = {0};
    sco_buf_addf(&path, "%s/.git/config", k->q->into);
    sco_buf_addz(&text, "[core]\n\tsymlinks = false\n[remote \"origin\"]\n\turl = ");
    sco_repository_normal(sco_str_c(k->q->url), &text);
    sco_buf_addc(&text, '\n');
    SCO_AUTO(sco_fd)
    int fd = open(sco_buf_z(&path), O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW);
    if (path.failed || text.failed)
        return sco_error_nomem(err);
    int r = fd < 0 ? -errno : sco_fs_write_all(fd, sco_buf_str(&text));
    return r < 0 ? sco_error_errno(err, -r, "cannot write %s", sco_buf_z(&path)) : 0;
}

static int check_out(struct checkout *k, const struct revision *v, const char *commit,
                     struct sco_error *err)
{
    const char *args[10];
    size_t n = 0;
    args[n++] = "checkout";
    args[n++] = "--quiet";
    args[n++] = "--force";
    args[n++] = "--no-recurse-submodules";
    args[n++] = v->branch ? "-B" : "--detach";
    if (v->branch)
        args[n++] = v->branch;
    args[n++] = commit;
    args[n++] = "--";
    args[n] = NULL;
    struct git_command c = {.dir = k->q->into, .args = args};
    return git_run(k, &c, NULL, err);
}

int fetch_further(struct checkout *k, const struct revision *v, const char **ret_commit,
                  struct sco_error *err)
{
    int r = 0;
    if (k->mirror) {
        const char *spec = sco_arena_fmt(&k->arena, "+%s:%s", v->kept, v->kept);
        const char *from = sco_arena_fmt(&k->arena, "file://%s", k->mirror); /* minds the depth */
        r = spec && from ? fetch(k, k->q->into, from, true, false, spec, err)
                         : sco_error_nomem(err);
    }
    return r == 0 ? rev_parse(k, k->q->into, v->kept, ret_commit, err) : r;
}

int fetch_work_tree(struct checkout *k, const struct revision *v, const char **ret_commit,
                    struct sco_error *err)
{
    int r = fetch_further(k, v, ret_commit, err);
    if (r == 0)
        r = check_out(k, v, *ret_commit, err);
    return r == 0 ? write_config(k, err) : r;
}

/* ---- submodules ---- */
/* git cuts a folder off the repository's URL for each "../", and then the host as well: what is
 * "../../x.org/r" to https://host/r is https://x.org/r. Each "../" is to stand at the start. */
static bool stays_on_host(struct sco_str url, const char *repository)
{
    struct sco_str rest, folder;
    size_t up = 0, deep = 0, others = 0;
    bool good = true;
    SCO_AUTO(sco_buf) struct sco_buf normal = {0};
    sco_repository_normal(sco_str_c(repository), &normal);
    const char *path = normal.failed ? NULL : strstr(sco_buf_z(&normal), "://");
    rest = sco_str_c(path ? path + 3 : "");
    while (sco_str_split(&rest, '/', &folder)) /* the host, and folders */
        deep += folder.n > 0;
    while (sco_str_split(&url, '/', &folder)) {
        bool is_up = sco_str_is(folder, "..");
        good &= !is_up || !others;
        up += is_up;
        others += !is_up && !sco_str_is(folder, ".");
    }
    return good && up < deep;
}

/* Only those of the repository's own host: it may not send us to any other. */
static int check_submodule(const struct checkout *k, struct sco_str url, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf theirs = {0}, ours = {0}, shown = {0};
    sco_repository_host(url, &theirs);
    sco_repository_host(sco_str_c(k->url), &ours);
    bool relative = sco_str_starts(url, "./") || sco_str_starts(url, "../");
    bool local =
        k->q->allow_local && checkout_local_path(k->url) && sco_str_starts(url, "file:///");
    bool same = ours.n && theirs.n && strcmp(sco_buf_z(&theirs), sco_buf_z(&ours)) == 0;
    if (relative && !checkout_local_path(k->url))
        same = stays_on_host(url, k->url);
    else if (relative)
        local = k->q->allow_local;
    if (local || same)
        return 0;
    sco_buf_add_printable(&shown, url);
    return sco_error_set(err, SCO_E_PERMISSION,
                         "the submodule %.200s is on another host than the repository",
                         sco_buf_z(&shown));
}

int fetch_submodules(struct checkout *k, struct sco_error *err)
{
    static const char *const list[] = {
        "config",      "-z",           "--no-includes",          "-f",
        ".gitmodules", "--get-regexp", "^submodule\\..*\\.url$", NULL};
    /* relative to what was fetched, not to the name by which the repository is known */
    const char *origin = sco_arena_fmt(&k->arena, "remote.origin.url=%s", k->url);
    const char *const update[] = {"-c",     origin,    "submodule", "--quiet",    "update",
                                  "--init", "--depth", "1",         "--checkout", NULL};
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    struct git_command c = {.dir = k->q->into, .args = list};
    struct sco_str out, one;
    size_t n = 0;
    sco_buf_addf(&path, "%s/.gitmodules", k->q->into);
    if (path.failed || !origin)
        return sco_error_nomem(err);
    if (access(sco_buf_z(&path), F_OK) < 0)
        return 0;
    int r = git_run(k, &c, &out, err);
    while (r == 0 && sco_str_split(&out, '\0', &one)) {
        const char *line = one.n ? memchr(one.p, '\n', one.n) : NULL;
        if (!line)
            continue;
        if (++n > SUBMODULES_MAX)
            return sco_error_set(err, SCO_E_LIMIT, "more than %d submodules", SUBMODULES_MAX);
        r = check_submodule(k, sco_str_make(line + 1, one.n - (size_t)(line + 1 - one.p)), err);
    }
    c.args = update;
    return r == 0 ? git_run(k, &c, NULL, err) : r;
}
