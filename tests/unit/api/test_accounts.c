/* Logins, users, tokens, secrets and the audit log, handler by handler. */
#include "content.h"

#include "accounts_priv.h"

#include <secureops/auth.h>

#define ADMIN "{\"token\":\"%s\",\"email\":\"root@example.com\",\"password\":\"correct horse 1\"}"

static struct sco_auth *auth;
static struct sco_arena texts;
static char mailed_to[256], mail_text[2000];
static bool mail_fails, mail_in_transaction;
static struct sco_store *mail_store;

static int mail(void *user, const char *to, const char *subject, const char *text,
                struct sco_error *err)
{
    (void)user;
    (void)subject;
    mail_in_transaction |= mail_store->depth > 0;
    if (mail_fails)
        return sco_error_set(err, SCO_E_NETWORK, "the mail was not taken");
    snprintf(mailed_to, sizeof mailed_to, "%s", to);
    snprintf(mail_text, sizeof mail_text, "%s", text);
    return 0;
}

static int64_t now_of(void *user)
{
    return ((struct content *)user)->w->now;
}

static int set_up(void **state)
{
    int r = content_set_up(state);
    struct content *t = *state;
    struct sco_auth_options o = {.issuer = "https://s.example.com",
                                 .audience = "https://s.example.com",
                                 .key = SCO_STR("0123456789abcdef0123456789abcdef"),
                                 .now = now_of,
                                 .user = t};
    assert_int_equal(sco_auth_new(&o, &auth, NULL), 0);
    t->o.auth = auth;
    t->o.public_url = "https://s.example.com/";
    mailed_to[0] = mail_text[0] = 0;
    mail_fails = mail_in_transaction = false;
    mail_store = t->w->s;
    return r;
}

static int tear_down(void **state)
{
    auth = sco_auth_free(auth);
    sco_arena_done(&texts);
    return content_tear_down(state);
}

/* fmt has up to two %s. */
static const char *json(const char *fmt, const char *a, const char *b)
{
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    const char *values[] = {a, b};
    size_t n = 0;
    for (const char *c = fmt; *c; c++)
        if (c[0] == '%' && c[1] == 's' && n < 2) {
            sco_buf_addz(&out, values[n++]);
            c++;
        } else {
            sco_buf_addc(&out, *c);
        }
    return sco_arena_cstr(&texts, sco_buf_str(&out));
}

static const char *kept(const char *text)
{
    return json("%s", text, NULL);
}

/* The first administrator, as whom the following requests are made. */
static const char *administrator(struct content *t)
{
    static char id[37];
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    const char *token = NULL;
    assert_int_equal(sco_auth_setup_token(auth, t->w->s, &a, &token, &t->err), 0);
    expect(t, 201, "POST", "/auth/setup", json(ADMIN, token, NULL));
    snprintf(id, sizeof id, "%s", at(t, "id"));
    snprintf(next.who.user_id, sizeof next.who.user_id, "%s", id);
    next.who.name = "root@example.com";
    for (size_t i = 0; i < SCO_ACT_MAX_; i++)
        next.who.permissions.may[i] = ~0u;
    return id;
}

static const char *login(struct content *t, const char *email, const char *password)
{
    expect(t, 200, "POST", "/auth/login",
           json("{\"email\":\"%s\",\"password\":\"%s\"}", email, password));
    return kept(at(t, "refresh_token"));
}

TEST(from_setup_to_logout)
{
    struct content *t = *state;
    expect(t, 401, "POST", "/auth/setup", json(ADMIN, "scou_x", NULL));
    administrator(t);
    expect(t, 401, "POST", "/auth/login",
           "{\"email\":\"root@example.com\",\"password\":\"wrong horse 1\"}");
    const char *refresh = login(t, "root@example.com", "correct horse 1");
    assert_string_equal(at(t, "token_type"), "Bearer");
    assert_string_equal(at(t, "expires_in"), "900");
    assert_string_equal(header(t, "Cache-Control"), "no-store");
    struct sco_principal p;
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    const char *access = sco_arena_cstr(&a, sco_str_c(at(t, "access_token")));
    assert_int_equal(sco_auth_bearer(auth, t->w->s, sco_str_c(access), &a, &p, &t->err), 0);
    expect(t, 200, "POST", "/auth/refresh", json("{\"refresh_token\":\"%s\"}", refresh, NULL));
    const char *second = kept(at(t, "refresh_token"));
    expect(t, 401, "POST", "/auth/refresh", json("{\"refresh_token\":\"%s\"}", refresh, NULL));
    expect(t, 401, "POST", "/auth/refresh", json("{\"refresh_token\":\"%s\"}", second, NULL));
    refresh = login(t, "root@example.com", "correct horse 1");
    expect(t, 204, "POST", "/auth/logout", json("{\"refresh_token\":\"%s\"}", refresh, NULL));
    expect(t, 401, "POST", "/auth/refresh", json("{\"refresh_token\":\"%s\"}", refresh, NULL));
}

TEST(throttled)
{
    struct content *t = *state;
    static const char wrong[] = "{\"email\":\"root@example.com\",\"password\":\"wrong\"}";
    administrator(t);
    for (int i = 0; i < 6; i++)
        expect(t, 401, "POST", "/auth/login", wrong);
    expect(t, 429, "POST", "/auth/login", wrong);
    assert_string_equal(header(t, "Retry-After"), "1");
}

TEST(me)
{
    struct content *t = *state;
    const char *id = administrator(t);
    expect(t, 200, "GET", "/auth/me", NULL);
    assert_string_equal(at(t, "id"), id);
    assert_string_equal(at(t, "name"), "root@example.com");
    assert_string_equal(at(t, "permissions.0"), "read:security");
    next.who.user_id[0] = 0; /* of another issuer */
    expect(t, 200, "GET", "/auth/me", NULL);
    assert_string_equal(at(t, "id"), "");
    expect(t, 403, "GET", "/tokens", NULL);
    expect(t, 403, "POST", "/auth/totp", NULL);
}

TEST(users)
{
    struct content *t = *state;
    const char *root = administrator(t);
    expect(
        t, 201, "POST", "/users",
        "{\"email\":\"Bob@example.com\",\"roles\":[\"developer\"],\"repositories\":[\"app-*\"]}");
    const char *bob = kept(at(t, "id")), *token = kept(at(t, "password_token"));
    assert_true(sco_str_starts(sco_str_c(header(t, "Location")), "/api/v1/users/"));
    expect(t, 409, "POST", "/users", "{\"email\":\"bob@example.com\",\"roles\":[]}");
    expect(t, 400, "POST", "/users", "{\"email\":\"c@example.com\",\"roles\":[\"root\"]}");
    expect(t, 400, "POST", "/users",
           "{\"email\":\"c@example.com\",\"roles\":[],\"teams\":[\"a,b\"]}");
    expect(t, 400, "POST", "/auth/password/reset",
           json("{\"token\":\"%s\",\"password\":\"%s\"}", token, "short"));
    expect(t, 204, "POST", "/auth/password/reset", /* the token is still good */
           json("{\"token\":\"%s\",\"password\":\"%s\"}", token, "a good password"));
    expect(t, 401, "POST", "/auth/password/reset",
           json("{\"token\":\"%s\",\"password\":\"%s\"}", token, "a good password"));
    login(t, "bob@example.com", "a good password");
    expect(t, 200, "GET", json("/users/%s", bob, NULL), NULL);
    assert_string_equal(at(t, "email"), "bob@example.com");
    assert_string_equal(at(t, "roles.0"), "developer");
    assert_string_equal(at(t, "repositories.0"), "app-*");
    assert_string_equal(at(t, "password"), "true");
    assert_null(strstr(reply(t), "scrypt"));
    expect(t, 200, "PUT", json("/users/%s", bob, NULL), "{\"status\":\"disabled\"}");
    assert_string_equal(at(t, "status"), "disabled");
    assert_string_equal(at(t, "repositories.0"), "app-*");
    expect(t, 401, "POST", "/auth/login",
           "{\"email\":\"bob@example.com\",\"password\":\"a good password\"}");
    expect(t, 200, "GET", "/users?limit=1", NULL);
    assert_string_equal(at(t, "items.0.id"), root);
    expect(t, 200, "GET", json("/users?cursor=%s", kept(at(t, "next_cursor")), NULL), NULL);
    assert_string_equal(at(t, "items.0.id"), bob);
    expect(t, 204, "DELETE", json("/users/%s", bob, NULL), NULL);
    expect(t, 404, "GET", json("/users/%s", bob, NULL), NULL);
    expect(t, 404, "DELETE", json("/users/%s", bob, NULL), NULL);
}

TEST(the_last_administrator_stays)
{
    struct content *t = *state;
    const char *path = json("/users/%s", administrator(t), NULL);
    expect(t, 409, "DELETE", path, NULL);
    expect(t, 409, "PUT", path, "{\"status\":\"disabled\"}");
    expect(t, 409, "PUT", path, "{\"roles\":[\"viewer\"]}");
    expect(t, 200, "PUT", path, "{\"name\":\"Root\",\"roles\":[\"admin\",\"viewer\"]}");
    /* another one who cannot log in does not count */
    expect(t, 201, "POST", "/users", "{\"email\":\"b@example.com\",\"roles\":[\"admin\"]}");
    expect(t, 409, "DELETE", path, NULL);
    expect(t, 201, "POST", "/users",
           "{\"email\":\"c@example.com\",\"roles\":[\"admin\"],\"password\":\"a good password\"}");
    expect(t, 204, "DELETE", path, NULL);
}

static const char *mailed_token(void)
{
    const char *at_token = strstr(mail_text, "#token=");
    assert_non_null(at_token);
    return sco_arena_cstr(&texts, sco_str_make(at_token + 7, 48));
}

/* What the server does when the reply is on its way. */
static void afterwards(struct content *t)
{
    assert_non_null(t->c.forgotten);
    assert_string_equal(mailed_to, ""); /* not before: it would tell who is known */
    assert_int_equal(accounts_forgotten(&t->o, t->w->s, t->c.forgotten, t->w->now, &t->err), 0);
}

TEST(by_mail)
{
    struct content *t = *state;
    administrator(t);
    expect(t, 501, "POST", "/auth/password/forgot", "{\"email\":\"root@example.com\"}");
    t->o.mail = mail;
    expect(t, 202, "POST", "/auth/password/forgot", "{\"email\":\"eve@example.com\"}");
    afterwards(t);
    assert_string_equal(mailed_to, "");
    expect(t, 202, "POST", "/auth/password/forgot", "{\"email\":\"ROOT@example.com\"}");
    afterwards(t);
    assert_string_equal(mailed_to, "root@example.com");
    assert_non_null(strstr(mail_text, "https://s.example.com/password-reset#token=scou_"));
    expect(t, 204, "POST", "/auth/password/reset",
           json("{\"token\":\"%s\",\"password\":\"another password\"}", mailed_token(), NULL));
    login(t, "root@example.com", "another password");
    for (int i = 0; i < 4; i++)
        expect(t, 202, "POST", "/auth/password/forgot", "{\"email\":\"root@example.com\"}");
    expect(t, 429, "POST", "/auth/password/forgot", "{\"email\":\"root@example.com\"}");
    assert_null(t->c.forgotten);
    /* from many addresses: nobody's letter box is filled */
    for (int i = 0; i < 6; i++) {
        mailed_to[0] = 0;
        assert_int_equal(accounts_forgotten(&t->o, t->w->s, "root@example.com", t->w->now, &t->err),
                         0);
        assert_string_equal(mailed_to, i < 5 ? "root@example.com" : "");
    }
    /* a new user confirms the address */
    expect(t, 201, "POST", "/users",
           "{\"email\":\"b@example.com\",\"roles\":[],\"password\":\"a good password\"}");
    assert_string_equal(at(t, "password_token"), "");
    assert_string_equal(mailed_to, "b@example.com");
    expect(t, 401, "POST", "/auth/login",
           "{\"email\":\"b@example.com\",\"password\":\"a good password\"}");
    const char *token = mailed_token();
    expect(t, 204, "POST", "/auth/email/verify", json("{\"token\":\"%s\"}", token, NULL));
    expect(t, 401, "POST", "/auth/email/verify", json("{\"token\":\"%s\"}", token, NULL));
    login(t, "b@example.com", "a good password");
    /* a server that takes no mail: the user is there, and the reply has what the mail had */
    mail_fails = true;
    expect(t, 201, "POST", "/users",
           "{\"email\":\"c@example.com\",\"roles\":[],\"password\":\"a good password\"}");
    expect(t, 204, "POST", "/auth/email/verify",
           json("{\"token\":\"%s\"}", at(t, "verify_token"), NULL));
    login(t, "c@example.com", "a good password");
    expect(t, 201, "POST", "/users", "{\"email\":\"d@example.com\",\"roles\":[]}");
    expect(t, 204, "POST", "/auth/password/reset",
           json("{\"token\":\"%s\",\"password\":\"another password\"}", at(t, "password_token"),
                NULL));
    assert_false(mail_in_transaction); /* which would hold everybody up */
}

TEST(own_password_and_second_factor)
{
    struct content *t = *state;
    administrator(t);
    expect(t, 403, "PUT", "/auth/password",
           "{\"current_password\":\"wrong\",\"new_password\":\"a good password\"}");
    expect(t, 204, "PUT", "/auth/password",
           "{\"current_password\":\"correct horse 1\",\"new_password\":\"a good password\"}");
    login(t, "root@example.com", "a good password");
    expect(t, 200, "POST", "/auth/totp", NULL);
    assert_true(sco_str_starts(sco_str_c(at(t, "uri")), "otpauth://totp/"));
    expect(t, 403, "POST", "/auth/totp/confirm", "{\"code\":\"abcdef\"}");
    expect(t, 403, "POST", "/auth/totp/remove", "{\"password\":\"wrong\"}");
    expect(t, 204, "POST", "/auth/totp/remove", "{\"password\":\"a good password\"}");
    next.idempotency_key = "k";
    expect(t, 400, "POST", "/auth/totp", NULL);
    next.idempotency_key = "k";
    expect(t, 400, "POST", "/tokens", "{\"name\":\"x\"}");
}

TEST(tokens)
{
    struct content *t = *state;
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    struct sco_principal p;
    administrator(t);
    expect(t, 201, "POST", "/tokens", "{\"name\":\"ci\",\"scopes\":[\"read:security\"]}");
    const char *token = kept(at(t, "token"));
    assert_int_equal(sco_auth_bearer(auth, t->w->s, sco_str_c(token), &a, &p, &t->err), 0);
    assert_false(sco_principal_may(&p, SCO_ACT_READ, SCO_RES_USERS));
    expect(t, 400, "POST", "/tokens", "{\"name\":\"ci\",\"scopes\":[\"read:all\"]}");
    expect(t, 400, "POST", "/tokens", "{\"name\":\"ci\",\"expires_at\":\"2001-01-01\"}");
    expect(t, 200, "GET", "/tokens", NULL);
    assert_string_equal(at(t, "items.0.name"), "ci");
    assert_string_equal(at(t, "items.0.scopes.0"), "read:security");
    assert_null(strstr(reply(t), token));
    const char *id = kept(at(t, "items.0.id"));
    next.who.token_id = "x";
    expect(t, 403, "POST", "/tokens", "{\"name\":\"more\"}");
    next.who.token_id = NULL;
    /* not somebody else's */
    expect(t, 201, "POST", "/users", "{\"email\":\"b@example.com\",\"roles\":[]}");
    const char *bob = kept(at(t, "id"));
    expect(t, 404, "DELETE", json("/users/%s/tokens/%s", bob, id), NULL);
    expect(t, 201, "POST", json("/users/%s/tokens", bob, NULL), "{\"name\":\"bot\"}");
    expect(t, 200, "GET", json("/users/%s/tokens", bob, NULL), NULL);
    expect(t, 404, "DELETE", json("/tokens/%s", kept(at(t, "items.0.id")), NULL), NULL);
    expect(t, 204, "DELETE", json("/tokens/%s", id, NULL), NULL);
    assert_int_equal(sco_auth_bearer(auth, t->w->s, sco_str_c(token), &a, &p, &t->err),
                     SCO_E_PERMISSION);
}

TEST(secrets)
{
    struct content *t = *state;
    administrator(t);
    expect(t, 204, "PUT", "/secrets/git.token", "{\"value\":\"hunter2\"}");
    expect(t, 400, "PUT", "/secrets/a b", "{\"value\":\"x\"}");
    expect(t, 200, "GET", "/secrets", NULL);
    assert_string_equal(at(t, "items.0.name"), "git.token");
    assert_null(strstr(reply(t), "hunter2"));
    expect(t, 200, "POST", "/secrets/rotate", NULL);
    assert_string_equal(at(t, "sealed_anew"), "0");
    expect(t, 204, "DELETE", "/secrets/git.token", NULL);
    expect(t, 404, "DELETE", "/secrets/git.token", NULL);
}

TEST(audit)
{
    struct content *t = *state;
    administrator(t);
    login(t, "root@example.com", "correct horse 1");
    expect(t, 204, "PUT", "/secrets/a", "{\"value\":\"hunter2\"}");
    expect(t, 404, "DELETE", "/secrets/b", NULL); /* undone, with its row */
    expect(t, 200, "GET", "/audit", NULL);
    assert_null(strstr(reply(t), "hunter2"));
    assert_null(strstr(reply(t), "correct horse"));
    assert_string_equal(at(t, "items.0.action"), "secret.put");
    assert_string_equal(at(t, "items.0.object"), "secret:a");
    assert_string_equal(at(t, "items.0.actor"), "root@example.com");
    assert_string_equal(at(t, "items.0.address"), "192.0.2.1");
    assert_string_equal(at(t, "items.1.action"), "auth.login");
    assert_string_equal(at(t, "items.2.action"), "auth.setup");
    assert_string_equal(at(t, "items.3.action"), "");
    expect(t, 200, "GET", "/audit?action=auth.&limit=1", NULL);
    assert_string_equal(at(t, "items.0.action"), "auth.login");
    assert_string_equal(at(t, "next_cursor"), "2");
    expect(t, 200, "GET", "/audit/verify", NULL);
    assert_string_equal(at(t, "whole"), "true");
    assert_string_equal(at(t, "rows"), "3");
    assert_int_equal(strlen(at(t, "hash")), 64);
    assert_int_equal(t->w->s->ops->script(t->w->s->db,
                                          SCO_STR("DROP TRIGGER audit_log_unchanged; UPDATE "
                                                  "audit_log SET actor = 'eve' WHERE seq = 2"),
                                          &t->err),
                     0);
    expect(t, 200, "GET", "/audit/verify", NULL);
    assert_string_equal(at(t, "whole"), "false");
    assert_non_null(strstr(at(t, "reason"), "row 2"));
}

#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(from_setup_to_logout),
        T(throttled),
        T(me),
        T(users),
        T(the_last_administrator_stays),
        T(by_mail),
        T(own_password_and_second_factor),
        T(tokens),
        T(secrets),
        T(audit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
