/* The store beside the life of findings: schema, lists, scans, statuses, retention, backup, no
 * memory, somebody else writing. */
#include "world.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <secureops/fs.h>
#include <sys/wait.h>
#include <unistd.h>

#define DONE SCO_RUN_STATUS_COMPLETED

static struct sco_scan *scan_of(struct world *w, uint32_t from, uint32_t n)
{
    struct sco_scan *s = scan_new(w);
    scan_run(s, "semgrep", DONE);
    for (uint32_t i = 0; i < n; i++)
        scan_add(s, from + i, "semgrep");
    return s;
}

static void close_store(struct world *w)
{
    w->s = sco_store_close(w->s);
}

const struct sco_store_ops *STORE_DRIVER(void);
static int open_as(struct world *w, struct sco_store_options o, struct sco_error *err)
{
    o.where = o.where ? o.where : w->where;
    return store_open_with(STORE_DRIVER(), &o, &w->s, err);
}

/* ---- descriptors ---- */
/* Whoever opens the store while standard input is closed has its locks all the same. */
TEST(locks_without_standard_input)
{
    WORLD;
    if (strstr(w->where, "://"))
        skip();
    close_store(w);
    int saved = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 10);
    close(STDIN_FILENO);
    assert_int_equal(open_as(w, (struct sco_store_options){0}, &err), 0);
    assert_int_equal(count_findings(w, ALL_STATUSES), 0);
    pid_t pid = fork();
    if (pid == 0) { /* locks are those of others for it */
        struct flock shared = {.l_type = F_WRLCK, .l_start = 0x40000002, .l_len = 510};
        int fd = open(w->where, O_RDWR | O_CLOEXEC);
        _exit(fcntl(fd, F_GETLK, &shared) < 0 || shared.l_type == F_UNLCK);
    }
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    if (saved >= 0) {
        dup2(saved, STDIN_FILENO);
        close(saved);
    }
}

/* ---- schema ---- */
TEST(migrations)
{
    WORLD;
    uint32_t version = 0, from = 99;
    assert_int_equal(sco_store_version(w->s, &version, &err), 0);
    assert_int_equal(version, sco_store_program_version(w->s));
    assert_int_equal(sco_store_migrate(w->s, &from, &err), 0);
    assert_int_equal(from, version); /* nothing to do */
    save_is(w, scan_of(w, 1, 3), .created = 3);
    close_store(w);
    assert_int_equal(open_as(w, (struct sco_store_options){0}, &err), 0);
    assert_int_equal(count_findings(w, ALL_STATUSES), 3);
}

TEST(a_newer_store_is_refused)
{
    WORLD;
    assert_int_equal(sco_store_begin(w->s, &err), 0);
    int r = w->s->ops->set_version(w->s->db, 1000, &err);
    assert_int_equal(sco_store_end(w->s, r, &err), 0);
    close_store(w);
    assert_int_equal(open_as(w, (struct sco_store_options){.create = true}, &err),
                     SCO_E_UNSUPPORTED);
    assert_non_null(strstr(err.text, "newer SecureOps"));
    assert_non_null(strstr(err.text, "1000"));
    assert_null(w->s);
}

TEST(an_empty_database_is_no_store)
{
    WORLD;
    assert_int_equal(sco_store_begin(w->s, &err), 0);
    int r = w->s->ops->set_version(w->s->db, 0, &err);
    assert_int_equal(sco_store_end(w->s, r, &err), 0);
    close_store(w);
    assert_int_equal(open_as(w, (struct sco_store_options){0}, &err), SCO_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "db migrate"));
}

/* ---- lists ---- */
static struct sco_finding_page list(struct world *w, struct sco_store_filter f)
{
    struct sco_error err = {0};
    struct sco_finding_page p = {0};
    if (sco_store_findings(w->s, &f, &p, &err) < 0)
        fail_msg("%s", err.text);
    return p;
}

static size_t list_n(struct world *w, struct sco_store_filter f)
{
    struct sco_finding_page p = list(w, f);
    size_t n = p.n;
    sco_finding_page_done(&p);
    return n;
}

TEST(pages_hold_each_finding_once)
{
    WORLD;
    save_is(w, scan_of(w, 1, 250), .created = 250);
    bool seen[251] = {false};
    char cursor[64] = "";
    double risk = 1e9;
    size_t n = 0, pages = 0;
    do {
        struct sco_finding_page p =
            list(w, (struct sco_store_filter){.limit = 33, .cursor = *cursor ? cursor : NULL});
        for (size_t i = 0; i < p.n; i++, n++) {
            uint32_t number;
            uint8_t raw[8];
            for (size_t k = 0; k < 8; k++)
                raw[k] = (uint8_t)strtoul(
                    (char[]){p.v[i].fingerprint[2 * k], p.v[i].fingerprint[2 * k + 1], 0}, NULL,
                    16);
            memcpy(&number, raw + 4, 4);
            assert_in_range(number, 1, 250);
            assert_false(seen[number]);
            seen[number] = true;
            assert_true(p.v[i].risk_score <= risk);
            risk = p.v[i].risk_score;
        }
        snprintf(cursor, sizeof cursor, "%s", p.cursor ? p.cursor : "");
        sco_finding_page_done(&p);
        pages++;
    } while (*cursor);
    assert_int_equal(n, 250);
    assert_int_equal(pages, 8);
    struct sco_finding_page p = {0};
    static const char *const bad[] = {"x", "1", "1_", "1_x", "_", "1_-2", "' OR 1=1 --"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++)
        assert_int_equal(
            sco_store_findings(w->s, &(struct sco_store_filter){.cursor = bad[i]}, &p, &err),
            SCO_E_INVALID);
    assert_int_equal(sco_store_findings(w->s, &(struct sco_store_filter){.limit = 5000}, &p, &err),
                     SCO_E_INVALID);
}

/* ---- orders ---- */
static int64_t key_of(const struct sco_stored_finding *f, enum sco_store_sort sort)
{
    switch (sort) {
    case SCO_SORT_RISK:
        return (int64_t)f->risk_score;
    case SCO_SORT_SEVERITY:
        return f->severity;
    case SCO_SORT_FIRST_DETECTED:
        return f->first_detected;
    default:
        return f->last_detected;
    }
}

/* Page by page, each finding once, and none before its turn. */
static void in_order(struct world *w, const char *repository, enum sco_store_sort sort,
                     bool ascending, size_t want)
{
    struct sco_error err = {0};
    char cursor[64] = "";
    size_t n = 0;
    int64_t last = ascending ? INT64_MIN : INT64_MAX;
    const char *const mine[] = {w->repository, NULL};
    struct sco_store_filter f = {.repository = repository,
                                 .repositories = mine,
                                 .statuses = ALL_STATUSES,
                                 .sort = sort,
                                 .ascending = ascending,
                                 .limit = 7};
    do {
        struct sco_finding_page p = {0};
        f.cursor = *cursor ? cursor : NULL;
        assert_int_equal(sco_store_findings(w->s, &f, &p, &err), 0);
        for (size_t i = 0; i < p.n; i++) {
            int64_t key = key_of(&p.v[i], sort);
            if (ascending ? key < last : key > last)
                fail_msg("%s: %ld behind %ld", sco_store_sort_name(sort), (long)key, (long)last);
            last = key;
        }
        n += p.n;
        snprintf(cursor, sizeof cursor, "%s", p.cursor ? p.cursor : "");
        sco_finding_page_done(&p);
    } while (*cursor);
    assert_int_equal(n, want);
}

TEST(orders)
{
    WORLD;
    for (uint32_t k = 0; k < 5; k++) {
        struct sco_scan *s = scan_of(w, 1, 10 * (k + 1));
        for (size_t i = 0; i < s->findings.n; i++)
            s->findings.v[i].severity = (uint8_t)(SCO_SEV_INFO + i % 5);
        save_is(w, s, .created = 10, .seen = 10 * k);
    }
    save_is(w, scan_of(w, 1, 25), .seen = 25, .changed = 20, .resolved = 25);
    for (unsigned i = 0; i < SCO_SORT_MAX_; i++)
        for (unsigned up = 0; up < 2; up++) {
            in_order(w, w->repository, (enum sco_store_sort)i, up, 50);
            if (i != SCO_SORT_LAST_DETECTED)
                in_order(w, NULL, (enum sco_store_sort)i, up, 50);
        }
    struct sco_finding_page p = {0};
    struct sco_store_filter f = {.sort = SCO_SORT_LAST_DETECTED};
    assert_int_equal(sco_store_findings(w->s, &f, &p, &err), SCO_E_INVALID);
    f = (struct sco_store_filter){.sort = SCO_SORT_MAX_};
    assert_int_equal(sco_store_findings(w->s, &f, &p, &err), SCO_E_INVALID);
    f = (struct sco_store_filter){.sort = SCO_SORT_SEVERITY, .cursor = "1.5_7"};
    assert_int_equal(sco_store_findings(w->s, &f, &p, &err), SCO_E_INVALID);
    assert_int_equal(sco_store_sort_parse("-severity", &f, &err), 0);
    assert_true(f.sort == SCO_SORT_SEVERITY && !f.ascending);
    assert_int_equal(sco_store_sort_parse("first_detected", &f, &err), 0);
    assert_true(f.sort == SCO_SORT_FIRST_DETECTED && f.ascending);
    assert_int_equal(sco_store_sort_parse("-", &f, &err), SCO_E_INVALID);
    assert_int_equal(sco_store_sort_parse("title", &f, &err), SCO_E_INVALID);
}

TEST(filters)
{
    struct world *w = *state;
    struct sco_scan *s = scan_of(w, 1, 6);
    struct sco_finding *v = s->findings.v;
    v[0].file_path = "src/core/x.c";
    v[1].file_path = "src0/x.c"; /* not below src */
    v[2].severity = SCO_SEV_LOW;
    v[3].type = SCO_TYPE_SCA;
    v[3].cve_id = "CVE-2026-1";
    v[4].rule_id = "it's; DROP TABLE vulnerabilities";
    scan_run(s, "Bandit", DONE);
    scan_add_tool(s, &v[5], "Bandit", SCO_SEV_HIGH);
    save_is(w, s, .created = 6);
    w->branch = "other";
    save_is(w, scan_of(w, 1, 1), .created = 1);
#define N(...) list_n(w, (struct sco_store_filter){__VA_ARGS__})
    assert_int_equal(N(0), 7);
    assert_int_equal(N(.branch = "main"), 6);
    assert_int_equal(N(.repository = "nobody's"), 0);
    assert_int_equal(N(.branch = "main", .path = "src"), 5);
    assert_int_equal(N(.branch = "main", .path = "src/"), 5);
    assert_int_equal(N(.path = "src/core"), 1);
    assert_int_equal(N(.path = "./src0/x.c"), 1);
    assert_int_equal(N(.path = "."), 7);
    assert_int_equal(N(.min_severity = SCO_SEV_HIGH, .branch = "main"), 5);
    assert_int_equal(N(.min_severity = SCO_SEV_CRITICAL), 0);
    assert_int_equal(N(.types = SCO_TYPE_BIT(SCO_TYPE_SCA)), 1);
    assert_int_equal(N(.cve = "CVE-2026-1"), 1);
    assert_int_equal(N(.rule = "it's; DROP TABLE vulnerabilities"), 1);
    assert_int_equal(N(.tool = "bandit"), 1);
    assert_int_equal(N(.tool = "Semgrep"), 7);
    assert_int_equal(N(.tool = "band"), 0);
    assert_int_equal(N(.tool = "%"), 0);
    assert_int_equal(N(.statuses = 1u << SCO_STATUS_RESOLVED), 0);
    assert_int_equal(N(.branch = "main", .path = "src", .tool = "bandit",
                       .types = SCO_TYPE_BIT(SCO_TYPE_SAST), .min_severity = SCO_SEV_LOW),
                     1);
#undef N
}

TEST(one_finding)
{
    WORLD;
    save_is(w, scan_of(w, 1, 2), .created = 2);
    char id[37], fingerprint[65];
    snprintf(id, sizeof id, "%s", stored(w, 1)->id);
    snprintf(fingerprint, sizeof fingerprint, "%s", stored(w, 1)->fingerprint);
    assert_int_equal(id[14], '7'); /* UUID version 7 */
    struct sco_finding_page p = {0};
    const char *const good[] = {id, fingerprint, (fingerprint[12] = 0, fingerprint)};
    for (size_t i = 0; i < SCO_ARRAY_LEN(good); i++) {
        if (sco_store_finding(w->s, good[i], &p, &err) < 0)
            fail_msg("%s: %s", good[i], err.text);
        assert_string_equal(p.v[0].id, id);
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        struct sco_json_out o = {.b = &b};
        assert_int_equal(sco_stored_finding_write(&o, &p.v[0], &err), 0);
        SCO_AUTO(sco_arena) struct sco_arena arena = {0};
        const struct sco_node *n = NULL;
        assert_int_equal(sco_json_parse(sco_buf_str(&b), &arena, &n, &err), 0);
        assert_true(sco_str_is(sco_text(sco_get(n, "id")), id));
        assert_true(sco_str_is(sco_text(sco_get(n, "status")), "OPEN"));
        assert_true(sco_str_is(sco_text(sco_get(n, "title")), "Title"));
        assert_true(
            sco_str_is(sco_text(sco_get(sco_first(sco_get(n, "tools")), "name")), "semgrep"));
        sco_finding_page_done(&p);
    }
    assert_int_equal(sco_store_finding(w->s, "00000000-0000-7000-8000-000000000000", &p, &err),
                     SCO_E_NOT_FOUND);
    assert_int_equal(sco_store_finding(w->s, "abc", &p, &err), SCO_E_INVALID);
    assert_int_equal(sco_store_finding(w->s, "x; DROP TABLE", &p, &err), SCO_E_INVALID);
    w->branch = "other";
    save_is(w, scan_of(w, 1, 1), .created = 1);
    assert_int_equal(sco_store_finding(w->s, fingerprint, &p, &err), SCO_E_INVALID);
    assert_non_null(strstr(err.text, "several findings"));
}

TEST(statuses)
{
    WORLD;
    save_is(w, scan_of(w, 1, 1), .created = 1);
    char id[37];
    snprintf(id, sizeof id, "%s", stored(w, 1)->id);
    bool changed = true;
    const struct {
        struct sco_store_status to;
        const char *says;
    } bad[] = {
        {{.status = SCO_STATUS_FALSE_POSITIVE, .by = "x"}, "--reason"},
        {{.status = SCO_STATUS_ACCEPTED, .by = "x", .reason = "  "}, "--reason"},
        {{.status = SCO_STATUS_RESOLVED, .by = "x"}, "--reason"},
        {{.status = SCO_STATUS_OPEN}, "who"},
        {{.status = SCO_STATUS_OPEN, .by = "x", .accepted_until = 5}, "--until"},
        {{.status = SCO_STATUS_ACCEPTED, .by = "x", .reason = "y", .accepted_until = 5, .now = 6},
         "past"},
        {{.status = SCO_STATUS_MAX_, .by = "x"}, "no such status"},
        {{.status = SCO_STATUS_OPEN, .by = "x", .reason = "\xff"}, "UTF-8"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(bad); i++) {
        assert_int_equal(sco_store_set_status(w->s, id, &bad[i].to, &changed, &err), SCO_E_INVALID);
        assert_non_null(strstr(err.text, bad[i].says));
    }
    struct sco_store_status to = {.status = SCO_STATUS_IN_PROGRESS, .by = "ada", .now = w->now};
    assert_int_equal(sco_store_set_status(w->s, id, &to, &changed, &err), 0);
    assert_true(changed);
    assert_int_equal(sco_store_set_status(w->s, id, &to, &changed, &err), 0);
    assert_false(changed); /* and no second row of history */
    assert_string_equal(history_of(w, 1), "created,status");
    assert_int_equal(
        sco_store_set_status(w->s, "00000000-0000-7000-8000-000000000000", &to, &changed, &err),
        SCO_E_NOT_FOUND);
}

/* ---- scans ---- */
TEST(scans)
{
    WORLD;
    for (uint32_t i = 0; i < 5; i++) {
        struct sco_scan *s = scan_of(w, 1, i);
        s->summary.findings = i;
        s->summary.by_severity[SCO_SEV_HIGH] = i;
        s->commit_sha = "0123456789abcdef";
        if (i == 3) {
            scan_run(s, "trivy", SCO_RUN_STATUS_TIMEOUT);
            s->runs[1].reason = "after 15 min";
        }
        assert_int_equal(scan_try(w, s, &err), 0);
        assert_string_equal(s->stored.where, sco_store_where(w->s));
        s->stored = (struct sco_scan_stored){0};
        assert_int_not_equal(scan_try(w, s, &err), 0); /* the same scan twice */
        assert_null(s->stored.where);
        save_is(w, scan_of(w, 1, i), .seen = i);
        scan_free(s);
    }
    struct sco_scan_page p = {0};
    struct sco_store_scan_filter f = {.limit = 4};
    size_t n = 0;
    int64_t last = INT64_MAX;
    char cursor[64], id[37] = "";
    do {
        assert_int_equal(sco_store_scans(w->s, &f, &p, &err), 0);
        for (size_t i = 0; i < p.n; i++, n++) {
            assert_true(p.v[i].completed_at < last);
            last = p.v[i].completed_at;
            if (strcmp(p.v[i].status, "incomplete") == 0)
                snprintf(id, sizeof id, "%s", p.v[i].id);
        }
        snprintf(cursor, sizeof cursor, "%s", p.cursor ? p.cursor : "");
        f.cursor = *cursor ? cursor : NULL;
        sco_scan_page_done(&p);
    } while (f.cursor);
    assert_int_equal(n, 10);
    f = (struct sco_store_scan_filter){.limit = 4, .oldest_first = true};
    do {
        assert_int_equal(sco_store_scans(w->s, &f, &p, &err), 0);
        for (size_t i = 0; i < p.n; i++, n--) {
            assert_true(n == 10 ? p.v[i].completed_at == last : p.v[i].completed_at > last);
            last = p.v[i].completed_at;
        }
        snprintf(cursor, sizeof cursor, "%s", p.cursor ? p.cursor : "");
        f.cursor = *cursor ? cursor : NULL;
        sco_scan_page_done(&p);
    } while (f.cursor);
    assert_int_equal(n, 0);
    assert_int_equal(sco_store_scan(w->s, id, &p, &err), 0);
    assert_int_equal(p.v[0].n_runs, 2);
    assert_string_equal(p.v[0].runs[1].name, "trivy");
    assert_string_equal(p.v[0].runs[1].status, "timeout");
    assert_string_equal(p.v[0].runs[1].reason, "after 15 min");
    assert_int_equal(p.v[0].by_severity[SCO_SEV_HIGH], 3);
    assert_int_equal(p.v[0].stored.created, 1);
    assert_string_equal(p.v[0].commit_sha, "0123456789abcdef");
    assert_string_equal(p.v[0].repository, w->repository);
    sco_scan_page_done(&p);
    f = (struct sco_store_scan_filter){.status = "incomplete"};
    assert_int_equal(sco_store_scans(w->s, &f, &p, &err), 0);
    assert_int_equal(p.n, 1);
    sco_scan_page_done(&p);
    assert_int_equal(sco_store_scan(w->s, "nonsense", &p, &err), SCO_E_INVALID);
    f = (struct sco_store_scan_filter){.cursor = "1"};
    assert_int_equal(sco_store_scans(w->s, &f, &p, &err), SCO_E_INVALID);
}

TEST(a_subject_is_needed)
{
    WORLD;
    struct sco_scan *s = scan_of(w, 1, 1);
    w->repository = "";
    assert_int_equal(scan_try(w, s, &err), SCO_E_INVALID);
    w->repository = "r";
    save_is(w, s, .created = 1);
}

/* ---- care ---- */
TEST(retention)
{
    WORLD;
    int64_t start = w->now;
    save_is(w, scan_of(w, 1, 20), .created = 20);
    save_is(w, scan_of(w, 1, 10), .seen = 10, .resolved = 10);
    w->now += 100000;
    save_is(w, scan_of(w, 1, 5), .seen = 5, .resolved = 5);
    struct sco_store_keep keep = {.now = w->now};
    for (size_t i = 0; i < SCO_KEEP_MAX_; i++)
        keep.keep_ms[i] = 50000;
    if (sco_store_retain_all(w->s, &keep, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(keep.removed[SCO_KEEP_SCANS], 2);
    assert_int_equal(keep.removed[SCO_KEEP_RESOLVED], 10);
    assert_int_equal(count_findings(w, ALL_STATUSES), 10);
    assert_true(w->now > start);
    uint64_t findings = 0, scans = 0;
    assert_int_equal(sco_store_verify(w->s, &findings, &scans, &err), 0);
    assert_int_equal(findings, 10);
    assert_int_equal(scans, 1);
    keep = (struct sco_store_keep){.now = w->now};
    assert_int_equal(sco_store_retain_all(w->s, &keep, &err), 0);
    for (size_t i = 0; i < SCO_KEEP_MAX_; i++)
        assert_int_equal(keep.removed[i], 0);
    save_is(w, scan_of(w, 1, 20), .created = 10, .seen = 5, .reopened = 5);
}

TEST(verify_sees_what_is_missing)
{
    WORLD;
    uint64_t n, m;
    save_is(w, scan_of(w, 1, 5), .created = 5);
    assert_int_equal(sco_store_verify(w->s, &n, &m, &err), 0);
    assert_int_equal(n, 5);
    assert_int_equal(store_exec(w->s,
                                "UPDATE vulnerability_details SET content = (SELECT content FROM "
                                "vulnerability_details WHERE pk = 2) WHERE pk = 3",
                                NULL, 0, NULL, &err),
                     0);
    assert_int_equal(sco_store_verify(w->s, &n, &m, &err), SCO_E_FORMAT);
    assert_non_null(strstr(err.text, "content of another"));
    assert_int_equal(
        store_exec(w->s, "DELETE FROM vulnerability_details WHERE pk = 3", NULL, 0, NULL, &err), 0);
    assert_int_equal(sco_store_verify(w->s, &n, &m, &err), SCO_E_FORMAT);
    assert_non_null(strstr(err.text, "no content"));
}

#ifdef STORE_IS_sqlite
TEST(backup)
{
    WORLD;
    char copy[600];
    snprintf(copy, sizeof copy, "%s/copy.db", w->dir);
    save_is(w, scan_of(w, 1, 100), .created = 100);
    assert_int_equal(sco_store_backup(w->s, copy, &err), 0);
    assert_int_equal(sco_store_backup(w->s, copy, &err), SCO_E_INVALID); /* is there already */
    save_is(w, scan_of(w, 1, 50), .seen = 50, .resolved = 50);
    close_store(w);
    assert_int_equal(open_as(w, (struct sco_store_options){.where = copy}, &err), 0);
    uint64_t n = 0, m = 0;
    assert_int_equal(sco_store_verify(w->s, &n, &m, &err), 0);
    assert_int_equal(count_findings(w, 1u << SCO_STATUS_OPEN), 100);
}

TEST(files_that_are_no_store)
{
    WORLD;
    char other[600];
    snprintf(other, sizeof other, "%s/other", w->dir);
    close_store(w);
    assert_int_equal(open_as(w, (struct sco_store_options){.where = other}, &err), SCO_E_NOT_FOUND);
    assert_non_null(strstr(err.text, "scan --store"));
    assert_int_equal(sco_fs_write(other,
                                  SCO_STR("This is no database, and never was one, as can be "
                                          "seen from its first line, which is long enough."),
                                  0600, &err),
                     0);
    assert_int_equal(open_as(w, (struct sco_store_options){.where = other, .create = true}, &err),
                     SCO_E_FORMAT);
    assert_null(w->s);
}

/* A process with many connections says how much each of them may keep. */
static void how_much_is_kept_in_memory(void **state)
{
    struct world *w = *state;
    struct sco_error err = {0};
    struct sco_store *s = NULL;
    int64_t kb = 0;
    struct sco_store_options o = {.where = w->where, .cache_kb = 8192};
    assert_int_equal(store_open_with(w->s->ops, &o, &s, &err), 0);
    assert_int_equal(store_query(s, "PRAGMA cache_size", NULL, 0, take_i64, &kb, &err), 0);
    assert_int_equal(kb, -8192);
    assert_int_equal(store_query(w->s, "PRAGMA cache_size", NULL, 0, take_i64, &kb, &err), 0);
    assert_int_equal(kb, -65536);
    sco_store_close(s);
}

/* One writes for too long: the other one says so, and has changed nothing. */
TEST(somebody_else_is_writing)
{
    WORLD;
    struct sco_store *other = w->s;
    assert_int_equal(sco_store_begin(other, &err), 0);
    w->s = NULL;
    assert_int_equal(open_as(w, (struct sco_store_options){.wait_ms = 20}, &err), 0);
    struct sco_scan *s = scan_of(w, 1, 1);
    assert_int_equal(scan_try(w, s, &err), SCO_E_TIMEOUT);
    assert_null(s->findings.v[0].stored);
    assert_int_equal(sco_store_end(other, 0, &err), 0);
    save_is(w, s, .created = 1);
    sco_store_close(other);
}
#endif

/* The Nth allocation fails, for every N: an error, the old state, nothing lost. */
static void start_again(struct world *w)
{
    static const char *const sql[] = {"DELETE FROM vulnerabilities", "DELETE FROM scan_results",
                                      "DELETE FROM vulnerability_details",
                                      "DELETE FROM vulnerability_history",
                                      "DELETE FROM scan_scanners"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(sql); i++)
        assert_int_equal(store_exec(w->s, sql[i], NULL, 0, NULL, NULL), 0);
    save_is(w, scan_of(w, 1, 8), .created = 8);
}

TEST(no_memory)
{
    WORLD;
    long n = 0, used, failed = 0;
    start_again(w);
    do {
        struct sco_scan *s = scan_of(w, 3, 8);
        s->findings.v[0].title = "changed";
        s->findings.v[1].status = SCO_STATUS_FALSE_POSITIVE;
        sco_alloc_fail_at(n);
        int r = scan_try(w, s, &err);
        used = sco_alloc_fail_at(-1);
        if (r == 0) { /* at the end, or something could do without: a cache */
            assert_int_equal(s->stored.created, 2);
            assert_int_equal(s->stored.resolved, 2);
            assert_int_equal(s->stored.changed, 2);
            assert_non_null(s->stored.where);
            assert_int_equal(count_findings(w, ALL_STATUSES), 10);
            start_again(w);
        } else {
            if (r != SCO_E_NOMEM)
                fail_msg("allocation %ld: %d: %s", n, r, err.text);
            for (size_t i = 0; i < s->findings.n; i++)
                assert_null(s->findings.v[i].stored);
            assert_int_equal(count_findings(w, ALL_STATUSES), 8);
            failed++;
        }
        scan_free(s);
    } while (used > n++);
    assert_true(failed > 15);
    uint64_t findings = 0, scans = 0;
    assert_int_equal(sco_store_verify(w->s, &findings, &scans, &err), 0);
    assert_int_equal(findings, 8);
    assert_int_equal(scans, 1);
}

TEST(uuids)
{
    (void)state;
    uint8_t id[16];
    char text[37];
    assert_true(store_uuid_parse(SCO_STR("01234567-89ab-cdef-0123-456789abcdef"), id));
    store_uuid_format(id, text);
    assert_string_equal(text, "01234567-89ab-cdef-0123-456789abcdef");
    assert_false(store_uuid_parse(SCO_STR("01234567-89ab-cdef-0123-456789abcde"), id));
    assert_false(store_uuid_parse(SCO_STR("01234567089ab-cdef-0123-456789abcdef"), id));
    assert_false(store_uuid_parse(SCO_STR("g1234567-89ab-cdef-0123-456789abcdef"), id));
}

#ifdef STORE_IS_sqlite
static size_t locks_of(const char *path)
{
    struct stat st;
    char line[256], want[64];
    size_t n = 0;
    assert_int_equal(stat(path, &st), 0);
    snprintf(want, sizeof want, ":%llu ", (unsigned long long)st.st_ino);
    FILE *f = fopen("/proc/locks", "re");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        n += strstr(line, want) != NULL;
    fclose(f);
    return n;
}

/* A file that is closed takes all locks that the process has on it along (POSIX): whoever opened
 * the store a second time would let others reset the log below the first. */
TEST(opening_twice_keeps_the_locks)
{
    struct world *w = *state;
    size_t n = locks_of(w->where);
    assert_true(n > 0);
    sco_store_close(world_open(w)); /* with `create` */
    assert_true(locks_of(w->where) >= n);
}
#endif

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uuids),
        T(locks_without_standard_input),
        T(migrations),
        T(a_newer_store_is_refused),
        T(an_empty_database_is_no_store),
        T(pages_hold_each_finding_once),
        T(orders),
        T(filters),
        T(one_finding),
        T(statuses),
        T(scans),
        T(a_subject_is_needed),
        T(retention),
        T(verify_sees_what_is_missing),
        T(no_memory),
#ifdef STORE_IS_sqlite
        T(opening_twice_keeps_the_locks),
        T(backup),
        T(files_that_are_no_store),
        T(how_much_is_kept_in_memory),
        T(somebody_else_is_writing),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
