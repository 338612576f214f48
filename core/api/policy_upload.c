/* Packs of policies that are uploaded: an archive (ustar), with its signature when the server wants
 * one. A pack is kept when it loads and every case of it passes, and not before; it is in force
 * with the next job. Whoever may upload one decides what fails and what passes. */
#include "content_priv.h"

#include <dirent.h>
#include <errno.h>
#include <secureops/crypto.h>
#include <secureops/fs.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_LEN_MAX = 64, PACK_MAX = 16 << 20 };

static bool is_name(const char *z)
{
    size_t n = z ? strlen(z) : 0;
    if (!n || n > NAME_LEN_MAX || *z == '-')
        return false;
    for (; *z; z++)
        if (!((*z >= 'a' && *z <= 'z') || (*z >= '0' && *z <= '9') || *z == '-'))
            return false;
    return true;
}

static const char *pack_path(struct api_call *c, const char *name, const char *end)
{
    return sco_arena_fmt(&c->arena, "%s/policies/%s.tar%s", api_options(c->api)->data, name, end);
}

/* ---- putting it in place ---- */
static int write_candidate(struct api_call *c, const char *archive, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    uint8_t signature[SCO_ED25519_SIGNATURE_LEN];
    const char *header = api_request_header(c, "X-Signature");
    const char *side = sco_arena_fmt(&c->arena, "%s.sig", archive);
    size_t n = 0;
    if (!side)
        return sco_error_nomem(err);
    if (header && (!sco_base64_decode(sco_str_c(header), signature, sizeof signature, &n) ||
                   n != sizeof signature))
        return sco_error_set(err, SCO_E_INVALID,
                             "X-Signature: the 64 bytes of the .sig file, in base64");
    int r = sco_fs_read(c->body_file, PACK_MAX, &text, err);
    if (r == SCO_E_LIMIT)
        return api_problem(c, 413, err, "a pack has at most %d bytes", PACK_MAX);
    if (r == 0 && !text.n)
        r = sco_error_set(err, SCO_E_INVALID, "the body is the archive, and it is empty");
    if (r == 0)
        r = sco_fs_write(archive, sco_buf_str(&text), 0600, err);
    if (r == 0 && header)
        r = sco_fs_write(side, sco_str_make((char *)signature, n), 0600, err);
    return r;
}

/* The cases of the pack. Its reply has them, also when they fail. */
static int test_candidate(struct api_call *c, const char *archive, struct sco_buf *out,
                          struct sco_error *err)
{
    const char *const argv[] = {"policy", "test",      archive, "--format",
                                "json",   "--timeout", "120s",  NULL};
    int status = 0;
    int r =
        api_run_json(c, NULL, argv, 1u << 0 | 1u << 1,
                     "this is no pack of policies that can be loaded, or it has no cases, or it "
                     "is not signed by a key of this server",
                     out, &status, err);
    if (r == 0 && status != 0)
        r = api_problem(c, 422, err,
                        "cases of the pack fail: see \"secureops policy test\" for which");
    return r;
}

/* With all that is there, as every scan loads it: one id twice, and none of them could be. */
static int check_beside(struct api_call *c, const char *archive, const char *name,
                        struct sco_error *err)
{
    enum { ARGS_MAX = 12 };
    const char *argv[ARGS_MAX] = {"policy", "list", "--format", "json"};
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    size_t n = 4;
    int status = 0;
    const char *before = sco_arena_fmt(&c->arena, "%s.tar", name);
    int r =
        before ? api_policy_packs_with(c, archive, before, argv, &n, err) : sco_error_nomem(err);
    return r < 0 ? r
                 : api_run_json(c, NULL, argv, 1u << 0,
                                "the pack does not go with the policies that are there: it has an "
                                "id of one of them, or they are too many",
                                &out, &status, err);
}

static int move(const char *from, const char *to, struct sco_error *err)
{
    return rename(from, to) == 0 ? 0 : sco_error_errno(err, errno, "cannot make %s", to);
}

/* The signature first: an archive with that of another is refused, never taken unsigned. */
static int keep(struct api_call *c, const char *archive, const char *name, struct sco_error *err)
{
    const char *side = sco_arena_fmt(&c->arena, "%s.sig", archive);
    const char *to = pack_path(c, name, ""), *side_to = pack_path(c, name, ".sig");
    if (!side || !to || !side_to)
        return sco_error_nomem(err);
    int r = api_audit_call(c, "success", err);
    if (r == 0 && sco_fs_is_file(side))
        r = move(side, side_to, err);
    else if (r == 0 && unlink(side_to) < 0 && errno != ENOENT)
        r = sco_error_errno(err, errno, "cannot remove %s", side_to);
    return r < 0 ? r : move(archive, to, err);
}

int api_policy_upload(struct api_call *c, struct sco_error *err)
{
    const char *name = api_query(c, "name");
    const char *data = api_options(c->api)->data;
    SCO_AUTO(sco_buf) struct sco_buf cases = {0};
    char *folder = NULL;
    int r = api_needs_all(c, "policies", err);
    if (r < 0)
        return r;
    if (!is_name(name))
        return api_fault(c, err, "?name", "lower case, digits and hyphens, at most %d",
                         NAME_LEN_MAX);
    if (!c->body_file)
        return sco_error_set(err, SCO_E_INVALID, "the body is the archive, and it is empty");
    if (!data)
        return sco_error_set(err, SCO_E_UNSUPPORTED, "this server keeps no policies");
    const char *packs = sco_arena_fmt(&c->arena, "%s/policies", data);
    r = packs ? sco_fs_mkdirs(packs, 0700, err) : sco_error_nomem(err);
    if (r == 0) /* on the same file system, and hidden from whoever lists the packs */
        r = sco_fs_mkdtemp(packs, ".new-", &folder, err);
    if (r < 0)
        return r;
    const char *archive = sco_arena_fmt(&c->arena, "%s/%s.tar", folder, name);
    r = archive ? write_candidate(c, archive, err) : sco_error_nomem(err);
    if (r == 0)
        r = test_candidate(c, archive, &cases, err);
    if (r == 0)
        r = check_beside(c, archive, name, err);
    if (r == 0)
        r = keep(c, archive, name, err);
    sco_fs_remove_tree(folder);
    free(folder);
    if (r < 0)
        return r;
    api_created(c, "/api/v1/iac/policies/packs/%s", name);
    sco_json_begin(&c->out, '{');
    sco_json_kz(&c->out, "name", name);
    sco_json_key(&c->out, "tests");
    while (cases.n && cases.p[cases.n - 1] == '\n')
        cases.n--;
    sco_json_raw(&c->out, sco_buf_str(&cases));
    sco_json_end(&c->out, '}');
    return 0;
}

/* ---- what there is ---- */
int api_policy_pack_list(struct api_call *c, struct sco_error *err)
{
    const char *dir = sco_arena_fmt(&c->arena, "%s/policies", api_options(c->api)->data);
    struct dirent **v = NULL;
    if (!dir)
        return sco_error_nomem(err);
    int n = api_options(c->api)->data ? scandir(dir, &v, NULL, alphasort) : 0;
    api_items_begin(c);
    for (int i = 0; i < n; i++) {
        struct sco_str name = sco_str_c(v[i]->d_name);
        struct stat st;
        const char *full = sco_arena_fmt(&c->arena, "%s/%s", dir, name.p);
        const char *side = sco_arena_fmt(&c->arena, "%s/%s.sig", dir, name.p);
        if (name.p[0] != '.' && sco_str_ends(name, ".tar") && full && side &&
            stat(full, &st) == 0) {
            sco_json_begin(&c->out, '{');
            sco_json_kstr(&c->out, "name", sco_str_make(name.p, name.n - 4));
            sco_json_ki64(&c->out, "size", st.st_size);
            sco_json_kbool(&c->out, "signed", sco_fs_is_file(side));
            sco_json_ktime(&c->out, "uploaded_at", (int64_t)st.st_mtime * 1000);
            sco_json_end(&c->out, '}');
        }
        free(v[i]);
    }
    free(v);
    api_items_end(c, NULL);
    return 0;
}

int api_policy_remove(struct api_call *c, struct sco_error *err)
{
    const char *name = c->params[0];
    int r = api_needs_all(c, "policies", err);
    if (r < 0)
        return r;
    if (!is_name(name) || !api_options(c->api)->data)
        return sco_error_set(err, SCO_E_NOT_FOUND, "there is no pack %s", name);
    const char *path = pack_path(c, name, ""), *side = pack_path(c, name, ".sig");
    if (!path || !side)
        return sco_error_nomem(err);
    if (sco_fs_is_file(path) && (r = api_audit_call(c, "success", err)) < 0)
        return r;
    if (unlink(path) < 0)
        return errno == ENOENT ? sco_error_set(err, SCO_E_NOT_FOUND, "there is no pack %s", name)
                               : sco_error_errno(err, errno, "cannot remove %s", path);
    unlink(side);
    c->status = 204;
    return 0;
}
