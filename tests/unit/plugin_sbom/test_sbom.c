/* The SBOM plugin: what it asks of each program, what it takes for a whole document, and that the
 * parts are the document. */
#include "plugin_test.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>

#include "plugin_run.h"

#define OUT "sbom.cdx.json"

static char *small(void)
{
    static char text[64 << 10];
    const char *source = getenv("SECUREOPS_SOURCE");
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/fuzz/corpus/sbom/small.cdx.json", source ? source : ".");
    FILE *f = fopen(path, "re");
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    text[n] = 0;
    return text;
}

/* What the engine would write: the texts of the records, which have to be in order. The last record
 * is *ret_end. */
static void joined(struct sco_buf *out, struct sco_arena *a, const struct sco_node **ret_end)
{
    struct sco_str rest = sco_buf_str(&fh->records), line;
    int64_t nth = 0;
    *ret_end = NULL;
    while (sco_str_split(&rest, '\n', &line)) {
        const struct sco_node *m = NULL;
        if (!line.n)
            continue;
        assert_true(line.n <= SCO_RECORD_MAX);
        assert_true(sco_str_starts(line, "sbom "));
        assert_null(*ret_end);
        assert_int_equal(sco_json_parse(sco_str_make(line.p + 5, line.n - 5), a, &m, NULL), 0);
        if (sco_get(m, "parts")) {
            *ret_end = m;
            assert_int_equal(sco_int(sco_get(m, "parts"), -1), nth);
        } else {
            assert_int_equal(sco_int(sco_get(m, "part"), -1), nth++);
            sco_buf_add(out, sco_text(sco_get(m, "text")));
        }
    }
}

static void expect_whole(const char *text, int64_t components, const char *version)
{
    SCO_AUTO(sco_arena) struct sco_arena a = {0};
    SCO_AUTO(sco_buf) struct sco_buf out = {0};
    const struct sco_node *end;
    joined(&out, &a, &end);
    assert_non_null(end);
    assert_int_equal(out.n, strlen(text));
    assert_memory_equal(out.p, text, out.n);
    assert_int_equal(sco_int(sco_get(end, "bytes"), -1), (int64_t)out.n);
    assert_int_equal(sco_int(sco_get(end, "components"), -1), components);
    assert_str(sco_text(sco_get(end, "spec_version")), version);
}

static int run_as(const char *path, struct fake_program p)
{
    struct sco_job job = fake_job();
    job.program = path;
    program[0] = p;
    if (p.report)
        program[0].report_path = OUT;
    int r = run_job(&job);
    remove_job();
    return r;
}

static void test_whole(void **state)
{
    (void)state;
    assert_int_equal(run_as("/opt/bin/syft", (struct fake_program){.report = small()}), 0);
    expect_whole(small(), 2, "1.6");
    assert_int_equal(fh->n_incomplete, 0);
    assert_has(sco_buf_z(&fh->tools), "maker 7.1");
}

/* Cut between characters, and each of them larger than the last: records stay below their limit. */
static void test_large(void **state)
{
    (void)state;
    enum { N = 9000 };
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    sco_buf_addz(&b, "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.5\",\"components\":[");
    for (int i = 0; i < N; i++)
        sco_buf_addf(&b, "%s\n\t\t{\"type\":\"library\",\"name\":\"p%d\",\"description\":\"%s\"}",
                     i ? "," : "", i, i % 2 ? "\\\"\\\\\\\"ü😀" : "€€€€\\t");
    sco_buf_addz(&b, "]}\n");
    assert_false(b.failed);
    assert_int_equal(run_as("/opt/bin/syft", (struct fake_program){.report = sco_buf_z(&b)}), 0);
    expect_whole(sco_buf_z(&b), N, "1.5");
}

static void test_cut(void **state)
{
    (void)state;
    char *text = small();
    size_t n = strlen(text);
    while (text[n - 1] == '\n')
        n--;
    for (size_t i = 1; i < n; i += 7) {
        char kept = text[i];
        text[i] = 0;
        int r = run_as("/opt/bin/syft", (struct fake_program){.report = text});
        if (r >= 0)
            fail_msg("cut at byte %zu of %zu: taken for a whole one", i, n);
        text[i] = kept;
    }
    assert_int_equal(fh->records.n, 0);
}

static void test_no_sbom(void **state)
{
    (void)state;
    static const char *const texts[] = {
        " ",
        "[]",
        "{}",
        "{\"bomFormat\":\"SPDX\",\"specVersion\":\"1.5\",\"components\":[]}",
        "{\"bomFormat\":\"CycloneDX\",\"components\":[{\"type\":\"library\",\"name\":\"a\"}]}",
        "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"2.0\",\"components\":[]}",
        "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.\",\"components\":[]}",
        "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.5\",\"components\":{}}",
        "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.5\",\"components\":[1]}",
        "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.5\",\"components\":[{\"name\":\"a\"}]}",
        "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.5\",\"components\":[]}{}",
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(texts); i++)
        if (run_as("/opt/bin/syft", (struct fake_program){.report = texts[i]}) >= 0)
            fail_msg("taken for an SBOM: %s", texts[i]);
    assert_true(run_as("/opt/bin/syft", (struct fake_program){.report = small(), .old = 1}) < 0);
    assert_true(run_as("/opt/bin/syft", (struct fake_program){.exit_code = 0}) < 0);
    assert_true(run_as("/opt/bin/syft", (struct fake_program){.exit_code = 1, .err = "oh"}) < 0);
    assert_has(fh->error, "Syft failed with exit status 1: oh");
    assert_int_equal(fh->records.n, 0);
}

static void test_items(void **state)
{
    (void)state;
    assert_int_equal(run_as("/opt/bin/syft",
                            (struct fake_program){
                                .report = "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.4\""
                                          ",\"components\":[{\"name\":\"a\",\"type\":\"file\"}"
                                          ",{\"type\":\"library\"}]}"}),
                     0);
    assert_has(sco_buf_z(&fh->incompletes), "1 item of the report was not understood");
}

static void test_empty(void **state)
{
    (void)state;
    static const char *const allow[] = {"allow_empty", "true", NULL};
    static const char *const texts[] = {
        "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.5\",\"components\":[]}",
        "{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.5\"}"};
    for (size_t i = 0; i < SCO_ARRAY_LEN(texts); i++)
        assert_int_equal(run_as("/opt/bin/trivy", (struct fake_program){.report = texts[i]}),
                         SCO_RUN_INCOMPLETE);
    assert_has(fh->error, "there is no SBOM: Trivy found no component");
    assert_int_equal(run_as("/opt/bin/osv-scanner", (struct fake_program){.exit_code = 128}),
                     SCO_RUN_INCOMPLETE);
    assert_int_equal(fh->records.n, 0);
    plugin_reopen(allow);
    assert_int_equal(run_as("/opt/bin/trivy", (struct fake_program){.report = texts[0]}), 0);
    expect_whole(texts[0], 0, "1.5");
    plugin_reopen(allow);
    assert_int_equal(run_as("/opt/bin/osv-scanner", (struct fake_program){.exit_code = 128}), 0);
    assert_true(fh->records.n > 0);
}

static void test_too_large(void **state)
{
    (void)state;
    static const char *const options[] = {"max_size", "1KiB", NULL};
    SCO_AUTO(sco_buf) struct sco_buf b = {0};
    plugin_reopen(options);
    sco_buf_addf(&b, "%s%1000s", small(), " ");
    assert_int_equal(run_as("/opt/bin/syft", (struct fake_program){.report = sco_buf_z(&b)}),
                     SCO_E_LIMIT);
    assert_int_equal(fh->records.n, 0);
}

/* ---- the programs ---- */
static void test_command_lines(void **state)
{
    (void)state;
    static const char *const excludes[] = {"node_modules", "a*b", NULL};
    static const struct {
        const char *program, *folder, *image, *offline, *exclude;
    } t[] = {
        {"/opt/bin/trivy", "trivy fs --format cyclonedx -o ", "trivy image --format cyclonedx",
         "TRIVY_OFFLINE_SCAN=true", "/target/node_modules "},
        {"/opt/bin/syft", "syft scan -vvv dir:/", "syft scan -vvv shop:1 ",
         "SYFT_CHECK_FOR_APP_UPDATE=false", "--exclude ./node_modules "},
        {"/opt/bin/cdxgen", "cdxgen --no-install-deps --lifecycle pre-build ", "cdxgen -t docker ",
         "CI=true", "--exclude **/node_modules/** "},
        {"/opt/bin/osv-scanner",
         "osv-scanner scan source --all-packages --format cyclonedx-1-5 --output-file ",
         "osv-scanner scan image --all-packages ", "--offline --config /tmp/", "-r /"},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(t); i++) {
        struct sco_job job = fake_job();
        job.program = t[i].program;
        job.excludes = excludes;
        job.offline = 1;
        program[0] = (struct fake_program){.report = small(), .report_path = OUT};
        assert_int_equal(run_job(&job), 0);
        assert_has(command_lines[0], t[i].folder);
        assert_has(command_lines[0], t[i].offline);
        assert_has(command_lines[0], t[i].exclude);
        assert_lacks(command_lines[0], "a*b");
        remove_job();
        job = fake_job();
        job.program = t[i].program;
        job.target_kind = SCO_TARGET_IMAGE;
        job.target = "shop:1";
        program[0] = (struct fake_program){.report = small(), .report_path = OUT};
        assert_int_equal(run_job(&job), 0);
        assert_has(command_lines[0], t[i].image);
        assert_has(command_lines[0], " shop:1 ");
        assert_lacks(command_lines[0], "node_modules");
        remove_job();
    }
}

static void test_chosen_program(void **state)
{
    (void)state;
    static const char *const options[] = {"program", "syft", NULL};
    plugin_reopen(options);
    assert_int_equal(run_as("/opt/bin/trivy", (struct fake_program){.report = small()}), 0);
    assert_has(command_lines[0], "false syft scan "); /* by its name, on the PATH */
    assert_int_equal(run_as("/opt/bin/trivy", (struct fake_program){.missing = 1}),
                     SCO_E_NOT_FOUND);
    assert_has(fh->error, "syft is not installed");
    assert_int_equal(run_as("/opt/bin/syft", (struct fake_program){.report = small()}), 0);
    assert_has(command_lines[0], "/opt/bin/syft scan ");
}

/* What it could not read is said on stderr alone. */
static void test_troubles(void **state)
{
    (void)state;
    static const struct {
        const char *program, *err, *expect; /* NULL: nothing is missing */
        int exit_code;
    } t[] = {
        {"/opt/bin/trivy", "t\tDEBUG\tWalk error\tfile_path=\"a.json\" err=\"x\"\n",
         "lacks something: file_path=\"a.json\" err=\"x\" (1 in all)", 0},
        {"/opt/bin/trivy", "t\tERROR\tbad jar\nt\tERROR\tworse\n", "bad jar (2 in all)", 0},
        {"/opt/bin/trivy", "t\tWARN\tno licenses\n", NULL, 0},
        {"/opt/bin/syft", "[0000]  WARN no explicit name and version provided\n", NULL, 0},
        {"/opt/bin/syft", "[0] TRACE cataloger returned errors cataloger=a error=b\n",
         "cataloger=a error=b (1 in all)", 0},
        {"/opt/bin/osv-scanner", "", NULL, 1},
        {"/opt/bin/osv-scanner",
         "Error during extraction: (extracting as vulnmatch/osvlocal) no database\n", NULL, 127},
        {"/opt/bin/osv-scanner",
         "Error during extraction: (extracting as go/gomod) go.mod: could not extract\n"
         "Error during extraction: (extracting as vulnmatch/osvlocal) no database\n",
         "(extracting as go/gomod) go.mod: could not extract (1 in all)", 127},
    };
    for (size_t i = 0; i < SCO_ARRAY_LEN(t); i++) {
        plugin_reopen(NULL);
        assert_int_equal(run_as(t[i].program, (struct fake_program){.report = small(),
                                                                    .exit_code = t[i].exit_code,
                                                                    .err = t[i].err}),
                         0);
        assert_int_equal(fh->n_incomplete, t[i].expect != NULL);
        if (t[i].expect)
            assert_has(sco_buf_z(&fh->incompletes), t[i].expect);
        expect_whole(small(), 2, "1.6");
    }
    plugin_reopen(NULL);
    assert_int_equal(
        run_as("/opt/bin/osv-scanner",
               (struct fake_program){.report = small(), .exit_code = 127, .err = "no idea\n"}),
        SCO_E_TOOL);
    assert_int_equal(fh->records.n, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, plugin_setup, plugin_teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_whole),     TEST(test_large),         TEST(test_cut),
        TEST(test_no_sbom),   TEST(test_items),         TEST(test_empty),
        TEST(test_too_large), TEST(test_command_lines), TEST(test_chosen_program),
        TEST(test_troubles),
    };
    return cmocka_run_group_tests_name("plugin sbom", tests, NULL, NULL);
}
