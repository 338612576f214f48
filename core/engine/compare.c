/* What is new of a scan: each finding is judged by where it is in the change, and by the baseline.
 * What neither can judge is new. */
#include "diff_priv.h"

#include <stdlib.h>

enum { COMMIT_MIN = 7 };
#define WAS_MODULE ((void *)(uintptr_t)2)
#define WAS_FILE ((void *)(uintptr_t)1)

struct sco_comparison {
    struct diff_repo repo;
    struct sco_diff diff;
    bool has_diff, has_baseline;
    struct sco_map changed; /* path -> struct sco_diff_file */
    struct sco_map tree;    /* paths of the merge base -> WAS_FILE, WAS_MODULE */
    struct sco_map commits; /* of the change */
    struct sco_map texts;   /* path of the merge base -> struct sco_str, of the arena */
    struct baseline baseline;
    const char *base, *file; /* as asked for */
};

/* ---- making ---- */
static int read_tree(struct sco_comparison *c, struct sco_error *err)
{
    const char *const args[] = {"ls-tree", "-r", "-z", "--full-tree", c->diff.merge_base, NULL};
    struct sco_str out = {NULL, 0}, one;
    int r = diff_repo_run(&c->repo, args, 0, &out, err);
    while (r == 0 && sco_str_split(&out, 0, &one)) {
        const char *tab = one.n ? memchr(one.p, '\t', one.n) : NULL;
        if (!tab)
            continue;
        struct sco_str path = sco_str_make(tab + 1, one.n - (size_t)(tab + 1 - one.p));
        void **slot = sco_map_put(&c->tree, path, NULL);
        if (!slot)
            return sco_error_nomem(err);
        *slot = sco_str_starts(one, "160000 ") ? WAS_MODULE : WAS_FILE;
    }
    return r;
}

static int read_commits(struct sco_comparison *c, struct sco_error *err)
{
    const char *not_base = sco_arena_fmt(&c->repo.arena, "^%s", c->diff.base_sha);
    const char *const args[] = {"rev-list", c->diff.head_sha, not_base, NULL};
    struct sco_str out = {NULL, 0}, one;
    int r = not_base ? diff_repo_run(&c->repo, args, 0, &out, err) : sco_error_nomem(err);
    while (r == 0 && sco_str_split(&out, '\n', &one)) {
        void **slot = one.n >= COMMIT_MIN ? sco_map_put(&c->commits, one, NULL) : NULL;
        if (slot)
            *slot = WAS_FILE;
        else if (one.n)
            return sco_error_nomem(err);
    }
    return r;
}

static int remember(struct sco_comparison *c, const char *path, const struct sco_diff_file *f)
{
    void **slot = sco_map_put(&c->changed, sco_str_c(path), NULL);
    if (!slot)
        return SCO_E_NOMEM;
    if (!*slot)
        *slot = (void *)(uintptr_t)f;
    return 0;
}

static int index_change(struct sco_comparison *c, struct sco_error *err)
{
    /* What is there although git has it no more is nothing that git compares. */
    static const struct sco_diff_file gone = {.binary = true};
    const struct sco_diff *d = &c->diff;
    int r = 0;
    for (size_t i = 0; i < d->n_files && r == 0; i++)
        if (d->files[i].path)
            r = remember(c, d->files[i].path, &d->files[i]);
    for (size_t i = 0; i < d->n_files && r == 0; i++)
        if (d->files[i].old_path)
            r = remember(c, d->files[i].old_path, &gone);
    return r < 0 ? sco_error_nomem(err) : 0;
}

static int read_change(struct sco_comparison *c, struct sco_error *err)
{
    const char *args[] = {"diff",
                          "--no-color",
                          "--no-ext-diff",
                          "--no-textconv",
                          "--no-abbrev",
                          "-M",
                          "--ignore-cr-at-eol",
                          "--ignore-submodules=dirty",
                          "--submodule=short",
                          "--src-prefix=a/",
                          "--dst-prefix=b/",
                          "--raw",
                          "--numstat",
                          "-z",
                          c->diff.merge_base,
                          "--",
                          NULL};
    struct sco_str names = {NULL, 0}, patch = {NULL, 0};
    struct diff_build b = {.arena = &c->repo.arena};
    int r = diff_repo_run(&c->repo, args, 0, &names, err);
    args[11] = "--patch";
    args[12] = "--unified=0";
    args[13] = "--inter-hunk-context=0";
    if (r == 0)
        r = diff_repo_run(&c->repo, args, 0, &patch, err);
    if (r == 0)
        r = diff_parse_names(&b, names, err);
    if (r == 0)
        r = diff_parse_patch(&b, patch, err);
    if (r == 0)
        r = diff_find_moved(&b, err);
    if (r == 0)
        r = diff_build_end(&b, &c->diff, err);
    diff_build_done(&b);
    return r == 0 ? index_change(c, err) : r;
}

int sco_compare_new(const struct sco_compare_request *q, struct sco_comparison **ret,
                    struct sco_error *err)
{
    struct sco_comparison *c = sco_alloc(1, sizeof *c);
    int r = c ? 0 : sco_error_nomem(err);
    if (r == 0 && q->baseline) {
        c->has_baseline = true;
        c->file = sco_arena_cstr(&c->baseline.arena, sco_str_c(q->baseline));
        r = c->file ? baseline_load(&c->baseline, q->baseline, err) : sco_error_nomem(err);
    }
    if (r == 0 && q->base) {
        c->has_diff = true;
        c->base = sco_arena_cstr(&c->baseline.arena, sco_str_c(q->name ? q->name : q->base));
        r = c->base ? diff_repo_open(&c->repo, q, err) : sco_error_nomem(err);
        if (r == 0)
            r = diff_repo_range(&c->repo, q->base, &c->diff, err);
        if (r == 0)
            r = read_tree(c, err);
        if (r == 0)
            r = read_commits(c, err);
        if (r == 0)
            r = read_change(c, err);
    }
    if (r < 0) {
        sco_compare_free(c);
        return r;
    }
    if (q->whole_paths)
        c->repo.prefix = "";
    *ret = c;
    return 0;
}

struct sco_comparison *sco_compare_free(struct sco_comparison *c)
{
    if (!c)
        return NULL;
    sco_map_done(&c->changed);
    sco_map_done(&c->tree);
    sco_map_done(&c->commits);
    sco_map_done(&c->texts);
    baseline_done(&c->baseline);
    diff_repo_done(&c->repo);
    free(c);
    return NULL;
}

const struct sco_diff *sco_compare_peek_diff(const struct sco_comparison *c)
{
    return c->has_diff ? &c->diff : NULL;
}

/* ---- one place ---- */
static const struct sco_diff_file *find_full(const struct sco_comparison *c, struct sco_str path)
{
    return sco_map_get(&c->changed, path);
}

/* A path of the scan as git has it: below the work tree's top; "a.zip!b" is in a.zip. */
static bool full_path(const struct sco_comparison *c, const char *path, struct sco_buf *out)
{
    const char *inner = strchr(path, '!');
    sco_buf_clear(out);
    sco_buf_addz(out, c->repo.prefix);
    sco_buf_addz(out, path);
    if (inner && !sco_map_has(&c->tree, sco_buf_str(out)) && !find_full(c, sco_buf_str(out)))
        out->n -= strlen(inner);
    return !out->failed;
}

const struct sco_diff_file *sco_compare_find(const struct sco_comparison *c, const char *path)
{
    SCO_AUTO(sco_buf) struct sco_buf full = {0};
    return c->has_diff && full_path(c, path, &full) ? find_full(c, sco_buf_str(&full)) : NULL;
}

/* What the change did not touch: a file that was there, also one of a submodule that stayed. */
static bool was_there(const struct sco_comparison *c, struct sco_str path)
{
    if (sco_map_get(&c->tree, path) == WAS_FILE)
        return true;
    for (size_t i = path.n; i-- > 0;) {
        struct sco_str folder = sco_str_make(path.p, i);
        if (path.p[i] == '/' && sco_map_get(&c->tree, folder) == WAS_MODULE)
            return find_full(c, folder) == NULL;
    }
    return false;
}

/* A line of infrastructure code speaks for a block around it: what was removed there counts. */
static bool lost_lines(const struct sco_diff_file *f)
{
    for (size_t i = 0; i < f->n_hunks; i++)
        if (f->hunks[i].lost)
            return true;
    return false;
}

static bool place_is_same(const struct sco_comparison *c, const struct sco_finding *f,
                          const char *path, int32_t line, int32_t end_line)
{
    SCO_AUTO(sco_buf) struct sco_buf full = {0};
    bool iac = f->type == SCO_TYPE_IAC;
    if (!full_path(c, path, &full))
        return false;
    const struct sco_diff_file *changed = find_full(c, sco_buf_str(&full));
    if (!changed)
        return was_there(c, sco_buf_str(&full));
    if (iac && end_line <= line && lost_lines(changed))
        return false;
    return sco_diff_lines(changed, line, end_line, iac) == SCO_DIFF_SAME;
}

/* ---- packages ---- */
/* The text of a file at the merge base; {NULL, 0}: it cannot be had. */
static struct sco_str old_text(struct sco_comparison *c, const char *path)
{
    struct sco_str none = {NULL, 0};
    struct sco_str *kept = sco_map_get(&c->texts, sco_str_c(path));
    if (kept)
        return *kept;
    const char *spec = sco_arena_fmt(&c->repo.arena, "%s:%s", c->diff.merge_base, path);
    const char *const args[] = {"cat-file", "blob", spec, NULL};
    kept = sco_arena_alloc(&c->repo.arena, sizeof *kept);
    void **slot = kept ? sco_map_put(&c->texts, sco_str_c(path), NULL) : NULL;
    if (!spec || !slot)
        return none;
    c->repo.deadline = sco_mono_ms() + 60 * 1000; /* the scan took its time meanwhile */
    if (diff_repo_run(&c->repo, args, 0, kept, NULL) < 0)
        *kept = none;
    *slot = kept;
    return *kept;
}

static bool package_is_same(struct sco_comparison *c, const struct sco_finding *f)
{
    const struct sco_diff_file *changed = sco_compare_find(c, f->file_path);
    if (place_is_same(c, f, f->file_path, f->line, f->end_line))
        return true;
    if (!changed || changed->binary || changed->module || !changed->old_path || !f->package->name ||
        !f->package->version)
        return false;
    return compare_has_package(old_text(c, changed->old_path), f->package->name,
                               f->package->version);
}

/* ---- one finding ---- */
static bool commit_is_old(const struct sco_comparison *c, const char *commit)
{
    struct sco_str s = sco_str_c(commit), one;
    size_t at = 0;
    void *value;
    if (s.n < COMMIT_MIN)
        return false;
    if (s.n >= 40)
        return !sco_map_has(&c->commits, s);
    while (sco_map_next(&c->commits, &at, &one, &value))
        if (sco_str_starts(one, commit))
            return false;
    return true;
}

static bool is_same(struct sco_comparison *c, const struct sco_finding *f)
{
    if (f->commit && *f->commit) /* found in the history, where lines are those of that commit */
        return commit_is_old(c, f->commit);
    if (!f->file_path || !*f->file_path)
        return false;
    if (f->package)
        return package_is_same(c, f);
    if (!place_is_same(c, f, f->file_path, f->line, f->end_line))
        return false;
    for (uint32_t i = 0; f->locations && i < f->locations->n; i++) {
        const struct sco_place *p = &f->locations->v[i];
        if (p->file_path && !place_is_same(c, f, p->file_path, p->line, p->end_line))
            return false;
    }
    return true;
}

static enum sco_baseline judge(struct sco_comparison *c, const struct sco_finding *f)
{
    struct sco_str key = sco_str_make((const char *)f->fingerprint, SCO_FINGERPRINT_LEN);
    struct known *k = c->has_baseline ? sco_map_get(&c->baseline.known, key) : NULL;
    if (k)
        k->seen = true;
    if (c->has_diff && is_same(c, f))
        return SCO_BASELINE_UNCHANGED;
    if (!k)
        return SCO_BASELINE_NEW;
    return k->severity && f->severity > k->severity ? SCO_BASELINE_UPDATED : SCO_BASELINE_UNCHANGED;
}

/* ---- all of them ---- */
static int tell(struct sco_comparison *c, struct sco_scan *scan, struct sco_error *err)
{
    struct sco_scan_comparison *to = &scan->comparison;
    const char *const from[] = {c->base, c->diff.base_sha, c->diff.merge_base, c->file};
    const char **const at[] = {&to->base, &to->base_sha, &to->merge_base, &to->baseline};
    for (size_t i = 0; i < SCO_ARRAY_LEN(from); i++)
        if (from[i] && !(*at[i] = sco_arena_cstr(&scan->arena, sco_str_c(from[i]))))
            return sco_error_nomem(err);
    return 0;
}

int sco_compare_apply(struct sco_comparison *c, struct sco_scan *scan, struct sco_error *err)
{
    struct sco_str key;
    void *value;
    size_t at = 0;
    scan->comparison = (struct sco_scan_comparison){0};
    int r = tell(c, scan, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < scan->findings.n; i++) {
        struct sco_finding *f = &scan->findings.v[i];
        f->baseline = (uint8_t)judge(c, f);
        scan->comparison.by_state[f->baseline] += !sco_finding_is_suppressed(f);
    }
    while (sco_map_next(&c->baseline.known, &at, &key, &value))
        scan->comparison.by_state[SCO_BASELINE_ABSENT] += !((const struct known *)value)->seen;
    return 0;
}
