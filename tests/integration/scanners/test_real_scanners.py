#!/usr/bin/env python3
"""Bandit, Checkov, Gitleaks, Semgrep and Trivy for real, each on a small folder that is written here.

What is checked is what the plugins promise beside "it ran": the planted weaknesses, each at its line;
what the tools leave out and say only in passing (files that do not parse, broken rules, a missing
database) made visible; ignore files and configuration of the target treated as documented."""
import json
import os
import pathlib
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "e2e"))
from harness import INCOMPLETE, PASSED, Case  # noqa: E402

TOOLS = pathlib.Path(os.environ.get("SECUREOPS_TOOLS") or
                     pathlib.Path(os.environ.get("XDG_DATA_HOME") or
                                  pathlib.Path.home() / ".local" / "share") / "secureops" / "tools")
SKIPPED = set()

APP = """import subprocess
import hashlib


def ping(host):
    return subprocess.call("ping " + host, shell=True)


def digest(data):
    return hashlib.md5(data).hexdigest()


def quiet(host):
    return subprocess.call("ping " + host, shell=True)  # nosec  # nosemgrep
"""
BROKEN = "def f(:\n    pass\n"
DOCKERFILE = "FROM debian:latest\nRUN apt-get update\nEXPOSE 22\n"
TERRAFORM = """resource "aws_security_group" "open" {
  name = "open"
  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
}
resource "aws_db_instance" "db" {
  #checkov:skip=CKV_AWS_16:encrypted elsewhere
  engine              = "mysql"
  instance_class      = "db.t3.micro"
  publicly_accessible = true
}
"""
RULES = """rules:
  - id: shell-true
    languages: [python]
    severity: ERROR
    message: A shell command. Whoever chooses the text chooses the command.
    metadata: {cwe: "CWE-78: OS command injection", category: security}
    pattern: subprocess.$F(..., shell=True, ...)
"""
BROKEN_RULE = """  - id: broken
    languages: [python]
    severity: ERROR
    message: broken
    pattern: "foo(("
"""
# Assembled here, so that no scanner finds it in this file.
TOKEN = "ghp_" + "Zb3dEf6hIj9kLm2nOp5qRs8tUv1wXy4zA7bC"


class Real(Case):
    def setUp(self):
        super().setUp()
        self.env["SECUREOPS_TOOLS"] = str(TOOLS)
        self.repo = self.root / "repo"
        self.repo.mkdir()

    def put(self, files):
        for name, text in files.items():
            path = self.repo / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def scan(self, scanner, *args):
        """(run, findings); skips when the scanner is not installed."""
        info = self.run_it("plugin", "info", scanner, "--format", "json", code=PASSED).json()
        if not info.get("program"):
            SKIPPED.add(scanner)
            self.skipTest("%s is not installed (scripts/install-scanners.sh %s)" % (scanner, scanner))
        r, report = self.report("scan", "--scanners", scanner, "--offline", "--fail-on", "none",
                                *args, self.repo, timeout=280)
        run = self.run_of(report, scanner)
        self.assertEqual(r.code, INCOMPLETE if run["status"] in ("incomplete", "failed")
                         else r.code, run)
        self.assertTrue(run.get("version"), run)
        return run, report["findings"]

    def places(self, findings, *rules):
        return sorted((f["rule_id"], f.get("file_path"), f.get("line_number")) for f in findings
                      if not rules or f["rule_id"] in rules)

    def suppressed(self, findings):
        return {f["rule_id"]: f["suppressions"] for f in findings if f.get("suppressions")}


class Bandit(Real):
    def test_findings_and_unparsed_file(self):
        self.put({"app/main.py": APP, "app/broken.py": BROKEN, "venv/x.py": APP})
        run, findings = self.scan("bandit")
        self.assertEqual(run["status"], "incomplete", run)
        self.assertIn("app/broken.py (syntax error", run["reason"])
        self.assertEqual(self.places(findings, "B602", "B324"),
                         [("B324", "app/main.py", 10), ("B602", "app/main.py", 6)])
        shell = next(f for f in findings if f["rule_id"] == "B602")
        self.assertEqual((shell["severity"], shell["cwe_ids"]), ("HIGH", ["CWE-78"]))

    def test_password_is_masked(self):
        self.put({"a.py": 'password = "not-in-the-report-9d1f"\n'})
        run, findings = self.scan("bandit")
        self.assertEqual(run["status"], "completed", run)
        self.assertEqual([f["vulnerability_type"] for f in findings], ["SECRET"])
        self.assertNotIn("not-in-the-report-9d1f", json.dumps(findings))

    def test_configuration_of_the_target(self):
        self.put({"a.py": APP, ".bandit": "[bandit]\nskips: B602\n"})
        _, findings = self.scan("bandit")
        self.assertTrue(self.places(findings, "B602"))
        _, findings = self.scan("bandit", "--set", "scanners.bandit.target_config=true")
        self.assertFalse(self.places(findings, "B602"))


class DebianBandit(Real):
    def test_old_release(self):
        """Debian's 1.6.2 has no --exit-zero and says 1 when it found something."""
        if not os.path.exists("/usr/bin/bandit"):
            SKIPPED.add("Debian's bandit")
            self.skipTest("the package bandit is not installed")
        self.env["SECUREOPS_TOOLS"] = str(self.root / "tools")  # nothing is in there
        self.put({"app/main.py": APP})
        run, findings = self.scan("bandit")
        self.assertEqual(run["status"], "completed", run)
        self.assertIn(("B602", "app/main.py", 6), self.places(findings))


class Gitleaks(Real):
    def test_files_history_and_ignore_file(self):
        git = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", "-C", str(self.repo)]
        self.put({"old.env": "token = %s\n" % TOKEN, "kept.env": "token = %s\n" % TOKEN[::-1]})
        subprocess.run([*git, "init", "-q"], check=True)
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-q", "-m", "a"], check=True)
        (self.repo / "old.env").unlink()
        subprocess.run([*git, "commit", "-q", "-a", "-m", "b"], check=True)
        self.put({"now/a.env": "token = %s\n" % TOKEN, "now/b.env": "token = %s\n" % TOKEN,
                 ".gitleaksignore": "now/b.env:github-pat:1\n"})
        run, findings = self.scan("gitleaks")
        self.assertEqual(run["status"], "completed", run)
        self.assertEqual(self.places(findings, "github-pat"),
                         [("github-pat", "now/a.env", 1), ("github-pat", "old.env", 1)])
        self.assertNotIn(TOKEN, json.dumps(findings))
        old = next(f for f in findings if f["file_path"] == "old.env")
        self.assertTrue(old["commit_sha"])
        digests = {f["metadata"]["secret_digest"] for f in findings if f["rule_id"] == "github-pat"}
        self.assertEqual(len(digests), 1)  # the same value
        _, findings = self.scan("gitleaks", "--set", "scanners.gitleaks.history=false")
        self.assertEqual(self.places(findings, "github-pat"), [("github-pat", "now/a.env", 1)])

    def test_clean_and_broken_configuration(self):
        self.put({"a.txt": "nothing\n"})
        run, findings = self.scan("gitleaks")
        self.assertEqual((run["status"], findings), ("completed", []))
        self.put({".gitleaks.toml": "[[["})  # of the target: not read unless that is wanted
        run, findings = self.scan("gitleaks")
        self.assertEqual((run["status"], findings), ("completed", []))
        run, _ = self.scan("gitleaks", "--set", "scanners.gitleaks.target_config=true")
        self.assertEqual(run["status"], "failed", run)
        self.assertIn("unable to load gitleaks config", run["reason"])


class Checkov(Real):
    def test_findings_skips_and_unparsed_file(self):
        self.put({"net/main.tf": TERRAFORM, "Dockerfile": DOCKERFILE,
                 "bad/main.tf": 'resource "x" "y" {\n',
                 ".checkov.yaml": "skip-check: [CKV_AWS_24, CKV_DOCKER_1]\n"})
        run, findings = self.scan("checkov")
        self.assertEqual(run["status"], "incomplete", run)
        self.assertIn("1 file could not be parsed: bad/main.tf", run["reason"])
        found = self.places(findings, "CKV_AWS_24", "CKV_DOCKER_1")
        self.assertEqual([f[:2] for f in found], [("CKV_AWS_24", "net/main.tf"),
                                                  ("CKV_DOCKER_1", "Dockerfile")])
        self.assertEqual(self.suppressed(findings)["CKV_AWS_16"],
                         [{"kind": "inline", "reason": "encrypted elsewhere"}])

    def test_nothing_to_check(self):
        self.put({"a.json": "{}\n"})
        run, findings = self.scan("checkov")
        self.assertEqual((run["status"], findings), ("skipped", []), run)


class Semgrep(Real):
    def rules(self, text):
        return "--set", "scanners.semgrep.config=%s" % self.write("rules.yml", text)

    def test_rules_of_the_target(self):
        self.put({"app.py": APP, ".semgrep.yml": RULES})
        run, findings = self.scan("semgrep")
        self.assertEqual(run["status"], "completed", run)
        self.assertEqual(self.places(findings), [("shell-true", "app.py", 6)])
        self.assertEqual(findings[0]["title"], "A shell command")
        self.assertEqual(findings[0]["cwe_ids"], ["CWE-78"])

    def test_no_rules(self):
        self.put({"app.py": APP})
        run, _ = self.scan("semgrep")
        self.assertEqual(run["status"], "skipped", run)
        self.assertIn("there are no rules", run["reason"])

    def test_broken_rule_beside_a_good_one(self):
        self.put({"app.py": APP})
        run, findings = self.scan("semgrep", *self.rules(RULES + BROKEN_RULE))
        self.assertEqual(run["status"], "incomplete", run)
        self.assertIn("Rule parse error in rule broken", run["reason"])

    def test_no_such_rules(self):
        self.put({"app.py": APP})
        run, _ = self.scan("semgrep", "--set", "scanners.semgrep.config=/nowhere/rules.yml")
        self.assertEqual(run["status"], "failed", run)
        self.assertIn("/nowhere/rules.yml", run["reason"])

    def test_nothing_in_the_language_of_the_rules(self):
        self.put({"a.txt": "text\n"})
        run, _ = self.scan("semgrep", *self.rules(RULES))
        self.assertEqual(run["status"], "skipped", run)


class Trivy(Real):
    MISCONFIG = ("--set", "scanners.trivy.scanners=misconfig,secret")

    def test_misconfigurations_secrets_and_ignore_file(self):
        self.put({"Dockerfile": DOCKERFILE, "net/main.tf": TERRAFORM, "deploy.env": TOKEN + "\n",
                 ".trivyignore": "DS-0001\n"})
        run, findings = self.scan("trivy", *self.MISCONFIG)
        self.assertEqual(run["status"], "completed", run)
        self.assertIn(("DS-0004", "Dockerfile", 3), self.places(findings))
        self.assertIn("net/main.tf", {f.get("file_path") for f in findings})
        self.assertEqual({f["vulnerability_type"] for f in findings}, {"IAC", "SECRET"})
        self.assertNotIn(TOKEN, json.dumps(findings))
        hidden = self.suppressed(findings)
        self.assertEqual(list(hidden), ["DS-0001"], hidden)
        self.assertIn(".trivyignore", hidden["DS-0001"][0]["reason"])

    def test_configuration_of_the_target_is_not_read(self):
        self.put({"Dockerfile": DOCKERFILE, "trivy.yaml": "severity: [CRITICAL]\n"})
        _, findings = self.scan("trivy", *self.MISCONFIG)
        self.assertIn("DS-0004", {f["rule_id"] for f in findings})

    def test_no_database_and_unparsed_file(self):
        self.put({"requirements.txt": "jinja2==2.10\n", "main.tf": 'resource "x" "y" {\n'})
        run, _ = self.scan("trivy")
        self.assertEqual(run["status"], "incomplete", run)
        self.assertIn("vulnerabilities were not looked for", run["reason"])
        self.assertIn("Error parsing file", run["reason"])


if __name__ == "__main__":
    program = unittest.main(verbosity=2, exit=False)
    if SKIPPED:
        print("not installed, so not tested: " + ", ".join(sorted(SKIPPED)))
    sys.exit(not program.result.wasSuccessful())
