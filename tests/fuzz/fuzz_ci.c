/* What CI platforms and their plugins make us read: events, and what a worker answers. The first
 * byte chooses: an event, an answer after records, or a call as the worker reads it. */
#include "../../core/ci/ci_priv.h"
/* For read_call and read_headers; the plugin's operations are nobody's here. */
#include "../../core/host/ci.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_event(struct sco_str json)
{
    SCO_AUTO(sco_arena) struct sco_arena arena = {0};
    struct sco_ci_event e = {0}, again = {0};
    struct sco_error err = {0};
    int r = sco_ci_event_parse(json, "one", &arena, &e, &err);
    if (r < 0) {
        SCO_BUG_ON(!err.text[0] || e.json.p);
        return;
    }
    SCO_BUG_ON((unsigned)e.kind >= SCO_CI_KIND_MAX_ || e.kind == SCO_CI_SCHEDULE);
    SCO_BUG_ON(e.branch && (e.branch[0] == '-' || strstr(e.branch, "..")));
    SCO_BUG_ON(e.commit_sha && strspn(e.commit_sha, "0123456789abcdef") != strlen(e.commit_sha));
    SCO_BUG_ON(e.clone_url && strncmp(e.clone_url, "http", 4) != 0);
    SCO_BUG_ON(sco_ci_event_parse(e.json, "one", &arena, &again, NULL) < 0);
    SCO_BUG_ON(again.kind != e.kind || again.pr_number != e.pr_number);
}

/* Records up to the first NUL, then the answer. */
static void read_answer(struct sco_str text)
{
    struct ci_answer a = {0};
    struct sco_ci_answer got = {0};
    struct sco_str records;
    sco_str_split(&text, 0, &records);
    SCO_BUG_ON(ci_answer_records(&a, records, NULL) < 0);
    if (ci_answer_read(&a, text, 1, &got, NULL) == 0) {
        SCO_BUG_ON(got.code < SCO_E_INTERNAL || got.code > SCO_CI_DEGRADED || got.retry_ms < 0);
        SCO_BUG_ON(got.code < 0 && (got.n_events || got.result.n));
        for (size_t i = 0; i < got.n_events; i++)
            SCO_BUG_ON(!got.events[i].n || memchr(got.events[i].p, '\n', got.events[i].n));
    }
    ci_answer_clear(&a);
    ci_answer_done(&a);
}

static void read_one_call(struct sco_str payload)
{
    struct sco_worker w = {0};
    struct call c = {0};
    struct sco_delivery d = {0};
    struct sco_error err = {0};
    if (read_call(&w, payload, &c, &err) == 0) {
        SCO_BUG_ON(c.op >= SCO_CI_OPS || c.id < 0 || c.body.n > payload.n);
        if (read_headers(&w, sco_get(c.root, "headers"), &d, &err) == 0)
            for (size_t i = 0; i < d.n_headers; i++)
                SCO_BUG_ON(!d.headers[i].key.p || !d.headers[i].value.p);
    } else {
        SCO_BUG_ON(!err.text[0]);
    }
    sco_arena_done(&w.call);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct sco_str s = sco_str_make((const char *)data + 1, size - 1);
    if (data[0] % 3 == 0)
        read_event(s);
    else if (data[0] % 3 == 1)
        read_answer(s);
    else
        read_one_call(s);
    return 0;
}
