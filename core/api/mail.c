/* Passwords that were forgotten. The reply is given first: how long the rest takes, and whether
 * there is a mail at all, tells nobody whose address is known. One after the other, so that a slow
 * mail server takes one thread and no more. */
#include "accounts_priv.h"
#include "server_priv.h"

#include <secureops/log.h>
#include <stdlib.h>

#define SCO_LOG_MODULE "api"

enum { WAITING_MAX = 64 };

struct mail_work {
    struct sco_api *api;
    struct mail_work *next;
    char *email;
    char correlation_id[65];
    int64_t now;
};

static int issue(const struct sco_api_options *o, struct sco_store *s, const char *email,
                 int64_t now, struct sco_arena *arena, struct sco_error *err)
{
    static const struct sco_throttle few = {
        .free = 5, .base_ms = 60000, .max_ms = 3600000, .forget_ms = 3600000};
    struct sco_user_page page = {0};
    const char *token = NULL;
    int64_t wait = 0;
    int r = sco_store_user(s, email, &page, err);
    if (r < 0)
        return r == SCO_E_NOT_FOUND ? 0 : r;
    const struct sco_stored_user *u = page.v;
    const char *key = sco_arena_fmt(arena, "forgot:%s", u->id);
    if (!key)
        r = sco_error_nomem(err);
    if (r == 0 && strcmp(u->status, "active") == 0)
        r = sco_store_throttle(s, key, &few, now, &wait, err);
    if (r == 0 && strcmp(u->status, "active") == 0 && !wait) {
        const struct sco_stored_token t = {.user_id = u->id, .kind = "reset"};
        r = sco_auth_issue(o->auth, s, &t, 0, arena, &token, err);
        if (r == 0)
            r = accounts_mail(o, u->email, "reset", token, err);
    }
    sco_user_page_done(&page);
    return r;
}

int accounts_forgotten(const struct sco_api_options *o, struct sco_store *s, const char *email,
                       int64_t now, struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    return issue(o, s, email, now, &arena, err);
}

/* ---- after the reply ---- */
static void mail_run(void *state, void *work)
{
    struct mail_work *m = work;
    const struct sco_api_options *o = m->api->o;
    struct sco_error err = {0};
    struct sco_store *s = o->store ? o->store(state) : NULL;
    struct sco_store_context context = {.source = o->node, .correlation_id = m->correlation_id};
    int r = s ? sco_store_set_context(s, &context, &err)
              : sco_error_set(&err, SCO_E_NETWORK, "the store is away");
    if (r == 0)
        r = accounts_forgotten(o, s, m->email, m->now, &err);
    if (r < 0)
        sco_log_warning("a mail for a new password was not sent: %s (request %s)", err.text,
                        m->correlation_id);
}

static void mail_free(struct mail_work *m)
{
    free(m->email);
    free(m);
}

static void mail_next(struct sco_api *a);

static void mail_end(void *work)
{
    struct mail_work *m = work;
    struct sco_api *a = m->api;
    a->mailing = false;
    a->n_threads--;
    mail_free(m);
    if (a->dead)
        api_mails_drop(a);
    else
        mail_next(a);
    api_last(a);
}

static void mail_next(struct sco_api *a)
{
    struct mail_work *m = a->mails;
    struct sco_error err = {0};
    if (!m || a->mailing)
        return;
    a->mails = m->next;
    a->n_mails--;
    if (!a->o->threads || sco_threads_run(a->o->threads, mail_run, mail_end, m, &err) < 0) {
        sco_log_warning("a mail for a new password was not sent: the server is busy (request %s)",
                        m->correlation_id);
        mail_free(m);
        return;
    }
    a->mailing = true;
    a->n_threads++;
}

void api_mails_drop(struct sco_api *a)
{
    for (struct mail_work *m = a->mails, *next; m; m = next) {
        next = m->next;
        mail_free(m);
    }
    a->mails = NULL;
    a->n_mails = 0;
}

void api_mail_later(struct api_exchange *x)
{
    struct sco_api *a = x->api;
    struct mail_work *m = a->n_mails < WAITING_MAX ? sco_alloc(1, sizeof *m) : NULL;
    if (m && !(m->email = sco_strdup(sco_str_c(x->call.forgotten)))) {
        free(m);
        m = NULL;
    }
    if (!m) {
        sco_log_warning("a mail for a new password was not sent: too many wait (request %s)",
                        x->call.correlation_id);
        return;
    }
    m->api = a;
    m->now = x->call.now;
    snprintf(m->correlation_id, sizeof m->correlation_id, "%s", x->call.correlation_id);
    struct mail_work **at = &a->mails;
    while (*at)
        at = &(*at)->next;
    *at = m;
    a->n_mails++;
    mail_next(a);
}
