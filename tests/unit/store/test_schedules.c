/* Schedules, which fire once over all nodes; targets; what scans leave. */
#include "jobs_world.h"

#include <sys/mman.h>
#include <sys/wait.h>

#define NOBODY "00000000-0000-4000-8000-000000000000"

static struct sco_stored_schedule a_schedule(const struct world *w, const char *name)
{
    return (struct sco_stored_schedule){.name = name,
                                        .cron = "0 3 * * *",
                                        .time_zone = "Europe/Berlin",
                                        .windows = "Mon-Fri 08:00-18:00",
                                        .kind = "scan",
                                        .target_key = "https://git.example/app",
                                        .revision = "main",
                                        .scanners = "trivy",
                                        .request = "{\"offline\":true}",
                                        .created_by = "ada",
                                        .jitter_ms = 60000,
                                        .priority = 3,
                                        .catch_up = SCO_CATCH_UP_ALL,
                                        .enabled = true,
                                        .next_at = w->now + 1000};
}

static const char *put(struct world *w, struct sco_stored_schedule v)
{
    static char id[37];
    struct sco_error err = {0};
    if (sco_store_schedule_put(w->s, &v, w->now, id, &err) < 0)
        fail_msg("%s", err.text);
    return id;
}

static struct sco_schedule_page get(struct world *w, const char *id)
{
    struct sco_error err = {0};
    struct sco_schedule_page p = {0};
    if (sco_store_schedule(w->s, id, &p, &err) < 0)
        fail_msg("%s", err.text);
    return p;
}

TEST(a_schedule_is_kept)
{
    WORLD;
    char id[37], other[37];
    struct sco_schedule_page p;
    snprintf(id, sizeof id, "%s", put(w, a_schedule(w, "nightly")));
    p = get(w, "nightly");
    const struct sco_stored_schedule *v = &p.v[0];
    assert_string_equal(v->id, id);
    assert_string_equal(v->cron, "0 3 * * *");
    assert_string_equal(v->time_zone, "Europe/Berlin");
    assert_string_equal(v->windows, "Mon-Fri 08:00-18:00");
    assert_string_equal(v->kind, "scan");
    assert_string_equal(v->target_key, "https://git.example/app");
    assert_string_equal(v->revision, "main");
    assert_string_equal(v->scanners, "trivy");
    assert_string_equal(v->request, "{\"offline\":true}");
    assert_string_equal(v->created_by, "ada");
    assert_true(v->enabled);
    assert_int_equal(v->interval_ms, 0);
    assert_int_equal(v->jitter_ms, 60000);
    assert_int_equal(v->priority, 3);
    assert_int_equal(v->catch_up, SCO_CATCH_UP_ALL);
    assert_int_equal(v->created_at, w->now);
    assert_int_equal(v->next_at, w->now + 1000);
    assert_null(v->last_job);
    sco_schedule_page_done(&p);
    /* changed in its place */
    struct sco_stored_schedule x = a_schedule(w, "hourly");
    x.id = id;
    x.cron = NULL;
    x.interval_ms = 3600000;
    x.enabled = false;
    x.catch_up = SCO_CATCH_UP_SKIP;
    w->now += 5;
    assert_string_equal(put(w, x), id);
    p = get(w, id);
    assert_string_equal(p.v[0].name, "hourly");
    assert_null(p.v[0].cron);
    assert_int_equal(p.v[0].interval_ms, 3600000);
    assert_int_equal(p.v[0].catch_up, SCO_CATCH_UP_SKIP);
    assert_int_equal(p.v[0].created_at, w->now - 5);
    assert_int_equal(p.v[0].updated_at, w->now);
    assert_false(p.v[0].enabled);
    sco_schedule_page_done(&p);
    /* names are of one */
    put(w, a_schedule(w, "nightly"));
    x.name = "nightly";
    assert_int_equal(sco_store_schedule_put(w->s, &x, w->now, other, &err), SCO_E_INVALID);
    x.id = NULL;
    assert_int_equal(sco_store_schedule_put(w->s, &x, w->now, other, &err), SCO_E_INVALID);
    x.name = "third";
    x.id = NOBODY;
    assert_int_equal(sco_store_schedule_put(w->s, &x, w->now, other, &err), SCO_E_NOT_FOUND);
    x.id = NULL;
    x.cron = "* * * * *"; /* and an interval */
    assert_int_equal(sco_store_schedule_put(w->s, &x, w->now, other, &err), SCO_E_INVALID);
    assert_int_equal(sco_store_schedule_delete(w->s, id, &err), 0);
    assert_int_equal(sco_store_schedule_delete(w->s, id, &err), SCO_E_NOT_FOUND);
    assert_int_equal(sco_store_schedule(w->s, id, &p, &err), SCO_E_NOT_FOUND);
    assert_int_equal(sco_store_schedule(w->s, "hourly", &p, &err), SCO_E_NOT_FOUND);
}

TEST(schedules_are_listed)
{
    WORLD;
    struct sco_schedule_page p = {0}, q = {0};
    static const char *const names[] = {"c", "a", "e", "b", "d"};
    for (int i = 0; i < 5; i++) {
        struct sco_stored_schedule x = a_schedule(w, names[i]);
        x.next_at = i == 3 ? 0 : w->now + i;
        x.enabled = i != 2;
        put(w, x);
    }
    assert_int_equal(sco_store_schedules(w->s, NULL, 3, &p, &err), 0);
    assert_int_equal(p.n, 3);
    assert_string_equal(p.v[0].name, "a");
    assert_string_equal(p.v[2].name, "c");
    assert_int_equal(sco_store_schedules(w->s, p.cursor, 3, &q, &err), 0);
    assert_int_equal(q.n, 2);
    assert_string_equal(q.v[1].name, "e");
    assert_null(q.cursor);
    sco_schedule_page_done(&p);
    sco_schedule_page_done(&q);
    /* e is off, b never comes, d is not due */
    assert_int_equal(sco_store_schedules_due(w->s, w->now + 3, 10, &p, &err), 0);
    assert_int_equal(p.n, 2);
    assert_string_equal(p.v[0].name, "c");
    assert_string_equal(p.v[1].name, "a");
    sco_schedule_page_done(&p);
}

TEST(a_tick_is_fired_once)
{
    WORLD;
    char id[37];
    bool fired = false;
    snprintf(id, sizeof id, "%s", put(w, a_schedule(w, "nightly")));
    struct sco_job_request jobs[] = {a_request("a"), a_request("b")};
    int64_t tick = w->now + 1000;
    assert_int_equal(
        sco_store_schedule_fire(w->s, id, tick, tick + 1000, jobs, 2, tick, &fired, &err), 0);
    assert_true(fired);
    assert_int_equal(
        sco_store_schedule_fire(w->s, id, tick, tick + 1000, jobs, 2, tick, &fired, &err), 0);
    assert_false(fired);
    struct sco_schedule_page p = get(w, id);
    assert_int_equal(p.v[0].next_at, tick + 1000);
    assert_int_equal(p.v[0].last_at, tick);
    char last[37];
    snprintf(last, sizeof last, "%s", p.v[0].last_job);
    sco_schedule_page_done(&p);
    assert_int_equal(state_of(w, last), SCO_JOB_QUEUED);
    /* a tick that is skipped */
    assert_int_equal(
        sco_store_schedule_fire(w->s, id, tick + 1000, tick + 2000, NULL, 0, tick, &fired, &err),
        0);
    assert_true(fired);
    /* jobs that cannot be added leave the tick */
    jobs[1].target_key = "";
    assert_int_equal(sco_store_schedule_fire(w->s, id, tick + 2000, 0, jobs, 2, tick, &fired, &err),
                     SCO_E_INVALID);
    p = get(w, id);
    assert_int_equal(p.v[0].next_at, tick + 2000);
    sco_schedule_page_done(&p);
    w->now = tick;
    assert_string_equal(claim(w, 0), "a,b");
    /* one that was paused meanwhile */
    struct sco_stored_schedule x = a_schedule(w, "nightly");
    x.id = id;
    x.enabled = false;
    put(w, x);
    assert_int_equal(sco_store_schedule_fire(w->s, id, x.next_at, 0, jobs, 1, tick, &fired, &err),
                     0);
    assert_false(fired);
}

enum { NODES = 4, TICKS = 30 };

TEST(a_tick_is_fired_once_over_all_nodes)
{
    WORLD;
    char id[37];
    int status, sum = 0;
    snprintf(id, sizeof id, "%s", put(w, a_schedule(w, "often")));
    int *fired = mmap(NULL, NODES * sizeof *fired, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(fired != MAP_FAILED);
    int64_t first = w->now + 1000;
    w->s = sco_store_close(w->s);
    for (int i = 0; i < NODES; i++) {
        pid_t pid = fork();
        assert_true(pid >= 0);
        if (pid)
            continue;
        w->s = world_open(w);
        for (int k = 0; k < TICKS; k++) {
            char revision[16];
            bool mine;
            struct sco_job_request q = a_request("a");
            snprintf(revision, sizeof revision, "%d", k);
            q.revision = revision;
            if (sco_store_schedule_fire(w->s, id, first + k, first + k + 1, &q, 1, first + k, &mine,
                                        &err) < 0)
                _exit(1);
            fired[i] += mine;
        }
        sco_store_close(w->s);
        _exit(0);
    }
    for (int i = 0; i < NODES; i++) {
        assert_true(wait(&status) > 0);
        assert_int_equal(status, 0);
    }
    for (int i = 0; i < NODES; i++)
        sum += fired[i];
    munmap(fired, NODES * sizeof *fired);
    w->s = world_open(w);
    assert_int_equal(sum, TICKS);
    struct sco_job_counts c;
    assert_int_equal(sco_store_job_counts(w->s, w->now, &c, &err), 0);
    assert_int_equal(c.by_state[SCO_JOB_QUEUED], TICKS);
}

/* ---- targets ---- */
TEST(targets_are_kept)
{
    WORLD;
    char id[37];
    struct sco_target_page p;
    struct sco_stored_target t = {.name = "app",
                                  .kind = "repository",
                                  .location = "https://git.example/app",
                                  .platform = "gitlab",
                                  .branch = "main",
                                  .team = "payments",
                                  .config = "{\"types\":[\"SCA\"]}",
                                  .status = "active",
                                  .created_by = "ada"};
    assert_int_equal(sco_store_target_put(w->s, &t, w->now, id, &err), 0);
    assert_int_equal(sco_store_target(w->s, "app", &p, &err), 0);
    assert_string_equal(p.v[0].id, id);
    assert_string_equal(p.v[0].kind, "repository");
    assert_string_equal(p.v[0].location, t.location);
    assert_string_equal(p.v[0].platform, "gitlab");
    assert_string_equal(p.v[0].branch, "main");
    assert_string_equal(p.v[0].team, "payments");
    assert_string_equal(p.v[0].config, t.config);
    assert_string_equal(p.v[0].status, "active");
    assert_string_equal(p.v[0].created_by, "ada");
    sco_target_page_done(&p);
    assert_int_equal(sco_store_target_put(w->s, &t, w->now, id, &err), SCO_E_INVALID);
    t.id = id;
    t.status = "paused";
    char same[37];
    assert_int_equal(sco_store_target_put(w->s, &t, w->now + 1, same, &err), 0);
    assert_string_equal(same, id);
    t.id = NULL;
    t.name = "image";
    t.kind = "image";
    assert_int_equal(sco_store_target_put(w->s, &t, w->now, same, &err), 0);
    t.name = "x";
    t.kind = "moon";
    assert_int_equal(sco_store_target_put(w->s, &t, w->now, same, &err), SCO_E_INVALID);
    assert_int_equal(sco_store_targets(w->s, NULL, 1, &p, &err), 0);
    assert_int_equal(p.n, 1);
    assert_string_equal(p.v[0].status, "paused");
    assert_string_equal(p.cursor, "app");
    sco_target_page_done(&p);
    assert_int_equal(sco_store_target_delete(w->s, id, &err), 0);
    assert_int_equal(sco_store_target_delete(w->s, id, &err), SCO_E_NOT_FOUND);
    assert_int_equal(sco_store_target(w->s, "app", &p, &err), SCO_E_NOT_FOUND);
}

/* ---- artifacts ---- */
struct parts {
    struct sco_buf all;
    size_t n, stop_after;
};

static int take_part(void *user, const struct sco_artifact *a, struct sco_str bytes)
{
    struct parts *p = user;
    assert_string_equal(a->media_type, "application/json");
    assert_true(a->gzip);
    sco_buf_add(&p->all, bytes);
    return ++p->n == p->stop_after;
}

TEST(artifacts_come_back_as_they_were)
{
    WORLD;
    static char bytes[2 * SCO_ARTIFACT_PART + 17];
    char scan[37];
    struct parts p = {0};
    struct sco_artifact a;
    sco_uuid4(scan);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (char)(i * 2654435761u >> 13);
    assert_int_equal(sco_store_artifact_add(w->s, scan, "report.json", "application/json", true,
                                            sco_str_make(bytes, sizeof bytes), w->now, &err),
                     0);
    assert_int_equal(sco_store_artifact(w->s, scan, "report.json", &a, take_part, &p, &err), 0);
    assert_int_equal(p.n, 3);
    assert_int_equal(a.size, sizeof bytes);
    assert_int_equal(p.all.n, sizeof bytes);
    assert_memory_equal(p.all.p, bytes, sizeof bytes);
    sco_buf_done(&p.all);
    p = (struct parts){.stop_after = 2};
    assert_int_equal(sco_store_artifact(w->s, scan, "report.json", &a, take_part, &p, &err), 0);
    assert_int_equal(p.n, 2);
    sco_buf_done(&p.all);
    p = (struct parts){0};
    assert_int_equal(sco_store_artifact_add(w->s, scan, "empty", "application/json", true,
                                            SCO_STR(""), w->now, &err),
                     0);
    assert_int_equal(sco_store_artifact(w->s, scan, "empty", &a, take_part, &p, &err), 0);
    assert_int_equal(p.n, 1);
    assert_int_equal(a.size, 0);
    assert_int_equal(sco_store_artifact(w->s, scan, "scan.log", &a, take_part, &p, &err),
                     SCO_E_NOT_FOUND);
    assert_int_equal(sco_store_artifact(w->s, NOBODY, "empty", &a, take_part, &p, &err),
                     SCO_E_NOT_FOUND);
    sco_buf_done(&p.all);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, world_set_up, world_tear_down)
    const struct CMUnitTest tests[] = {
        T(a_schedule_is_kept),   T(schedules_are_listed),
        T(a_tick_is_fired_once), T(a_tick_is_fired_once_over_all_nodes),
        T(targets_are_kept),     T(artifacts_come_back_as_they_were),
    };
    return cmocka_run_group_tests_name("schedules", tests, NULL, NULL);
}
