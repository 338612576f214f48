"""Real scanners on the small weak repository of examples/, as far as they are installed.

What they find is theirs to decide; here it counts that they ran, that their reports were understood
and that the planted weaknesses are in the list, each once.
"""
import json
import os
import pathlib
import shutil
import subprocess
import unittest

from harness import PASSED, SOURCE, Case

WEAK = SOURCE / "examples" / "weak-repo"
TOOLS = pathlib.Path(os.environ.get("SECUREOPS_TOOLS") or
                     pathlib.Path(os.environ.get("XDG_DATA_HOME") or
                                  pathlib.Path.home() / ".local" / "share") / "secureops" / "tools")


class Real(Case):
    def setUp(self):
        super().setUp()
        if not WEAK.is_dir():
            self.skipTest("examples/weak-repo is not there")
        self.env["SECUREOPS_TOOLS"] = str(TOOLS)
        self.repo = self.root / "weak-repo"
        shutil.copytree(WEAK, self.repo)

    def scan_with(self, scanner, *args, gone=()):
        """(run, findings) of one scanner; skips when it is not installed. Every path has to be a
        file of the repository, or one of `gone`."""
        info = self.run_it("plugin", "info", scanner, "--format", "json", code=PASSED).json()
        if not info.get("program"):
            self.skipTest(f"{scanner} is not installed (scripts/install-scanners.sh {scanner})")
        r, report = self.report("scan", "--scanners", scanner, "--offline", "--fail-on", "none",
                                *args, self.repo, timeout=280)
        run = self.run_of(report, scanner)
        self.assertIn(run["status"], ("completed", "incomplete"), f"{run}\n{r.err}")
        self.assertEqual(r.code, PASSED if run["status"] == "completed" else 3, run)
        for f in report["findings"]:
            path = f.get("file_path")
            if path and path not in gone:
                self.assertTrue((self.repo / path).exists(), f"{path} is no file of the repository")
        return run, report["findings"]

    def test_gitleaks(self):
        run, findings = self.scan_with("gitleaks")
        self.assertEqual(run["status"], "completed", run)
        self.assertTrue(findings)
        self.assertEqual({f["vulnerability_type"] for f in findings}, {"SECRET"})
        self.no_secret_in(findings)

    def no_secret_in(self, findings):
        """The found values, read from the files at the reported places, are not in the report."""
        text = json.dumps(findings)
        for f in findings:
            line = (self.repo / f["file_path"]).read_text(errors="replace").splitlines()[
                f["line_number"] - 1]
            for word in line.replace('"', " ").replace("'", " ").replace("=", " ").split():
                if len(word) >= 20:
                    self.assertNotIn(word, text)

    def test_gitleaks_in_history(self):
        git = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", "-C", self.repo]
        if not (self.repo / ".git").exists():
            subprocess.run([*git, "init", "-q"], check=True)
        (self.repo / "old.env").write_text("token = ghp_" + "Zb3dEf6hIj9kLm2nOp5qRs8tUv1wXy4zA7bC\n")
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-q", "-m", "a"], check=True)
        (self.repo / "old.env").unlink()
        subprocess.run([*git, "commit", "-q", "-a", "-m", "b"], check=True)
        run, findings = self.scan_with("gitleaks", gone=["old.env"])
        self.assertIn("old.env", [f.get("file_path") for f in findings])

    def test_bandit(self):
        run, findings = self.scan_with("bandit")
        self.assertTrue(findings)
        for f in findings:
            self.assertTrue(f["cwe_ids"], f)
            self.assertTrue(f["line_number"], f)

    def test_semgrep(self):
        rules = self.write("rules.yaml", """
rules:
  - id: shell-true
    languages: [python]
    severity: ERROR
    message: Shell command
    metadata: {cwe: "CWE-78: OS command injection", category: security}
    pattern: subprocess.$F(..., shell=True, ...)
""")
        (self.repo / "extra.py").write_text("import subprocess\nsubprocess.call(x, shell=True)\n")
        info = self.run_it("plugin", "info", "semgrep", "--format", "json", code=PASSED).json()
        options = {o["name"] for o in info["options"]}
        name = next((n for n in ("rules", "config", "configs") if n in options), None)
        self.assertTrue(name, options)
        run, findings = self.scan_with("semgrep", "--set", f"scanners.semgrep.{name}={rules}")
        self.assertIn(("extra.py", 2), [(f["file_path"], f["line_number"]) for f in findings])

    def test_checkov(self):
        run, findings = self.scan_with("checkov")
        self.assertTrue(findings)
        self.assertIn("IAC", {f["vulnerability_type"] for f in findings})

    def test_trivy(self):
        run, findings = self.scan_with("trivy")
        # Without its database Trivy cannot look for vulnerable packages, and has to say so.
        self.assertTrue(findings or run["reason"], run)

    def test_all_together(self):
        """Everything that is installed, on everything that is there."""
        r, report = self.report("scan", "--offline", "--fail-on", "low", self.repo, timeout=280)
        self.assertIn(r.code, (1, 3), str(r))
        ran = [s for s in report["scanners"] if s["status"] == "completed"]
        self.assertTrue(ran, report["scanners"])
        fingerprints = [f["fingerprint"] for f in report["findings"]]
        self.assertEqual(len(fingerprints), len(set(fingerprints)))
        for s in report["scanners"]:
            if s["status"] not in ("completed", "skipped"):
                self.assertTrue(s["reason"], s)


if __name__ == "__main__":
    unittest.main(verbosity=2)
