/* Routes: logins, the own account, and the table of all routes of accounts. Failed logins are
 * counted in transactions of their own: nothing here is undone with the request. */
#include "accounts_priv.h"

#include <secureops/crypto.h>

/* ---- shared ---- */
struct sco_auth *accounts_auth(const struct api_call *c)
{
    return api_options(c->api)->auth;
}

struct sco_str accounts_str(const struct api_call *c, const char *name)
{
    const struct sco_node *v = api_member(c, name);
    return sco_is(v, SCO_NODE_STR) ? v->text : sco_str_make("", 0);
}

int accounts_own(struct api_call *c, const char **ret_id, struct sco_error *err)
{
    if (!c->who.user_id[0])
        return sco_error_set(err, SCO_E_PERMISSION,
                             "you have no account here: your token is of "
                             "another issuer");
    *ret_id = c->who.user_id;
    return 0;
}

int accounts_no_key(struct api_call *c, struct sco_error *err)
{
    if (!c->idempotency_key)
        return 0;
    return sco_error_set(err, SCO_E_INVALID,
                         "Idempotency-Key: not for this request, whose reply is told once");
}

int accounts_refused(struct api_call *c, int r, int64_t wait_ms, struct sco_error *err)
{
    if (r == SCO_E_PERMISSION)
        return api_problem(c, 401, err, "unknown, expired or revoked");
    if (r != SCO_E_LIMIT)
        return r;
    char seconds[24];
    snprintf(seconds, sizeof seconds, "%lld", (long long)((wait_ms + 999) / 1000));
    api_header(c, "Retry-After", seconds);
    return api_problem(c, 429, err, "too many failed attempts: try again in %s s", seconds);
}

const char *accounts_object(struct api_call *c, const char *kind, const char *id)
{
    return sco_arena_fmt(&c->arena, "%s:%s", kind, id);
}

bool accounts_can_mail(const struct api_call *c)
{
    const struct sco_api_options *o = api_options(c->api);
    return o->mail && o->public_url;
}

int accounts_mail(const struct sco_api_options *o, const char *to, const char *kind,
                  const char *token, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf text = {0};
    bool reset = strcmp(kind, "reset") == 0;
    struct sco_str base = sco_str_c(o->public_url);
    while (base.n && base.p[base.n - 1] == '/')
        base.n--;
    sco_buf_addz(&text, reset ? "Somebody, probably you, has asked for a new password for your "
                                "SecureOps account.\nChoose it here, within an hour:\n\n"
                              : "An account of SecureOps was made for this address. Confirm that "
                                "it is yours, within an hour:\n\n");
    sco_buf_add(&text, base);
    sco_buf_addf(&text, "/%s#token=%s\n\nIf it was not you, do nothing.\n",
                 reset ? "password-reset" : "email-verify", token);
    int r = sco_buf_check(&text, err);
    if (r == 0)
        r = o->mail(o->user, to, reset ? "Your SecureOps password" : "Your SecureOps account",
                    sco_buf_z(&text), err);
    if (text.p)
        sco_wipe(text.p, text.cap);
    return r;
}

/* ---- logins ---- */
static void write_tokens(struct api_call *c, const struct sco_tokens *t)
{
    sco_json_begin(&c->out, '{');
    sco_json_kz(&c->out, "access_token", t->access);
    sco_json_kz(&c->out, "token_type", "Bearer");
    sco_json_ki64(&c->out, "expires_in", (t->access_expires_at - c->now) / 1000);
    sco_json_kz(&c->out, "refresh_token", t->refresh);
    sco_json_ktime(&c->out, "refresh_expires_at", t->refresh_expires_at);
    sco_json_end(&c->out, '}');
    api_header(c, "Cache-Control", "no-store");
}

static int login(struct api_call *c, struct sco_error *err)
{
    struct sco_tokens t = {0};
    int64_t wait = 0;
    struct sco_login l = {accounts_str(c, "email"), accounts_str(c, "password"),
                          accounts_str(c, "totp"), c->network};
    int r = sco_auth_login(accounts_auth(c), c->store, &l, &c->arena, &t, &wait, err);
    if (r == 1) {
        c->status = 202;
        sco_json_begin(&c->out, '{');
        sco_json_kz(&c->out, "second_factor", "totp");
        sco_json_end(&c->out, '}');
        return 0;
    }
    /* whose login was tried is what the log is read for; the server adds the row of a failure */
    c->who.name = sco_arena_cstr(&c->arena, l.email);
    if (!c->who.name)
        return sco_error_nomem(err);
    if (r == 0)
        r = api_audit(c, "auth.login", NULL, "success", NULL, err);
    if (r < 0)
        return accounts_refused(c, r, wait, err);
    write_tokens(c, &t);
    return 0;
}

static int refresh(struct api_call *c, struct sco_error *err)
{
    struct sco_tokens t = {0};
    int r = sco_auth_refresh(accounts_auth(c), c->store, accounts_str(c, "refresh_token"),
                             &c->arena, &t, err);
    if (r < 0)
        return accounts_refused(c, r, 0, err);
    write_tokens(c, &t);
    return 0;
}

static int logout(struct api_call *c, struct sco_error *err)
{
    return sco_auth_logout(accounts_auth(c), c->store, accounts_str(c, "refresh_token"), err);
}

static int setup(struct api_call *c, struct sco_error *err)
{
    const char *name = api_text(c, "name");
    struct sco_stored_user u = {.email = api_text(c, "email"), .name = name ? name : ""};
    char id[37];
    int r = sco_auth_setup(accounts_auth(c), c->store, accounts_str(c, "token"), &u,
                           accounts_str(c, "password"), id, err);
    if (r < 0)
        return accounts_refused(c, r, 0, err);
    c->who.name = u.email;
    r = api_audit(c, "auth.setup", accounts_object(c, "user", id), "success", NULL, err);
    if (r < 0)
        return r;
    api_created(c, "/api/v1/users/%s", id);
    sco_json_begin(&c->out, '{');
    sco_json_kz(&c->out, "id", id);
    sco_json_end(&c->out, '}');
    return 0;
}

/* ---- passwords ---- */
/* 202 whether there is such a user or not, and as soon: the rest is done afterwards, in mail.c. */
static int forgot(struct api_call *c, struct sco_error *err)
{
    static const struct sco_throttle few = {
        .free = 5, .base_ms = 60000, .max_ms = 3600000, .forget_ms = 3600000};
    int64_t wait = 0;
    if (!accounts_can_mail(c))
        return sco_error_set(err, SCO_E_UNSUPPORTED,
                             "this server sends no mail: an administrator sets the password");
    const char *key = accounts_object(c, "forgot", c->network ? c->network : "");
    int r =
        key ? sco_store_throttle(c->store, key, &few, c->now, &wait, err) : sco_error_nomem(err);
    if (r == 0 && wait)
        return accounts_refused(c, SCO_E_LIMIT, wait, err);
    if (r < 0)
        return r;
    c->forgotten = api_text(c, "email");
    c->status = 202;
    return 0;
}

static int do_reset(struct api_call *c, const char **ret_id, struct sco_error *err)
{
    struct sco_auth *a = accounts_auth(c);
    int r = sco_auth_redeem(a, c->store, "reset", accounts_str(c, "token"), &c->arena, ret_id, err);
    if (r == 0 && !*ret_id)
        r = SCO_E_PERMISSION;
    if (r == 0)
        r = sco_auth_set_password(a, c->store, *ret_id, accounts_str(c, "password"), err);
    if (r == 0)
        r = api_audit(c, "user.password", accounts_object(c, "user", *ret_id), "success", NULL,
                      err);
    return r;
}

/* A password that is refused leaves the token good for another try. */
static int reset(struct api_call *c, struct sco_error *err)
{
    const char *id = NULL;
    int r = sco_store_begin(c->store, err);
    if (r == 0)
        r = sco_store_end(c->store, do_reset(c, &id, err), err);
    return r < 0 ? accounts_refused(c, r, 0, err) : 0;
}

static int change_password(struct api_call *c, struct sco_error *err)
{
    struct sco_auth *a = accounts_auth(c);
    const char *id = NULL;
    int64_t wait = 0;
    int r = accounts_no_key(c, err);
    if (r == 0)
        r = accounts_own(c, &id, err);
    if (r < 0)
        return r;
    r = sco_auth_confirm_password(a, c->store, id, accounts_str(c, "current_password"), &wait, err);
    if (r == SCO_E_PERMISSION)
        return r; /* 403: who it is, is known */
    if (r == 0)
        r = sco_store_begin(c->store, err);
    if (r < 0)
        return accounts_refused(c, r, wait, err);
    r = sco_auth_set_password(a, c->store, id, accounts_str(c, "new_password"), err);
    if (r == 0)
        r = api_audit(c, "user.password", accounts_object(c, "user", id), "success", NULL, err);
    r = sco_store_end(c->store, r, err);
    return r < 0 ? accounts_refused(c, r, 0, err) : 0;
}

static int do_verify(struct api_call *c, struct sco_error *err)
{
    struct sco_user_page page = {0};
    const char *id = NULL;
    int r = sco_auth_redeem(accounts_auth(c), c->store, "verify", accounts_str(c, "token"),
                            &c->arena, &id, err);
    if (r == 0 && !id)
        r = SCO_E_PERMISSION;
    if (r == 0)
        r = sco_store_user_lock(c->store, id, err);
    if (r == 0)
        r = sco_store_user(c->store, id, &page, err);
    if (r == 0 && strcmp(page.v[0].status, "unverified") == 0) {
        struct sco_stored_user u = page.v[0];
        u.status = "active";
        r = sco_store_user_put(c->store, &u, c->now, NULL, err);
    }
    sco_user_page_done(&page);
    return r == 0
               ? api_audit(c, "user.verify", accounts_object(c, "user", id), "success", NULL, err)
               : r;
}

static int verify(struct api_call *c, struct sco_error *err)
{
    int r = sco_store_begin(c->store, err);
    if (r == 0)
        r = sco_store_end(c->store, do_verify(c, err), err);
    return r < 0 ? accounts_refused(c, r, 0, err) : 0;
}

/* ---- the own account ---- */
static void write_list(struct sco_json_out *o, const char *key, const char *const *v)
{
    if (!v)
        return;
    sco_json_key(o, key);
    sco_json_begin(o, '[');
    for (; *v; v++)
        sco_json_str(o, sco_str_c(*v));
    sco_json_end(o, ']');
}

static int me(struct api_call *c, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf permissions = {0};
    struct sco_str rest, one;
    sco_permissions_format(&c->who.permissions, &permissions);
    int r = sco_buf_check(&permissions, err);
    if (r < 0)
        return r;
    sco_json_begin(&c->out, '{');
    sco_json_kz(&c->out, "id", c->who.user_id[0] ? c->who.user_id : NULL);
    sco_json_kz(&c->out, "name", c->who.name);
    sco_json_key(&c->out, "roles");
    sco_json_begin(&c->out, '[');
    for (uint32_t i = 0; i < SCO_ROLE_MAX_; i++)
        if (c->who.roles & 1u << i)
            sco_json_str(&c->out, sco_str_c(sco_role_name(i)));
    sco_json_end(&c->out, ']');
    sco_json_key(&c->out, "permissions");
    sco_json_begin(&c->out, '[');
    for (rest = sco_buf_str(&permissions); rest.n && sco_str_split(&rest, ',', &one);)
        sco_json_str(&c->out, one);
    sco_json_end(&c->out, ']');
    write_list(&c->out, "repositories", c->who.repositories);
    write_list(&c->out, "teams", c->who.teams);
    sco_json_kz(&c->out, "token_id", c->who.token_id);
    sco_json_ktime(&c->out, "expires_at", c->who.expires_at);
    sco_json_end(&c->out, '}');
    return 0;
}

static int totp_begin(struct api_call *c, struct sco_error *err)
{
    const char *id = NULL, *uri = NULL;
    int r = accounts_no_key(c, err);
    if (r == 0)
        r = accounts_own(c, &id, err);
    if (r == 0)
        r = sco_auth_totp_begin(accounts_auth(c), c->store, id, &c->arena, &uri, err);
    if (r < 0)
        return r;
    sco_json_begin(&c->out, '{');
    sco_json_kz(&c->out, "uri", uri);
    sco_json_end(&c->out, '}');
    api_header(c, "Cache-Control", "no-store");
    return 0;
}

static int totp_confirm(struct api_call *c, struct sco_error *err)
{
    const char *id = NULL;
    const char *const *codes = NULL;
    int r = accounts_no_key(c, err);
    if (r == 0)
        r = accounts_own(c, &id, err);
    if (r == 0)
        r = sco_auth_totp_confirm(accounts_auth(c), c->store, id, accounts_str(c, "code"),
                                  &c->arena, &codes, err);
    if (r == 0)
        r = api_audit(c, "user.totp.confirm", accounts_object(c, "user", id), "success", NULL, err);
    if (r < 0)
        return r;
    sco_json_begin(&c->out, '{');
    write_list(&c->out, "recovery_codes", codes);
    sco_json_end(&c->out, '}');
    api_header(c, "Cache-Control", "no-store");
    return 0;
}

static int totp_remove(struct api_call *c, struct sco_error *err)
{
    const char *id = NULL;
    int64_t wait = 0;
    int r = accounts_no_key(c, err);
    if (r == 0)
        r = accounts_own(c, &id, err);
    if (r < 0)
        return r;
    r = sco_auth_confirm_password(accounts_auth(c), c->store, id, accounts_str(c, "password"),
                                  &wait, err);
    if (r == SCO_E_PERMISSION)
        return r;
    if (r == 0)
        r = sco_store_begin(c->store, err);
    if (r < 0)
        return accounts_refused(c, r, wait, err);
    r = sco_auth_totp_remove(accounts_auth(c), c->store, id, err);
    if (r == 0)
        r = api_audit(c, "user.totp.remove", accounts_object(c, "user", id), "success", NULL, err);
    r = sco_store_end(c->store, r, err);
    return r < 0 ? accounts_refused(c, r, 0, err) : 0;
}

static int jwks(struct api_call *c, struct sco_error *err)
{
    sco_auth_jwks(accounts_auth(c), &c->reply);
    api_header(c, "Cache-Control", "public, max-age=300");
    return sco_buf_check(&c->reply, err);
}

const struct api_route api_routes_accounts[] = {
    {"POST", "/api/v1/auth/login", 0, 0, API_PUBLIC | API_OWN_TX, login},
    {"POST", "/api/v1/auth/refresh", 0, 0, API_PUBLIC | API_OWN_TX, refresh},
    {"POST", "/api/v1/auth/logout", 0, 0, API_PUBLIC, logout},
    {"POST", "/api/v1/auth/setup", 0, 0, API_PUBLIC, setup},
    {"POST", "/api/v1/auth/password/forgot", 0, 0, API_PUBLIC | API_OWN_TX, forgot},
    {"POST", "/api/v1/auth/password/reset", 0, 0, API_PUBLIC, reset},
    {"POST", "/api/v1/auth/email/verify", 0, 0, API_PUBLIC, verify},
    {"GET", "/.well-known/jwks.json", 0, 0, API_PUBLIC | API_NO_STORE | API_ON_LOOP, jwks},
    {"GET", "/api/v1/auth/me", SCO_ACT_READ, SCO_RES_SELF, API_FRESH, me},
    {"PUT", "/api/v1/auth/password", SCO_ACT_UPDATE, SCO_RES_SELF, API_OWN_TX, change_password},
    {"POST", "/api/v1/auth/totp", SCO_ACT_UPDATE, SCO_RES_SELF, 0, totp_begin},
    {"POST", "/api/v1/auth/totp/confirm", SCO_ACT_UPDATE, SCO_RES_SELF, 0, totp_confirm},
    {"POST", "/api/v1/auth/totp/remove", SCO_ACT_UPDATE, SCO_RES_SELF, API_OWN_TX, totp_remove},
    {"GET", "/api/v1/tokens", SCO_ACT_READ, SCO_RES_SELF, API_FRESH, accounts_token_list},
    {"POST", "/api/v1/tokens", SCO_ACT_CREATE, SCO_RES_SELF, 0, accounts_token_create},
    {"DELETE", "/api/v1/tokens/{id}", SCO_ACT_DELETE, SCO_RES_SELF, 0, accounts_token_delete},
    {"GET", "/api/v1/users", SCO_ACT_READ, SCO_RES_USERS, API_FRESH, accounts_user_list},
    {"POST", "/api/v1/users", SCO_ACT_CREATE, SCO_RES_USERS, API_OWN_TX, accounts_user_create},
    {"GET", "/api/v1/users/{id}", SCO_ACT_READ, SCO_RES_USERS, API_FRESH, accounts_user_get},
    {"PUT", "/api/v1/users/{id}", SCO_ACT_UPDATE, SCO_RES_USERS, 0, accounts_user_put},
    {"DELETE", "/api/v1/users/{id}", SCO_ACT_DELETE, SCO_RES_USERS, 0, accounts_user_delete},
    {"DELETE", "/api/v1/users/{id}/totp", SCO_ACT_UPDATE, SCO_RES_USERS, 0,
     accounts_user_totp_delete},
    {"GET", "/api/v1/users/{id}/tokens", SCO_ACT_READ, SCO_RES_USERS, API_FRESH,
     accounts_token_list},
    {"POST", "/api/v1/users/{id}/tokens", SCO_ACT_CREATE, SCO_RES_USERS, 0, accounts_token_create},
    {"DELETE", "/api/v1/users/{id}/tokens/{token}", SCO_ACT_DELETE, SCO_RES_USERS, 0,
     accounts_token_delete},
    {"GET", "/api/v1/secrets", SCO_ACT_READ, SCO_RES_SYSTEM, API_FRESH, accounts_secret_list},
    {"PUT", "/api/v1/secrets/{name}", SCO_ACT_UPDATE, SCO_RES_SYSTEM, 0, accounts_secret_put},
    {"DELETE", "/api/v1/secrets/{name}", SCO_ACT_DELETE, SCO_RES_SYSTEM, 0, accounts_secret_delete},
    {"POST", "/api/v1/secrets/rotate", SCO_ACT_UPDATE, SCO_RES_SYSTEM, 0, accounts_secret_rotate},
    {"GET", "/api/v1/audit", SCO_ACT_READ, SCO_RES_AUDIT, API_FRESH, accounts_audit_list},
    {"GET", "/api/v1/audit/verify", SCO_ACT_READ, SCO_RES_AUDIT, API_FRESH | API_AUDIT,
     accounts_audit_verify},
    {0},
};
