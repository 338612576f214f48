/* Remote, branch and commit of a git work tree, read from its files: running git in a folder that
 * is being scanned would obey that folder's configuration (fsmonitor, aliases, hooks). */
#include "engine_priv.h"

#include <fcntl.h>

enum { GIT_FILE_MAX = 4 << 20 };

static struct sco_str read_git_file(const char *dir, const char *name, struct sco_arena *arena)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, text = {0};
    sco_buf_addf(&path, "%s/%s", dir, name);
    if (sco_fs_read_regular(AT_FDCWD, sco_buf_z(&path), GIT_FILE_MAX, &text, NULL) < 0)
        return sco_str_make(NULL, 0);
    return sco_str_trim(sco_arena_str(arena, sco_buf_str(&text)));
}

/* .git is a folder, or in a linked work tree or submodule a file "gitdir: PATH". */
const char *git_find_dir(const char *root, struct sco_arena *arena)
{
    const char *dir = sco_arena_fmt(arena, "%s/.git", root);
    if (!dir || sco_fs_is_dir(dir))
        return dir;
    struct sco_str text = read_git_file(root, ".git", arena);
    if (!sco_str_starts(text, "gitdir: "))
        return NULL;
    const char *path = sco_arena_cstr(arena, sco_str_make(text.p + 8, text.n - 8));
    return !path || path[0] == '/' ? path : sco_arena_fmt(arena, "%s/%s", root, path);
}

const char *git_common_dir(const char *git, struct sco_arena *arena)
{
    struct sco_str text = read_git_file(git, "commondir", arena);
    if (!text.n)
        return git;
    return text.p[0] == '/' ? sco_arena_cstr(arena, text)
                            : sco_arena_fmt(arena, "%s/%.*s", git, SCO_STR_ARG(text));
}

static bool is_sha(struct sco_str s)
{
    if (s.n != 40 && s.n != 64)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("0123456789abcdef", s.p[i]) || !s.p[i])
            return false;
    return true;
}

static const char *resolve_ref(const char *git, const char *common, struct sco_str ref,
                               struct sco_arena *arena)
{
    if (sco_str_contains(ref, ".."))
        return NULL;
    const char *name = sco_arena_cstr(arena, ref);
    struct sco_str sha = name ? read_git_file(git, name, arena) : ref;
    if (!is_sha(sha) && name)
        sha = read_git_file(common, name, arena);
    if (is_sha(sha))
        return sco_arena_cstr(arena, sha);
    struct sco_str rest = read_git_file(common, "packed-refs", arena), line;
    while (sco_str_split(&rest, '\n', &line)) {
        if (line.n > 41 && is_sha(sco_str_make(line.p, 40)) &&
            sco_str_eq(sco_str_make(line.p + 41, line.n - 41), ref))
            return sco_arena_cstr(arena, sco_str_make(line.p, 40));
    }
    return NULL;
}

/* "https://user:token@host/x" loses what stands before the @: it may be a secret. */
static const char *without_userinfo(struct sco_str url, struct sco_arena *arena)
{
    const char *scheme = url.n ? memmem(url.p, url.n, "://", 3) : NULL;
    if (!scheme)
        return sco_arena_cstr(arena, url);
    const char *host = scheme + 3, *end = url.p + url.n;
    const char *slash = memchr(host, '/', (size_t)(end - host));
    const char *at = memrchr(host, '@', (size_t)((slash ? slash : end) - host));
    if (!at)
        return sco_arena_cstr(arena, url);
    return sco_arena_fmt(arena, "%.*s%.*s", (int)(host - url.p), url.p, (int)(end - at - 1),
                         at + 1);
}

static const char *origin_url(const char *common, struct sco_arena *arena)
{
    struct sco_str rest = read_git_file(common, "config", arena), line;
    bool in_origin = false;
    while (sco_str_split(&rest, '\n', &line)) {
        line = sco_str_trim(line);
        if (line.n && line.p[0] == '[')
            in_origin = sco_str_is(line, "[remote \"origin\"]");
        const char *eq = in_origin && line.n ? memchr(line.p, '=', line.n) : NULL;
        if (eq &&
            sco_str_is_nocase(sco_str_trim(sco_str_make(line.p, (size_t)(eq - line.p))), "url"))
            return without_userinfo(
                sco_str_trim(sco_str_make(eq + 1, line.n - (size_t)(eq + 1 - line.p))), arena);
    }
    return NULL;
}

void gitinfo_read(const char *root, struct sco_arena *arena, const char **ret_repository,
                  const char **ret_branch, const char **ret_commit)
{
    const char *git = git_find_dir(root, arena);
    if (!git)
        return;
    const char *common = git_common_dir(git, arena);
    struct sco_str head = read_git_file(git, "HEAD", arena);
    if (sco_str_starts(head, "ref: ")) {
        struct sco_str ref = sco_str_trim(sco_str_make(head.p + 5, head.n - 5));
        if (sco_str_starts(ref, "refs/heads/"))
            *ret_branch = sco_arena_cstr(arena, sco_str_make(ref.p + 11, ref.n - 11));
        *ret_commit = resolve_ref(git, common, ref, arena);
    } else if (is_sha(head)) {
        *ret_commit = sco_arena_cstr(arena, head);
    }
    *ret_repository = origin_url(common, arena);
}
