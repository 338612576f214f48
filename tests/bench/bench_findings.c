/* Findings per second through the codec, identification, correlation and ranking, and bytes each:
 *   bench_findings [N [tools]]
 * N findings as a SARIF report has them: a message of 120 bytes each, everything else repeats. With
 * two tools or more, every second weakness is seen by the next tool too. Peak memory is that of the
 * whole program, wire included (the wire is made in batches, as a worker sends it). */
#include <secureops/finding.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum { BATCH = 2000, RULES = 300, FILES = 2000 };

struct run {
    struct sco_encoder *e;
    struct sco_decoder *d;
    struct sco_finding_set set;
    struct sco_buf wire;
    double encode_s, decode_s;
    size_t wire_bytes;
};

static double now(void)
{
    struct timespec t; /* of this program alone: the machine may have other work */
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void make(struct sco_report_finding *f, size_t i, size_t tools)
{
    static char rule[64], message[160], path[64], snippet[64], name[32];
    static struct sco_str cwe, reference;
    static const char *const cwes[] = {"CWE-79", "CWE-89", "CWE-22", "CWE-78"};
    size_t weakness = tools > 1 ? i - (i % 2) : i;
    memset(f, 0, sizeof *f);
    f->struct_size = sizeof *f;
    f->type = SCO_TYPE_SAST;
    f->severity_text = SCO_STR("warning");
    snprintf(rule, sizeof rule, "python.lang.security.rule-%zu", i % RULES);
    snprintf(message, sizeof message,
             "Finding %-10zu: user input reaches a dangerous call without "
             "being checked; see the documentation of the rule.......",
             i);
    snprintf(path, sizeof path, "src/package/module_%zu/file.py", weakness / 2 % FILES);
    snprintf(snippet, sizeof snippet, "    execute(argument_%zu)", i % 50);
    snprintf(name, sizeof name, "tool-%zu", i % tools);
    f->rule_id = sco_str_c(rule);
    f->title = sco_str_c(message);
    f->description = SCO_STR("A longer description of the rule that is the same for all of its "
                             "results, as most scanners write it.");
    f->remediation = SCO_STR("Validate the input with an allow-list before it is used in a call.");
    f->file_path = sco_str_c(path);
    f->line = (int64_t)(weakness / FILES + 1);
    f->column = 5;
    f->snippet = sco_str_c(snippet);
    f->tool_name = sco_str_c(name);
    f->tool_version = SCO_STR("1.2.3");
    cwe = sco_str_c(cwes[weakness / 2 % 4]);
    f->cwes = (struct sco_str_list){&cwe, 1};
    reference = SCO_STR("https://example.org/rules/a-page-with-a-longish-address");
    f->references = (struct sco_str_list){&reference, 1};
}

static int pass(struct run *r, size_t n, size_t tools, struct sco_error *err)
{
    for (size_t i = 0; i < n;) {
        double t = now();
        sco_buf_clear(&r->wire);
        for (size_t end = i + BATCH < n ? i + BATCH : n; i < end; i++) {
            struct sco_report_finding f;
            make(&f, i, tools);
            int code = sco_encoder_add(r->e, &f, &r->wire, err);
            if (code < 0)
                return code;
        }
        double u = now();
        int code = sco_decoder_batch(r->d, sco_buf_str(&r->wire), &r->set, err);
        if (code < 0)
            return code;
        r->encode_s += u - t;
        r->decode_s += now() - u;
        r->wire_bytes += r->wire.n;
    }
    return 0;
}

static double make_cost(size_t n, size_t tools)
{
    struct sco_report_finding f;
    double t = now();
    for (size_t i = 0; i < n; i++)
        make(&f, i, tools);
    return now() - t;
}

static void say(const char *what, size_t n, double s)
{
    printf("%-10s %8.3f s %12.0f findings/s\n", what, s, (double)n / s);
}

static int run(struct run *r, size_t n, size_t tools, struct sco_error *err)
{
    int code = pass(r, n, tools, err);
    if (code < 0)
        return code;
    say("encode", n, r->encode_s - make_cost(n, tools));
    say("decode", n, r->decode_s);
    size_t bytes = sizeof(struct sco_finding) * n + sco_pool_size(r->set.pool);
    printf("%-10s %zu bytes of wire, %zu bytes of memory per finding\n", "", r->wire_bytes / n,
           bytes / n);
    double t = now();
    code = sco_findings_identify(&r->set, err);
    double u = now();
    code = code ? code : sco_findings_correlate(&r->set, err);
    double v = now();
    code = code ? code : sco_findings_rank(&r->set, err);
    if (code < 0)
        return code;
    say("identify", n, u - t);
    say("correlate", n, v - u);
    say("both", n, v - t);
    say("rank", r->set.n, now() - v);
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    printf("%zu findings became %zu; peak %ld MiB\n", n, r->set.n, usage.ru_maxrss / 1024);
    return 0;
}

int main(int argc, char **argv)
{
    int64_t n = 100000, tools = 1;
    if ((argc > 1 && sco_parse_i64(sco_str_c(argv[1]), 1, 100000000, &n) < 0) ||
        (argc > 2 && sco_parse_i64(sco_str_c(argv[2]), 1, 1000, &tools) < 0)) {
        fprintf(stderr, "usage: bench_findings [N [tools]]\n");
        return 2;
    }
    struct run r = {.set = {.pool = sco_pool_new()}};
    struct sco_encoder_options o = {.tool_name = "tool"};
    struct sco_error err = {0};
    r.d = sco_decoder_new(r.set.pool);
    r.e = sco_encoder_new(&o);
    int code = r.d && r.e ? run(&r, (size_t)n, (size_t)tools, &err) : SCO_E_NOMEM;
    if (code < 0)
        fprintf(stderr, "bench_findings: %s\n", err.text);
    sco_encoder_free(r.e);
    sco_decoder_free(r.d);
    sco_buf_done(&r.wire);
    sco_finding_set_done(&r.set);
    sco_pool_free(r.set.pool);
    return code < 0;
}
