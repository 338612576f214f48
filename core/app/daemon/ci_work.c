/* Deliveries from the store: claimed on a thread, translated by the integrations' workers, applied
 * on the thread. One page at a time; within it, of one integration, in order. What cannot be done
 * now is tried again with growing pauses, then given up with the reason. */
#include "ci.h"

#include <event2/event.h>
#include <secureops/plugin.h>
#include <stdlib.h>

#define SCO_LOG_MODULE "ci"
#include <secureops/log.h>

enum {
    PAGE = 128,
    AHEAD = 8, /* translations at once: a worker verifies what comes in between */
    ATTEMPTS = 8,
    BACKOFF_MS = 5000,
    BACKOFF_MAX_MS = 600000,
    EVENTS_MAX = 10000, /* of one delivery */
};

enum outcome { TRANSLATED, RETRIED, GIVEN_UP, LEFT };
struct task {
    struct ci_page *page;
    const struct sco_stored_delivery *d;
    enum outcome is;
    const char *reason;
    struct sco_str *events;
    size_t n_events;
    struct sco_arena arena; /* of its headers and events */
};
struct ci_page {
    struct ci *of;
    struct ci_setup *setup;
    struct sco_delivery_page deliveries;
    struct task *tasks;
    size_t next, open; /* to be translated next; under way */
    int64_t until;     /* monotonic */
    int result;
    bool jobs;
    struct sco_error error;
    const char *node;
};

static const struct sco_metric processed = {.name = "secureops_deliveries_processed_total",
                                            .help = "Stored webhooks, by what became of them.",
                                            .kind = SCO_COUNTER,
                                            .labels = {"integration", "result"}};

static void free_page(struct ci_page *p)
{
    for (size_t i = 0; p->tasks && i < p->deliveries.n; i++)
        sco_arena_done(&p->tasks[i].arena);
    free(p->tasks);
    sco_delivery_page_done(&p->deliveries);
    ci_setup_unref(p->setup);
    free(p);
}

/* ---- claimed ---- */
static void claim_run(void *state, void *work)
{
    struct ci_page *p = work;
    struct sco_store *s = stores_get(state);
    int64_t now = sco_now_ms();
    if (!s) {
        p->result = sco_error_set(&p->error, SCO_E_NETWORK, "the store is away");
        return;
    }
    p->result = sco_store_now(s, now, &now, &p->error);
    if (p->result == 0)
        p->result = sco_store_deliveries_claim(s, p->node, now, now + p->setup->lane_ms, PAGE,
                                               &p->deliveries, &p->error);
}

static void translate_more(struct ci_page *p);

static void end_page(struct ci_page *p, bool more)
{
    struct ci *c = p->of;
    bool jobs = p->jobs;
    if (p->result < 0 && !c->stopping)
        sco_log_warning("stored webhooks have to wait: %s", p->error.text);
    c->page = NULL;
    free_page(p);
    if (jobs && c->d->sched)
        sco_sched_wake(c->d->sched);
    if (more || c->again)
        ci_wake(c);
}

static void claim_end(void *work)
{
    struct ci_page *p = work;
    size_t n = p->deliveries.n;
    p->tasks = n && p->result == 0 ? sco_alloc(n, sizeof *p->tasks) : NULL;
    if (p->result < 0 || !p->tasks || p->of->stopping) {
        end_page(p, false);
        return;
    }
    for (size_t i = 0; i < n; i++)
        p->tasks[i] = (struct task){.page = p, .d = &p->deliveries.v[i]};
    translate_more(p);
}

void ci_wake(struct ci *c)
{
    struct sco_error err = {0};
    c->again = c->page != NULL;
    if (c->page || c->stopping || !c->setup->n)
        return;
    struct ci_page *p = sco_alloc(1, sizeof *p);
    if (!p)
        return; /* the next poll asks again */
    *p = (struct ci_page){.of = c,
                          .setup = ci_setup_ref(c->setup),
                          .node = c->d->paths.node,
                          /* then no more are translated: what is left is claimed again */
                          .until = sco_mono_ms() + c->setup->lane_ms / 2};
    c->page = p;
    if (sco_threads_run(c->worker, claim_run, claim_end, p, &err) < 0) {
        c->page = NULL;
        free_page(p);
    }
}

/* ---- translated ---- */
/* The same bytes exceed the same limit the next time: what is left without a word would be claimed
 * again for ever, before those that came later. */
static bool is_final(int code)
{
    return code == SCO_E_PARSE || code == SCO_E_FORMAT || code == SCO_E_INVALID ||
           code == SCO_E_UNSUPPORTED || code == SCO_E_PERMISSION || code == SCO_E_LIMIT;
}

static void fail_task(struct task *t, int code, const char *reason)
{
    t->is = is_final(code) ? GIVEN_UP : RETRIED;
    t->reason = sco_arena_cstr(&t->arena, sco_str_c(reason ? reason : "no reason was given"));
}

static void keep_events(struct task *t, const struct sco_str *v, size_t n)
{
    if (n > EVENTS_MAX) {
        fail_task(t, SCO_E_INVALID, "too many events in one delivery");
        return;
    }
    t->events = sco_arena_alloc(&t->arena, (n + 1) * sizeof *t->events);
    for (size_t i = 0; t->events && i < n; i++)
        if (!(t->events[i] = sco_arena_str(&t->arena, v[i])).p)
            t->events = NULL;
    t->n_events = n;
    if (!t->events)
        fail_task(t, SCO_E_NOMEM, "out of memory");
}

static void on_translated(void *user, const struct sco_ci_answer *a)
{
    struct task *t = user;
    struct ci_page *p = t->page;
    if (a->code == 0)
        keep_events(t, a->events, a->n_events);
    else if (p->of->stopping)
        t->is = LEFT;
    else
        fail_task(t, a->code, a->reason);
    p->open--;
    translate_more(p);
}

static int take_headers(struct task *t, struct sco_ci_delivery *to)
{
    const struct sco_node *list = NULL;
    struct sco_error err = {0};
    int r = sco_json_parse(sco_str_c(t->d->headers), &t->arena, &list, &err);
    struct sco_pair *v = r == 0 ? sco_arena_alloc(&t->arena, (list->n + 1) * sizeof *v) : NULL;
    if (!v)
        return r < 0 ? r : SCO_E_NOMEM;
    SCO_EACH (pair, list) {
        const struct sco_node *value = pair->child ? pair->child->next : NULL;
        v[to->n_headers++] = (struct sco_pair){sco_text(pair->child), sco_text(value)};
    }
    to->headers = v;
    return 0;
}

/* false: it has come to its end here. */
static bool translate(struct task *t)
{
    const struct sco_stored_delivery *d = t->d;
    struct ci *c = t->page->of;
    struct sco_error err = {0};
    struct sco_ci_delivery q = {.integration = d->integration,
                                .body = d->body,
                                .path = d->path,
                                .query = d->query,
                                .received_ms = d->received_at};
    if (d->is_event) {
        keep_events(t, &d->body, 1);
        return false;
    }
    if (!ci_setup_find(t->page->setup, d->integration)) {
        fail_task(t, SCO_E_INVALID, "there is no such integration any more");
        return false;
    }
    int r = take_headers(t, &q);
    if (r < 0) {
        fail_task(t, r, "its headers cannot be read");
        return false;
    }
    r = sco_ci_translate(c->pool, &q, on_translated, t, &err);
    if (r == SCO_E_LIMIT) /* too many wait */
        t->is = LEFT;
    else if (r < 0)
        fail_task(t, r, err.text);
    return r == 0;
}

/* ---- applied ---- */
static int apply_events(struct sco_store *s, struct task *t, int64_t now, struct ci_applied *ret,
                        struct sco_error *err)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    int r = 0;
    for (size_t i = 0; i < t->n_events && r == 0; i++) {
        struct sco_ci_event e;
        r = sco_ci_event_parse(t->events[i], t->d->integration, &arena, &e, err);
        if (r == 0)
            r = ci_apply(s, t->page->setup, &e, t->d->is_event, now, ret, err);
        sco_arena_reset(&arena);
    }
    return r;
}

static int apply_one(struct sco_store *s, struct task *t, int64_t now, struct sco_error *err)
{
    struct ci_applied done = {0};
    int r = sco_store_begin(s, err);
    if (r < 0)
        return r;
    r = apply_events(s, t, now, &done, err);
    if (r == 0)
        r = sco_store_delivery_end(s, t->d->id, t->page->node, false, NULL, 0, now, err);
    r = sco_store_end(s, r, err);
    if (r == 0)
        t->page->jobs |= done.jobs;
    return r;
}

static int64_t backoff(uint32_t attempts)
{
    int64_t ms = BACKOFF_MS;
    for (uint32_t i = 0; i < attempts && ms < BACKOFF_MAX_MS; i++)
        ms *= 2;
    return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

static int put_off(struct sco_store *s, const struct task *t, int64_t now, struct sco_error *err)
{
    bool last = t->is == GIVEN_UP || t->d->attempts + 1 >= ATTEMPTS;
    if (last)
        sco_log_warning("a webhook of %s (%s, %s) is given up: %s", t->d->integration, t->d->key,
                        t->d->native_event, t->reason ? t->reason : "");
    return sco_store_delivery_end(s, t->d->id, t->page->node, last, t->reason,
                                  last ? 0 : now + backoff(t->d->attempts), now, err);
}

static bool is_away(int r) /* the store: nothing can be written of it either */
{
    return r == SCO_E_NETWORK || r == SCO_E_TIMEOUT || r == SCO_E_IO;
}

static void count(struct ci_page *p, const struct task *t, const char *result)
{
    sco_metric_add(p->of->d->metrics, &processed, 1, t->d->integration, result);
}

static int apply_task(struct sco_store *s, struct task *t, int64_t now, struct sco_error *err)
{
    int r = 0;
    if (t->is == LEFT)
        return 0;
    if (t->is == TRANSLATED) {
        r = apply_one(s, t, now, err);
        if (r == 0)
            count(t->page, t, "done");
        if (r == 0 || is_away(r))
            return r;
        if (r == SCO_E_CANCELLED)
            return 0; /* another node has it */
        fail_task(t, r, err->text);
        r = 0;
    }
    if (t->is != LEFT) {
        count(t->page, t, t->is == GIVEN_UP ? "failed" : "retried");
        r = put_off(s, t, now, err);
    }
    return r == SCO_E_CANCELLED ? 0 : r;
}

/* All of them in one transaction, as long as all goes well: a commit is most of the cost. And with
 * it the lanes: those that come next may be another node's. */
static int apply_together(struct sco_store *s, struct ci_page *p, int64_t now)
{
    struct sco_error err = {0};
    int r = sco_store_begin(s, &err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < p->deliveries.n && r == 0; i++)
        r = p->tasks[i].is == TRANSLATED ? apply_one(s, &p->tasks[i], now, &err) : SCO_E_INVALID;
    if (r == 0)
        r = sco_store_deliveries_release(s, p->node, &err);
    r = sco_store_end(s, r, &err);
    for (size_t i = 0; i < p->deliveries.n && r == 0; i++)
        count(p, &p->tasks[i], "done");
    return r;
}

static void apply_run(void *state, void *work)
{
    struct ci_page *p = work;
    struct sco_store *s = stores_get(state);
    int64_t now = sco_now_ms();
    if (!s) {
        p->result = sco_error_set(&p->error, SCO_E_NETWORK, "the store is away");
        return;
    }
    p->result = sco_store_now(s, now, &now, &p->error);
    if (p->result < 0 || apply_together(s, p, now) == 0)
        return;
    p->jobs = false;
    for (size_t i = 0; i < p->deliveries.n && p->result == 0; i++)
        p->result = apply_task(s, &p->tasks[i], now, &p->error);
    if (p->result == 0)
        p->result = sco_store_deliveries_release(s, p->node, &p->error);
}

static void apply_end(void *work)
{
    struct ci_page *p = work;
    bool left = false;
    for (size_t i = 0; i < p->deliveries.n; i++)
        left |= p->tasks[i].is == LEFT;
    end_page(p, p->result == 0 && !left); /* what was left waits for the next poll */
}

static void translate_more(struct ci_page *p)
{
    struct ci *c = p->of;
    struct sco_error err = {0};
    while (p->next < p->deliveries.n && p->open < AHEAD) {
        struct task *t = &p->tasks[p->next++];
        if (c->stopping || sco_mono_ms() > p->until)
            t->is = LEFT;
        else if (translate(t))
            p->open++;
    }
    if (p->open || p->next < p->deliveries.n)
        return;
    if (c->stopping || sco_threads_run(c->worker, apply_run, apply_end, p, &err) < 0)
        end_page(p, false);
}

/* What is under way comes to its end or is left: it is stored, and claimed again. */
void ci_work_stop(struct ci *c)
{
    c->stopping = true;
}
