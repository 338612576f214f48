/* What a target on the command line is: folder, file (SBOM, plan, image archive), URL, image. */
#include "engine_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD_SIZE = 64 << 10 };

/* Kind of a single file, from its beginning. */
static uint32_t file_kinds(const char *path)
{
    static char head[HEAD_SIZE];
    SCO_AUTO(sco_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? 0 : read(fd, head, sizeof head);
    struct sco_str text = sco_str_make(head, n > 0 ? (size_t)n : 0);
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *root = sco_json_parse_head(text, &arena);
    if (sco_get(root, "bomFormat") || sco_get(root, "spdxVersion") ||
        sco_str_starts(text, "SPDXVersion:") ||
        (sco_str_contains(text, "cyclonedx.org/schema/bom") && sco_str_starts(text, "<")))
        return SCO_TARGET_SBOM | SCO_TARGET_FILE;
    if (sco_get(root, "format_version") &&
        (sco_get(root, "terraform_version") || sco_get(root, "planned_values") ||
         sco_get(root, "resource_changes")))
        return SCO_TARGET_PLAN | SCO_TARGET_FILE;
    if (text.n > 262 && memcmp(text.p + 257, "ustar", 5) == 0)
        return SCO_TARGET_IMAGE | SCO_TARGET_FILE;
    return SCO_TARGET_FILE;
}

static bool has_git(const char *dir)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addf(&b, "%s/.git", dir);
    struct stat st;
    return stat(sco_buf_z(&b), &st) == 0;
}

static int resolve_path(const char *given, struct sco_arena *arena, struct sco_target *t,
                        struct sco_error *err)
{
    struct sco_error why = {0};
    SCO_AUTO(sco_free) char *real = sco_fs_realpath(given, &why);
    if (!real && why.code != SCO_E_NOT_FOUND)
        return sco_error_set(err, why.code, "target %s", why.text);
    if (!real)
        return sco_error_set(err, SCO_E_NOT_FOUND,
                             "target %s: no such file or folder (an image is written image:NAME, a "
                             "web application http://...)",
                             given);
    if (!sco_utf8_valid(sco_str_c(real))) /* it could be told to no scanner */
        return sco_error_set(err, SCO_E_INVALID,
                             "target %s: its path is not valid UTF-8; rename it, or mount it under "
                             "another name",
                             given);
    t->path = sco_arena_cstr(arena, sco_str_c(real));
    if (!t->path)
        return sco_error_nomem(err);
    if (sco_fs_is_dir(real)) {
        t->kinds = SCO_TARGET_DIRECTORY | (has_git(real) ? SCO_TARGET_GIT : 0u);
        t->root = t->path;
        if (access(real, R_OK | X_OK) < 0)
            return sco_error_errno(err, errno, "target %s", given);
        return 0;
    }
    if (!sco_fs_is_file(real))
        return sco_error_set(err, SCO_E_INVALID, "target %s is neither a file nor a folder", given);
    if (access(real, R_OK) < 0)
        return sco_error_errno(err, errno, "target %s", given);
    t->kinds = file_kinds(real);
    struct sco_str base = sco_path_base(sco_str_c(real));
    size_t dir = strlen(real) - base.n;
    t->root = sco_arena_cstr(arena, sco_str_make(real, dir > 1 ? dir - 1 : dir));
    t->n_files = 1;
    return t->root ? 0 : sco_error_nomem(err);
}

bool target_is_empty(const struct sco_target *t)
{
    return t->kinds & SCO_TARGET_DIRECTORY && !(t->kinds & SCO_TARGET_GIT) && !t->n_files &&
           !t->left_out;
}

int target_resolve(const char *given, struct sco_arena *arena, struct sco_target *ret,
                   struct sco_error *err)
{
    static const char *const none[] = {NULL};
    struct sco_str s = sco_str_c(given);
    struct sco_target t = {.given = given, .excludes = none};
    int r = 0;
    if (!s.n)
        return sco_error_set(err, SCO_E_INVALID, "an empty target");
    if (sco_str_starts(s, "http://") || sco_str_starts(s, "https://")) {
        t.kinds = SCO_TARGET_URL;
        t.path = given;
    } else if (sco_str_starts(s, "image:")) {
        t.kinds = SCO_TARGET_IMAGE;
        t.path = given + strlen("image:");
        if (!*t.path || *t.path == '-')
            return sco_error_set(err, SCO_E_INVALID, "target %s names no image", given);
    } else
        r = resolve_path(given, arena, &t, err);
    if (r == 0)
        *ret = t;
    return r;
}
