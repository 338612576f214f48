/* Users, tokens, secrets and the audit log, as they are kept. What they mean (passwords, roles, who
 * may do what) is in auth.h. Digests and ciphertexts come in and go out as bytes; nothing here sees
 * a password, a token or a secret in clear. */
#pragma once

#include <secureops/store.h>

/* ---- users ---- */
struct sco_stored_user {
    const char *id, *email, *name; /* e-mail in lower case, of one user only */
    const char *roles;             /* names by commas: auth.h */
    const char *permissions;       /* beyond the roles, by commas; NULL as "": none */
    const char *repositories;      /* globs by commas; "": all */
    const char *teams;             /* names by commas; "": all */
    const char *status;            /* "active" "disabled" "unverified" */
    const char *password;          /* hash in its text form, with parameters; or NULL */
    const char *totp;     /* sealed secret (crypto.h, sco_seal) in base64; NULL: no second factor;
                             with "?" before it: not confirmed yet */
    const char *recovery; /* digests of recovery codes left, hex by commas; or NULL */
    int64_t created_at, updated_at, last_login_at;
    int64_t failures, locked_until; /* of logins in a row; 0: not locked */
    int64_t totp_step;              /* the last one used: none is used twice */
    uint32_t generation;            /* counts up when all its tokens are to be void */
};
struct sco_user_page {
    struct sco_stored_user *v;
    size_t n;
    const char *cursor;
    struct sco_arena arena;
};
void sco_user_page_done(struct sco_user_page *p);
/* By id or e-mail: SCO_E_NOT_FOUND. */
int sco_store_user(struct sco_store *s, const char *id, struct sco_user_page *ret,
                   struct sco_error *err) SCO_NODISCARD;
int sco_store_users(struct sco_store *s, const char *cursor, uint32_t limit,
                    struct sco_user_page *ret, struct sco_error *err) SCO_NODISCARD;
/* id NULL: a new one. SCO_E_INVALID: the e-mail is taken; SCO_E_NOT_FOUND. Not written here: the
 * times, failures, totp_step; generation only counts up. Whoever changes what was read before,
 * locks the user, reads and writes in one transaction. */
int sco_store_user_put(struct sco_store *s, const struct sco_stored_user *u, int64_t now,
                       char ret_id[37], struct sco_error *err) SCO_NODISCARD;
int sco_store_user_delete(struct sco_store *s, const char *id, struct sco_error *err) SCO_NODISCARD;
int sco_store_user_count(struct sco_store *s, uint64_t *ret, struct sco_error *err) SCO_NODISCARD;
/* In a transaction: nobody else changes the user until its end. SCO_E_NOT_FOUND. */
int sco_store_user_lock(struct sco_store *s, const char *id, struct sco_error *err) SCO_NODISCARD;
/* In a transaction: nobody else adds, removes or locks users this way until its end. */
int sco_store_users_lock(struct sco_store *s, struct sco_error *err) SCO_NODISCARD;
int sco_store_user_login(struct sco_store *s, const char *id, int64_t now,
                         struct sco_error *err) SCO_NODISCARD; /* last_login_at */
/* All its tokens are void: generation counts up, token rows are revoked. */
int sco_store_user_void(struct sco_store *s, const char *id, int64_t now,
                        struct sco_error *err) SCO_NODISCARD;
/* Takes a time step of the second factor: *ret_first is false when it, or a later one, was used. */
int sco_store_totp_step(struct sco_store *s, const char *id, int64_t step, bool *ret_first,
                        struct sco_error *err) SCO_NODISCARD;
/* The user whose login this is: as sco_store_user. *ret_alive: the family has a refresh token that
 * can still be used. */
int sco_store_session(struct sco_store *s, const char *user_id, const char *family, int64_t now,
                      struct sco_user_page *ret, bool *ret_alive,
                      struct sco_error *err) SCO_NODISCARD;

/* ---- throttling of logins ---- */
struct sco_throttle {
    uint32_t free;                      /* failures in a row that cost nothing */
    int64_t base_ms, max_ms, forget_ms; /* the first wait, which doubles up to; idle: forgotten */
};
/* Counts an attempt as failed before it is judged, so that many at once are not all the first.
 * *ret_wait_ms: 0, or how long none is taken (this one was not counted). A key is "user:EMAIL" or
 * "address:ADDRESS". */
int sco_store_throttle(struct sco_store *s, const char *key, const struct sco_throttle *t,
                       int64_t now, int64_t *ret_wait_ms, struct sco_error *err) SCO_NODISCARD;
/* It was none. `all`: nor do those before count any more. */
int sco_store_throttle_pardon(struct sco_store *s, const char *key, bool all,
                              struct sco_error *err) SCO_NODISCARD;
int sco_store_throttle_expire(struct sco_store *s, int64_t before, uint64_t *ret,
                              struct sco_error *err) SCO_NODISCARD;

/* ---- tokens: of the API, of refresh, of one use ---- */
struct sco_stored_token {
    const char *id, *user_id;           /* user_id NULL: of nobody (setup) */
    const char *kind;                   /* "api" "refresh" "setup" "reset" "verify" */
    const char *name, *scopes, *family; /* scopes: permissions by commas; family: of refresh */
    uint8_t digest[32];                 /* SHA-256 of the token */
    int64_t created_at, expires_at, last_used_at, used_at; /* 0: never */
    bool revoked;
};
struct sco_token_page {
    struct sco_stored_token *v;
    size_t n;
    const char *cursor;
    struct sco_arena arena;
};
void sco_token_page_done(struct sco_token_page *p);
int sco_store_token_add(struct sco_store *s, const struct sco_stored_token *t, int64_t now,
                        char ret_id[37], struct sco_error *err) SCO_NODISCARD;
int sco_store_token(struct sco_store *s, const uint8_t digest[32], struct sco_token_page *ret,
                    struct sco_error *err) SCO_NODISCARD; /* SCO_E_NOT_FOUND */
/* Uses it up: *ret_first is false when somebody was before. */
int sco_store_token_use(struct sco_store *s, const char *id, int64_t now, bool *ret_first,
                        struct sco_error *err) SCO_NODISCARD;
int sco_store_token_seen(struct sco_store *s, const char *id, int64_t now,
                         struct sco_error *err) SCO_NODISCARD; /* last_used_at, coarsely */
/* Exactly one of id, family, user_id is given. *ret: how many were not revoked before. */
int sco_store_tokens_revoke(struct sco_store *s, const char *id, const char *family,
                            const char *user_id, uint64_t *ret,
                            struct sco_error *err) SCO_NODISCARD;
int sco_store_tokens(struct sco_store *s, const char *user_id, const char *kind, const char *cursor,
                     uint32_t limit, struct sco_token_page *ret,
                     struct sco_error *err) SCO_NODISCARD;
/* By id: SCO_E_NOT_FOUND. */
int sco_store_token_by_id(struct sco_store *s, const char *id, struct sco_token_page *ret,
                          struct sco_error *err) SCO_NODISCARD;
/* Those that expired before `now` go. */
int sco_store_tokens_expire(struct sco_store *s, int64_t now, uint64_t *ret,
                            struct sco_error *err) SCO_NODISCARD;

/* ---- secrets at rest ---- */
struct sco_stored_secret {
    const char *name, *key_id; /* which key sealed it */
    struct sco_str sealed;
    int64_t updated_at;
};
struct sco_secret_page {
    struct sco_stored_secret *v;
    size_t n;
    struct sco_arena arena;
};
void sco_secret_page_done(struct sco_secret_page *p);
int sco_store_secret_put(struct sco_store *s, const struct sco_stored_secret *v, int64_t now,
                         struct sco_error *err) SCO_NODISCARD;
/* name NULL: all, by name. SCO_E_NOT_FOUND. */
int sco_store_secrets(struct sco_store *s, const char *name, struct sco_secret_page *ret,
                      struct sco_error *err) SCO_NODISCARD;
int sco_store_secret_delete(struct sco_store *s, const char *name,
                            struct sco_error *err) SCO_NODISCARD;

/* ---- audit log: append only, each row has the digest of the row before in its own ---- */
struct sco_audit_entry {
    int64_t seq, at;
    const char *actor;          /* a user's e-mail, "token:NAME", "system", "cli:NAME" */
    const char *action;         /* "user.create" */
    const char *object;         /* "user:5f0c...", or NULL */
    const char *outcome;        /* "success" "denied" "failure" */
    const char *correlation_id; /* or NULL */
    const char *address;        /* of the client, or NULL */
    const char *details;        /* JSON object without secrets, or NULL */
    uint8_t hash[32];
};
struct sco_audit_page {
    struct sco_audit_entry *v;
    size_t n;
    const char *cursor;
    struct sco_arena arena;
};
void sco_audit_page_done(struct sco_audit_page *p);
/* seq and hash are the store's. In the transaction that is open, else in one of its own. Others
 * that add a row wait for the end of the transaction: this is its last call. */
int sco_store_audit_add(struct sco_store *s, const struct sco_audit_entry *e,
                        struct sco_error *err) SCO_NODISCARD;
struct sco_audit_filter {
    const char *actor, *action, *object, *cursor; /* NULL: any; action "user." is a prefix */
    int64_t from, to;                             /* 0: open */
    uint32_t limit;
};
int sco_store_audit(struct sco_store *s, const struct sco_audit_filter *f,
                    struct sco_audit_page *ret, struct sco_error *err) SCO_NODISCARD;
/* Reads the whole chain. 0: it is whole, *ret rows. SCO_E_FORMAT: the first row that was changed,
 * removed or put in. Retention leaves an anchor: the chain then begins there. Whoever may write the
 * tables past the triggers can write a new chain: note the head elsewhere, and compare. */
int sco_store_audit_verify(struct sco_store *s, uint64_t *ret, struct sco_error *err) SCO_NODISCARD;
/* The last row's number and hash (0: none yet), and the number of the first that is kept. */
int sco_store_audit_head(struct sco_store *s, int64_t *ret_seq, uint8_t ret_hash[32],
                         int64_t *ret_first, struct sco_error *err) SCO_NODISCARD;
/* The oldest rows, up to the first that is not older than `before`, go: at most `limit` of them, in
 * one transaction. *ret: how many. */
int sco_store_audit_retain(struct sco_store *s, int64_t before, uint32_t limit, uint64_t *ret,
                           struct sco_error *err) SCO_NODISCARD;

/* ---- idempotency keys of POST ---- */
struct sco_stored_reply {
    uint8_t digest[32]; /* of the request that was first */
    int status;
    const char *content_type;
    struct sco_str body;
};
/* The reply that (principal, key) had: SCO_E_NOT_FOUND. `arena` keeps it. */
int sco_store_reply(struct sco_store *s, const char *principal, const char *key,
                    struct sco_stored_reply *ret, struct sco_arena *arena,
                    struct sco_error *err) SCO_NODISCARD;
/* 1: one was kept before, and still is. */
int sco_store_reply_put(struct sco_store *s, const char *principal, const char *key,
                        const struct sco_stored_reply *r, int64_t now,
                        struct sco_error *err) SCO_NODISCARD;
int sco_store_replies_expire(struct sco_store *s, int64_t before, uint64_t *ret,
                             struct sco_error *err) SCO_NODISCARD;
