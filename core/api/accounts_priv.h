/* What the handlers of accounts share. All of it runs on the thread of the call. */
#pragma once

#include "api_priv.h"

/* ---- routes_accounts.c ---- */
struct sco_auth *accounts_auth(const struct api_call *c);
struct sco_str accounts_str(const struct api_call *c, const char *name); /* "" when not there */
/* The caller's own account. SCO_E_PERMISSION: it has none here (a token of an issuer). */
int accounts_own(struct api_call *c, const char **ret_id, struct sco_error *err) SCO_NODISCARD;
/* What is told once is not kept for a second answer; what counts failures is not undone. */
int accounts_no_key(struct api_call *c, struct sco_error *err) SCO_NODISCARD;
/* 401 and 429 of logins. */
int accounts_refused(struct api_call *c, int r, int64_t wait_ms,
                     struct sco_error *err) SCO_NODISCARD;
/* "VERB:ID", in the arena. */
const char *accounts_object(struct api_call *c, const char *kind, const char *id);
bool accounts_can_mail(const struct api_call *c);
/* A mail with a link that has the token behind its "#", which no server sees or logs. */
int accounts_mail(const struct sco_api_options *o, const char *to, const char *kind,
                  const char *token, struct sco_error *err) SCO_NODISCARD;

/* ---- mail.c ---- */
/* Mails a token for a new password, when there is an active user of this address: a few times an
 * hour. */
int accounts_forgotten(const struct sco_api_options *o, struct sco_store *s, const char *email,
                       int64_t now, struct sco_error *err) SCO_NODISCARD;

/* ---- accounts_users.c ---- */
void accounts_write_user(struct sco_json_out *o, const struct sco_stored_user *u);
int accounts_user_list(struct api_call *c, struct sco_error *err);
int accounts_user_get(struct api_call *c, struct sco_error *err);
int accounts_user_create(struct api_call *c, struct sco_error *err);
int accounts_user_put(struct api_call *c, struct sco_error *err);
int accounts_user_delete(struct api_call *c, struct sco_error *err);
int accounts_user_totp_delete(struct api_call *c, struct sco_error *err);

/* ---- accounts_tokens.c: tokens, secrets, the audit log ---- */
int accounts_token_list(struct api_call *c, struct sco_error *err);
int accounts_token_create(struct api_call *c, struct sco_error *err);
int accounts_token_delete(struct api_call *c, struct sco_error *err);
int accounts_secret_list(struct api_call *c, struct sco_error *err);
int accounts_secret_put(struct api_call *c, struct sco_error *err);
int accounts_secret_delete(struct api_call *c, struct sco_error *err);
int accounts_secret_rotate(struct api_call *c, struct sco_error *err);
int accounts_audit_list(struct api_call *c, struct sco_error *err);
int accounts_audit_verify(struct api_call *c, struct sco_error *err);
