/* `secureops` as a program: what judges policies runs in a worker of it, never here. The documents
 * of a request go to a folder of their own, which is gone when it is answered. */
#include "content_priv.h"

#include <dirent.h>
#include <secureops/fs.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    FILES_MAX = 200,
    PATH_LEN_MAX = 255,
    PART_LEN_MAX = 200,
    NAMES_MAX = 200,
    ARGS_MAX = 24,
    PACKS_MAX = 64
};

/* ---- running ---- */
int api_run_json(struct api_call *c, const char *dir, const char *const *argv, uint32_t statuses,
                 const char *what, struct sco_buf *out, int *ret_status, struct sco_error *err)
{
    const struct sco_api_options *o = api_options(c->api);
    int status = 0;
    if (!o->run)
        return sco_error_set(err, SCO_E_UNSUPPORTED, "this server does not run policies");
    int r = o->run(o->user, dir, argv, out, &status, err);
    if (r == 0)
        r = sco_buf_check(out, err);
    if (r < 0)
        return r;
    bool answered = status >= 0 && status < 32 && statuses & 1u << status && out->n &&
                    (out->p[0] == '{' || out->p[0] == '[');
    if (!answered)
        return api_problem(c, 422, err, "%s", what);
    *ret_status = status;
    return 0;
}

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* data/policies: a folder or an archive each; but for `without`. */
static int list_packs(struct api_call *c, const char *dir, const char *without, char **v, size_t *n,
                      struct sco_error *err)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (e->d_name[0] == '.' || sco_str_ends(sco_str_c(e->d_name), ".sig") ||
            (without && strcmp(e->d_name, without) == 0))
            continue;
        if (*n == PACKS_MAX || strchr(e->d_name, ',')) {
            closedir(d);
            return sco_error_set(err, SCO_E_INTERNAL, "%s has too many packs, or one with a comma",
                                 dir);
        }
        v[*n] = sco_arena_fmt(&c->arena, "%s/%s", dir, e->d_name);
        if (v[(*n)++])
            continue;
        closedir(d);
        return sco_error_nomem(err);
    }
    if (d)
        closedir(d);
    qsort(v, *n, sizeof *v, compare);
    return 0;
}

int api_policy_packs_with(struct api_call *c, const char *archive, const char *without,
                          const char **argv, size_t *n, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf list = {0};
    char *v[PACKS_MAX];
    size_t packs = 0;
    const char *data = api_options(c->api)->data;
    const char *dir = data ? sco_arena_fmt(&c->arena, "%s/policies", data) : NULL;
    const char *waivers = data ? sco_arena_fmt(&c->arena, "%s/waivers.yaml", data) : NULL;
    if (!data)
        return 0;
    int r = dir && waivers ? list_packs(c, dir, without, v, &packs, err) : sco_error_nomem(err);
    for (size_t i = 0; i < packs && r == 0; i++)
        sco_buf_addf(&list, "%s%s", i ? "," : "", v[i]);
    if (archive)
        sco_buf_addf(&list, "%s%s", packs++ ? "," : "", archive);
    if (r == 0 && packs) {
        argv[(*n)++] = "--policies";
        argv[(*n)++] = sco_arena_cstr(&c->arena, sco_buf_str(&list));
        r = argv[*n - 1] ? sco_buf_check(&list, err) : sco_error_nomem(err);
    }
    if (r == 0 && sco_fs_is_file(waivers)) {
        argv[(*n)++] = "--waivers";
        argv[(*n)++] = waivers;
    }
    return r;
}

int api_policy_packs(struct api_call *c, const char **argv, size_t *n, struct sco_error *err)
{
    return api_policy_packs_with(c, NULL, NULL, argv, n, err);
}

/* ---- names of policies and frameworks, as an argument ---- */
static bool is_name(struct sco_str s)
{
    if (!s.n || s.n > 128 || s.p[0] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        char ch = s.p[i];
        if (!((ch >= 'a' && ch <= 'z') || (ch >= 'A' && ch <= 'Z') || (ch >= '0' && ch <= '9') ||
              (ch && strchr("._-:@*?", ch))))
            return false;
    }
    return true;
}

static int add_names(struct api_call *c, const char *member, const char *option, const char **argv,
                     size_t *n, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    const struct sco_node *list = api_member(c, member);
    char pointer[40];
    size_t i = 0;
    if (!list || !list->n)
        return 0;
    SCO_EACH (v, list) {
        snprintf(pointer, sizeof pointer, "/%s/%zu", member, i);
        if (!is_name(sco_text(v)) || i == NAMES_MAX)
            return api_fault(c, err, pointer, "no id, alias or glob of policies");
        sco_buf_addf(&b, "%s%.*s", i++ ? "," : "", SCO_STR_ARG(v->text));
    }
    argv[(*n)++] = option;
    argv[(*n)++] = sco_arena_cstr(&c->arena, sco_buf_str(&b));
    return argv[*n - 1] ? sco_buf_check(&b, err) : sco_error_nomem(err);
}

/* ---- the documents ---- */
/* Relative, below the folder, and such that no other name means it. A name in it is shorter than
 * what file systems take: it is written under a longer one first. */
static bool is_path(struct sco_str s)
{
    struct sco_str part, rest = s;
    if (!s.n || s.n > PATH_LEN_MAX || !sco_utf8_valid(s))
        return false;
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f || s.p[i] == '\\')
            return false;
    while (sco_str_split(&rest, '/', &part))
        if (!part.n || part.n > PART_LEN_MAX || sco_str_is(part, ".") || sco_str_is(part, ".."))
            return false;
    return true;
}

static int write_document(struct api_call *c, const char *folder, const struct sco_node *v,
                          size_t i, struct sco_error *err)
{
    struct sco_str path = sco_text(sco_get(v, "path"));
    const struct sco_node *content = sco_get(v, "content");
    char pointer[40];
    snprintf(pointer, sizeof pointer, "/files/%zu", i);
    if (!is_path(path) || !sco_is(content, SCO_NODE_STR))
        return api_fault(c, err, pointer, "a relative path without \"..\", and the content");
    if (sco_str_is(path, "secureops.yaml")) /* it would be read as such */
        return api_fault(c, err, pointer, "this is configuration, and no document");
    const char *full = sco_arena_fmt(&c->arena, "%s/%.*s", folder, SCO_STR_ARG(path));
    const char *above =
        full ? sco_arena_cstr(&c->arena, sco_str_make(full, (size_t)(strrchr(full, '/') - full)))
             : NULL;
    if (!above)
        return sco_error_nomem(err);
    if (sco_fs_is_file(full) || sco_fs_is_dir(full) || sco_fs_mkdirs(above, 0700, NULL) < 0)
        return api_fault(c, err, pointer, "there is another file of this path");
    return sco_fs_write(full, content->text, 0600, err);
}

static int write_documents(struct api_call *c, const char *folder, struct sco_error *err)
{
    const struct sco_node *files = api_member(c, "files");
    size_t i = 0;
    int r = 0;
    if (!sco_is(files, SCO_NODE_LIST) || !files->n || files->n > FILES_MAX)
        return api_fault(c, err, "/files", "one to %d documents", FILES_MAX);
    for (const struct sco_node *v = files->child; v && r == 0; v = v->next)
        r = write_document(c, folder, v, i++, err);
    return r;
}

/* ---- the answer ---- */
static void write_results(struct sco_json_out *o, const struct sco_node *list, bool all)
{
    sco_json_begin(o, '[');
    SCO_EACH (m, list) {
        struct sco_str verdict = sco_text(sco_get(m, "verdict"));
        if (all || !(sco_str_is(verdict, "pass") || sco_str_is(verdict, "not_applicable")))
            sco_json_node(o, m);
    }
    sco_json_end(o, ']');
}

static int evaluate(struct api_call *c, const char *folder, struct sco_error *err)
{
    const char *argv[ARGS_MAX] = {"policy", "eval", ".", "--format", "json", "--timeout", "60s"};
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *root = NULL;
    size_t n = 7;
    int status = 0;
    int r = api_policy_packs(c, argv, &n, err);
    if (r == 0)
        r = add_names(c, "policies", "--policy", argv, &n, err);
    if (r == 0)
        r = add_names(c, "frameworks", "--framework", argv, &n, err);
    if (r == 0)
        r = add_names(c, "skip", "--skip", argv, &n, err);
    if (r == 0)
        r = write_documents(c, folder, err);
    if (r == 0) /* passed, failed, incomplete: the answer says which */
        r = api_run_json(c, folder, argv, 1u << 0 | 1u << 1 | 1u << 3,
                         "the policies could not be evaluated: is there a policy or framework of "
                         "each name?",
                         &out, &status, err);
    if (r == 0)
        r = sco_json_parse(sco_buf_str(&out), &arena, &root, err);
    if (r != 0)
        return r;
    static const char *const results[] = {"passed", "failed", "incomplete", "incomplete"};
    struct sco_json_out *o = &c->out;
    sco_json_begin(o, '{');
    sco_json_kz(o, "result", results[status & 3]);
    for (const struct sco_node *m = root->child; m; m = m->next) {
        sco_json_key(o, m->key.p);
        if (sco_str_is(m->key, "results"))
            write_results(o, m, api_flag(c, "all", false));
        else
            sco_json_node(o, m);
    }
    sco_json_end(o, '}');
    return 0;
}

int api_iac_scan(struct api_call *c, struct sco_error *err)
{
    char *folder = NULL;
    int r = api_spool_folder(c, &folder, err);
    if (r < 0)
        return r;
    r = evaluate(c, folder, err);
    sco_fs_remove_tree(folder);
    free(folder);
    return r;
}
