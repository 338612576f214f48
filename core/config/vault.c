/* Secrets of HashiCorp Vault, asked each time: what was revoked there is not used here. */
#include <secureops/option.h>

#include <ctype.h>

/* A path of Vault within an URL: each segment escaped; nothing that leads elsewhere. */
static bool add_path(struct sco_str path, struct sco_buf *url)
{
    struct sco_str rest = path, one;
    while (sco_str_split(&rest, '/', &one)) {
        if (!one.n || sco_str_is(one, ".") || sco_str_is(one, ".."))
            return false;
        sco_buf_addc(url, '/');
        for (size_t i = 0; i < one.n; i++) {
            unsigned char c = (unsigned char)one.p[i];
            if (c < 128 && (isalnum(c) || strchr("-._~", c)))
                sco_buf_addc(url, (char)c);
            else
                sco_buf_addf(url, "%%%02X", c);
        }
    }
    return true;
}

/* "secret/team/db#password": https://vault/v1/secret/data/team/db, and the key. */
static int parse(const struct sco_vault *v, const char *name, struct sco_buf *url,
                 const char **ret_key, struct sco_error *err)
{
    const char *key = strchr(name, '#'), *slash = strchr(name, '/');
    struct sco_str address = sco_str_c(v->address);
    while (address.n && address.p[address.n - 1] == '/')
        address.n--;
    if (!key || !key[1] || !slash || slash > key)
        return sco_error_set(err, SCO_E_INVALID, "written as vault:MOUNT/PATH#KEY");
    sco_buf_add(url, address);
    sco_buf_addz(url, "/v1");
    bool good = add_path(sco_str_make(name, (size_t)(slash - name)), url);
    sco_buf_addz(url, "/data");
    good = good && add_path(sco_str_make(slash + 1, (size_t)(key - slash) - 1), url);
    if (!good)
        return sco_error_set(err, SCO_E_INVALID, "the path has an empty segment, \".\" or \"..\"");
    *ret_key = key + 1;
    return sco_buf_check(url, err);
}

static int take(struct sco_str body, const char *key, struct sco_buf *out, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const struct sco_node *root;
    if (sco_json_parse(body, &arena, &root, NULL) < 0) /* whose text could be of the secret */
        return sco_error_set(err, SCO_E_FORMAT, "Vault's answer is no JSON");
    const struct sco_node *data = sco_get(sco_get(root, "data"), "data");
    const struct sco_node *value = sco_get(data, key);
    if (!sco_is(data, SCO_NODE_MAP))
        return sco_error_set(err, SCO_E_NOT_FOUND,
                             "Vault has no version of it, or the mount is no key-value engine of "
                             "version 2");
    if (!sco_is(value, SCO_NODE_STR))
        return sco_error_set(err, SCO_E_NOT_FOUND, "it has no text under the key \"%s\"", key);
    sco_buf_add(out, value->text);
    return sco_buf_check(out, err);
}

int sco_vault_secret(void *vault, const char *name, struct sco_buf *out, struct sco_error *err)
{
    const struct sco_vault *v = vault;
    SCO_AUTO(sco_buf) struct sco_buf url = {0}, token = {0}, space = {0}, body = {0};
    const char *key = NULL;
    int r = parse(v, name, &url, &key, err);
    sco_buf_addf(&token, "X-Vault-Token: %s", v->token);
    sco_buf_addf(&space, "X-Vault-Namespace: %s", v->name_space ? v->name_space : "");
    if (r == 0 && (token.failed || space.failed))
        r = sco_error_nomem(err);
    if (r == 0) {
        const char *const headers[] = {sco_buf_z(&token), "X-Vault-Request: true",
                                       v->name_space ? sco_buf_z(&space) : NULL, NULL};
        r = v->fetch(v->user, sco_buf_z(&url), headers, &body, err);
    }
    if (r == 0)
        r = take(sco_buf_str(&body), key, out, err);
    if (token.p)
        explicit_bzero(token.p, token.cap);
    if (body.p)
        explicit_bzero(body.p, body.cap);
    return r;
}
