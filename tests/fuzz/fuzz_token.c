/* Bearer tokens: whatever the bytes are, they are taken apart or refused; what is not signed by us
 * is never ours. Also the lists of roles and permissions, which come with them. */
#include "auth_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct sco_auth *service(void)
{
    static struct sco_auth *a;
    struct sco_auth_options o = {.issuer = "https://us",
                                 .audience = "https://us",
                                 .key = SCO_STR("0123456789abcdef0123456789abcdef")};
    SCO_BUG_ON(!a && sco_auth_new(&o, &a, NULL) < 0);
    return a;
}

static void as_token(struct sco_str text)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct auth_claims c;
    struct jwt t;
    int64_t at;
    if (jwt_parse(text, &arena, &t) < 0)
        return;
    SCO_BUG_ON(!sco_is(t.claims, SCO_NODE_MAP) || t.signed_part.n >= text.n);
    SCO_BUG_ON(jwt_time(&t, "exp", &at) && at < 0);
    bool ours = jwt_audience(&t, "https://us");
    SCO_BUG_ON(ours && !sco_get(t.claims, "aud"));
    SCO_BUG_ON(jwt_verify(service(), &t, &c) == 0); /* nobody guesses a signature */
}

static void as_lists(struct sco_str text)
{
    struct sco_permissions p, again;
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    uint32_t roles = 0;
    if (sco_roles_parse(text, &roles, NULL) == 0)
        SCO_BUG_ON(roles >> SCO_ROLE_MAX_);
    if (sco_permissions_parse(text, &p, NULL) < 0)
        return;
    sco_permissions_format(&p, &b);
    SCO_BUG_ON(sco_permissions_parse(sco_buf_str(&b), &again, NULL) < 0 ||
               memcmp(&p, &again, sizeof p) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sco_str text = sco_str_make((const char *)data, size);
    as_token(text);
    as_lists(text);
    return 0;
}
