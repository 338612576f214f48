/* Who asks, and what they may do: users with passwords and second factors, access tokens (JWT,
 * EdDSA), refresh tokens that rotate, API tokens, bearer tokens of an OIDC issuer, roles.
 *
 * Everything may block (scrypt takes about 70 ms): on a pool thread, with that thread's store. One
 * struct sco_auth is shared by all threads. Nothing of a password, token or key is in an error. */
#pragma once

#include <secureops/store_accounts.h>

/* ---- permissions ---- */
/* A permission is an action on a resource, "read:vulnerabilities"; docs/security-model.md has the
 * table. Actions and resources are bits, so that a route's need is one comparison. */
enum sco_action {
    SCO_ACT_READ,
    SCO_ACT_CREATE,
    SCO_ACT_UPDATE,
    SCO_ACT_DELETE,
    SCO_ACT_APPROVE, /* of pipelines alone: what somebody else wants to run */
    SCO_ACT_MAX_
};
enum sco_resource {
    SCO_RES_SECURITY, /* scans, jobs, policies, targets, schedules, waivers */
    SCO_RES_VULNERABILITIES,
    SCO_RES_PIPELINES,
    SCO_RES_ALERTS,
    SCO_RES_COMPLIANCE,
    SCO_RES_SCAN_RESULTS,
    SCO_RES_TESTS,
    SCO_RES_ANALYTICS,
    SCO_RES_REPORTS,
    SCO_RES_DASHBOARDS,
    SCO_RES_HR_METRICS,
    SCO_RES_EVENTS,
    SCO_RES_USERS, /* and the tokens of others */
    SCO_RES_AUDIT,
    SCO_RES_SYSTEM, /* configuration, secrets, reload */
    SCO_RES_SELF,   /* the own account and tokens: everybody who is known */
    SCO_RES_MAX_
};
enum sco_role {
    SCO_ROLE_ADMIN,
    SCO_ROLE_SECURITY_ENGINEER,
    SCO_ROLE_SECURITY_ANALYST,
    SCO_ROLE_DEVELOPER,
    SCO_ROLE_MANAGER,
    SCO_ROLE_HR_MANAGER,
    SCO_ROLE_VIEWER,
    SCO_ROLE_MAX_
};
const char *sco_role_name(uint32_t role); /* "security_engineer"; NULL: none */
/* "admin,viewer" as bits 1 << enum sco_role. SCO_E_INVALID names what is none. */
int sco_roles_parse(struct sco_str text, uint32_t *ret, struct sco_error *err) SCO_NODISCARD;
struct sco_permissions {
    uint32_t may[SCO_ACT_MAX_]; /* bits 1 << enum sco_resource */
};
void sco_permissions_of_roles(uint32_t roles, struct sco_permissions *ret);
/* "read:vulnerabilities,create:scan_results,*:reports,read:*"; "write" is create and update. */
int sco_permissions_parse(struct sco_str text, struct sco_permissions *ret,
                          struct sco_error *err) SCO_NODISCARD;
void sco_permissions_format(const struct sco_permissions *p, struct sco_buf *out);
/* All of `part` is in `whole`. */
bool sco_permissions_within(const struct sco_permissions *part,
                            const struct sco_permissions *whole);

struct sco_principal {
    char user_id[37];     /* "" for a setup token */
    const char *name;     /* e-mail, "token:NAME", the issuer's subject: who it was, in histories */
    const char *token_id; /* of an API token; or NULL */
    uint32_t roles;
    struct sco_permissions permissions;
    /* NULL-terminated globs; NULL: all. Of whoever has teams the API makes them of the teams'
     * targets: before, teams are not looked at. */
    const char *const *repositories;
    const char *const *teams; /* NULL-terminated; NULL: all */
    int64_t expires_at;
};
bool sco_principal_may(const struct sco_principal *p, enum sco_action a, enum sco_resource r);
bool sco_principal_sees(const struct sco_principal *p, const char *repository);

/* ---- the service ---- */
struct sco_auth;
struct sco_auth_options {
    const char *issuer, *audience; /* of our tokens: the server's public URL */
    int64_t access_ms, refresh_ms; /* 0: 15 min, 30 days */
    struct sco_str key;            /* 32 bytes: seals secrets and derives the signing keys */
    const char *key_id;
    struct sco_str old_key; /* {NULL, 0}: none; opens what it sealed, verifies its tokens */
    const char *old_key_id;
    /* Bearer tokens of others: their issuer, our audience, the claim with roles, its mapping. */
    const char *oidc_issuer, *oidc_audience, *oidc_roles_claim;
    /* Claims that bind them to repositories (globs) and teams; NULL: they are bound to none. */
    const char *oidc_repositories_claim, *oidc_teams_claim;
    const char *oidc_jwks; /* file with its keys; NULL: discovered */
    int (*fetch)(void *user, const char *url, struct sco_buf *out,
                 struct sco_error *err); /* for OIDC; NULL: none can be had */
    void *user;
    int64_t (*now)(void *user); /* NULL: the clock */
};
int sco_auth_new(const struct sco_auth_options *o, struct sco_auth **ret,
                 struct sco_error *err) SCO_NODISCARD;
struct sco_auth *sco_auth_free(struct sco_auth *a);

/* The token of an Authorization header. SCO_E_PERMISSION: unknown, expired, revoked, forged; it
 * does not say which. `arena` keeps what *ret points to. */
int sco_auth_bearer(struct sco_auth *a, struct sco_store *s, struct sco_str token,
                    struct sco_arena *arena, struct sco_principal *ret,
                    struct sco_error *err) SCO_NODISCARD;

/* A user as it may act now, without a token. SCO_E_PERMISSION: there is none, or not an active one.
 */
int sco_auth_user(struct sco_store *s, const char *user_id, struct sco_arena *arena,
                  struct sco_principal *ret, struct sco_error *err) SCO_NODISCARD;

struct sco_tokens {
    char *access, *refresh; /* in the arena of the call */
    int64_t access_expires_at, refresh_expires_at;
};
struct sco_login {
    struct sco_str email, password, totp; /* totp: code or recovery code; may be empty */
    const char *address;                  /* of the client: throttled by it as well */
};
/* SCO_E_PERMISSION: wrong, and never says what; SCO_E_LIMIT: throttled, try later (*ret_wait_ms);
 * 1: the second factor is wanted. An unknown e-mail takes as long as a wrong password. */
int sco_auth_login(struct sco_auth *a, struct sco_store *s, const struct sco_login *l,
                   struct sco_arena *arena, struct sco_tokens *ret, int64_t *ret_wait_ms,
                   struct sco_error *err) SCO_NODISCARD;
/* A refresh token is good once. A second use revokes its whole family. */
int sco_auth_refresh(struct sco_auth *a, struct sco_store *s, struct sco_str token,
                     struct sco_arena *arena, struct sco_tokens *ret,
                     struct sco_error *err) SCO_NODISCARD;
/* Ends the login: its access tokens are void as well. A token that is none is no error. */
int sco_auth_logout(struct sco_auth *a, struct sco_store *s, struct sco_str refresh,
                    struct sco_error *err) SCO_NODISCARD;

/* Sets a password (NULL-safe policy: 12 characters or more, not the e-mail) and voids all tokens.
 */
int sco_auth_set_password(struct sco_auth *a, struct sco_store *s, const char *user_id,
                          struct sco_str password, struct sco_error *err) SCO_NODISCARD;
/* Of somebody who is logged in, before what a stolen login must not be enough for.
 * SCO_E_PERMISSION; SCO_E_LIMIT as for a login. */
int sco_auth_confirm_password(struct sco_auth *a, struct sco_store *s, const char *user_id,
                              struct sco_str password, int64_t *ret_wait_ms,
                              struct sco_error *err) SCO_NODISCARD;
/* A new token in clear, in the arena, told once. kind as of struct sco_stored_token; ttl_ms 0:
 * none for "api", 1 h for the others. */
int sco_auth_issue(struct sco_auth *a, struct sco_store *s, const struct sco_stored_token *t,
                   int64_t ttl_ms, struct sco_arena *arena, const char **ret,
                   struct sco_error *err) SCO_NODISCARD;
/* First start: a token with which the first user makes itself administrator, to be printed. 1:
 * there are users, and none is needed. */
int sco_auth_setup_token(struct sco_auth *a, struct sco_store *s, struct sco_arena *arena,
                         const char **ret, struct sco_error *err) SCO_NODISCARD;
/* The first administrator. SCO_E_PERMISSION: the token, or there are users already. */
int sco_auth_setup(struct sco_auth *a, struct sco_store *s, struct sco_str token,
                   const struct sco_stored_user *user, struct sco_str password, char ret_id[37],
                   struct sco_error *err) SCO_NODISCARD;
/* Uses up a token of one use. *ret_user_id: whose, or NULL. SCO_E_PERMISSION. */
int sco_auth_redeem(struct sco_auth *a, struct sco_store *s, const char *kind, struct sco_str token,
                    struct sco_arena *arena, const char **ret_user_id,
                    struct sco_error *err) SCO_NODISCARD;
/* A new second factor: an otpauth:// URI; it holds once confirmed with a code. */
int sco_auth_totp_begin(struct sco_auth *a, struct sco_store *s, const char *user_id,
                        struct sco_arena *arena, const char **ret_uri,
                        struct sco_error *err) SCO_NODISCARD;
int sco_auth_totp_confirm(struct sco_auth *a, struct sco_store *s, const char *user_id,
                          struct sco_str code, struct sco_arena *arena,
                          const char *const **ret_recovery, struct sco_error *err) SCO_NODISCARD;
int sco_auth_totp_remove(struct sco_auth *a, struct sco_store *s, const char *user_id,
                         struct sco_error *err) SCO_NODISCARD;
/* The public keys of our tokens, as a JSON Web Key Set. */
void sco_auth_jwks(const struct sco_auth *a, struct sco_buf *out);

/* ---- secrets at rest ---- */
int sco_auth_secret_put(struct sco_auth *a, struct sco_store *s, const char *name,
                        struct sco_str value, struct sco_error *err) SCO_NODISCARD;
int sco_auth_secret_get(struct sco_auth *a, struct sco_store *s, const char *name,
                        struct sco_buf *ret, struct sco_error *err) SCO_NODISCARD;
/* Seals everything that the old key sealed anew. *ret: how many. */
int sco_auth_rotate(struct sco_auth *a, struct sco_store *s, uint64_t *ret,
                    struct sco_error *err) SCO_NODISCARD;
