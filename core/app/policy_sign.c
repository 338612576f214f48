/* secureops policy sign, verify: archives of policies and the signatures beside them. Verifying is
 * loading: the worker checks the signature and reads the pack as a scan would. */
#include "policy_priv.h"

#include <secureops/crypto.h>

enum { ARCHIVE_MAX = 64 << 20, KEY_FILE_MAX = 64 << 10 };

/* ---- sign ---- */
static int read_secret(const char *path, uint8_t ret[SCO_ED25519_KEY_LEN], struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf pem = {0};
    int r = sco_fs_read(path, KEY_FILE_MAX, &pem, err);
    if (r < 0)
        return sco_error_prefix(err, "--key");
    r = sco_ed25519_read_secret(sco_buf_str(&pem), ret);
    explicit_bzero(pem.p, pem.n);
    if (r < 0)
        return sco_error_set(err, SCO_E_INVALID,
                             "--key %s: no Ed25519 private key in PEM; make one with \"openssl "
                             "genpkey -algorithm ed25519 -out %s\"",
                             path, path);
    return 0;
}

static int sign(const char *archive, const char *key_path, const char *out, struct sco_error *err)
{
    uint8_t key[SCO_ED25519_KEY_LEN], signature[SCO_ED25519_SIGNATURE_LEN];
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    int r = sco_fs_read(archive, ARCHIVE_MAX, &text, err);
    if (r == 0)
        r = read_secret(key_path, key, err);
    if (r < 0)
        return r;
    sco_ed25519_sign(key, sco_buf_str(&text), signature);
    explicit_bzero(key, sizeof key);
    return sco_fs_write(out, sco_str_make((const char *)signature, sizeof signature), 0666, err);
}

int policy_sign(struct cli *c)
{
    struct sco_error err = {0};
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    const char *archive = c->operands[1];
    sco_buf_addf(&out, "%s.sig", archive);
    const char *path = sco_buf_z(&out);
    int r = sco_buf_check(&out, &err);
    if (r == 0 && !args_has(c, ARG_KEY))
        r = sco_error_set(&err, SCO_E_INVALID,
                          "policy sign wants the private key: --key FILE (PEM, Ed25519)");
    if (r == 0 && sco_fs_is_dir(archive))
        r = sco_error_set(&err, SCO_E_INVALID,
                          "%s is a folder; pack it first: tar --format=ustar -cf pack.tar -C %s .",
                          archive, archive);
    if (r == 0)
        r = sign(archive, c->values[ARG_KEY], path, &err);
    if (r < 0)
        return context_fail(&err);
    printf("%s\n", path);
    return EXIT_PASSED;
}

/* ---- verify ---- */
struct verifying {
    const char *digest;
    struct cli *cli;
    size_t policies;
};

static int on_record(void *user, struct sco_str kind, struct sco_str json)
{
    struct verifying *v = user;
    const struct sco_node *m = NULL;
    v->policies += sco_str_is(kind, "policy");
    if (!sco_str_is(kind, "bundle"))
        return 0;
    json = sco_arena_str(&v->cli->arena, json);
    int r = json.p ? sco_json_parse(json, &v->cli->arena, &m, NULL) : SCO_E_NOMEM;
    if (r == 0)
        v->digest = sco_arena_cstr(&v->cli->arena, sco_text(sco_get(m, "digest")));
    return r;
}

int policy_verify(struct cli *c)
{
    struct verifying v = {.cli = c};
    struct sco_error err = {0};
    struct sco_policy_outcome o = {0};
    int status = EXIT_INTERNAL;
    char *real = sco_fs_realpath(c->operands[1], &err);
    const char *bundles[] = {real, NULL};
    struct sco_policy_request q = {.command = "list", .bundles = bundles};
    int r = real ? 0 : err.code;
    if (r == 0 && !c->config->policies.keys.n)
        r = sco_error_set(&err, SCO_E_INVALID,
                          "policy verify wants the public keys: --policy-keys FILE");
    if (r == 0 && sco_fs_is_dir(real))
        r = sco_error_set(&err, SCO_E_INVALID, "%s is a folder: only archives are signed",
                          c->operands[1]);
    if (r == 0)
        r = policy_ask(c, &q, on_record, &v, &o, &status, &err);
    if (r == 0 && status == EXIT_PASSED)
        printf("%s: signed by a key of %s\ndigest %s, %zu polic%s\n", c->operands[1],
               c->config->policies.keys.v[0].p, v.digest ? v.digest : "?", v.policies,
               v.policies == 1 ? "y" : "ies");
    sco_policy_outcome_done(&o);
    free(real);
    return r < 0 ? context_fail(&err) : status;
}
