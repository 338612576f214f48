/* Walks a folder: which files are there, which folders are left out (version control, vendored
 * code, caches, .gitignore, the operator's globs). Links are not followed. */
#include "engine_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TREE_FILES_MAX = 1000000, TREE_DEPTH_MAX = 128, TREE_EXCLUDES_MAX = 10000 };

/* Folders that hold other people's code or nothing of interest, by name. */
static const char *const vendored[] = {
    "node_modules",  "bower_components",
    "jspm_packages", "vendor",
    "third_party",   ".venv",
    "venv",          ".tox",
    ".nox",          "__pycache__",
    ".mypy_cache",   ".pytest_cache",
    "site-packages", ".terraform",
    ".gradle",       ".hypothesis",
    ".eggs",
};
static const char *const version_control[] = {".git", ".hg", ".svn", ".bzr", ".jj"};

struct walk {
    struct sco_target *t;
    const struct tree_options *o;
    struct sco_arena *arena;
    struct ignore ignore;
    struct git_index index;
    bool below_ignored; /* in a folder that is ignored, but holds tracked files */
    const char **excludes;
    size_t n_excludes, cap_excludes;
    tree_file_fn fn;
    void *user;
    struct sco_error *err;
};

static bool is_one_of(struct sco_str name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (sco_str_is(name, list[i]))
            return true;
    return false;
}

static bool is_ignored(struct walk *w, struct sco_str path, bool is_dir)
{
    return !w->o->include_ignored && (w->below_ignored || ignore_match(&w->ignore, path, is_dir));
}

static bool is_left_out(struct walk *w, struct sco_str path, struct sco_str name, bool is_dir)
{
    if (is_dir && is_one_of(name, version_control, SCO_ARRAY_LEN(version_control)))
        return true;
    for (const char *const *g = w->o->excludes; g && *g; g++)
        if (sco_glob_match_file(*g, path))
            return true;
    if (w->o->include_ignored)
        return false;
    return (is_dir && is_one_of(name, vendored, SCO_ARRAY_LEN(vendored))) ||
           (is_ignored(w, path, is_dir) && !git_index_has(&w->index, path, is_dir));
}

static int leave_out(struct walk *w, struct sco_str path, bool is_dir)
{
    const char *kept;
    if (!sco_map_put(&w->t->excluded, path, &kept))
        return sco_error_nomem(w->err);
    /* Version control is no folder of findings: not worth an argument to each scanner, all of
     * which know it. */
    if (is_dir && is_one_of(sco_path_base(path), version_control, SCO_ARRAY_LEN(version_control)))
        return 0;
    w->t->left_out = true;
    if (!is_dir || w->n_excludes >= TREE_EXCLUDES_MAX)
        return 0;
    if (SCO_VEC_PUSH(w->excludes, w->n_excludes, w->cap_excludes) < 0)
        return sco_error_nomem(w->err);
    w->excludes[w->n_excludes++] = kept;
    return 0;
}

/* Part of the target is not looked at: the first reason is kept. */
SCO_PRINTF(2, 3) static int cut(struct walk *w, const char *fmt, ...)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    va_list ap;
    if (w->t->cut)
        return 0;
    va_start(ap, fmt);
    sco_buf_addvf(&b, fmt, ap);
    va_end(ap);
    w->t->cut = b.failed ? NULL : sco_arena_cstr(w->arena, sco_buf_str(&b));
    return w->t->cut ? 0 : sco_error_nomem(w->err);
}

static int walk_dir(struct walk *w, int fd, struct sco_buf *path, int depth);

static int enter(struct walk *w, int dir, const char *name, struct sco_buf *path, int depth)
{
    if (depth >= TREE_DEPTH_MAX)
        return cut(w, "folders are nested deeper than %d: %s", TREE_DEPTH_MAX, sco_buf_z(path));
    int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT) /* it went meanwhile */
        return 0;
    if (fd < 0)
        return cut(w, "cannot read folder %s: %s", sco_buf_z(path), strerror(errno));
    sco_buf_addc(path, '/');
    return walk_dir(w, fd, path, depth + 1);
}

static int visit(struct walk *w, int dir, const char *name, unsigned char type,
                 struct sco_buf *path, int depth)
{
    size_t base = path->n;
    sco_buf_addz(path, name);
    sco_buf_z(path);
    if (path->failed)
        return sco_error_nomem(w->err);
    if (type == DT_UNKNOWN) {
        struct stat st;
        if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            type = S_ISDIR(st.st_mode) ? DT_DIR : S_ISREG(st.st_mode) ? DT_REG : DT_UNKNOWN;
    }
    int r = 0;
    struct sco_str p = sco_buf_str(path);
    bool is_dir = type == DT_DIR;
    if ((is_dir || type == DT_REG) && is_left_out(w, p, sco_str_c(name), is_dir)) {
        r = leave_out(w, p, is_dir);
    } else if (type == DT_REG) {
        w->t->n_files++;
        r = w->fn(w->user, p);
    } else if (is_dir) {
        bool above = w->below_ignored;
        w->below_ignored = is_ignored(w, p, true);
        r = enter(w, dir, name, path, depth);
        w->below_ignored = above;
    }
    path->n = base;
    return r;
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Takes fd. `path` is "" or ends with a slash. */
static int walk_dir(struct walk *w, int fd, struct sco_buf *path, int depth)
{
    const char *base = path->n ? sco_buf_z(path) : "";
    struct dirent **names = NULL;
    int n = 0, r = 0;
    if (path->failed ||
        (!w->o->include_ignored && ignore_add_file(&w->ignore, fd, ".gitignore", base) < 0))
        r = sco_error_nomem(w->err);
    else if ((n = scandirat(fd, ".", &names, NULL, compare_names)) < 0)
        r = cut(w, "cannot read folder %s: %s", *base ? base : ".", strerror(errno));
    for (int i = 0; i < n; i++) {
        const char *name = names[i]->d_name;
        bool dots = strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
        if (r == 0 && w->o->stop && *w->o->stop)
            r = sco_error_set(w->err, SCO_E_CANCELLED, "cancelled");
        else if (r == 0 && w->t->n_files >= TREE_FILES_MAX)
            r = cut(w, "there are more than %d files", TREE_FILES_MAX);
        else if (r == 0 && !dots)
            r = visit(w, fd, name, names[i]->d_type, path, depth);
        free(names[i]);
    }
    free(names);
    close(fd);
    return r;
}

int tree_walk(struct sco_target *t, const struct tree_options *o, struct sco_arena *arena,
              tree_file_fn fn, void *user, struct sco_error *err)
{
    struct walk w = {.t = t, .o = o, .arena = arena, .fn = fn, .user = user, .err = err};
    int fd = open(t->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return sco_error_errno(err, errno, "cannot read folder %s", t->path);
    SCO_AUTO(sco_buf) struct sco_buf path = {0};
    int r = 0;
    if (!o->include_ignored) {
        git_index_read(&w.index, t->path);
        r = ignore_add_file(&w.ignore, fd, ".git/info/exclude", "");
    }
    if (r == 0)
        r = walk_dir(&w, fd, &path, 0);
    else
        close(fd);
    const char **list = sco_arena_alloc(arena, (w.n_excludes + 1) * sizeof *list);
    if (!list)
        r = sco_error_nomem(err);
    else if (w.n_excludes)
        memcpy(list, w.excludes, w.n_excludes * sizeof *list);
    t->excludes = list;
    free(w.excludes);
    ignore_done(&w.ignore);
    git_index_done(&w.index);
    return r;
}

bool sco_target_covers(const struct sco_target *t, const char *path)
{
    return !tree_is_excluded(t, sco_str_c(path));
}

bool tree_is_excluded(const struct sco_target *t, struct sco_str path)
{
    if (!t->excluded.n)
        return false;
    for (size_t n = 0; n <= path.n; n++)
        if ((n == path.n || path.p[n] == '/') && sco_map_has(&t->excluded, sco_str_make(path.p, n)))
            return true;
    return false;
}
