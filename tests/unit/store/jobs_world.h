/* What the tests of jobs and schedules share. */
#pragma once

#include "world.h"

#include <secureops/store_jobs.h>

static inline struct sco_job_request a_request(const char *target)
{
    return (struct sco_job_request){.kind = "scan",
                                    .target_key = target,
                                    .revision = "main",
                                    .scanners = "",
                                    .request = "{}",
                                    .origin = "api",
                                    .priority = SCO_JOB_PRIORITY};
}

static inline struct sco_job_added add_job(struct world *w, struct sco_job_request q)
{
    struct sco_error err = {0};
    struct sco_job_added a;
    if (sco_store_job_add(w->s, &q, w->now, &a, &err) < 0)
        fail_msg("%s", err.text);
    return a;
}

/* The targets that a node gets, in order: "a,b". */
static inline const char *claim_as(struct world *w, struct sco_job_claim c,
                                   struct sco_job_page *ret)
{
    static char names[4096];
    struct sco_error err = {0};
    struct sco_job_page p = {0};
    c.node = c.node ? c.node : "one";
    c.now = c.now ? c.now : w->now;
    c.lease_ms = 60000;
    c.max = c.max ? c.max : 10;
    c.max_short = c.max_short ? c.max_short : 10;
    if (sco_store_jobs_claim(w->s, &c, &p, &err) < 0)
        fail_msg("%s", err.text);
    names[0] = 0;
    for (size_t i = 0; i < p.n; i++) {
        size_t at = strlen(names);
        snprintf(names + at, sizeof names - at, "%s%s", i ? "," : "", p.v[i].request.target_key);
        assert_int_equal(p.v[i].state, SCO_JOB_RUNNING);
        assert_string_equal(p.v[i].node, c.node);
        assert_int_equal(p.v[i].lease_until, c.now + c.lease_ms);
    }
    if (ret)
        *ret = p;
    else
        sco_job_page_done(&p);
    return names;
}
#define claim(w, ...) claim_as(w, (struct sco_job_claim){__VA_ARGS__}, NULL)

static inline enum sco_job_state state_of(struct world *w, const char *id)
{
    struct sco_error err = {0};
    struct sco_job_page p = {0};
    if (sco_store_job(w->s, id, &p, &err) < 0)
        fail_msg("%s", err.text);
    enum sco_job_state st = p.v[0].state;
    sco_job_page_done(&p);
    return st;
}

static inline int end_job(struct world *w, struct sco_job_lease l, enum sco_job_outcome outcome,
                          enum sco_job_state *ret)
{
    struct sco_error err = {0};
    struct sco_job_end e = {.lease = l,
                            .outcome = outcome,
                            .reason = "because",
                            .now = w->now,
                            .retry_at = w->now + 5000};
    int r = sco_store_job_end(w->s, &e, ret, &err);
    if (r < 0 && r != SCO_E_CANCELLED)
        fail_msg("%s", err.text);
    return r;
}
