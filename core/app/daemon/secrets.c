/* Secrets of HashiCorp Vault and of the store, each asked when it is needed. */
#include "secrets.h"

#include "daemon_priv.h"
#include "web.h"

#include <secureops/crypto.h>

enum { ANSWER_MAX = 1 << 20 };

static int fetch(void *user, const char *url, const char *const *headers, struct sco_buf *out,
                 struct sco_error *err)
{
    (void)user;
    return web_get(url, headers, ANSWER_MAX, out, err);
}

static int ask_vault(void *user, const char *name, struct sco_buf *out, struct sco_error *err)
{
    struct snapshot *now = daemon_snapshot(user);
    const struct sco_config_vault *c = &now->config->vault;
    SCO_AUTO(sco_buf) struct sco_buf token = {0};
    int r = 0;
    if (!c->address.n || !c->token.n)
        r = sco_error_set(err, SCO_E_UNSUPPORTED, "vault.address and vault.token are not set");
    else if (sco_str_starts(c->token, "vault:"))
        r = sco_error_set(err, SCO_E_INVALID, "Vault's token cannot be in Vault");
    if (r == 0)
        r = sco_secret_resolve(c->token, &token, err);
    if (r == 0) {
        struct sco_vault v = {.address = c->address.p,
                              .token = sco_buf_z(&token),
                              .name_space = c->namespace_.n ? c->namespace_.p : NULL,
                              .fetch = fetch};
        r = token.failed ? sco_error_nomem(err) : sco_vault_secret(&v, name, out, err);
    }
    if (token.p)
        sco_wipe(token.p, token.cap);
    snapshot_unref(now);
    return r;
}

/* With a connection of its own: whoever asks may be in the middle of something on another one, or
 * the daemon is starting, and has none yet. */
static int ask_store(void *user, const char *name, struct sco_buf *out, struct sco_error *err)
{
    struct daemon *d = user;
    struct sco_store *s = NULL;
    const struct sco_store_options o = {.where = d->stores.where};
    if (!d->auth && d->args->check) { /* no store, to see whether it is there */
        sco_buf_addz(out, "-");
        return sco_buf_check(out, err);
    }
    if (!d->auth)
        return sco_error_set(err, SCO_E_UNSUPPORTED, "it is needed before the store is open");
    int r = sco_store_open(&o, &s, err);
    if (r == 0)
        r = sco_auth_secret_get(d->auth, s, name, out, err);
    sco_store_close(s);
    return r;
}

void secrets_provide(struct daemon *d)
{
    sco_secret_provider("vault", ask_vault, d);
    sco_secret_provider("store", ask_store, d);
}

void secrets_forget(void)
{
    sco_secret_provider("vault", NULL, NULL);
    sco_secret_provider("store", NULL, NULL);
}
