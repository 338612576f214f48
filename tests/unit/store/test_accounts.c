/* Users, tokens, secrets, throttling, replies, and the audit log with everything that may be done
 * to it behind our back. */
#include "world.h"

#include <pthread.h>
#include <secureops/store_accounts.h>

static const struct sco_stored_user ada = {.email = "Ada@Example.COM",
                                           .name = "Ada",
                                           .roles = "admin",
                                           .repositories = "",
                                           .teams = "core,web",
                                           .status = "active"};

static void add_user(struct world *w, const struct sco_stored_user *u, char id[37])
{
    struct sco_error err = {0};
    OK(sco_store_user_put(w->s, u, w->now, id, &err));
}

/* ---- users ---- */
TEST(users)
{
    WORLD;
    char id[37], again[37] = "";
    struct sco_user_page p = {0};
    uint64_t n = 9;
    OK(sco_store_user_count(w->s, &n, &err));
    assert_int_equal(n, 0);
    add_user(w, &ada, id);
    assert_int_equal(sco_store_user_put(w->s, &ada, w->now, again, &err), SCO_E_INVALID);
    assert_string_equal(again, "");
    assert_non_null(strstr(err.text, "ada@example.com"));
    OK(sco_store_user(w->s, "ADA@example.com", &p, &err));
    assert_int_equal(p.n, 1);
    assert_string_equal(p.v[0].id, id);
    assert_string_equal(p.v[0].email, "ada@example.com");
    assert_string_equal(p.v[0].teams, "core,web");
    assert_null(p.v[0].password);
    assert_int_equal(p.v[0].created_at, w->now);
    assert_int_equal(p.v[0].last_login_at, 0);
    struct sco_stored_user u = p.v[0];
    u.password = "$scrypt$";
    u.totp = "sealed";
    u.recovery = "aa,bb";
    u.status = "disabled";
    u.generation = 3;
    OK(sco_store_user_put(w->s, &u, w->now + 5, again, &err));
    assert_string_equal(again, id);
    sco_user_page_done(&p);
    OK(sco_store_user(w->s, id, &p, &err));
    assert_string_equal(p.v[0].password, "$scrypt$");
    assert_string_equal(p.v[0].totp, "sealed");
    assert_string_equal(p.v[0].recovery, "aa,bb");
    assert_string_equal(p.v[0].status, "disabled");
    assert_int_equal(p.v[0].generation, 3);
    assert_int_equal(p.v[0].updated_at, w->now + 5);
    u = p.v[0];
    u.generation = 1; /* from a reading that was old */
    OK(sco_store_user_put(w->s, &u, w->now, NULL, &err));
    OK(sco_store_user_login(w->s, id, w->now + 7, &err));
    sco_user_page_done(&p);
    OK(sco_store_user(w->s, id, &p, &err));
    assert_int_equal(p.v[0].generation, 3);
    assert_int_equal(p.v[0].last_login_at, w->now + 7);
    sco_user_page_done(&p);
    OK(sco_store_user_delete(w->s, id, &err));
    assert_int_equal(sco_store_user_delete(w->s, id, &err), SCO_E_NOT_FOUND);
    assert_int_equal(sco_store_user(w->s, id, &p, &err), SCO_E_NOT_FOUND);
    assert_int_equal(sco_store_user(w->s, "nobody@example.com", &p, &err), SCO_E_NOT_FOUND);
    assert_int_equal(sco_store_user_lock(w->s, id, &err), SCO_E_NOT_FOUND);
    u = ada;
    u.id = id;
    assert_int_equal(sco_store_user_put(w->s, &u, w->now, NULL, &err), SCO_E_NOT_FOUND);
}

TEST(an_email_of_another_is_not_taken_over)
{
    WORLD;
    char id[37], other[37];
    struct sco_stored_user u = ada;
    add_user(w, &ada, id);
    u.email = "bob@example.com";
    add_user(w, &u, other);
    u.id = other;
    u.email = "ADA@example.com";
    assert_int_equal(sco_store_user_put(w->s, &u, w->now, NULL, &err), SCO_E_INVALID);
    u.email = "Bob@example.com"; /* its own */
    OK(sco_store_user_put(w->s, &u, w->now, NULL, &err));
}

TEST(users_by_pages)
{
    WORLD;
    char id[37], email[32];
    for (int i = 0; i < 7; i++) {
        struct sco_stored_user u = ada;
        snprintf(email, sizeof email, "u%d@example.com", i);
        u.email = email;
        add_user(w, &u, id);
    }
    struct sco_user_page p = {0}, q = {0}, none = {0};
    OK(sco_store_users(w->s, NULL, 4, &p, &err));
    assert_int_equal(p.n, 4);
    assert_non_null(p.cursor);
    OK(sco_store_users(w->s, p.cursor, 4, &q, &err));
    assert_int_equal(q.n, 3);
    assert_null(q.cursor);
    assert_string_equal(q.v[2].email, "u6@example.com");
    assert_int_equal(sco_store_users(w->s, "x", 4, &none, &err), SCO_E_INVALID);
    assert_int_equal(sco_store_users(w->s, NULL, 1001, &none, &err), SCO_E_INVALID);
    sco_user_page_done(&p);
    sco_user_page_done(&q);
}

TEST(a_step_is_used_once)
{
    WORLD;
    char id[37];
    bool first = false;
    add_user(w, &ada, id);
    OK(sco_store_totp_step(w->s, id, 100, &first, &err));
    assert_true(first);
    OK(sco_store_totp_step(w->s, id, 100, &first, &err));
    assert_false(first);
    OK(sco_store_totp_step(w->s, id, 99, &first, &err));
    assert_false(first);
    OK(sco_store_totp_step(w->s, id, 101, &first, &err));
    assert_true(first);
}

/* ---- tokens ---- */
static struct sco_stored_token token_of(const char *user, const char *kind, uint8_t digit)
{
    struct sco_stored_token t = {.user_id = user, .kind = kind};
    memset(t.digest, digit, sizeof t.digest);
    return t;
}

static void add_token(struct world *w, struct sco_stored_token t, char id[37])
{
    struct sco_error err = {0};
    OK(sco_store_token_add(w->s, &t, w->now, id, &err));
}

TEST(tokens)
{
    WORLD;
    char user[37], id[37], other[37];
    struct sco_token_page p = {0};
    uint64_t n = 0;
    bool first = false;
    add_user(w, &ada, user);
    struct sco_stored_token t = token_of(user, "api", 1);
    t.name = "ci";
    t.scopes = "read:security";
    t.expires_at = w->now + 1000;
    add_token(w, t, id);
    OK(sco_store_token(w->s, t.digest, &p, &err));
    assert_string_equal(p.v[0].id, id);
    assert_string_equal(p.v[0].user_id, user);
    assert_string_equal(p.v[0].scopes, "read:security");
    assert_string_equal(p.v[0].name, "ci");
    assert_null(p.v[0].family);
    assert_memory_equal(p.v[0].digest, t.digest, 32);
    assert_int_equal(p.v[0].expires_at, w->now + 1000);
    assert_false(p.v[0].revoked);
    sco_token_page_done(&p);
    assert_int_equal(sco_store_token(w->s, token_of(NULL, "", 2).digest, &p, &err),
                     SCO_E_NOT_FOUND);
    /* seen, coarsely */
    OK(sco_store_token_seen(w->s, id, w->now, &err));
    OK(sco_store_token_seen(w->s, id, w->now + 1000, &err));
    OK(sco_store_token_by_id(w->s, id, &p, &err));
    assert_int_equal(p.v[0].last_used_at, w->now);
    sco_token_page_done(&p);
    /* used once */
    add_token(w, token_of(NULL, "setup", 3), other);
    OK(sco_store_token_use(w->s, other, w->now, &first, &err));
    assert_true(first);
    OK(sco_store_token_use(w->s, other, w->now, &first, &err));
    assert_false(first);
    /* not once when revoked */
    OK(sco_store_tokens_revoke(w->s, id, NULL, NULL, &n, &err));
    assert_int_equal(n, 1);
    OK(sco_store_tokens_revoke(w->s, id, NULL, NULL, &n, &err));
    assert_int_equal(n, 0);
    OK(sco_store_token_use(w->s, id, w->now, &first, &err));
    assert_false(first);
    OK(sco_store_tokens(w->s, user, "api", NULL, 0, &p, &err));
    assert_int_equal(p.n, 1);
    assert_true(p.v[0].revoked);
    sco_token_page_done(&p);
    /* a user who is gone: no token of nobody comes about */
    char unknown[37];
    sco_uuid4(unknown);
    t = token_of(unknown, "api", 4);
    assert_int_equal(sco_store_token_add(w->s, &t, w->now, id, &err), SCO_E_NOT_FOUND);
    OK(sco_store_tokens_expire(w->s, w->now + 1001, &n, &err));
    assert_int_equal(n, 1); /* the setup token has no end */
    OK(sco_store_tokens(w->s, NULL, NULL, NULL, 0, &p, &err));
    assert_int_equal(p.n, 1);
    assert_null(p.v[0].user_id);
    sco_token_page_done(&p);
}

TEST(tokens_by_pages)
{
    WORLD;
    char user[37], id[37];
    add_user(w, &ada, user);
    for (uint8_t i = 0; i < 5; i++)
        add_token(w, token_of(user, i % 2 ? "refresh" : "api", i), id);
    struct sco_token_page p = {0};
    OK(sco_store_tokens(w->s, user, "api", NULL, 2, &p, &err));
    assert_int_equal(p.n, 2);
    assert_int_equal(p.v[0].digest[0], 4);
    char cursor[32];
    snprintf(cursor, sizeof cursor, "%s", p.cursor);
    sco_token_page_done(&p);
    OK(sco_store_tokens(w->s, user, "api", cursor, 2, &p, &err));
    assert_int_equal(p.n, 1);
    assert_int_equal(p.v[0].digest[0], 0);
    assert_null(p.cursor);
    sco_token_page_done(&p);
}

TEST(a_session_lives_as_long_as_its_family)
{
    WORLD;
    char user[37], id[37];
    uint64_t n;
    bool alive = false, first;
    struct sco_user_page p = {0};
    add_user(w, &ada, user);
    struct sco_stored_token t = token_of(user, "refresh", 1);
    t.family = "f1";
    t.expires_at = w->now + 100;
    add_token(w, t, id);
    OK(sco_store_session(w->s, user, "f1", w->now, &p, &alive, &err));
    assert_true(alive);
    assert_string_equal(p.v[0].email, "ada@example.com");
    sco_user_page_done(&p);
    OK(sco_store_session(w->s, user, "f2", w->now, &p, &alive, &err));
    assert_false(alive);
    sco_user_page_done(&p);
    OK(sco_store_session(w->s, user, "f1", w->now + 100, &p, &alive, &err));
    assert_false(alive);
    sco_user_page_done(&p);
    OK(sco_store_token_use(w->s, id, w->now, &first, &err));
    memset(t.digest, 2, 32);
    add_token(w, t, id);
    OK(sco_store_session(w->s, user, "f1", w->now, &p, &alive, &err));
    assert_true(alive);
    sco_user_page_done(&p);
    OK(sco_store_tokens_revoke(w->s, NULL, "f1", NULL, &n, &err));
    assert_int_equal(n, 2);
    OK(sco_store_session(w->s, user, "f1", w->now, &p, &alive, &err));
    assert_false(alive);
    sco_user_page_done(&p);
    /* all of a user */
    memset(t.digest, 3, 32);
    add_token(w, t, id);
    OK(sco_store_user_void(w->s, user, w->now, &err));
    OK(sco_store_session(w->s, user, "f1", w->now, &p, &alive, &err));
    assert_false(alive);
    assert_int_equal(p.v[0].generation, 1);
    sco_user_page_done(&p);
    OK(sco_store_user_delete(w->s, user, &err));
    struct sco_token_page gone = {0};
    assert_int_equal(sco_store_token(w->s, t.digest, &gone, &err), SCO_E_NOT_FOUND);
}

/* ---- throttling ---- */
static int64_t attempt(struct world *w, int64_t after)
{
    static const struct sco_throttle t = {
        .free = 3, .base_ms = 1000, .max_ms = 8000, .forget_ms = 60000};
    struct sco_error err = {0};
    int64_t wait = -1;
    OK(sco_store_throttle(w->s, "user:ada@example.com", &t, w->now + after, &wait, &err));
    return wait;
}

TEST(failures_cost_more_and_more)
{
    WORLD;
    char id[37];
    struct sco_user_page p = {0};
    uint64_t n = 0;
    for (int i = 0; i < 3; i++)
        assert_int_equal(attempt(w, 0), 0);
    assert_int_equal(attempt(w, 0), 0);    /* the fourth is judged, and locks */
    assert_int_equal(attempt(w, 0), 1000); /* not counted */
    assert_int_equal(attempt(w, 999), 1);
    assert_int_equal(attempt(w, 1000), 0);
    assert_int_equal(attempt(w, 1000), 2000);
    assert_int_equal(attempt(w, 3000), 0);
    assert_int_equal(attempt(w, 3000), 4000);
    assert_int_equal(attempt(w, 7000), 0);
    assert_int_equal(attempt(w, 7000), 8000);
    assert_int_equal(attempt(w, 15000), 0);
    assert_int_equal(attempt(w, 15000), 8000); /* no more than that */
    add_user(w, &ada, id);
    OK(sco_store_user(w->s, id, &p, &err));
    assert_int_equal(p.v[0].failures, 8);
    assert_int_equal(p.v[0].locked_until, w->now + 23000);
    sco_user_page_done(&p);
    OK(sco_store_throttle_pardon(w->s, "user:ada@example.com", false, &err));
    assert_int_equal(attempt(w, 15000), 0); /* counts as the eighth again */
    assert_int_equal(attempt(w, 15000), 8000);
    assert_int_equal(attempt(w, 15000 + 60001), 0); /* forgotten */
    assert_int_equal(attempt(w, 15000 + 60001), 0);
    OK(sco_store_throttle_pardon(w->s, "user:ada@example.com", true, &err));
    OK(sco_store_throttle_expire(w->s, w->now + 1000000, &n, &err));
    assert_int_equal(n, 0);
    assert_int_equal(attempt(w, 0), 0);
    OK(sco_store_throttle_expire(w->s, w->now + 1, &n, &err));
    assert_int_equal(n, 1);
}

/* ---- secrets, replies ---- */
TEST(secrets)
{
    WORLD;
    struct sco_secret_page p = {0};
    for (int i = 0; i < 40; i++) {
        char name[16];
        snprintf(name, sizeof name, "s%02d", i);
        struct sco_stored_secret x = {name, "k1", SCO_STR("\0\1"), 0};
        x.sealed.n = 2;
        OK(sco_store_secret_put(w->s, &x, w->now, &err));
    }
    struct sco_stored_secret x = {"s07", "k2", SCO_STR("anew"), 0};
    OK(sco_store_secret_put(w->s, &x, w->now + 1, &err));
    OK(sco_store_secrets(w->s, NULL, &p, &err));
    assert_int_equal(p.n, 40);
    for (size_t i = 1; i < p.n; i++)
        assert_true(strcmp(p.v[i - 1].name, p.v[i].name) < 0);
    assert_int_equal(p.v[3].sealed.n, 2);
    assert_memory_equal(p.v[3].sealed.p, "\0\1", 2);
    sco_secret_page_done(&p);
    OK(sco_store_secrets(w->s, "s07", &p, &err));
    assert_int_equal(p.n, 1);
    assert_string_equal(p.v[0].key_id, "k2");
    assert_true(sco_str_is(p.v[0].sealed, "anew"));
    assert_int_equal(p.v[0].updated_at, w->now + 1);
    sco_secret_page_done(&p);
    OK(sco_store_secret_delete(w->s, "s07", &err));
    assert_int_equal(sco_store_secret_delete(w->s, "s07", &err), SCO_E_NOT_FOUND);
    assert_int_equal(sco_store_secrets(w->s, "s07", &p, &err), SCO_E_NOT_FOUND);
}

TEST(replies)
{
    WORLD;
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_stored_reply in = {.status = 201, .content_type = "text/x", .body = SCO_STR("{}")};
    struct sco_stored_reply other = {.status = 500}, out = {0};
    uint64_t n = 0;
    memset(in.digest, 5, 32);
    assert_int_equal(sco_store_reply(w->s, "ada", "k", &out, &arena, &err), SCO_E_NOT_FOUND);
    OK(sco_store_reply_put(w->s, "ada", "k", &in, w->now, &err));
    assert_int_equal(sco_store_reply_put(w->s, "ada", "k", &other, w->now, &err), 1);
    OK(sco_store_reply(w->s, "ada", "k", &out, &arena, &err));
    assert_int_equal(out.status, 201);
    assert_string_equal(out.content_type, "text/x");
    assert_true(sco_str_is(out.body, "{}"));
    assert_memory_equal(out.digest, in.digest, 32);
    assert_int_equal(sco_store_reply(w->s, "bob", "k", &out, &arena, &err), SCO_E_NOT_FOUND);
    OK(sco_store_reply_put(w->s, "bob", "k", &other, w->now + 10, &err));
    OK(sco_store_reply(w->s, "bob", "k", &out, &arena, &err));
    assert_int_equal(out.body.n, 0);
    assert_null(out.content_type);
    OK(sco_store_replies_expire(w->s, w->now + 1, &n, &err));
    assert_int_equal(n, 1);
    assert_int_equal(sco_store_reply(w->s, "ada", "k", &out, &arena, &err), SCO_E_NOT_FOUND);
}

/* ---- the audit log ---- */
static void audit_to(struct sco_store *s, int64_t at, const char *action, const char *object)
{
    struct sco_error err = {0};
    struct sco_audit_entry e = {.at = at,
                                .actor = "ada@example.com",
                                .action = action,
                                .object = object,
                                .outcome = "success",
                                .address = "192.0.2.1",
                                .details = "{\"n\":1}"};
    OK(sco_store_audit_add(s, &e, &err));
}

static void fill_log(struct world *w, int n)
{
    for (int i = 0; i < n; i++)
        audit_to(w->s, w->now + i, i % 2 ? "user.create" : "secret.put", i % 3 ? "user:1" : NULL);
}

static uint64_t whole(struct world *w)
{
    struct sco_error err = {0};
    uint64_t n = 9999;
    OK(sco_store_audit_verify(w->s, &n, &err));
    return n;
}

/* Behind the back of the triggers, as who owns the tables can. */
static void tamper(struct world *w, const char *sql)
{
    struct sco_error err = {0};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
#if STORE_IS_sqlite
    sco_buf_addz(&b, "DROP TRIGGER IF EXISTS audit_log_unchanged; DROP TRIGGER IF EXISTS "
                     "audit_log_kept; DROP TRIGGER IF EXISTS audit_head_forward;");
#else
    sco_buf_addz(&b, "ALTER TABLE audit_log DISABLE TRIGGER USER; ALTER TABLE audit_log_default "
                     "DISABLE TRIGGER USER; ALTER TABLE audit_head DISABLE TRIGGER USER;");
#endif
    sco_buf_addz(&b, sql);
    if (w->s->ops->script(w->s->db, sco_buf_str(&b), &err) < 0)
        fail_msg("%s: %s", sql, err.text);
}

static void broken(struct world *w, const char *sql, const char *want)
{
    struct sco_error err = {0};
    uint64_t n = 77;
    fill_log(w, 10);
    assert_int_equal(whole(w), 10);
    tamper(w, sql);
    assert_int_equal(sco_store_audit_verify(w->s, &n, &err), SCO_E_FORMAT);
    assert_int_equal(n, 77);
    if (!strstr(err.text, want))
        fail_msg("%s: wanted \"%s\", got: %s", sql, want, err.text);
}

#define BROKEN(name, sql, want)                                                                    \
    TEST(name)                                                                                     \
    {                                                                                              \
        broken(*state, sql, want);                                                                 \
    }
#define TEXTS "action, object, outcome, correlation_id, address, details, hash"
BROKEN(changed_actor, "UPDATE audit_log SET actor = 'eve' WHERE seq = 4", "row 4 is not what")
BROKEN(changed_time, "UPDATE audit_log SET at = at + 1 WHERE seq = 4", "row 4 is not what")
BROKEN(changed_object, "UPDATE audit_log SET object = '' WHERE seq = 4", "row 4 is not what")
BROKEN(changed_address, "UPDATE audit_log SET address = NULL WHERE seq = 10", "row 10 is not what")
BROKEN(changed_details, "UPDATE audit_log SET details = '{\"n\": 1}' WHERE seq = 1",
       "row 1 is not what")
BROKEN(moved_text, "UPDATE audit_log SET correlation_id = address, address = NULL WHERE seq = 2",
       "row 2 is not what")
BROKEN(removed, "DELETE FROM audit_log WHERE seq = 5", "row 5 is missing")
BROKEN(removed_first, "DELETE FROM audit_log WHERE seq = 1", "row 1 is missing")
BROKEN(removed_last, "DELETE FROM audit_log WHERE seq = 10", "row 10 and what came after it")
BROKEN(cut_tail, "DELETE FROM audit_log WHERE seq > 6", "row 7 and what came after it")
BROKEN(removed_all, "DELETE FROM audit_log", "row 1 and what came after it")
BROKEN(removed_and_closed_up, "DELETE FROM audit_log WHERE seq = 10; UPDATE audit_head SET seq = 9",
       "does not fit row 9")
BROKEN(renumbered,
       "DELETE FROM audit_log WHERE seq = 5; UPDATE audit_log SET seq = 5 WHERE seq = "
       "6",
       "row 5 is not what")
BROKEN(reordered,
       "UPDATE audit_log SET seq = 100 WHERE seq = 3; UPDATE audit_log SET seq = 3 "
       "WHERE seq = 4; UPDATE audit_log SET seq = 4 WHERE seq = 100",
       "row 3 is not what")
BROKEN(put_in_behind,
       "INSERT INTO audit_log (seq, at, actor, " TEXTS ") SELECT 11, at, actor, " TEXTS
       " FROM audit_log WHERE seq = 10",
       "row 11 was put in")
BROKEN(anchor_moved, "UPDATE audit_head SET first_seq = 3", "row 3 is not what")
#if !STORE_IS_sqlite
BROKEN(put_in_twice,
       "INSERT INTO audit_log (seq, at, actor, " TEXTS ") SELECT seq, at + 1, actor, " TEXTS
       " FROM audit_log WHERE seq = 5",
       "row 5 is")
#endif

TEST(no_head)
{
    WORLD;
    uint64_t n;
    tamper(w,
#if STORE_IS_sqlite
           "DROP TRIGGER audit_head_kept;"
#endif
           "DELETE FROM audit_head");
    assert_int_equal(sco_store_audit_verify(w->s, &n, &err), SCO_E_FORMAT);
    struct sco_audit_entry e = {.actor = "a", .action = "b", .outcome = "success"};
    assert_int_equal(sco_store_audit_add(w->s, &e, &err), SCO_E_FORMAT);
}

TEST(the_log_cannot_be_changed)
{
    WORLD;
    static const char *const tries[] = {
        "UPDATE audit_log SET actor = 'eve' WHERE seq = 2",
        "DELETE FROM audit_log WHERE seq = 2",
        "DELETE FROM audit_log",
        "DELETE FROM audit_head",
        "UPDATE audit_head SET seq = 1",
        "UPDATE audit_head SET first_seq = 99",
#if !STORE_IS_sqlite
        "TRUNCATE audit_log",
        "TRUNCATE audit_log_default",
#endif
    };
    fill_log(w, 3);
    for (size_t i = 0; i < SCO_ARRAY_LEN(tries); i++) {
        int r = w->s->ops->script(w->s->db, sco_str_c(tries[i]), &err);
        if (r >= 0 || !strstr(err.text, "append-only"))
            fail_msg("%s: %d %s", tries[i], r, err.text);
    }
    assert_int_equal(whole(w), 3);
}

TEST(an_empty_log_is_whole)
{
    WORLD;
    int64_t seq = 9, first = 9;
    uint8_t hash[32];
    assert_int_equal(whole(w), 0);
    OK(sco_store_audit_head(w->s, &seq, hash, &first, &err));
    assert_int_equal(seq, 0);
    assert_int_equal(first, 1);
    struct sco_audit_entry e = {.actor = "a", .action = "b"};
    assert_int_equal(sco_store_audit_add(w->s, &e, &err), SCO_E_INVALID);
    assert_int_equal(whole(w), 0);
}

TEST(what_was_undone_is_not_in_the_log)
{
    WORLD;
    OK(sco_store_begin(w->s, &err));
    audit_to(w->s, w->now, "user.create", NULL);
    assert_int_equal(sco_store_end(w->s, SCO_E_INVALID, &err), SCO_E_INVALID);
    audit_to(w->s, w->now, "user.delete", NULL);
    assert_int_equal(whole(w), 1);
}

static struct sco_audit_page list(struct world *w, struct sco_audit_filter f)
{
    struct sco_error err = {0};
    struct sco_audit_page p = {0};
    OK(sco_store_audit(w->s, &f, &p, &err));
    return p;
}

static size_t count_of(struct world *w, struct sco_audit_filter f)
{
    struct sco_audit_page p = list(w, f);
    size_t n = p.n;
    sco_audit_page_done(&p);
    return n;
}

TEST(the_log_is_listed)
{
    struct world *w = *state;
    fill_log(w, 10);
    audit_to(w->s, w->now + 50, "users", "user:2");
    struct sco_audit_page p = list(w, (struct sco_audit_filter){.limit = 4});
    assert_int_equal(p.n, 4);
    assert_int_equal(p.v[0].seq, 11);
    assert_string_equal(p.v[0].object, "user:2");
    assert_string_equal(p.v[0].details, "{\"n\":1}");
    assert_null(p.v[0].correlation_id);
    struct sco_audit_page q = list(w, (struct sco_audit_filter){.cursor = p.cursor});
    assert_int_equal(q.n, 7);
    assert_int_equal(q.v[0].seq, 7);
    assert_null(q.cursor);
    sco_audit_page_done(&p);
    sco_audit_page_done(&q);
    assert_int_equal(count_of(w, (struct sco_audit_filter){.action = "user.create"}), 5);
    assert_int_equal(count_of(w, (struct sco_audit_filter){.action = "user."}), 5);
    assert_int_equal(count_of(w, (struct sco_audit_filter){.action = "user"}), 0);
    assert_int_equal(count_of(w, (struct sco_audit_filter){.object = "user:2"}), 1);
    assert_int_equal(count_of(w, (struct sco_audit_filter){.actor = "eve"}), 0);
    assert_int_equal(count_of(w, (struct sco_audit_filter){.actor = "ada@example.com",
                                                           .action = "user.",
                                                           .object = "user:1",
                                                           .from = w->now + 2,
                                                           .to = w->now + 9}),
                     2);
}

TEST(retention_leaves_an_anchor)
{
    WORLD;
    uint64_t n = 0;
    int64_t seq, first;
    uint8_t hash[32];
    fill_log(w, 10);
    OK(sco_store_audit_retain(w->s, w->now, 100, &n, &err));
    assert_int_equal(n, 0);
    OK(sco_store_audit_retain(w->s, w->now + 6, 4, &n, &err)); /* in batches */
    assert_int_equal(n, 4);
    assert_int_equal(whole(w), 6);
    OK(sco_store_audit_retain(w->s, w->now + 6, 4, &n, &err));
    assert_int_equal(n, 2);
    assert_int_equal(whole(w), 4);
    assert_int_equal(count_of(w, (struct sco_audit_filter){0}), 4);
    OK(sco_store_audit_retain(w->s, w->now + 1000, 100, &n, &err));
    assert_int_equal(n, 4);
    assert_int_equal(whole(w), 0);
    audit_to(w->s, w->now, "user.create", NULL);
    assert_int_equal(whole(w), 1);
    OK(sco_store_audit_head(w->s, &seq, hash, &first, &err));
    assert_int_equal(seq, 11);
    assert_int_equal(first, 11);
    audit_to(w->s, w->now + 2000, "user.create", NULL);
    tamper(w, "DELETE FROM audit_log WHERE seq = 11");
    assert_int_equal(sco_store_audit_verify(w->s, &n, &err), SCO_E_FORMAT);
}

enum { WRITERS = 4, ENTRIES = 25 };

static void *write_log(void *user)
{
    struct sco_store *s = user;
    for (int i = 0; i < ENTRIES; i++)
        audit_to(s, i, "user.create", NULL);
    return NULL;
}

TEST(writers_at_once_make_one_chain)
{
    WORLD;
    pthread_t threads[WRITERS];
    struct sco_store *stores[WRITERS];
    (void)err;
    for (int i = 0; i < WRITERS; i++) {
        stores[i] = world_open(w);
        assert_int_equal(pthread_create(&threads[i], NULL, write_log, stores[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(threads[i], NULL);
        sco_store_close(stores[i]);
    }
    assert_int_equal(whole(w), WRITERS * ENTRIES);
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(users),
        T(an_email_of_another_is_not_taken_over),
        T(users_by_pages),
        T(a_step_is_used_once),
        T(tokens),
        T(tokens_by_pages),
        T(a_session_lives_as_long_as_its_family),
        T(failures_cost_more_and_more),
        T(secrets),
        T(replies),
        T(changed_actor),
        T(changed_time),
        T(changed_object),
        T(changed_address),
        T(changed_details),
        T(moved_text),
        T(removed),
        T(removed_first),
        T(removed_last),
        T(cut_tail),
        T(removed_all),
        T(removed_and_closed_up),
        T(renumbered),
        T(reordered),
        T(put_in_behind),
        T(anchor_moved),
#if !STORE_IS_sqlite
        T(put_in_twice),
#endif
        T(no_head),
        T(the_log_cannot_be_changed),
        T(an_empty_log_is_whole),
        T(what_was_undone_is_not_in_the_log),
        T(the_log_is_listed),
        T(retention_leaves_an_anchor),
        T(writers_at_once_make_one_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
