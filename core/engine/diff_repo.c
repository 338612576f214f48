/* git in a work tree that may belong to anybody. Its configuration could name programs (filters,
 * drivers of diffs, monitors), so git never sees it: it is given a folder of ours as the git
 * folder, with our configuration and links to the objects, refs and index of theirs. Nothing in the
 * repository is written. */
#include "diff_priv.h"
#include "engine_priv.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <secureops/exec.h>
#include <unistd.h>

enum { TIMEOUT_MS = 5 * 60 * 1000, ENV_MAX = 24, ARGS_MAX = 32, WORDS_MAX = 600 };
#define OUTPUT_MAX ((uint64_t)512 << 20)

/* ---- the work tree ---- */
static int find_top(struct diff_repo *r, const char *root, const char **ret_git,
                    struct sco_error *err)
{
    SCO_AUTO(sco_free) char *real = sco_fs_realpath(root, err);
    if (!real)
        return sco_error_prefix(err, "--diff");
    size_t n = strlen(real);
    for (;;) {
        const char *top = sco_arena_cstr(&r->arena, sco_str_make(real, n ? n : 1));
        const char *git = top ? git_find_dir(top, &r->arena) : NULL;
        if (!top)
            return sco_error_nomem(err);
        if (git && sco_fs_is_dir(git)) {
            const char *rest = real + n + (real[n] == '/');
            r->top = top;
            r->prefix = *rest ? sco_arena_fmt(&r->arena, "%s/", rest) : "";
            *ret_git = git;
            return r->prefix ? 0 : sco_error_nomem(err);
        }
        while (n && real[n - 1] != '/')
            n--;
        if (n <= 1)
            return sco_error_set(err, SCO_E_INVALID,
                                 "--diff: %s does not lie in a work tree of git", root);
        n--;
    }
}

/* ---- the view ---- */
static int link_to(struct diff_repo *r, const char *dir, const char *name, struct sco_error *err)
{
    const char *from = sco_arena_fmt(&r->arena, "%s/%s", dir, name);
    const char *to = sco_arena_fmt(&r->arena, "%s/%s", r->view, name);
    if (!from || !to)
        return sco_error_nomem(err);
    if (access(from, F_OK) < 0)
        return 0;
    return symlink(from, to) < 0 ? sco_error_errno(err, errno, "cannot link %s", to) : 0;
}

static int write_view(struct diff_repo *r, const char *name, struct sco_str text,
                      struct sco_error *err)
{
    const char *path = sco_arena_fmt(&r->arena, "%s/%s", r->view, name);
    return path ? sco_fs_write(path, text, 0600, err) : sco_error_nomem(err);
}

/* A split index names files beside it. */
static int link_shared(struct diff_repo *r, const char *git, struct sco_error *err)
{
    DIR *d = opendir(git);
    int e = 0;
    for (struct dirent *x; d && e == 0 && (x = readdir(d));)
        if (strncmp(x->d_name, "sharedindex.", 12) == 0)
            e = link_to(r, git, x->d_name, err);
    if (d)
        closedir(d);
    return e;
}

static bool has_sha256(const char *common)
{
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, text = {0};
    sco_buf_addf(&path, "%s/config", common);
    if (path.failed || sco_fs_read_regular(AT_FDCWD, sco_buf_z(&path), 4 << 20, &text, NULL) < 0)
        return false;
    struct sco_str rest = sco_buf_str(&text), line;
    while (sco_str_split(&rest, '\n', &line)) {
        line = sco_str_trim(line);
        const char *eq = line.n ? memchr(line.p, '=', line.n) : NULL;
        if (eq && sco_str_is_nocase(sco_str_trim(sco_str_make(line.p, (size_t)(eq - line.p))),
                                    "objectformat"))
            return sco_str_is_nocase(
                sco_str_trim(sco_str_make(eq + 1, line.n - (size_t)(eq + 1 - line.p))), "sha256");
    }
    return false;
}

static int make_view(struct diff_repo *r, const char *git, const char *common,
                     struct sco_error *err)
{
    static const char *const shared[] = {"refs", "packed-refs", "shallow"};
    static const char config[] = "[core]\n\tbare = false\n\thooksPath = /dev/null\n"
                                 "\tattributesFile = /dev/null\n\tfsmonitor = false\n"
                                 "\tuntrackedCache = false\n\tquotePath = true\n"
                                 "\tfileMode = false\n\tsymlinks = false\n"
                                 "\trepositoryformatversion = 1\n";
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, head = {0}, text = {0};
    int e = sco_fs_mkdtemp(NULL, "secureops-diff-", &r->view, err);
    if (e < 0)
        return e;
    sco_buf_addf(&path, "%s/HEAD", git);
    sco_buf_addz(&text, config);
    if (has_sha256(common))
        sco_buf_addz(&text, "[extensions]\n\tobjectFormat = sha256\n");
    if (path.failed || text.failed)
        return sco_error_nomem(err);
    e = sco_fs_read_regular(AT_FDCWD, sco_buf_z(&path), 4096, &head, err);
    if (e == 0)
        e = write_view(r, "HEAD", sco_buf_str(&head), err);
    if (e == 0)
        e = write_view(r, "config", sco_buf_str(&text), err);
    for (size_t i = 0; i < SCO_ARRAY_LEN(shared) && e == 0; i++)
        e = link_to(r, common, shared[i], err);
    if (e == 0)
        e = link_to(r, git, "FETCH_HEAD", err);
    if (e == 0)
        e = link_shared(r, git, err);
    SCO_AUTO(sco_buf) struct sco_buf shallow = {0};
    sco_buf_addf(&shallow, "%s/shallow", r->view);
    r->shallow = !shallow.failed && access(sco_buf_z(&shallow), F_OK) == 0;
    return e;
}

static int make_env(struct diff_repo *r, const char *git, const char *common, struct sco_error *err)
{
    const char *const values[][3] = {{"PATH=", "/usr/local/bin:/usr/bin:/bin"},
                                     {"HOME=", "/nonexistent"},
                                     {"LC_ALL=", "C"},
                                     {"GIT_CONFIG_NOSYSTEM=", "1"},
                                     {"GIT_CONFIG_SYSTEM=", "/dev/null"},
                                     {"GIT_CONFIG_GLOBAL=", "/dev/null"},
                                     {"GIT_ATTR_NOSYSTEM=", "1"},
                                     {"GIT_TERMINAL_PROMPT=", "0"},
                                     {"GIT_ALLOW_PROTOCOL=", ""},
                                     {"GIT_NO_LAZY_FETCH=", "1"},
                                     {"GIT_NO_REPLACE_OBJECTS=", "1"},
                                     {"GIT_OPTIONAL_LOCKS=", "0"},
                                     {"GIT_LITERAL_PATHSPECS=", "1"},
                                     {"GIT_DIR=", r->view},
                                     {"GIT_WORK_TREE=", r->top},
                                     {"GIT_INDEX_FILE=", git, "/index"},
                                     {"GIT_OBJECT_DIRECTORY=", common, "/objects"}};
    const char **v = sco_arena_alloc(&r->arena, ENV_MAX * sizeof *v);
    for (size_t i = 0; v && i < SCO_ARRAY_LEN(values); i++) {
        if (!(v[i] = sco_arena_fmt(&r->arena, "%s%s%s", values[i][0], values[i][1],
                                   values[i][2] ? values[i][2] : "")))
            return sco_error_nomem(err);
    }
    r->env = v;
    return v ? 0 : sco_error_nomem(err);
}

int diff_repo_open(struct diff_repo *r, const struct sco_compare_request *q, struct sco_error *err)
{
    const char *dir = NULL;
    SCO_AUTO(sco_free)
    char *program = sco_fs_find_program(q->git ? q->git : "git", "/usr/local/bin:/usr/bin:/bin");
    if (!program)
        return sco_error_set(err, SCO_E_INVALID, "--diff wants git, which is not installed");
    r->cancel_fd = q->cancel_fd;
    r->deadline = sco_mono_ms() + (q->timeout_ms > 0 ? q->timeout_ms : TIMEOUT_MS);
    r->git = sco_arena_cstr(&r->arena, sco_str_c(program));
    int e = r->git ? find_top(r, q->root, &dir, err) : sco_error_nomem(err);
    if (e < 0)
        return e;
    SCO_AUTO(sco_free) char *real = sco_fs_realpath(dir, err);
    const char *git = real ? sco_arena_cstr(&r->arena, sco_str_c(real)) : NULL;
    const char *common = git ? git_common_dir(git, &r->arena) : NULL;
    if (!common)
        return real ? sco_error_nomem(err) : SCO_E_IO;
    e = make_view(r, git, common, err);
    return e == 0 ? make_env(r, git, common, err) : e;
}

void diff_repo_done(struct diff_repo *r)
{
    if (r->view)
        sco_fs_remove_tree(r->view);
    free(r->view);
    sco_arena_done(&r->arena);
    *r = (struct diff_repo){0};
}

/* ---- running ---- */
static int explain(const char *command, const struct sco_command_result *res, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf words = {0};
    struct sco_str text = sco_str_trim(res->err);
    const char *fatal = text.n ? memmem(text.p, text.n, "fatal: ", 7) : NULL;
    if (fatal)
        text = sco_str_make(fatal + 7, text.n - (size_t)(fatal + 7 - text.p));
    if (text.n > WORDS_MAX)
        text.n = WORDS_MAX;
    sco_buf_add_printable(&words, text);
    return sco_error_set(err, SCO_E_TOOL, "--diff: git %s: %s", command,
                         words.n ? sco_buf_z(&words) : "it failed without a word");
}

int diff_repo_run(struct diff_repo *r, const char *const *args, int may, struct sco_str *ret_out,
                  struct sco_error *err)
{
    const char *argv[ARGS_MAX] = {r->git};
    size_t n = 1;
    for (; *args && n + 1 < ARGS_MAX; args++)
        argv[n++] = *args;
    struct sco_exec_env env = {.env = r->env,
                               .work_dir = r->top,
                               .deadline_mono_ms = r->deadline,
                               .output_limit = OUTPUT_MAX,
                               .cancel_fd = r->cancel_fd,
                               .arena = &r->arena};
    struct sco_command command = {.struct_size = sizeof command, .argv = argv, .cwd = r->top};
    struct sco_command_result res = {.struct_size = sizeof res};
    int e = sco_exec_run(&env, &command, &res, err);
    if (e < 0)
        return sco_error_prefix(err, "--diff: git");
    if (res.timed_out)
        return sco_error_set(err, SCO_E_TIMEOUT, "--diff: git %s did not end in time", argv[1]);
    if (res.truncated)
        return sco_error_set(err, SCO_E_LIMIT, "--diff: the change is larger than %llu MiB",
                             (unsigned long long)(OUTPUT_MAX >> 20));
    *ret_out = res.exit_code == 0 ? res.out : SCO_STR("");
    if (may && res.exit_code == may)
        return 1;
    return res.exit_code == 0 ? 0 : explain(argv[1], &res, err);
}

/* ---- the commits ---- */
static int resolve(struct diff_repo *r, const char *name, const char **ret, struct sco_error *err)
{
    const char *spec = sco_arena_fmt(&r->arena, "%s^{commit}", name);
    const char *const args[] = {"rev-parse", "--quiet", "--verify", "--end-of-options", spec, NULL};
    struct sco_str out = {NULL, 0};
    int e = spec ? diff_repo_run(r, args, 1, &out, err) : sco_error_nomem(err);
    if (e != 0)
        return e;
    *ret = sco_arena_cstr(&r->arena, sco_str_trim(out));
    return *ret ? 0 : sco_error_nomem(err);
}

#define SHALLOW                                                                                    \
    "the clone is shallow: fetch the history (git fetch --unshallow; in GitHub Actions "           \
    "fetch-depth: 0, in GitLab GIT_DEPTH: 0)"

int diff_repo_range(struct diff_repo *r, const char *base, struct sco_diff *ret,
                    struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf shown = {0};
    sco_buf_add_printable(&shown, sco_str_c(base));
    if (!*base || *base == '-' || shown.failed)
        return sco_error_set(err, SCO_E_INVALID, "--diff wants a branch, tag or commit");
    int e = resolve(r, "HEAD", &ret->head_sha, err);
    if (e > 0)
        return sco_error_set(err, SCO_E_INVALID, "--diff: there is no commit yet");
    if (e == 0)
        e = resolve(r, base, &ret->base_sha, err);
    if (e > 0) { /* a clone of one branch knows the others by their remote names only */
        const char *remote = sco_arena_fmt(&r->arena, "refs/remotes/origin/%s", base);
        e = remote ? resolve(r, remote, &ret->base_sha, err) : sco_error_nomem(err);
    }
    if (e > 0)
        return sco_error_set(err, SCO_E_NOT_FOUND, "--diff: there is no revision \"%.200s\"%s%s",
                             sco_buf_z(&shown), r->shallow ? "; " : "", r->shallow ? SHALLOW : "");
    if (e < 0)
        return e;
    const char *const args[] = {"merge-base", ret->base_sha, ret->head_sha, NULL};
    struct sco_str out = {NULL, 0}, line = {NULL, 0};
    e = diff_repo_run(r, args, 1, &out, err);
    if (e > 0)
        return sco_error_set(err, SCO_E_INVALID,
                             "--diff: HEAD and \"%.200s\" have no commit in "
                             "common%s%s",
                             sco_buf_z(&shown), r->shallow ? "; " : "", r->shallow ? SHALLOW : "");
    if (e < 0)
        return e;
    sco_str_split(&out, '\n', &line);
    ret->merge_base = sco_arena_cstr(&r->arena, line);
    return ret->merge_base ? 0 : sco_error_nomem(err);
}
