#include "api_fixture.h"

#include "store_priv.h"

#include <stdlib.h>

const struct sco_store_ops *sco_store_sqlite(void);

static struct sco_auth *auth;
static void (*further)(struct api_world *w);

static void tune(struct api_world *w)
{
    api_own_parts(&w->parts);
    w->o.auth = auth;
    w->o.data = w->dir;
    w->o.public_url = "http://localhost";
    w->o.rate = w->o.burst = 1000000;
    if (further)
        further(w);
}

int api_fixture_open(struct api_world *w, void (*more)(struct api_world *w), struct sco_error *err)
{
    static const char key[32] = "a key of 32 bytes for the tests";
    struct sco_auth_options o = {.issuer = "http://localhost",
                                 .audience = "http://localhost",
                                 .key = sco_str_make(key, sizeof key),
                                 .key_id = "test"};
    int r = sco_auth_new(&o, &auth, err);
    if (r < 0)
        return r;
    further = more;
    return api_world_open(w, tune, err);
}

void api_fixture_close(struct api_world *w)
{
    api_world_close(w);
    auth = sco_auth_free(auth);
}

struct sco_store *api_fixture_store(struct api_world *w, struct sco_error *err)
{
    struct sco_store *s = NULL;
    struct sco_store_options o = {.where = w->store, .wait_ms = 5000};
    return store_open_with(sco_store_sqlite(), &o, &s, err) < 0 ? NULL : s;
}

static int issue(struct sco_store *s, const char *roles, const char *repositories,
                 struct sco_arena *arena, const char **ret, struct sco_error *err)
{
    static unsigned n;
    char email[64], id[37];
    snprintf(email, sizeof email, "user%u@example.com", ++n);
    struct sco_stored_user u = {.email = email,
                                .name = "Somebody",
                                .roles = roles,
                                .repositories = repositories,
                                .teams = "",
                                .status = "active"};
    int r = sco_store_user_put(s, &u, sco_now_ms(), id, err);
    struct sco_stored_token t = {.user_id = id, .kind = "api", .name = "test", .scopes = "*:*"};
    return r < 0 ? r : sco_auth_issue(auth, s, &t, 0, arena, ret, err);
}

const char *api_fixture_token(struct api_world *w, const char *roles, const char *repositories)
{
    static char token[512];
    struct sco_error err = {0};
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    const char *text = NULL;
    struct sco_store *s = api_fixture_store(w, &err);
    int r = s ? issue(s, roles, repositories, &arena, &text, &err) : err.code;
    sco_store_close(s);
    if (r < 0)
        fprintf(stderr, "api_fixture: %s\n", err.text);
    snprintf(token, sizeof token, "%s", r < 0 ? "" : text);
    return token;
}
