"""Scans with fake scanner programs behind the real plugins: results, exit status, containment."""
import json
import os
import signal
import subprocess
import time
import unittest
import xml.etree.ElementTree as ET

from fakes import SECRET, gitleaks, leaks
from harness import GATE, INCOMPLETE, PASSED, USAGE, Case, descendants

class FakeScan(Case):
    def setUp(self):
        super().setUp()
        self.write("conf/app.ini", f"token = {SECRET}\n")

    def scan(self, *args, **kw):
        return self.report("scan", "--scanners", "gitleaks", *args, **kw)


class Verdict(FakeScan):
    def test_empty_folder_passes(self):
        (self.cwd / "empty").mkdir()
        r, report = self.report("scan", "empty", code=PASSED)
        self.assertEqual(report["gate"]["result"], "passed")
        self.assertEqual(report["findings"], [])
        self.assertEqual(report["exit_status"], PASSED)

    def test_nothing_found_passes(self):
        self.tool("gitleaks", gitleaks("[]", code=0))
        _, report = self.scan(code=PASSED)
        run = self.run_of(report, "gitleaks")
        self.assertEqual((run["status"], run["findings"], run["version"]),
                         ("completed", 0, "8.30.1"))

    def test_findings_fail_the_gate(self):
        self.tool("gitleaks", gitleaks(leaks()))
        r, report = self.scan("--fail-on", "low", code=GATE)
        self.assertEqual(report["gate"]["result"], "failed")
        self.assertEqual(len(report["findings"]), 1)
        f = report["findings"][0]
        self.assertEqual((f["vulnerability_type"], f["file_path"], f["line_number"], f["rule_id"]),
                         ("SECRET", "conf/app.ini", 1, "github-pat"))
        self.assertRegex(f["fingerprint"], r"^[0-9a-f]{64}$")
        self.assertIn("--fail-on", r.err)

    def test_fail_on_none_passes(self):
        self.tool("gitleaks", gitleaks(leaks()))
        _, report = self.scan("--fail-on", "none", code=PASSED)
        self.assertEqual(len(report["findings"]), 1)

    def test_thresholds(self):
        self.tool("gitleaks", gitleaks(leaks({}, {"StartLine": 7, "Secret": SECRET[::-1]})))
        for maximum, code in ((1, GATE), (2, PASSED)):
            self.write("my.yaml", "gate:\n  thresholds:\n    - type: secret\n      max: "
                                  f"{maximum}\n")
            self.scan("--config", "my.yaml", "--fail-on", "none", code=code)

    def test_missing_required_scanner_is_incomplete(self):
        for args in (("--scanners", "gitleaks"), ("--require", "gitleaks")):
            r, report = self.report("scan", *args, code=INCOMPLETE)
            run = self.run_of(report, "gitleaks")
            self.assertEqual(run["status"], "missing")
            self.assertTrue(run["hint"], "it should say how to get it")
            self.assertIn("gitleaks: missing", " ".join(report["gate"]["reasons"]))

    def test_missing_scanner_that_nobody_asked_for_is_named_only(self):
        self.write("a.py", "x = 1\n")  # for Bandit, which is there
        _, report = self.report("scan", code=PASSED)
        self.assertEqual(self.run_of(report, "gitleaks")["status"], "missing")

    def test_nothing_there_that_could_look_is_incomplete(self):
        r, report = self.report("scan", "--skip", "bandit", code=INCOMPLETE)
        self.assertIn("no scanner looked at", " ".join(report["gate"]["reasons"]))

    def test_incomplete_outranks_findings(self):
        self.tool("gitleaks", gitleaks(leaks()))
        r, report = self.report("scan", "--scanners", "gitleaks,semgrep", "--fail-on", "low",
                                "--set", "tools.path=/nowhere", code=INCOMPLETE)
        self.assertEqual(len(report["findings"]), 1)
        reasons = " ".join(report["gate"]["reasons"])
        self.assertIn("--fail-on", reasons)
        self.assertIn("semgrep", reasons)
        self.assertEqual(report["scan"]["status"], "incomplete")

    def test_incomplete_allowed_by_the_operator(self):
        self.tool("gitleaks", gitleaks(code=2))
        self.write("my.yaml", "gate:\n  on_incomplete: warn\n")
        _, report = self.scan("--config", "my.yaml", code=PASSED)
        self.assertEqual(self.run_of(report, "gitleaks")["status"], "failed")

    def test_same_secret_twice_in_a_report_is_one_finding(self):
        self.tool("gitleaks", gitleaks(leaks({}, {})))
        _, report = self.scan()
        self.assertEqual(len(report["findings"]), 1)

    def test_fingerprint_survives_line_shift_and_another_folder(self):
        self.tool("gitleaks", gitleaks(leaks()))
        _, first = self.scan()
        self.write("conf/app.ini", f"\n\ntoken = {SECRET}\n")
        self.tool("gitleaks", gitleaks(leaks({"StartLine": 3, "EndLine": 3})))
        other = self.root / "elsewhere"
        self.cwd.rename(other)
        self.cwd.mkdir()
        _, second = self.scan(other)
        self.assertEqual(first["findings"][0]["fingerprint"],
                         second["findings"][0]["fingerprint"])


class Broken(FakeScan):
    """What a scanner does wrong is shown as such; never as clean."""

    def broken(self, script, status, *words, args=(), findings=0, **kw):
        self.tool("gitleaks", script)
        r, report = self.scan(*args, code=INCOMPLETE, **kw)
        run = self.run_of(report, "gitleaks")
        self.assertEqual(run["status"], status, run)
        for word in words:
            self.assertIn(word, run["reason"] or "", run)
        self.assertEqual(len(report["findings"]), findings)
        return r, report

    def test_exits_with_an_error(self):
        self.broken(gitleaks(code=1, before="echo 'config is broken: line 7' >&2"), "failed",
                    "config is broken: line 7")

    def test_killed_by_a_signal(self):
        self.broken(gitleaks(before="kill -SEGV $$"), "failed")

    def test_exit_zero_without_a_report(self):
        self.broken(gitleaks(code=0), "failed")

    def test_truncated_report(self):
        text = leaks({}, {"File": "b", "StartLine": 2})
        r, report = self.run_broken_report(text[:-40])
        self.assertIn(self.run_of(report, "gitleaks")["status"], ("failed", "incomplete"))

    def test_report_that_is_no_json(self):
        self.run_broken_report("<html>502 Bad Gateway</html>")

    def test_report_of_another_shape(self):
        self.run_broken_report('{"results": []}')

    def test_empty_report(self):
        self.run_broken_report(" ")

    def run_broken_report(self, text):
        self.tool("gitleaks", gitleaks(text))
        r, report = self.scan(code=INCOMPLETE)
        self.assertNotEqual(self.run_of(report, "gitleaks")["status"], "completed")
        self.assertTrue(self.run_of(report, "gitleaks")["reason"])
        return r, report

    def test_hang_is_ended_at_the_deadline(self):
        r, _ = self.broken(gitleaks(before="sleep 1000"), "timeout", args=("--timeout", "1s"))
        self.assertLess(r.seconds, 12)

    def test_ignoring_sigterm_and_leaving_grandchildren(self):
        r, _ = self.broken(gitleaks(before="trap '' TERM INT HUP; (setsid sleep 1000 &)\n"
                                           "sleep 1000 & sleep 1000; sleep 1000"),
                           "timeout", args=("--timeout", "1s"))
        self.assertLess(r.seconds, 20)

    def test_grandchildren_of_a_scanner_that_ended_well(self):
        self.tool("gitleaks", gitleaks(leaks(), before="(setsid sleep 1000 >/dev/null 2>&1 &)"))
        r, report = self.scan("--fail-on", "none", code=PASSED)
        self.assertLess(r.seconds, 20)

    def test_flood_of_output(self):
        self.tool("gitleaks", gitleaks("[]", code=0, before="yes x"))
        r, report = self.scan("--set", "scan.output_limit=1MiB", code=INCOMPLETE)
        self.assertEqual(self.run_of(report, "gitleaks")["status"], "failed")
        self.assertLess(r.seconds, 10)

    def test_flood_of_errors(self):
        """Of the standard error the end is kept, however much comes."""
        self.tool("gitleaks", gitleaks("[]", code=0, before="yes x | head -c 50000000 >&2"))
        self.scan("--set", "scan.output_limit=1MiB", code=PASSED)

    def test_hostile_text_does_not_reach_the_terminal(self):
        evil = "\x1b]0;owned\x07\x1b[2J<script>alert(1)</script>"
        self.tool("gitleaks", gitleaks(leaks({"Description": evil, "File": f"a{evil}b"})))
        r = self.run_it("scan", "--scanners", "gitleaks")
        self.assertNotIn("\x1b", r.text)
        self.assertNotIn("\x07", r.text)

    def test_a_program_that_cannot_be_executed(self):
        self.tool("gitleaks", "#!/no/such/interpreter\n")
        r, report = self.scan(code=INCOMPLETE)
        self.assertNotEqual(self.run_of(report, "gitleaks")["status"], "completed")

    def test_path_outside_the_target(self):
        self.tool("gitleaks", gitleaks(leaks({"File": "../../../etc/passwd"})))
        _, report = self.scan("--fail-on", "none")
        for f in report["findings"]:
            self.assertNotIn("..", f["file_path"])

    def test_no_room_for_work_folders(self):
        self.tool("gitleaks", gitleaks("[]", code=0))
        r = self.run_it("scan", "--scanners", "gitleaks", env={"TMPDIR": "/nowhere/at/all"})
        self.assertNotIn(r.code, (PASSED, GATE), str(r))
        self.assertIn("/nowhere/at/all", r.text)


class Reports(FakeScan):
    def setUp(self):
        super().setUp()
        self.tool("gitleaks", gitleaks(leaks()))

    def test_several_at_once(self):
        r = self.run_it("scan", "--scanners", "gitleaks", "--fail-on", "high", "--format",
                        "table,json=o.json,sarif=o.sarif,junit=o.xml", code=GATE)
        self.assertIn("github-pat", r.out)
        report = json.loads((self.cwd / "o.json").read_text())
        self.assertEqual(report["version"], "1")
        sarif = json.loads((self.cwd / "o.sarif").read_text())
        self.assertEqual(sarif["version"], "2.1.0")
        results = [x for run in sarif["runs"] for x in run["results"]]
        self.assertEqual(len(results), 1)
        where = results[0]["locations"][0]["physicalLocation"]
        self.assertEqual(where["artifactLocation"]["uri"], "conf/app.ini")
        self.assertTrue(results[0]["partialFingerprints"])
        suites = ET.parse(self.cwd / "o.xml").getroot()
        self.assertEqual(len(list(suites.iter("failure"))), 1)

    def test_failed_scanner_is_in_every_format(self):
        self.tool("gitleaks", gitleaks(code=1, before="echo 'out of cheese' >&2"))
        r = self.run_it("scan", "--scanners", "gitleaks", "--format",
                        "table,json=o.json,sarif=o.sarif,junit=o.xml", code=INCOMPLETE)
        self.assertIn("out of cheese", r.out)
        self.assertIn("out of cheese", (self.cwd / "o.json").read_text())
        sarif = json.loads((self.cwd / "o.sarif").read_text())
        invocations = [i for run in sarif["runs"] for i in run.get("invocations", [])]
        self.assertTrue(any(not i["executionSuccessful"] for i in invocations), sarif)
        self.assertIn("out of cheese", json.dumps(invocations))
        junit = ET.parse(self.cwd / "o.xml").getroot()
        self.assertTrue(list(junit.iter("error")) or list(junit.iter("failure")))

    def test_output_option(self):
        r = self.run_it("scan", "--scanners", "gitleaks", "--format", "json", "-o", "x.json")
        self.assertEqual(r.out, "")
        self.assertEqual(len(json.loads((self.cwd / "x.json").read_text())["findings"]), 1)

    def test_output_replaces_the_file_whole(self):
        self.write("x.json", "y" * 1_000_000)
        self.run_it("scan", "--scanners", "gitleaks", "--format", "json", "-o", "x.json")
        json.loads((self.cwd / "x.json").read_text())
        self.assertEqual([p.name for p in self.cwd.iterdir() if p.name.startswith(("x", ".x"))],
                         ["x.json"])

    def test_quiet(self):
        r = self.run_it("scan", "--scanners", "gitleaks", "--quiet", "--fail-on", "low", code=GATE)
        self.assertEqual((r.out, r.err), ("", ""))

    def test_table_ends_with_the_reason(self):
        r = self.run_it("scan", "--scanners", "gitleaks", "--fail-on", "low", code=GATE)
        last = r.out.rstrip().splitlines()[-1]
        self.assertRegex(last, r"(?i)exit.* 1|fail")

    def test_progress_is_one_line_per_change_on_stderr(self):
        r = self.run_it("scan", "--scanners", "gitleaks")
        self.assertIn("gitleaks", r.err)
        self.assertLess(len(r.err.splitlines()), 8)
        r = self.run_it("scan", "--scanners", "gitleaks", "--no-progress")
        self.assertEqual(r.err, "")

    def test_secrets_are_in_no_output(self):
        for args in ((), ("--log-level", "debug"), ("--log-level", "debug", "--log-format", "json")):
            r = self.run_it("scan", "--scanners", "gitleaks", "--all", "--show-suppressed", *args,
                            "--format", "table,json=o.json,sarif=o.sarif,junit=o.xml")
            texts = [r.text] + [(self.cwd / f"o.{x}").read_text() for x in ("json", "sarif", "xml")]
            for text in texts:
                self.assertNotIn(SECRET, text)
                self.assertNotIn(SECRET[6:-6], text)
        # nor in what is kept between runs
        for path in (self.root / "cache").rglob("*"):
            if path.is_file():
                self.assertNotIn(SECRET.encode(), path.read_bytes(), path)

    def test_secret_in_the_words_of_a_failing_tool(self):
        """A tool that prints a matched value and fails: it is cited, the value is not."""
        self.tool("gitleaks", gitleaks(leaks(), code=1,
                                       before=f"echo 'cannot read after {SECRET}' >&2"))
        r = self.run_it("scan", "--scanners", "gitleaks", "--format", "json", code=INCOMPLETE)
        self.assertNotIn(SECRET, r.text)


class Selection(Case):
    def setUp(self):
        super().setUp()
        self.tool("gitleaks", gitleaks("[]", code=0))

    def test_dry_run(self):
        self.tool("gitleaks", gitleaks("[]", code=0, before="sleep 30"))
        self.write("a.py", "x = 1\n")
        r = self.run_it("scan", "--dry-run", code=PASSED)
        self.assertLess(r.seconds, 10)
        self.assertRegex(r.out, r"(?m)^gitleaks +run .*" + str(self.tools / "gitleaks"))
        self.assertRegex(r.out, r"(?m)^checkov +(missing|skip)")

    def test_skip(self):
        _, report = self.report("scan", "--skip", "gitleaks", code=PASSED)
        for run in report["scanners"]:
            if run["name"] == "gitleaks":
                self.assertEqual(run["status"], "skipped")

    def test_configured_off(self):
        _, report = self.report("scan", "--set", "scanners.gitleaks.enabled=false", code=PASSED)
        for run in report["scanners"]:
            if run["name"] == "gitleaks":
                self.assertEqual(run["status"], "skipped")

    def test_required_and_switched_off(self):
        r = self.run_it("scan", "--set", "scanners.gitleaks.enabled=false", "--set",
                        "scanners.gitleaks.required=true", code=USAGE)
        self.assertIn("scanners.gitleaks is required and switched off", r.err)

    def found_in(self, paths, *args):
        self.tool("gitleaks", gitleaks(leaks(*({"File": p, "Secret": SECRET[:-2] + f"{i:02}"}
                                               for i, p in enumerate(paths)))))
        for p in paths:
            self.write(p, "x\n")
        _, report = self.report("scan", "--scanners", "gitleaks", "--fail-on", "none", *args)
        run = self.run_of(report, "gitleaks")
        return sorted(f["file_path"] for f in report["findings"]), run

    def test_vendored_and_ignored_folders_are_left_out(self):
        self.write(".gitignore", "*.log\n/generated/\n!keep.log\n")
        self.write("sub/.gitignore", "local\n")
        paths = ["src/a.py", "node_modules/x/a.js", "vendor/a.go", ".venv/lib/a.py", "b.log",
                 "keep.log", "generated/c.py", "sub/generated/d.py", "sub/local", "local"]
        found, run = self.found_in(paths)
        self.assertEqual(found, ["keep.log", "local", "src/a.py", "sub/generated/d.py"])
        self.assertEqual(run["dropped"], 6)
        found, run = self.found_in(paths, "--include-ignored")
        self.assertEqual(found, sorted(paths))
        self.assertEqual(run["dropped"], 0)

    def test_gitignore_does_not_hide_what_git_tracks(self):
        """A change that brings a file and a .gitignore that names it hides nothing."""
        self.write(".gitignore", "*\n")
        self.write("src/a.py", "x\n")
        git = ["git", "-C", self.cwd]
        subprocess.run([*git, "init", "-q"], check=True)
        subprocess.run([*git, "add", "-f", "src/a.py"], check=True)
        found, run = self.found_in(["src/a.py", "src/local.py"])
        self.assertEqual(found, ["src/a.py"])
        self.assertGreater(run["dropped"], 0)

    def test_everything_left_out_is_not_clean(self):
        self.write("node_modules/a.js", "x\n")
        self.tool("gitleaks", gitleaks("[]", code=0))
        _, report = self.report("scan", code=INCOMPLETE)
        self.assertIn("left out", " ".join(report["gate"]["reasons"]))

    def test_exclude(self):
        paths = ["src/a.py", "docs/b.md", "docs/deep/c.md", "x.md"]
        for docs in ("docs", "docs/", "./docs", "./docs//"):
            self.assertEqual(self.found_in(paths, "--exclude", docs)[0], ["src/a.py", "x.md"])
        self.assertEqual(self.found_in(paths, "-x", "*.md")[0], ["src/a.py"])
        self.assertEqual(self.found_in(paths, "-x", "docs/*.md")[0],
                         ["docs/deep/c.md", "src/a.py", "x.md"])

    def test_odd_names(self):
        paths = ["with space.txt", "quote'\".txt", "ünï.txt", "-dash.txt", "new\nline.txt"]
        found, _ = self.found_in(paths)
        self.assertEqual(len(found), len(paths))

    def test_link_loops_and_special_files(self):
        self.write("a/b.txt", "x\n")
        (self.cwd / "a" / "loop").symlink_to("..")
        os.mkfifo(self.cwd / "a" / "pipe")
        self.report("scan", "--scanners", "gitleaks", code=PASSED)

    def test_file_as_target(self):
        self.write("one.txt", "x\n")
        _, report = self.report("scan", "--scanners", "gitleaks", "one.txt")
        self.assertEqual(self.run_of(report, "gitleaks")["status"], "completed")

    def test_git_facts(self):
        git = ["git", "-c", "user.name=n", "-c", "user.email=e@example.org", "-C", self.cwd]
        self.write("a.txt", "x\n")
        subprocess.run([*git, "init", "-q", "-b", "trunk"], check=True)
        subprocess.run([*git, "add", "."], check=True)
        subprocess.run([*git, "commit", "-q", "-m", "x"], check=True)
        subprocess.run([*git, "remote", "add", "origin",
                        "https://user:hunter2@example.org/team/app.git"], check=True)
        r, report = self.report("scan", "--scanners", "gitleaks", code=PASSED)
        head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True).stdout
        self.assertEqual(report["scan"]["commit_sha"], head.strip())
        self.assertEqual(report["scan"]["branch"], "trunk")
        self.assertIn("example.org/team/app", report["scan"]["repository"])
        self.assertNotIn("hunter2", r.text)


class Signals(FakeScan):
    def start_hanging(self, *args, before="sleep 1000"):
        """A scan of which semgrep's place is taken by a program that hangs."""
        self.tool("gitleaks", gitleaks(leaks()))
        self.tool("bandit", f"#!/bin/sh\ncase $1 in --version) echo 'bandit 1.7.4'; exit ;; esac\n"
                            f"{before}\nsleep 1000\n")
        self.write("a.py", "x = 1\n")
        p = self.start("scan", "--scanners", "gitleaks,bandit", "--jobs", "2", "--format", "json",
                       "--no-progress", *args)
        until = time.monotonic() + 30
        while time.monotonic() < until:
            if any("sleep 1000" in c for c in descendants(p.pid).values()):
                time.sleep(0.7)  # gitleaks is through
                return p
            time.sleep(0.02)
        self.fail("the fake scanner did not start: " + str(self.finish(p, 5)))

    def test_once_reports_what_is_there(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            p = self.start_hanging()
            start = time.monotonic()
            p.send_signal(number)
            r = self.finish(p, 30, start)
            self.assertEqual(r.code, INCOMPLETE, str(r))
            self.assertLess(r.seconds, 8)
            report = json.loads(r.out)
            self.assertEqual(len(report["findings"]), 1)
            self.assertEqual(self.run_of(report, "gitleaks")["status"], "completed")
            self.assertNotEqual(self.run_of(report, "bandit")["status"], "completed")
            self.assertIn("cancelled", " ".join(report["gate"]["reasons"]))

    def test_twice_is_at_once(self):
        p = self.start_hanging(before="trap '' TERM INT HUP; (setsid sleep 1000 &)")
        p.send_signal(signal.SIGINT)
        time.sleep(0.2)
        start = time.monotonic()
        p.send_signal(signal.SIGINT)
        r = self.finish(p, 30, start)
        self.assertLess(r.seconds, 2)
        self.assertNotIn(r.code, (PASSED, GATE), str(r))

    def test_engine_killed(self):
        """kill -9 of the engine ends its workers, their scanners' programs and what those started."""
        p = self.start_hanging()
        below = descendants(p.pid)
        self.assertTrue(below)
        p.kill()
        p.communicate(timeout=10)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            alive = [pid for pid in below if os.path.exists(f"/proc/{pid}")
                     and open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()[0] != "Z"]
            if not alive:
                break
            time.sleep(0.05)
        for pid in alive:
            os.kill(pid, signal.SIGKILL)
        self.assertEqual(alive, [], below)

    def test_worker_killed(self):
        """A worker that dies is a failed scanner, and takes its scanner along."""
        p = self.start_hanging()
        for pid, command in descendants(p.pid).items():
            if "secureops-worker" in command:
                os.kill(pid, signal.SIGKILL)
        r = self.finish(p, 30)
        self.assertEqual(r.code, INCOMPLETE, str(r))
        run = self.run_of(json.loads(r.out), "bandit")
        self.assertEqual(run["status"], "failed")
        self.assertTrue(run["reason"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
