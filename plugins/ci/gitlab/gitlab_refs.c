/* Branches and tags that are not where they were. Which they were is kept in a file of the cache
 * folder, one for each poll that the engine has taken: its name has the time of the poll, so a poll
 * that was lost is done again from the same point. */
#include "gitlab_priv.h"

#include <dirent.h>

enum { REFS_MAX = 5000, FILES_BYTES = 4 << 20 };

struct ref {
    struct sco_str name; /* in full */
    struct sco_str sha;
    int64_t at; /* of its commit */
    int there;
};

struct refs {
    struct gitlab_poll *p;
    struct ref *v, *old;
    size_t n, n_old;
    const char *prefix; /* "refs/heads/" */
    int truncated;
};

/* ---- the file ---- */

static const char *file_name(const struct gitlab_poll *p, int64_t at)
{
    const struct sco_host *h = p->h;
    unsigned char d[32];
    h->crypto->sha256(h, p->name, d);
    return sco_fmt(h, "refs-%02x%02x%02x%02x%02x%02x%02x%02x-%lld", d[0], d[1], d[2], d[3], d[4],
                   d[5], d[6], d[7], (long long)at)
        .p;
}

static int by_name(const void *a, const void *b)
{
    const struct ref *x = (const struct ref *)a, *y = (const struct ref *)b;
    size_t n = x->name.n < y->name.n ? x->name.n : y->name.n;
    int c = n ? memcmp(x->name.p, y->name.p, n) : 0;
    return c ? c : (x->name.n > y->name.n) - (x->name.n < y->name.n);
}

/* Lines of "SHA REF". 1: there was one. */
static int read_old(struct refs *s)
{
    struct gitlab_op *o = s->p->o;
    struct sco_str text = {NULL, 0};
    if (!s->p->last || !o->c->cache_dir)
        return 0;
    const char *path = sco_fmt(o->h, "%s/%s", o->c->cache_dir, file_name(s->p, s->p->last)).p;
    if (!path || ci_read_file(o->h, path, FILES_BYTES, &text, NULL) < 0)
        return 0;
    for (size_t at = 0; at < text.n && s->n_old < REFS_MAX;) {
        const char *nl = (const char *)memchr(text.p + at, '\n', text.n - at);
        size_t end = nl ? (size_t)(nl - text.p) : text.n;
        const char *blank = (const char *)memchr(text.p + at, ' ', end - at);
        if (blank) {
            struct ref *r = &s->old[s->n_old++];
            r->sha = sco_str_make(text.p + at, (size_t)(blank - text.p) - at);
            r->name = sco_str_make(blank + 1, end - (size_t)(blank + 1 - text.p));
        }
        at = end + 1;
    }
    qsort(s->old, s->n_old, sizeof *s->old, by_name);
    return 1;
}

static void remove_older(const struct gitlab_poll *p, const char *now)
{
    const char *last = p->last ? file_name(p, p->last) : NULL;
    int dir = open(p->o->c->cache_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = dir >= 0 ? fdopendir(dir) : NULL;
    const struct dirent *f;
    while (d && (f = readdir(d)))
        if (strncmp(f->d_name, now, 22) == 0 && strcmp(f->d_name, now) != 0 &&
            !(last && strcmp(f->d_name, last) == 0))
            unlinkat(dirfd(d), f->d_name, 0);
    if (d)
        closedir(d);
    else if (dir >= 0)
        close(dir);
}

/* Without it the next poll goes by the dates of commits. */
static void write_new(struct refs *s)
{
    struct gitlab_op *o = s->p->o;
    const char *name = file_name(s->p, s->p->now);
    struct ci_json j = ci_json_new(o->h);
    if (!o->c->cache_dir || !name)
        return;
    for (size_t i = 0; i < s->n; i++) {
        ci_json_put(&j, s->v[i].sha.p, s->v[i].sha.n);
        ci_json_put(&j, " ", 1);
        ci_json_put(&j, s->v[i].name.p, s->v[i].name.n);
        ci_json_put(&j, "\n", 1);
    }
    const char *path = sco_fmt(o->h, "%s/%s", o->c->cache_dir, name).p;
    const char *tmp = sco_fmt(o->h, "%s/refs.tmp", o->c->cache_dir).p;
    int fd = tmp ? open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600) : -1;
    size_t at = 0;
    ssize_t n = 1;
    while (fd >= 0 && at < j.n && (n = write(fd, j.p + at, j.n - at)) > 0)
        at += (size_t)n;
    if (fd < 0 || close(fd) != 0 || n <= 0 || !path || rename(tmp, path) != 0) {
        if (tmp)
            unlink(tmp);
        return;
    }
    remove_older(s->p, name);
}

/* What was known is for the next poll to go by, also when this one is lost. */
void gitlab_refs_carry(const struct gitlab_poll *p)
{
    const char *from = p->last ? file_name(p, p->last) : NULL, *to = file_name(p, p->now);
    int fd =
        p->cache_dir && from && to ? open(p->cache_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd < 0)
        return;
    (void)!linkat(fd, from, fd, to, 0);
    close(fd);
}

/* ---- what is there now ---- */

static int one_ref(void *user, const struct sco_node *v)
{
    struct refs *s = (struct refs *)user;
    const struct sco_host *h = s->p->o->h;
    struct sco_str name = sco_text_at(v, "name"), sha = ci_sha_at(v, "commit.id");
    struct ci_json j = ci_json_new(h);
    if (!name.n || !sha.n || memchr(name.p, '\n', name.n))
        return 0;
    if (s->n == REFS_MAX) {
        s->truncated = 1;
        return CI_FOUND;
    }
    ci_json_put(&j, s->prefix, strlen(s->prefix));
    ci_json_put(&j, name.p, name.n);
    struct ref *r = &s->v[s->n++];
    r->name = ci_json_text(&j);
    r->sha = ci_copy(h, sha);
    r->at = ci_time_at(v, "commit.committed_date");
    return 0;
}

static int list(struct refs *s, const char *prefix, const char *path, const char *what)
{
    s->prefix = prefix;
    int r = ci_walk(&s->p->o->http, path, NULL, GITLAB_PAGES_MAX, what, one_ref, s, s->p->o->e);
    return r == CI_FOUND ? 0 : r;
}

static int emit(struct refs *s, const struct ref *r, const struct ref *before, int gone)
{
    struct gitlab_poll *p = s->p;
    struct ci_event ev = gitlab_poll_event(p, "push", "push");
    ci_event_ref(&ev, r->name);
    if (ev.tag.n) {
        ev.event = "tag";
        ev.native_event = SCO_STR("tag_push");
    }
    ev.is_delete = gone;
    ev.action = gone ? SCO_STR("deleted") : before ? SCO_STR("updated") : SCO_STR("created");
    if (!gone)
        ev.commit_sha = r->sha;
    if (gone || before)
        ev.base_sha = gone ? r->sha : before->sha;
    ev.created_at = r->at;
    ev.url = p->web_url;
    return ci_event_emit(p->o->h, &ev, p->o->e);
}

static int compare(struct refs *s)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->n; i++) {
        struct ref *old =
            (struct ref *)bsearch(&s->v[i], s->old, s->n_old, sizeof *s->old, by_name);
        if (old)
            old->there = 1;
        if (!old || !sco_str_eq(old->sha, s->v[i].sha))
            r = emit(s, &s->v[i], old, 0);
    }
    for (size_t i = 0; r == 0 && !s->truncated && i < s->n_old; i++)
        if (!s->old[i].there)
            r = emit(s, &s->old[i], NULL, 1);
    return r;
}

/* The first time, or without the file: what was committed since. Whether a branch is new cannot be
 * said then. */
static int recent(struct refs *s)
{
    static const struct ref unknown = {{NULL, 0}, {NULL, 0}, 0, 0};
    int r = 0;
    for (size_t i = 0; r == 0 && i < s->n; i++)
        if (s->v[i].at >= s->p->since)
            r = emit(s, &s->v[i], &unknown, 0);
    return r;
}

int gitlab_refs(struct gitlab_poll *p)
{
    struct gitlab_op *o = p->o;
    struct refs s;
    memset(&s, 0, sizeof s);
    s.p = p;
    s.v = (struct ref *)o->h->alloc(o->h, REFS_MAX * sizeof *s.v);
    s.old = (struct ref *)o->h->alloc(o->h, REFS_MAX * sizeof *s.old);
    if (!s.v || !s.old)
        return sco_errf(o->e, SCO_E_NOMEM, "out of memory");
    int known = read_old(&s);
    int r = list(&s, "refs/heads/", gitlab_path(o, "/repository/branches?per_page=100"),
                 "the branches");
    if (r == 0)
        r = list(&s, "refs/tags/", gitlab_path(o, "/repository/tags?per_page=100"), "the tags");
    if (r == SCO_E_NOT_FOUND || r == SCO_E_PERMISSION)
        return 0; /* a project without a repository, or not for this token */
    if (r == 0 && s.truncated) {
        struct sco_str text = sco_fmt(o->h,
                                      "%.*s has more than %d branches and tags: those beyond are "
                                      "not watched for pushes without a webhook",
                                      SCO_STR_ARG(p->name), REFS_MAX);
        o->h->log(o->h, SCO_LOG_WARNING, text);
        if (!p->left.n)
            p->left = text;
    }
    if (r == 0)
        r = known ? compare(&s) : recent(&s);
    if (r == 0)
        write_new(&s);
    return r;
}
