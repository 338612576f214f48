/* Writes reports of made-up scans into a folder, for tools that judge them: report_fixtures DIR. */
#include <stdlib.h>

#include "../../unit/report/hostile.h"
#include "scan_fixture.h"

static int write_all(const struct sco_scan *s, const char *dir, const char *name)
{
    for (int f = 0; f < SCO_REPORT_MAX_; f++) {
        struct sco_error err = {0};
        SCO_AUTO(sco_buf) struct sco_buf path = {0};
        sco_buf_addf(&path, "%s/%s.%s", dir, name,
                     sco_report_format_name((enum sco_report_format)f));
        int r =
            sco_report_write_file(s, (enum sco_report_format)f, NULL, sco_buf_z(&path), NULL, &err);
        if (r < 0) {
            fprintf(stderr, "%s: %s\n", sco_buf_z(&path), err.text);
            return 1;
        }
    }
    return 0;
}

static void add_findings(struct sco_scan *s)
{
    struct sco_finding *f =
        fixture_finding(s, SCO_TYPE_SCA, SCO_SEV_CRITICAL, "Trivy", "CVE-2026-1", "Overflow in x");
    fixture_package(s, f, "left-pad", "1.0.0", "1.0.1");
    fixture_tool(s, f, "Grype", "GHSA-1");
    f->description = "A long text about {braces} and [brackets](x).";
    f->references = fixture_strs(
        s, (const char *const[]){"https://a.example/x?y=1#z", "HTTP://[::1]/", "x", NULL});
    f->cwe_ids = fixture_strs(s, (const char *const[]){"CWE-79", "CWE-79", "CWE-1021", NULL});
    f->aliases = fixture_strs(s, (const char *const[]){"GHSA-1", NULL});
    f->cve_id = "CVE-2026-1";
    f->cvss_score = 9.8f;
    f->cvss_vector = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H";
    f->epss = 0.97f;
    f->kev = 1;
    f->risk_score = 98.5f;
    f->occurrences = 3;
    f = fixture_finding(s, SCO_TYPE_SAST, SCO_SEV_HIGH, "Semgrep", "py.eval", "Use of eval()");
    f->cwe_ids = fixture_strs(s, (const char *const[]){"CWE-95", NULL});
    f->column = 3;
    f->end_column = 9;
    f->end_line = 12;
    f = fixture_finding(s, SCO_TYPE_SAST, SCO_SEV_MEDIUM, "Semgrep", "py.eval", "Use of eval()");
    f->file_path = "a folder/file [1]#?%.py";
    f->cwe_ids = fixture_strs(s, (const char *const[]){"CWE-95", "CWE-20", NULL});
    fixture_suppress(s, f, SCO_SUPPRESS_WAIVER, "accepted until the rewrite", "2027-01-01");
    f = fixture_finding(s, SCO_TYPE_DAST, SCO_SEV_LOW, "ZAP", "10020", "Header is missing");
    f->file_path = NULL;
    f->line = 0;
    f->resource = "GET https://shop.example:8443/a/b?session=123#x";
    f->parameter = "q";
    fixture_finding(s, SCO_TYPE_QUALITY, SCO_SEV_INFO, "Sonar", "S1", "Too long")->line = 0;
    fixture_finding(s, SCO_TYPE_IAC, SCO_SEV_LOW, "Checkov", "CKV_1", "No USER")->resource =
        "aws_s3_bucket.data[\"x\"]";
    fixture_finding(s, SCO_TYPE_LICENSE, SCO_SEV_MEDIUM, "Trivy", "GPL-3.0", "Licence");
    f = fixture_finding(s, SCO_TYPE_SECRET, SCO_SEV_HIGH, "Gitleaks", "aws", "AWS key");
    f->secret_preview = "AKIA****";
    f->commit = "0123456789abcdef";
}

static int typical(const char *dir)
{
    struct sco_scan s;
    fixture_init(&s);
    s.repository = "git@git.example:team/app.git";
    s.branch = "main";
    s.commit_sha = "0123456789abcdef0123456789abcdef01234567";
    fixture_run(&s, "trivy", "Trivy", SCO_RUN_STATUS_COMPLETED);
    fixture_run(&s, "grype", "Grype", SCO_RUN_STATUS_COMPLETED);
    fixture_run(&s, "semgrep", "Semgrep", SCO_RUN_STATUS_COMPLETED)->version = "v1.2-beta";
    fixture_run(&s, "gitleaks", "Gitleaks", SCO_RUN_STATUS_COMPLETED);
    for (size_t i = 0; i < s.n_runs; i++)
        s.runs[i].homepage = "https://scanner.example/";
    add_findings(&s);
    fixture_count(&s);
    fixture_gate(&s, SCO_GATE_FAILED, 1, "2 findings of severity HIGH or above");
    int r = write_all(&s, dir, "typical");
    fixture_done(&s);
    return r;
}

static int statuses(const char *dir)
{
    struct sco_scan s;
    fixture_init(&s);
    static const char *const names[] = {"A", "B", "C", "D", "E", "F"};
    for (int i = 0; i < SCO_RUN_STATUS_MAX_; i++) {
        fixture_run(&s, names[i], names[i], (enum sco_run_status)i)->reason = "why [not] {0}";
        s.runs[i].hint = "Do this";
    }
    fixture_run(&s, "G", "G", SCO_RUN_STATUS_MISSING)->required = true;
    fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_HIGH, "C", "a", "A");
    fixture_count(&s);
    fixture_gate(&s, SCO_GATE_INCOMPLETE, 3, "C: failed");
    int r = write_all(&s, dir, "statuses");
    fixture_done(&s);
    fixture_init(&s);
    r |= write_all(&s, dir, "empty");
    fixture_done(&s);
    return r;
}

static int hostile(const char *dir)
{
    int r = 0;
    for (int i = 0; i < HOSTILE; i++) {
        const char *z = hostile_texts[i];
        struct sco_scan s;
        fixture_init(&s);
        s.target = s.branch = s.repository = s.commit_sha = z;
        struct sco_scanner_run *run = fixture_run(&s, z, z, SCO_RUN_STATUS_FAILED);
        run->reason = run->hint = run->version = run->tool = z;
        for (int k = 0; k < 3; k++) {
            struct sco_finding *f = fixture_finding(&s, SCO_TYPE_SAST, SCO_SEV_LOW, z, z, z);
            f->description = f->remediation = f->resource = f->cve_id = z;
            f->file_path = k < 2 ? z : NULL;
            f->references = f->cwe_ids = f->aliases =
                fixture_strs(&s, (const char *const[]){z, z, NULL});
            if (k)
                fixture_package(&s, f, z, z, z);
            if (k == 1)
                fixture_suppress(&s, f, SCO_SUPPRESS_INLINE, z, z);
        }
        fixture_count(&s);
        fixture_gate(&s, SCO_GATE_INCOMPLETE, 3, z);
        r |= write_all(&s, dir, sco_arena_fmt(&s.arena, "hostile%d", i));
        fixture_done(&s);
    }
    return r;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: report_fixtures DIR\n");
        return 2;
    }
    return typical(argv[1]) | statuses(argv[1]) | hostile(argv[1]);
}
