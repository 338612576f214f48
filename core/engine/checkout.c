/* One checkout: what is asked for, by which way, and what came of it. */
#include "checkout_priv.h"

#include <secureops/fs.h>
#include <secureops/loop.h>

enum { TIMEOUT_MS = 10 * 60 * 1000 };
#define SIZE_LIMIT (10ull << 30)

static const char *repository_of(const struct sco_checkout_request *q, struct sco_arena *arena)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_repository_normal(sco_str_c(q->url), &b);
    return b.failed ? NULL : sco_arena_cstr(arena, sco_buf_str(&b));
}

static int init(struct checkout *k, struct sco_error *err)
{
    static const char *const args[] = {"init", "--quiet", "--template=", ".", NULL};
    struct git_command c = {.dir = k->q->into, .args = args};
    return git_run(k, &c, NULL, err);
}

static int fetch_all(struct checkout *k, const struct revision *v, const struct revision *base,
                     struct sco_error *err)
{
    int r = fetch_source(k, v, err);
    return r == 0 && base->kept ? fetch_source(k, base, err) : r;
}

static int update_mirror(struct checkout *k, struct mirror *m, const struct revision *v,
                         const struct revision *base, struct sco_error *err)
{
    int r = mirror_begin(m, err);
    if (r < 0)
        return r;
    r = fetch_all(k, v, base, err);
    mirror_end(m, r);
    return r;
}

/* The same for another revision of the repository. */
static int resolve_base(struct checkout *k, struct revision *ret, struct sco_error *err)
{
    const struct sco_checkout_request *own = k->q;
    struct sco_checkout_request q = *own;
    q.revision = own->base;
    k->q = &q;
    int r = fetch_resolve(k, ret, err);
    k->q = own;
    return r < 0 ? sco_error_prefix(err, "the base") : 0;
}

static int git_checkout(struct checkout *k, struct sco_checkout *ret, struct sco_error *err)
{
    struct mirror m = {.lock_fd = -1};
    struct revision v = {0}, base = {0};
    const char *commit = NULL, *base_commit = NULL;
    int r = sco_loop_become_subreaper(err);
    if (r == 0)
        r = git_prepare(k, err);
    if (r == 0)
        r = fetch_resolve(k, &v, err);
    if (r == 0 && k->q->base)
        r = resolve_base(k, &base, err);
    if (r == 0)
        r = init(k, err);
    if (r == 0 && k->q->cache)
        r = mirror_open(k, &m, err);
    k->source = k->mirror ? k->mirror : k->q->into;
    if (r == 0)
        r = k->mirror ? update_mirror(k, &m, &v, &base, err) : fetch_all(k, &v, &base, err);
    if (r == 0)
        r = fetch_work_tree(k, &v, &commit, err);
    if (r == 0 && base.kept)
        r = fetch_further(k, &base, &base_commit, err);
    mirror_close(&m);
    if (r == 0 && k->q->submodules)
        r = fetch_submodules(k, err);
    if (r < 0)
        return r;
    ret->branch = v.branch ? sco_arena_cstr(&ret->arena, sco_str_c(v.branch)) : NULL;
    ret->commit_sha = sco_arena_cstr(&ret->arena, sco_str_c(commit));
    ret->base_sha = base_commit ? sco_arena_cstr(&ret->arena, sco_str_c(base_commit)) : NULL;
    if (base_commit && !ret->base_sha)
        return sco_error_nomem(err);
    return !ret->commit_sha || (v.branch && !ret->branch) ? sco_error_nomem(err) : 0;
}

static int check_out(struct checkout *k, enum checkout_kind kind, struct sco_checkout *ret,
                     struct sco_error *err)
{
    const struct sco_checkout_request *q = k->q;
    const char *root = kind == CHECKOUT_FOLDER ? q->url : q->into;
    int r = 0;
    if (kind == CHECKOUT_GIT)
        r = git_checkout(k, ret, err);
    else if ((q->revision && *q->revision) || q->base)
        r = sco_error_set(err, SCO_E_INVALID, "only repositories have branches and commits");
    else if (kind == CHECKOUT_ARCHIVE)
        r = checkout_archive(q, checkout_local_path(q->url), k->deadline, err);
    if (r < 0)
        return r;
    ret->root = sco_arena_cstr(&ret->arena, sco_str_c(root));
    ret->repository = repository_of(q, &ret->arena);
    return ret->root && ret->repository ? 0 : sco_error_nomem(err);
}

int sco_checkout(const struct sco_checkout_request *q, struct sco_checkout *ret,
                 struct sco_error *err)
{
    struct sco_checkout_request own = *q;
    struct checkout k = {.q = &own, .token_fd = -1, .key_fd = -1, .url = q->url};
    struct sco_checkout out = {0};
    if (q->base) /* where the two met may be any number of commits ago */
        own.depth = 0;
    enum checkout_kind kind;
    k.deadline = sco_mono_ms() + (q->timeout_ms > 0 ? q->timeout_ms : TIMEOUT_MS);
    k.limit = q->size_limit ? q->size_limit : SIZE_LIMIT;
    int r = checkout_check_url(q, &kind, err);
    if (r == 0)
        r = checkout_check_revision(q->revision, err);
    if (r == 0 && q->base)
        r = *q->base ? checkout_check_revision(q->base, err)
                     : sco_error_set(err, SCO_E_INVALID, "the base is empty");
    if (r == 0)
        r = check_out(&k, kind, &out, err);
    git_done(&k);
    if (r < 0) {
        sco_checkout_done(&out);
        return r;
    }
    *ret = out;
    return 0;
}

void sco_checkout_done(struct sco_checkout *c)
{
    sco_arena_done(&c->arena);
    *c = (struct sco_checkout){0};
}
