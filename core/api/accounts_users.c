/* Users. There is always an administrator who is active: whoever would take the last one away is
 * refused, under a lock that all such changes take. */
#include "accounts_priv.h"

#include <secureops/crypto.h>
#include <secureops/log.h>

#define SCO_LOG_MODULE "api"

static void write_names(struct sco_json_out *o, const char *key, const char *names)
{
    struct sco_str rest = sco_str_c(names), one;
    sco_json_key(o, key);
    sco_json_begin(o, '[');
    while (rest.n && sco_str_split(&rest, ',', &one))
        sco_json_str(o, sco_str_trim(one));
    sco_json_end(o, ']');
}

void accounts_write_user(struct sco_json_out *o, const struct sco_stored_user *u)
{
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", u->id);
    sco_json_kz(o, "email", u->email);
    sco_json_kz(o, "name", u->name);
    write_names(o, "roles", u->roles);
    write_names(o, "permissions", u->permissions);
    write_names(o, "repositories", u->repositories);
    write_names(o, "teams", u->teams);
    sco_json_kz(o, "status", u->status);
    sco_json_kbool(o, "password", u->password != NULL);
    sco_json_kbool(o, "totp", u->totp && u->totp[0] != '?');
    sco_json_ktime(o, "created_at", u->created_at);
    sco_json_ktime(o, "updated_at", u->updated_at);
    sco_json_ktime(o, "last_login_at", u->last_login_at);
    sco_json_ktime(o, "locked_until", u->locked_until);
    sco_json_end(o, '}');
}

int accounts_user_list(struct api_call *c, struct sco_error *err)
{
    struct sco_user_page page = {0};
    const char *cursor = NULL;
    uint32_t limit = 0;
    int r = api_page(c, &limit, &cursor, err);
    if (r == 0)
        r = sco_store_users(c->store, cursor, limit, &page, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    for (size_t i = 0; i < page.n; i++)
        accounts_write_user(&c->out, &page.v[i]);
    api_items_end(c, page.cursor);
    sco_user_page_done(&page);
    return 0;
}

static int reply_user(struct api_call *c, const char *id, struct sco_error *err)
{
    struct sco_user_page page = {0};
    int r = sco_store_user(c->store, id, &page, err);
    if (r == 0)
        accounts_write_user(&c->out, page.v);
    sco_user_page_done(&page);
    return r;
}

int accounts_user_get(struct api_call *c, struct sco_error *err)
{
    return reply_user(c, c->params[0], err);
}

/* ---- what a body says ---- */
/* A list of names as the store keeps it. `was` when the body does not speak of it. */
static const char *names_of(struct api_call *c, const char *key, const char *was,
                            struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    char pointer[64];
    const struct sco_node *list = api_member(c, key);
    if (!list)
        return was;
    for (const struct sco_node *v = sco_first(list); v; v = sco_next(list, v)) {
        struct sco_str one = sco_str_trim(sco_text(v));
        if (!one.n || memchr(one.p, ',', one.n)) {
            snprintf(pointer, sizeof pointer, "/%s", key);
            (void)api_fault(c, err, pointer, "a name is not empty, and has no comma");
            return NULL;
        }
        if (b.n)
            sco_buf_addc(&b, ',');
        sco_buf_add(&b, one);
    }
    const char *z = b.failed ? NULL : sco_arena_cstr(&c->arena, sco_buf_str(&b));
    if (!z)
        sco_error_nomem(err);
    return z;
}

static int read_user(struct api_call *c, struct sco_stored_user *u, struct sco_error *err)
{
    uint32_t roles = 0;
    struct sco_permissions granted;
    const char *email = api_text(c, "email"), *name = api_text(c, "name");
    const char *status = api_text(c, "status");
    u->email = email ? email : u->email;
    u->name = name ? name : u->name;
    u->status = status ? status : u->status;
    err->code = 0;
    if (!(u->roles = names_of(c, "roles", u->roles, err)) ||
        !(u->permissions = names_of(c, "permissions", u->permissions, err)) ||
        !(u->repositories = names_of(c, "repositories", u->repositories, err)) ||
        !(u->teams = names_of(c, "teams", u->teams, err)))
        return err->code ? err->code : sco_error_nomem(err);
    if (sco_roles_parse(sco_str_c(u->roles), &roles, err) < 0)
        return api_fault(c, err, "/roles", "%s", sco_arena_cstr(&c->arena, sco_str_c(err->text)));
    if (sco_permissions_parse(sco_str_c(u->permissions), &granted, err) < 0)
        return api_fault(c, err, "/permissions", "%s",
                         sco_arena_cstr(&c->arena, sco_str_c(err->text)));
    return 0;
}

static bool is_admin(const struct sco_stored_user *u)
{
    uint32_t roles = 0;
    return strcmp(u->status, "active") == 0 && u->password &&
           sco_roles_parse(sco_str_c(u->roles), &roles, NULL) == 0 && roles & 1u << SCO_ROLE_ADMIN;
}

/* In the transaction, under the lock: somebody else is an administrator. */
static int check_admins(struct api_call *c, const char *without, struct sco_error *err)
{
    const char *cursor = NULL;
    bool found = false;
    int r;
    do {
        struct sco_user_page page = {0};
        r = sco_store_users(c->store, cursor, 0, &page, err);
        for (size_t i = 0; r == 0 && i < page.n; i++)
            found |= strcmp(page.v[i].id, without) != 0 && is_admin(&page.v[i]);
        cursor = r == 0 && page.cursor ? sco_arena_cstr(&c->arena, sco_str_c(page.cursor)) : NULL;
        sco_user_page_done(&page);
    } while (r == 0 && cursor && !found);
    if (r == 0 && !found)
        r = api_problem(c, 409, err, "this is the last administrator who can log in");
    return r;
}

/* ---- new ones ---- */
struct invitation {
    const char *kind, *token; /* NULL: none */
    bool mailed;
};

/* Without a password, one is chosen through a token: by mail, or else told in the reply, once. */
static int create(struct api_call *c, struct sco_stored_user *u, char ret_id[37],
                  struct invitation *ret, struct sco_error *err)
{
    enum { DAY_MS = 24 * 3600 * 1000 };
    struct sco_str password = accounts_str(c, "password");
    bool mail = accounts_can_mail(c), verify = password.n && mail;
    u->status = verify ? "unverified" : "active";
    int r = sco_store_user_put(c->store, u, c->now, ret_id, err);
    if (r == SCO_E_INVALID)
        return api_problem(c, 409, err, "this e-mail address is another user's");
    if (r == 0 && password.n)
        r = sco_auth_set_password(accounts_auth(c), c->store, ret_id, password, err);
    if (r == 0 && (verify || !password.n)) {
        ret->kind = verify ? "verify" : "reset";
        const struct sco_stored_token t = {.user_id = ret_id, .kind = ret->kind};
        r = sco_auth_issue(accounts_auth(c), c->store, &t, mail ? 0 : DAY_MS, &c->arena,
                           &ret->token, err);
    }
    if (r == 0)
        r = api_audit(c, "user.create", accounts_object(c, "user", ret_id), "success", NULL, err);
    return r;
}

/* After the transaction: a mail server may take its time. Who is not reached is there all the same,
 * and the reply says so. */
static void invite(struct api_call *c, const char *email, struct invitation *v)
{
    struct sco_error err = {0};
    if (!v->token || !accounts_can_mail(c))
        return;
    int r = accounts_mail(api_options(c->api), email, v->kind, v->token, &err);
    if (r < 0)
        sco_log_warning("the invitation of a new user was not sent: %s (request %s)", err.text,
                        c->correlation_id);
    v->mailed = r == 0;
}

int accounts_user_create(struct api_call *c, struct sco_error *err)
{
    struct sco_stored_user u = {.name = "",
                                .roles = "",
                                .permissions = "",
                                .repositories = "",
                                .teams = "",
                                .status = "active"};
    struct invitation v = {0};
    char id[37];
    int r = accounts_no_key(c, err);
    if (r == 0)
        r = read_user(c, &u, err);
    if (r == 0)
        r = sco_store_begin(c->store, err);
    if (r < 0)
        return r;
    r = sco_store_end(c->store, create(c, &u, id, &v, err), err);
    if (r < 0)
        return r;
    invite(c, u.email, &v);
    api_created(c, "/api/v1/users/%s", id);
    api_header(c, "Cache-Control", "no-store");
    sco_json_begin(&c->out, '{');
    sco_json_kz(&c->out, "id", id);
    if (v.token && !v.mailed)
        sco_json_kz(&c->out, strcmp(v.kind, "reset") == 0 ? "password_token" : "verify_token",
                    v.token);
    sco_json_end(&c->out, '}');
    return 0;
}

/* ---- changes ---- */
static int change(struct api_call *c, const char *id, struct sco_error *err)
{
    struct sco_user_page page = {0};
    int r = sco_store_users_lock(c->store, err);
    if (r == 0)
        r = sco_store_user_lock(c->store, id, err);
    if (r == 0)
        r = sco_store_user(c->store, id, &page, err);
    if (r != 0)
        return r;
    struct sco_stored_user u = page.v[0];
    r = read_user(c, &u, err);
    if (r == 0 && is_admin(page.v) && !is_admin(&u))
        r = check_admins(c, u.id, err);
    if (r == 0) {
        r = sco_store_user_put(c->store, &u, c->now, NULL, err);
        if (r == SCO_E_INVALID)
            r = api_problem(c, 409, err, "this e-mail address is another user's");
    }
    /* what was disabled does not live up again when it is enabled; a new address is a new person */
    if (r == 0 && (strcmp(u.status, "disabled") == 0 || strcmp(u.email, page.v[0].email) != 0))
        r = sco_store_user_void(c->store, u.id, c->now, err);
    if (r == 0)
        r = api_audit(c, "user.update", accounts_object(c, "user", u.id), "success", NULL, err);
    sco_user_page_done(&page);
    return r;
}

int accounts_user_put(struct api_call *c, struct sco_error *err)
{
    int r = sco_store_begin(c->store, err);
    if (r == 0)
        r = sco_store_end(c->store, change(c, c->params[0], err), err);
    return r == 0 ? reply_user(c, c->params[0], err) : r;
}

static int remove_user(struct api_call *c, const char *id, struct sco_error *err)
{
    struct sco_user_page page = {0};
    int r = sco_store_users_lock(c->store, err);
    if (r == 0)
        r = sco_store_user_lock(c->store, id, err);
    if (r == 0)
        r = sco_store_user(c->store, id, &page, err);
    if (r != 0)
        return r;
    r = is_admin(page.v) ? check_admins(c, id, err) : 0;
    if (r == 0)
        r = sco_store_user_delete(c->store, id, err);
    if (r == 0)
        r = api_audit(c, "user.delete", accounts_object(c, "user", id), "success", NULL, err);
    sco_user_page_done(&page);
    return r;
}

int accounts_user_delete(struct api_call *c, struct sco_error *err)
{
    int r = sco_store_begin(c->store, err);
    return r < 0 ? r : sco_store_end(c->store, remove_user(c, c->params[0], err), err);
}

int accounts_user_totp_delete(struct api_call *c, struct sco_error *err)
{
    int r = sco_store_begin(c->store, err);
    if (r < 0)
        return r;
    r = sco_auth_totp_remove(accounts_auth(c), c->store, c->params[0], err);
    if (r == 0)
        r = api_audit(c, "user.totp.remove", accounts_object(c, "user", c->params[0]), "success",
                      NULL, err);
    return sco_store_end(c->store, r, err);
}
