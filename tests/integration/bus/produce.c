/* Writes one envelope a line of what the store tells of a scan's life: for test_schemas.py. */
#include "../../unit/store/world.h"

#include "bus_priv.h"

#include <secureops/store_jobs.h>
#include <secureops/store_stats.h>

#include <stdio.h>

#define ok(call)                                                                                   \
    do {                                                                                           \
        if ((call) != 0)                                                                           \
            fail_msg("%s: %s", #call, err.text);                                                   \
    } while (0)
static struct sco_error err;

static void run_job(struct world *w, struct sco_scan *scan)
{
    struct sco_job_request q = {.kind = "scan",
                                .target_key = w->repository,
                                .revision = "main",
                                .scanners = "semgrep,trivy",
                                .request = "{}",
                                .origin = "api",
                                .correlation_id = "req-1",
                                .priority = 5};
    struct sco_job_added added;
    struct sco_job_page page;
    struct sco_job_claim c = {.node = "node-1", .now = w->now, .lease_ms = 60000, .max = 1};
    ok(sco_store_job_add(w->s, &q, w->now, &added, &err));
    ok(sco_store_jobs_claim(w->s, &c, &page, &err));
    assert_int_equal(page.n, 1);
    struct sco_job_lease lease = {added.id, "node-1", 1};
    struct sco_store_subject subject = {
        .repository = w->repository, .branch = w->branch, .scope = w->scope, .lease = &lease};
    ok(sco_store_save_scan(w->s, &subject, scan, &err));
    sco_job_page_done(&page);
    scan_free(scan);
}

static void reject(struct world *w)
{
    struct sco_buf b = {0};
    struct bus_record r = {.topic = "security.scan.requested", .value = SCO_STR("\xff")};
    bus_rejection_write(&b, &r, "the message is no JSON");
    struct sco_event e = {.type = "security.scan.rejected", .key = "", .data = sco_buf_z(&b)};
    ok(sco_store_event_add(w->s, &e, &err));
    sco_buf_done(&b);
}

static void alert(struct world *w)
{
    char id[37];
    struct sco_stored_alert a = {.kind = "sla_breached",
                                 .severity = SCO_SEV_HIGH,
                                 .title = "A finding is open for too long",
                                 .message = "since January",
                                 .repository = w->repository,
                                 .object = "finding:1",
                                 .created_at = w->now};
    ok(sco_store_alert_add(w->s, &a, id, &err));
}

static void produce(void **state)
{
    struct world *w = *state;
    struct sco_store_context c = {.source = "node-1", .user_id = "u-1"};
    struct sco_event_page page;
    int64_t last = 0;
    bool more = false;
    ok(sco_store_set_context(w->s, &c, &err));
    for (uint32_t i = 0; i < 3; i++) { /* found, gone, back */
        struct sco_scan *scan = scan_new(w);
        scan_run(scan, "semgrep", SCO_RUN_STATUS_COMPLETED);
        if (i != 1)
            scan_add(scan, 1, "semgrep");
        scan_add(scan, 2, "semgrep");
        run_job(w, scan);
    }
    set_status(w, 1, SCO_STATUS_RESOLVED, 0); /* by a person */
    reject(w);
    alert(w);
    ok(sco_store_events_sequence(w->s, 1000, &last, &more, &err));
    ok(sco_store_events_read(w->s, 0, 1000, NULL, NULL, &page, &err));
    FILE *f = fopen(getenv("SECUREOPS_EVENTS_OUT"), "we");
    assert_non_null(f);
    for (size_t i = 0; i < page.n; i++) {
        struct sco_buf b = {0};
        sco_event_write(&b, &page.v[i], "test");
        fprintf(f, "%s\n", sco_buf_z(&b));
        sco_buf_done(&b);
    }
    assert_int_equal(fclose(f), 0);
    sco_event_page_done(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(produce, world_set_up, world_tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
