/* API tokens, secrets at rest, the audit log. A token and a secret go in or out in clear once; no
 * route gives one back. */
#include "accounts_priv.h"

#include <secureops/crypto.h>

/* ---- tokens ---- */
/* /tokens is of the caller, /users/{id}/tokens of somebody. */
static int owner_of(struct api_call *c, const char **ret, struct sco_error *err)
{
    if (c->route->resource == SCO_RES_SELF)
        return accounts_own(c, ret, err);
    *ret = c->params[0];
    return 0;
}

static void write_token(struct sco_json_out *o, const struct sco_stored_token *t)
{
    struct sco_str rest = sco_str_c(t->scopes), one;
    sco_json_begin(o, '{');
    sco_json_kz(o, "id", t->id);
    sco_json_kz(o, "name", t->name);
    sco_json_key(o, "scopes");
    sco_json_begin(o, '[');
    while (rest.n && sco_str_split(&rest, ',', &one))
        sco_json_str(o, sco_str_trim(one));
    sco_json_end(o, ']');
    sco_json_ktime(o, "created_at", t->created_at);
    sco_json_ktime(o, "expires_at", t->expires_at);
    sco_json_ktime(o, "last_used_at", t->last_used_at);
    sco_json_kbool(o, "revoked", t->revoked);
    sco_json_end(o, '}');
}

int accounts_token_list(struct api_call *c, struct sco_error *err)
{
    struct sco_token_page page = {0};
    const char *cursor = NULL, *owner = NULL;
    uint32_t limit = 0;
    int r = owner_of(c, &owner, err);
    if (r == 0)
        r = api_page(c, &limit, &cursor, err);
    if (r == 0)
        r = sco_store_tokens(c->store, owner, "api", cursor, limit, &page, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    for (size_t i = 0; i < page.n; i++)
        write_token(&c->out, &page.v[i]);
    api_items_end(c, page.cursor);
    sco_token_page_done(&page);
    return 0;
}

/* The scopes of the body as the store keeps them; for the caller, no more than the caller may. */
static int scopes_of(struct api_call *c, const char **ret, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    struct sco_permissions p;
    const struct sco_node *list = api_member(c, "scopes");
    for (const struct sco_node *v = sco_first(list); v; v = sco_next(list, v)) {
        if (b.n)
            sco_buf_addc(&b, ',');
        sco_buf_add(&b, sco_text(v));
    }
    if (b.failed || !(*ret = sco_arena_cstr(&c->arena, sco_buf_str(&b))))
        return sco_error_nomem(err);
    if (sco_permissions_parse(sco_str_c(*ret), &p, err) < 0)
        return api_fault(c, err, "/scopes", "%s", sco_arena_cstr(&c->arena, sco_str_c(err->text)));
    return 0;
}

/* A login may make tokens; a token may not make others that outlive it. */
static int create(struct api_call *c, const char **ret_token, struct sco_error *err)
{
    struct sco_stored_token t = {.kind = "api", .name = api_text(c, "name")};
    int64_t expires = 0;
    const char *until = api_text(c, "expires_at");
    int r = owner_of(c, &t.user_id, err);
    if (r == 0)
        r = scopes_of(c, &t.scopes, err);
    if (r == 0 && c->who.token_id)
        r = sco_error_set(err, SCO_E_PERMISSION, "tokens are made by a login, not by a token");
    if (r == 0 && until && sco_time_parse(sco_str_c(until), &expires) < 0)
        r = api_fault(c, err, "/expires_at", "a date, or a time as of RFC 3339");
    if (r == 0 && until && expires <= c->now)
        r = api_fault(c, err, "/expires_at", "it is in the past");
    if (r == 0)
        r = sco_auth_issue(accounts_auth(c), c->store, &t, until ? expires - c->now : 0, &c->arena,
                           ret_token, err);
    if (r == 0)
        r = api_audit(c, "token.create", accounts_object(c, "user", t.user_id), "success", NULL,
                      err);
    return r;
}

int accounts_token_create(struct api_call *c, struct sco_error *err)
{
    const char *token = NULL;
    int r = accounts_no_key(c, err);
    if (r == 0)
        r = sco_store_begin(c->store, err);
    if (r < 0)
        return r;
    r = sco_store_end(c->store, create(c, &token, err), err);
    if (r < 0)
        return r;
    c->status = 201;
    api_header(c, "Cache-Control", "no-store");
    sco_json_begin(&c->out, '{');
    sco_json_kz(&c->out, "token", token);
    sco_json_end(&c->out, '}');
    return 0;
}

static int revoke(struct api_call *c, const char *id, struct sco_error *err)
{
    struct sco_token_page page = {0};
    const char *owner = NULL;
    uint64_t n = 0;
    int r = owner_of(c, &owner, err);
    if (r == 0)
        r = sco_store_token_by_id(c->store, id, &page, err);
    /* of somebody else, or not of the API: there is none for this caller */
    if (r == 0 && (!page.v[0].user_id || strcmp(page.v[0].user_id, owner) != 0 ||
                   strcmp(page.v[0].kind, "api") != 0))
        r = sco_error_set(err, SCO_E_NOT_FOUND, "there is no such token");
    if (r == 0)
        r = sco_store_tokens_revoke(c->store, id, NULL, NULL, &n, err);
    if (r == 0)
        r = api_audit(c, "token.revoke", accounts_object(c, "token", id), "success", NULL, err);
    sco_token_page_done(&page);
    return r;
}

int accounts_token_delete(struct api_call *c, struct sco_error *err)
{
    const char *id = c->params[c->route->resource == SCO_RES_SELF ? 0 : 1];
    int r = sco_store_begin(c->store, err);
    return r < 0 ? r : sco_store_end(c->store, revoke(c, id, err), err);
}

/* ---- secrets ---- */
int accounts_secret_list(struct api_call *c, struct sco_error *err)
{
    struct sco_secret_page page = {0};
    int r = sco_store_secrets(c->store, NULL, &page, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    for (size_t i = 0; i < page.n; i++) {
        sco_json_begin(&c->out, '{');
        sco_json_kz(&c->out, "name", page.v[i].name);
        sco_json_kz(&c->out, "key_id", page.v[i].key_id);
        sco_json_ktime(&c->out, "updated_at", page.v[i].updated_at);
        sco_json_end(&c->out, '}');
    }
    api_items_end(c, NULL);
    sco_secret_page_done(&page);
    return 0;
}

typedef int (*change_fn)(struct api_call *c, struct sco_error *err);

static int audited(struct api_call *c, change_fn fn, const char *action, struct sco_error *err)
{
    int r = sco_store_begin(c->store, err);
    if (r < 0)
        return r;
    r = fn(c, err);
    if (r == 0)
        r = api_audit(c, action, c->params[0] ? accounts_object(c, "secret", c->params[0]) : NULL,
                      "success", NULL, err);
    return sco_store_end(c->store, r, err);
}

static int put(struct api_call *c, struct sco_error *err)
{
    return sco_auth_secret_put(accounts_auth(c), c->store, c->params[0], accounts_str(c, "value"),
                               err);
}

int accounts_secret_put(struct api_call *c, struct sco_error *err)
{
    return audited(c, put, "secret.put", err);
}

static int drop(struct api_call *c, struct sco_error *err)
{
    return sco_store_secret_delete(c->store, c->params[0], err);
}

int accounts_secret_delete(struct api_call *c, struct sco_error *err)
{
    return audited(c, drop, "secret.delete", err);
}

static int rotate(struct api_call *c, struct sco_error *err)
{
    uint64_t n = 0;
    int r = sco_auth_rotate(accounts_auth(c), c->store, &n, err);
    if (r < 0)
        return r;
    sco_json_begin(&c->out, '{');
    sco_json_ki64(&c->out, "sealed_anew", (int64_t)n);
    sco_json_end(&c->out, '}');
    return 0;
}

int accounts_secret_rotate(struct api_call *c, struct sco_error *err)
{
    return audited(c, rotate, "secret.rotate", err);
}

/* ---- the audit log ---- */
static void write_entry(struct sco_json_out *o, const struct sco_audit_entry *e)
{
    char hash[65];
    sco_hex(e->hash, sizeof e->hash, hash);
    sco_json_begin(o, '{');
    sco_json_ki64(o, "seq", e->seq);
    sco_json_ktime(o, "at", e->at);
    sco_json_kz(o, "actor", e->actor);
    sco_json_kz(o, "action", e->action);
    sco_json_kz(o, "object", e->object);
    sco_json_kz(o, "outcome", e->outcome);
    sco_json_kz(o, "correlation_id", e->correlation_id);
    sco_json_kz(o, "address", e->address);
    if (e->details) {
        sco_json_key(o, "details");
        sco_json_raw(o, sco_str_c(e->details));
    }
    sco_json_kz(o, "hash", hash);
    sco_json_end(o, '}');
}

int accounts_audit_list(struct api_call *c, struct sco_error *err)
{
    struct sco_audit_page page = {0};
    struct sco_audit_filter f = {.actor = api_query(c, "actor"),
                                 .action = api_query(c, "action"),
                                 .object = api_query(c, "object")};
    int r = api_query_time(c, "from", &f.from, err);
    if (r == 0)
        r = api_query_time(c, "to", &f.to, err);
    if (r == 0)
        r = api_page(c, &f.limit, &f.cursor, err);
    if (r == 0)
        r = sco_store_audit(c->store, &f, &page, err);
    if (r < 0)
        return r;
    api_items_begin(c);
    for (size_t i = 0; i < page.n; i++)
        write_entry(&c->out, &page.v[i]);
    api_items_end(c, page.cursor);
    sco_audit_page_done(&page);
    return 0;
}

int accounts_audit_verify(struct api_call *c, struct sco_error *err)
{
    uint64_t rows = 0;
    uint8_t hash[32];
    char hex[65];
    int64_t seq = 0, first = 0;
    int r = sco_store_audit_verify(c->store, &rows, err);
    bool whole = r == 0;
    if (r == SCO_E_FORMAT)
        r = 0;
    if (r == 0 && whole)
        r = sco_store_audit_head(c->store, &seq, hash, &first, err);
    if (r < 0)
        return r;
    sco_json_begin(&c->out, '{');
    sco_json_kbool(&c->out, "whole", whole);
    if (whole) {
        sco_hex(hash, sizeof hash, hex);
        sco_json_ki64(&c->out, "rows", (int64_t)rows);
        sco_json_ki64(&c->out, "first", first);
        sco_json_ki64(&c->out, "last", seq);
        sco_json_kz(&c->out, "hash", hex);
    } else {
        sco_json_kz(&c->out, "reason", err->text);
    }
    sco_json_end(&c->out, '}');
    return 0;
}
