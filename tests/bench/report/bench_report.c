/* How fast reports are written and what memory that takes: bench_report [FINDINGS [FOLDER]].
 * Findings as scanners give them: 400 rules, 2,000 files, texts of some hundred bytes. With FOLDER
 * the files are written there (SARIF split at GitHub's limits), else to /dev/null. */
#include <fcntl.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "scan_fixture.h"

enum { RULES = 400, FILES = 2000 };

static long peak_kib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

static void fill(struct sco_scan *s, size_t n)
{
    const char *rules[RULES], *files[FILES], *texts[RULES];
    const struct sco_strs *cwes[RULES], *refs[RULES];
    for (size_t i = 0; i < RULES; i++) {
        rules[i] = sco_arena_fmt(&s->arena, "python.lang.security.audit.rule-number-%zu", i);
        texts[i] = sco_arena_fmt(
            &s->arena,
            "Detected the use of function_%zu() with data that may come from a user. An attacker "
            "who controls \"it\" can run code of his own choice with the rights of the program; "
            "use a safe alternative instead, or check the data against a list of what is allowed.",
            i);
        const char *cwe = sco_arena_fmt(&s->arena, "CWE-%zu", 20 + i % 80);
        const char *ref = sco_arena_fmt(&s->arena, "https://rules.example/security/%zu", i);
        cwes[i] = fixture_strs(s, (const char *const[]){cwe, NULL});
        refs[i] = fixture_strs(s, (const char *const[]){ref, NULL});
    }
    for (size_t i = 0; i < FILES; i++)
        files[i] = sco_arena_fmt(&s->arena, "src/main/module_%zu/file_%zu.py", i % 37, i);
    for (size_t i = 0; i < n; i++) {
        size_t r = i * 7919 % RULES;
        struct sco_finding *f = fixture_finding(s, SCO_TYPE_SAST, 2 + (uint32_t)(i % 4), "Semgrep",
                                                rules[r], "Use of a dangerous function");
        f->file_path = files[i * 104729 % FILES];
        f->line = (int32_t)(i % 3000) + 1;
        f->column = 5;
        f->end_column = 40;
        f->description = texts[r];
        f->cwe_ids = cwes[r];
        f->references = refs[r];
        f->risk_score = 50;
        f->metadata = "{\"confidence\":\"HIGH\",\"engine\":\"OSS\",\"category\":\"security\"}";
    }
    fixture_run(s, "semgrep", "Semgrep", SCO_RUN_STATUS_COMPLETED);
    fixture_count(s);
}

/* Size of the report, and of the files that it was split into. */
static int64_t size_of(const char *path, int files)
{
    struct stat st;
    int64_t n = stat(path, &st) == 0 ? st.st_size : 0;
    for (int i = 2; i <= files; i++) {
        SCO_AUTO(sco_buf) struct sco_buf b = {0};
        const char *dot = strrchr(path, '.');
        sco_buf_addf(&b, "%.*s-%d%s", (int)(dot - path), path, i, dot);
        if (stat(sco_buf_z(&b), &st) == 0)
            n += st.st_size;
    }
    return n;
}

static int measure(const struct sco_scan *s, enum sco_report_format f, const char *folder)
{
    struct sco_error err = {0};
    SCO_AUTO(sco_buf) struct sco_buf path = {0}, text = {0};
    if (folder)
        sco_buf_addf(&path, "%s/report.%s", folder, sco_report_format_name(f));
    else
        sco_buf_addz(&path, "/dev/null");
    int files = 0;
    long before = peak_kib();
    int64_t start = sco_mono_ns();
    int r = sco_report_write_file(s, f, NULL, sco_buf_z(&path), &files, &err);
    double ms = (double)(sco_mono_ns() - start) / 1e6;
    long grown = peak_kib() - before;
    if (r < 0) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    printf("%-6s %8.1f ms, peak memory +%ld KiB", sco_report_format_name(f), ms, grown);
    double mb = (double)size_of(sco_buf_z(&path), files) / 1e6;
    if (folder)
        printf(", %.1f MB in %d files, %.0f MB/s", mb, files, mb / ms * 1e3);
    printf("\n");
    return 0;
}

int main(int argc, char **argv)
{
    struct sco_scan s;
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
    const char *folder = argc > 2 ? argv[2] : NULL;
    fixture_init(&s);
    fill(&s, n);
    printf("%zu findings, %ld KiB before\n", n, peak_kib());
    int r = 0;
    for (int f = 0; f < SCO_REPORT_MAX_; f++)
        r |= measure(&s, (enum sco_report_format)f, folder);
    fixture_done(&s);
    return r;
}
