/* Secrets at rest: sealed with the key of the configuration, each for its name alone. */
#include "auth_priv.h"

#include <secureops/option.h>

static int check_name(const char *name, struct sco_error *err)
{
    enum { MAX = 128 };
    size_t n = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");
    if (n && n <= MAX && !name[n])
        return 0;
    return sco_error_set(err, SCO_E_INVALID,
                         "the name of a secret has 1 to %d letters, digits, \"_\", \".\", \"-\"",
                         MAX);
}

static int context_of(const char *name, struct sco_buf *b, struct sco_error *err)
{
    sco_buf_addf(b, "secret:%s", name);
    return sco_buf_check(b, err);
}

int sco_auth_secret_put(struct sco_auth *a, struct sco_store *s, const char *name,
                        struct sco_str value, struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf sealed = {0}, context = {0};
    int r = check_name(name, err);
    if (r == 0 && (!value.n || value.n > SCO_VALUE_LEN_MAX))
        r = sco_error_set(err, SCO_E_INVALID, "a secret has 1 to %d bytes", SCO_VALUE_LEN_MAX);
    if (r == 0)
        r = context_of(name, &context, err);
    if (r == 0)
        r = sco_seal(a->key.seal, sco_buf_str(&context), value, &sealed, err);
    struct sco_stored_secret x = {
        .name = name, .key_id = a->key.id, .sealed = sco_buf_str(&sealed)};
    return r == 0 ? sco_store_secret_put(s, &x, auth_now(a), err) : r;
}

static int open_secret(struct sco_auth *a, const struct sco_stored_secret *x, struct sco_buf *out,
                       struct sco_error *err)
{
    SCO_AUTO(sco_buf) struct sco_buf context = {0};
    int r = context_of(x->name, &context, err);
    if (r < 0)
        return r;
    r = sco_unseal(a->key.seal, sco_buf_str(&context), x->sealed, out, err);
    if (r == SCO_E_PERMISSION && a->old_key.there)
        r = sco_unseal(a->old_key.seal, sco_buf_str(&context), x->sealed, out, err);
    if (r == SCO_E_PERMISSION) /* it is ours that is wrong, not the caller */
        r = sco_error_set(err, SCO_E_FORMAT,
                          "the secret \"%s\" was sealed with another key (%s), or changed", x->name,
                          x->key_id);
    return r;
}

int sco_auth_secret_get(struct sco_auth *a, struct sco_store *s, const char *name,
                        struct sco_buf *ret, struct sco_error *err)
{
    struct sco_secret_page page = {0};
    int r = sco_store_secrets(s, name, &page, err);
    if (r == 0)
        r = open_secret(a, page.v, ret, err);
    sco_secret_page_done(&page);
    return r;
}

/* Opens with the key that is good, and not only with the one that its row names: what a crash left
 * half rotated is still rotated. */
static int rotate_secrets(struct sco_auth *a, struct sco_store *s, uint64_t *n,
                          struct sco_error *err)
{
    struct sco_secret_page page = {0};
    int r = sco_store_secrets(s, NULL, &page, err);
    for (size_t i = 0; r == 0 && i < page.n; i++) {
        struct sco_buf plain = {0};
        if (strcmp(page.v[i].key_id, a->key.id) == 0)
            continue;
        r = open_secret(a, &page.v[i], &plain, err);
        if (r == 0)
            r = sco_auth_secret_put(a, s, page.v[i].name, sco_buf_str(&plain), err);
        if (plain.p)
            sco_wipe(plain.p, plain.cap);
        sco_buf_done(&plain);
        *n += r == 0;
    }
    sco_secret_page_done(&page);
    return r;
}

static int rotate_user(struct sco_auth *a, struct sco_store *s, const char *id, uint64_t *n,
                       struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_user_page page = {0};
    int r = sco_store_user_lock(s, id, err);
    if (r == 0)
        r = sco_store_user(s, id, &page, err);
    if (r != 0)
        return r;
    struct sco_stored_user u = page.v[0];
    r = u.totp ? totp_reseal(a, &u, &arena, &u.totp, err) : 0;
    if (r == 1) {
        r = sco_store_user_put(s, &u, auth_now(a), NULL, err);
        *n += r == 0;
    }
    sco_user_page_done(&page);
    return r;
}

static int rotate_users(struct sco_auth *a, struct sco_store *s, uint64_t *n, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const char *cursor = NULL;
    int r;
    do {
        struct sco_user_page page = {0};
        r = sco_store_users(s, cursor, 0, &page, err);
        for (size_t i = 0; r == 0 && i < page.n; i++)
            if (page.v[i].totp)
                r = rotate_user(a, s, page.v[i].id, n, err);
        cursor = r == 0 && page.cursor ? sco_arena_cstr(&arena, sco_str_c(page.cursor)) : NULL;
        if (r == 0 && page.cursor && !cursor)
            r = sco_error_nomem(err);
        sco_user_page_done(&page);
    } while (r == 0 && cursor);
    return r;
}

int sco_auth_rotate(struct sco_auth *a, struct sco_store *s, uint64_t *ret, struct sco_error *err)
{
    uint64_t n = 0;
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = rotate_secrets(a, s, &n, err);
    if (r == 0)
        r = rotate_users(a, s, &n, err);
    r = sco_store_end(s, r, err);
    if (r == 0)
        *ret = n;
    return r;
}
