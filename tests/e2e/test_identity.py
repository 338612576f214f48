"""Fingerprints hold when a real report changes in what does not make the weakness.

Each report of the shared corpus is changed in one way (results in another order, lines moved, texts
reworded, severities raised, another version of the tool, paths absolute below another checkout) and
imported again: the set of fingerprints must be the same. Only JSON reports; the format does not matter
to identity.
"""
import copy
import json
import random
import re
import unittest

from harness import Case, corpus

REPORTS = (
    "bandit/dd2.json",
    "checkov/checkov-report-many-vuln.json",
    "checkov/checkov-report-multiple-check_type.json",
    "gitleaks/data_many.json",
    "gitleaks/redacted_data_many.json",
    "sarif/bash-report-fabricated-no-internal-dupes.sarif",
    "sarif/codeQL-output.sarif",
    "sarif/flawfinder.sarif",
    "sarif/njsscan.sarif",
    "sarif/semgrepowasp-benchmark-sample.sarif",
    "sarif/taint-python-report.sarif",
    "semgrep/high-medium-low-severities.json",
    "semgrep/repeated_findings.json",
    "semgrep/sca-deployments-vulns.json",
    "sonarqube/sonar-6-findings.json",
    "trivy/kubernetes_fabricated_subset.json",
    "trivy/scheme_2_many_vulns.json",
)

# Lists of independent records. Not SARIF's rules and artifacts: results point into them by number.
RECORDS = {"results", "Results", "Vulnerabilities", "Misconfigurations", "Secrets", "failed_checks",
           "issues", "hotspots"}
LINES = {"line", "line_number", "startLine", "endLine", "StartLine", "EndLine", "Number"}
LINE_LISTS = {"line_range", "file_line_range"}
TEXTS = {"Description", "message", "issue_text", "description", "Message", "check_name",
         "fullDescription", "shortDescription", "Title", "more_info", "PrimaryURL"}
PATHS = {"filename", "path", "File", "uri"}


def walk(value, change, key=None):
    """value with change(key, child) applied to every child of a map, inside out."""
    if isinstance(value, dict):
        return {k: change(k, walk(v, change, k)) for k, v in value.items()}
    if isinstance(value, list):
        return [walk(v, change, key) for v in value]
    return value


def reorder(report, _):
    rng = random.Random(7)

    def change(key, value):
        if key in RECORDS and isinstance(value, list):
            value = list(value)
            rng.shuffle(value)
        return value

    report = walk(report, change)
    return change("results", report) if isinstance(report, list) else report


def move_lines(report, _):
    def by(n):
        return n + 117 if isinstance(n, int) and not isinstance(n, bool) and n > 0 else n

    def change(key, value):
        if key in LINES:
            return by(value)
        if key in LINE_LISTS and isinstance(value, list):
            return [by(n) for n in value]
        if key == "code" and isinstance(value, str):  # Bandit: each line begins with its number
            return re.sub(r"(?m)^(\d+)", lambda m: str(int(m[1]) + 117), value)
        return value

    return walk(report, change)


def reword(report, _):
    def change(key, value):
        if key == "issue_text" and "hardcoded password" in value:
            return value  # the only place where Bandit gives the value, which is identity
        if key in TEXTS and isinstance(value, str) and value:
            return value + " (reworded)"
        if key in TEXTS and isinstance(value, dict) and isinstance(value.get("text"), str):
            return dict(value, text=value["text"] + " (reworded)")
        return value

    return walk(report, change)


def raise_severity(report, _):
    words = {"severity", "Severity", "issue_severity", "level"}

    def change(key, value):
        if key in words and isinstance(value, str):
            return {"level": "error"}.get(key, "HIGH")
        return value

    return walk(report, change)


def new_version(report, _):
    def change(key, value):
        if key in ("driver", "tool") and isinstance(value, dict) and "name" in value:
            return dict(value, version="99.9", semanticVersion="99.9.0")
        return value

    report = walk(report, change)
    if isinstance(report, dict) and isinstance(report.get("version"), str) and "runs" not in report:
        report["version"] = "99.9"
    return report


def move_checkout(report, root):
    def change(key, value):
        if key in PATHS and isinstance(value, str) and value and "://" not in value:
            return f"{root}/{value.removeprefix('./').lstrip('/')}"
        return value

    return walk(report, change)


CHANGES = (reorder, move_lines, reword, raise_severity, new_version, move_checkout)


@unittest.skipUnless(corpus(), "no corpus: set SECUREOPS_CORPUS")
class Identity(Case):
    def fingerprints(self, path, *args):
        _, report = self.report("import", path, "--fail-on", "none", *args)
        return sorted(f["fingerprint"] for f in report["findings"])

    def check(self, name):
        original = json.loads((corpus() / "scans" / name).read_text(encoding="utf-8-sig"))
        suffix = name.rpartition(".")[2]
        elsewhere = self.cwd / "build" / "17" / "checkout"
        elsewhere.mkdir(parents=True, exist_ok=True)
        base = self.fingerprints(self.write(f"base.{suffix}", json.dumps(original)))
        self.assertTrue(base, name)
        self.assertEqual(len(base), len(set(base)), "a fingerprint twice")
        for change in CHANGES:
            with self.subTest(report=name, change=change.__name__):
                changed = change(copy.deepcopy(original), str(elsewhere))
                path = self.write(f"changed.{suffix}", json.dumps(changed))
                self.assertEqual(base, self.fingerprints(path, "--root", elsewhere))


def add(name):
    def test(self):
        self.check(name)

    setattr(Identity, "test_" + re.sub(r"\W+", "_", name), test)


for report_name in REPORTS:
    add(report_name)

if __name__ == "__main__":
    unittest.main()
