"""Saved reports: formats are told apart, broken ones are never clean."""
import json
import unittest

from fakes import SECRET, leaks
from harness import GATE, INCOMPLETE, PASSED, SANITIZED, SOURCE, USAGE, Case, corpus

BANDIT = {
    "errors": [], "generated_at": "2026-01-01T00:00:00Z",
    "metrics": {"_totals": {"loc": 3, "nosec": 0, "skipped_tests": 0},
                "./app.py": {"loc": 3, "nosec": 0}},
    "results": [{
        "code": "2 subprocess.call(cmd, shell=True)\n", "col_offset": 0, "end_col_offset": 33,
        "filename": "./app.py", "issue_confidence": "HIGH",
        "issue_cwe": {"id": 78, "link": "https://cwe.mitre.org/data/definitions/78.html"},
        "issue_severity": "HIGH", "issue_text": "subprocess call with shell=True identified.",
        "line_number": 2, "line_range": [2], "more_info": "https://bandit.readthedocs.io/",
        "test_id": "B602", "test_name": "subprocess_popen_with_shell_equals_true"}],
}
SEMGREP = {
    "version": "1.100.0", "errors": [], "paths": {"scanned": ["app.py"]}, "skipped_rules": [],
    "results": [{
        "check_id": "rules.shell", "path": "app.py",
        "start": {"line": 2, "col": 1, "offset": 10}, "end": {"line": 2, "col": 34, "offset": 43},
        "extra": {"message": "Shell command built from input.", "severity": "ERROR",
                  "metadata": {"cwe": ["CWE-78: OS Command Injection"], "category": "security"},
                  "lines": "subprocess.call(cmd, shell=True)", "fingerprint": "0", "metavars": {},
                  "is_ignored": False, "engine_kind": "OSS", "validation_state": "NO_VALIDATOR"}}],
}
TRIVY = {
    "SchemaVersion": 2, "ArtifactName": ".", "ArtifactType": "filesystem",
    "Results": [{
        "Target": "requirements.txt", "Class": "lang-pkgs", "Type": "pip",
        "Vulnerabilities": [{
            "VulnerabilityID": "CVE-2019-14234", "PkgName": "Django", "InstalledVersion": "2.2",
            "FixedVersion": "2.2.4", "Severity": "CRITICAL", "Title": "SQL injection",
            "Description": "text", "CweIDs": ["CWE-89"], "References": ["https://example.org/x"]}]}],
}
CHECKOV = {
    "check_type": "dockerfile",
    "results": {"passed_checks": [], "skipped_checks": [], "parsing_errors": [], "failed_checks": [{
        "check_id": "CKV_DOCKER_3", "bc_check_id": None, "check_name": "Ensure a user is created",
        "check_result": {"result": "FAILED"}, "file_path": "/Dockerfile",
        "file_abs_path": "/x/Dockerfile", "repo_file_path": "/Dockerfile",
        "file_line_range": [1, 3], "resource": "/Dockerfile.", "severity": None,
        "guideline": "https://example.org/y", "code_block": [[1, "FROM scratch\n"]]}]},
    "summary": {"passed": 0, "failed": 1, "skipped": 0, "parsing_errors": 0, "resource_count": 1,
                "checkov_version": "3.2.0"}, "url": "x",
}
SARIF = {
    "version": "2.1.0", "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
    "runs": [{"tool": {"driver": {"name": "Example", "version": "1.2", "rules": [
        {"id": "R1", "shortDescription": {"text": "Weak"}}]}},
        "results": [{"ruleId": "R1", "level": "error", "message": {"text": "weak here"},
                     "locations": [{"physicalLocation": {
                         "artifactLocation": {"uri": "src/a.c"}, "region": {"startLine": 4}}}]}]}],
}
REPORTS = {
    "bandit": json.dumps(BANDIT), "semgrep": json.dumps(SEMGREP), "trivy": json.dumps(TRIVY),
    "checkov": json.dumps(CHECKOV), "gitleaks": leaks(), "sarif": json.dumps(SARIF),
}


class Import(Case):
    def imported(self, *args, **kw):
        return self.report("import", *args, **kw)

    def test_detects_each_format(self):
        for scanner, text in REPORTS.items():
            self.write("report", text)
            _, report = self.imported("report", "--fail-on", "none", code=PASSED)
            run = self.run_of(report, scanner)
            self.assertEqual((run["status"], run["findings"]), ("completed", 1), run)

    def test_all_at_once(self):
        for scanner, text in REPORTS.items():
            self.write(f"{scanner}.json", text)
        r, report = self.imported(*(f"{s}.json" for s in REPORTS), "--fail-on", "high", code=GATE)
        self.assertEqual(len(report["scanners"]), len(REPORTS))
        self.assertEqual(report["summary"]["reported"], len(REPORTS))
        # Bandit and Semgrep speak of the same line and weakness.
        shell = [f for f in report["findings"] if f.get("file_path") == "app.py"]
        self.assertEqual(len(shell), 1, shell)
        self.assertEqual(sorted(t["name"] for t in shell[0]["tools"]), ["Bandit", "Semgrep"])

    def test_ranked_worst_first(self):
        self.write("t.json", REPORTS["trivy"])
        self.write("c.json", REPORTS["checkov"])
        _, report = self.imported("c.json", "t.json")
        self.assertEqual(report["findings"][0]["severity"], "CRITICAL")

    def test_same_report_twice_is_the_same_findings(self):
        self.write("a.json", REPORTS["trivy"])
        self.write("b.json", REPORTS["trivy"])
        _, report = self.imported("a.json", "b.json")
        self.assertEqual(len(report["findings"]), 1)

    def test_named_scanner(self):
        self.write("x", REPORTS["bandit"])
        _, report = self.imported("--scanner", "bandit", "x", "--fail-on", "none", code=PASSED)
        self.run_of(report, "bandit")

    def test_wrong_scanner_named(self):
        self.write("x", REPORTS["bandit"])
        r, report = self.imported("--scanner", "trivy", "x", code=INCOMPLETE)
        self.assertNotEqual(self.run_of(report, "trivy")["status"], "completed")

    def test_unknown_scanner_named(self):
        self.write("x", REPORTS["bandit"])
        r = self.run_it("import", "--scanner", "bandti", "x", code=USAGE)
        self.assertIn('did you mean "bandit"', r.err)

    def test_missing_file(self):
        self.write("x", REPORTS["bandit"])
        r = self.run_it("import", "x", "nowhere.json", "--format", "json")
        self.assertIn(r.code, (USAGE, INCOMPLETE))
        self.assertIn("nowhere.json", r.text)

    def test_root_makes_paths_relative(self):
        report = dict(BANDIT, results=[dict(BANDIT["results"][0], filename="/ci/build/x/app.py")])
        self.write("x", json.dumps(report))
        (self.cwd / "ci").mkdir()
        _, found = self.imported("x", "--fail-on", "none")
        self.assertFalse(found["findings"][0]["file_path"].startswith("/"))

    def test_unknown_formats(self):
        for name, text in (("a.json", '{"hello": "world"}'), ("b.txt", "no report at all\n"),
                           ("c.xml", "<?xml version='1.0'?><html/>"), ("d.json", "[]"),
                           ("e.bin", bytes(range(256))), ("empty.json", "")):
            self.write(name, text)
            r, report = self.imported(name, code=INCOMPLETE)
            self.assertEqual(len(report["scanners"]), 1, report["scanners"])
            run = report["scanners"][0]
            self.assertIn(run["status"], ("failed", "incomplete"), name)
            self.assertTrue(run["reason"], name)
            self.assertIn(name, json.dumps(run))

    def test_folder_and_pipe_as_report(self):
        (self.cwd / "dir").mkdir()
        r = self.run_it("import", "dir", timeout=30)
        self.assertIn(r.code, (USAGE, INCOMPLETE))

    def test_secret_of_a_saved_report_is_masked(self):
        self.write("x", REPORTS["gitleaks"])
        r = self.run_it("import", "x", "--all", "--log-level", "debug", "--format",
                        "table,json=o.json,sarif=o.sarif,junit=o.xml")
        for text in (r.text, *((self.cwd / f"o.{x}").read_text() for x in ("json", "sarif", "xml"))):
            self.assertNotIn(SECRET, text)


class Hostile(Case):
    def test_cut_anywhere_is_never_clean(self):
        """Every report, cut at many places: always an incomplete import with a reason."""
        for scanner, text in REPORTS.items():
            step = max(1, len(text) // (20 if SANITIZED else 120))
            names = []
            for at in range(1, len(text), step):
                names.append(f"{scanner}-{at}.json")
                self.write(names[-1], text[:at])
            for detect in ((), ("--scanner", scanner)):
                _, report = self.report("import", *names, *detect, code=INCOMPLETE, timeout=120)
                self.assertEqual(len(report["scanners"]), len(names))
                for run in report["scanners"]:
                    self.assertIn(run["status"], ("failed", "incomplete"), run)
                    self.assertTrue(run["reason"], run)

    def test_wrong_types_everywhere(self):
        """Each value replaced by each of a few others: no crash, no hang."""
        others = (None, True, -1, 1e308, "", "x" * 5000, [], {}, [[[]]], {"a": None})
        names = []

        def variants(value):
            """The value with one place in it replaced."""
            for o in others:
                yield o
            if isinstance(value, dict):
                for k in value:
                    for v in variants(value[k]):
                        yield dict(value, **{k: v})
            elif isinstance(value, list) and value:
                for v in variants(value[0]):
                    yield [v, *value[1:]]

        for scanner, text in REPORTS.items():
            all_of_them = list(variants(json.loads(text)))
            some = all_of_them[::max(1, len(all_of_them) // (20 if SANITIZED else 100))]
            names = []
            for i, v in enumerate(some):
                names.append(f"{scanner}-{i}.json")
                self.write(names[-1], json.dumps(v))
            _, report = self.report("import", "--scanner", scanner, *names, timeout=120)
            for run in report["scanners"]:
                self.assertNotIn("crash", run["reason"] or "", run)
                self.assertNotEqual(run["status"], "timeout", run)

    def test_deep_nesting(self):
        self.write("deep.json", "[" * 100_000)
        self.write("deep2.json", '{"runs":' * 50_000)
        self.report("import", "deep.json", "deep2.json", code=INCOMPLETE)
        self.report("import", "--scanner", "sarif", "deep.json", "deep2.json", code=INCOMPLETE)

    def test_many_findings_from_one_line(self):
        results = SARIF["runs"][0]["results"] * 20_000
        self.write("many.sarif", json.dumps(dict(SARIF, runs=[dict(SARIF["runs"][0],
                                                                   results=results)])))
        _, report = self.report("import", "many.sarif", "--fail-on", "none", code=PASSED)
        self.assertEqual(report["summary"]["reported"], 20_000)
        self.assertEqual(len(report["findings"]), 1)

    def test_limit_of_findings_is_incomplete(self):
        results = [dict(SARIF["runs"][0]["results"][0], message={"text": str(i)})
                   for i in range(50)]
        self.write("many.sarif", json.dumps(dict(SARIF, runs=[dict(SARIF["runs"][0],
                                                                   results=results)])))
        _, report = self.report("import", "many.sarif", "--set", "scan.max_findings=10",
                                code=INCOMPLETE)
        self.assertTrue(report["scanners"][0]["reason"])


class TestData(Case):
    """What lies in the testdata folders of the plugins."""

    def test_reports_of_the_plugins(self):
        seen = 0
        for path in sorted((SOURCE / "plugins").glob("*/*/testdata/**/*")):
            if not path.is_file() or path.suffix not in (".json", ".sarif", ".xml"):
                continue
            seen += 1
            scanner = path.relative_to(SOURCE / "plugins").parts[1]
            r, report = self.report("import", path, "--scanner", scanner, "--fail-on", "none")
            self.assertIn(r.code, (PASSED, INCOMPLETE), str(r))
            run = self.run_of(report, scanner)
            self.assertNotIn("crash", run["reason"] or "", path)
        self.assertGreater(seen, 0)


class Corpus(Case):
    def test_no_file_crashes_or_is_silently_empty(self):
        """Every report of the corpus, format detected: a row each, none crashed, none hung."""
        place = corpus()
        if not place:
            self.skipTest("no corpus (SECUREOPS_CORPUS)")
        files = sorted(p for p in (place / "scans").rglob("*") if p.is_file()
                       and p.suffix in (".json", ".sarif", ".xml"))
        if SANITIZED:
            files = files[::8]
        for i in range(0, len(files), 100):
            some = files[i:i + 100]
            r, report = self.report("import", *some, "--fail-on", "none", timeout=200)
            self.assertIn(r.code, (PASSED, INCOMPLETE), r.err)
            self.assertEqual(len(report["scanners"]), len(some))
            for run in report["scanners"]:
                self.assertNotIn("crash", run["reason"] or "", run)
                self.assertNotEqual(run["status"], "timeout", run)
                if run["status"] != "completed":
                    self.assertTrue(run["reason"], run)


if __name__ == "__main__":
    unittest.main(verbosity=2)
