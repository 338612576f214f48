"""The store from the command line: what becomes of findings over several scans."""
import json
import os
import signal
import sqlite3
import subprocess
import time
import unittest

from fakes import gitleaks, leaks
from harness import GATE, INCOMPLETE, INTERNAL, PASSED, USAGE, Case, descendants

ROOT_USER = "FROM debian:12\nUSER root\n"
LATEST = "FROM debian:latest\nUSER 1000\n"


def sarif(numbers, tool="linter", line=10):
    results = [{"ruleId": f"R{n}", "level": "error", "message": {"text": f"Problem {n}."},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": f"src/f{n}.c"}, "region": {"startLine": line}}}]}
               for n in numbers]
    return json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": tool}},
                                                     "results": results}]})


class Store(Case):
    def setUp(self):
        super().setUp()
        self.db = self.root / "home/.local/state/secureops/store.db"

    def scan(self, *args, scanners="policies", code=None):
        """(counts of the store, {rule: finding}) of a scan of the current folder."""
        result, report = self.report("scan", "--store", "--scanners", scanners, *args, code=code)
        return report["store"], {f["rule_id"]: f for f in report["findings"]}

    def take(self, *args, code=None, text=None):
        if text is not None:
            self.write("report.sarif", text)
        _, report = self.report("import", "report.sarif", "--store", "--repository", "app", *args,
                                code=code)
        return report["store"]

    def listed(self, *args):
        page = self.run_it("findings", "list", "--format", "json", *args, code=PASSED).json()
        return page["findings"]

    def statuses(self):
        return {f["rule_id"]: f["status"] for f in self.listed("--status", "all")}

    def counts(self, store, **expected):
        zero = dict(created=0, seen=0, changed=0, resolved=0, reopened=0, not_checked=0)
        store = {k: v for k, v in store.items() if k in zero}
        self.assertEqual(store, dict(zero, **expected))

    def test_gates_know_what_was_there(self):
        self.write("Dockerfile", ROOT_USER)
        gate = ("--gate", "gate-new-critical,gate-age")
        self.scan(*gate, code=GATE)  # everything is new
        self.scan(*gate, code=PASSED)
        with sqlite3.connect(self.db) as db:
            db.execute("UPDATE vulnerabilities SET first_detected = first_detected - 400 * 86400000")
        db.close()
        _, report = self.report("scan", "--store", "--scanners", "policies", *gate, code=GATE)
        self.assertRegex(" ".join(report["gate"]["reasons"]), r"gate-age: .* open for 400 days")
        self.assertNotIn("gate-new-critical", " ".join(report["gate"]["reasons"]))

    def test_a_folder_that_changes(self):
        self.write("Dockerfile", ROOT_USER)
        first, found = self.scan()
        self.assertEqual(first["created"], len(found))
        rule = next(r for r, f in found.items() if "user" in f["title"].lower())
        for f in found.values():
            self.assertRegex(f["id"], r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-")
            self.assertEqual(f["first_detected"], f["last_detected"])
        second, again = self.scan()
        self.counts(second, seen=len(found))
        self.assertEqual(again[rule]["id"], found[rule]["id"])
        self.assertEqual(again[rule]["first_detected"], found[rule]["first_detected"])
        self.assertGreater(again[rule]["last_detected"], found[rule]["last_detected"])
        self.write("Dockerfile", ROOT_USER.replace("root", "1000"))
        third, now = self.scan()
        self.assertNotIn(rule, now)
        self.counts(third, seen=len(now), resolved=len(found) - len(now))
        self.assertEqual(self.statuses()[rule], "RESOLVED")
        self.write("Dockerfile", "\n\n" + ROOT_USER)
        fourth, back = self.scan()
        self.assertEqual(fourth["reopened"], len(found) - len(now))
        self.assertEqual(back[rule]["id"], found[rule]["id"])
        shown = self.run_it("findings", "show", found[rule]["id"], "--format", "json",
                            code=PASSED).json()
        self.assertEqual([e["action"] for e in shown["history"]],
                         ["created", "resolved", "reopened", "changed"])
        self.assertEqual(shown["finding"]["fingerprint"], found[rule]["fingerprint"])
        table = self.run_it("scan", "--store", "--scanners", "policies", "--no-progress")
        self.assertIn("Stored: 0 new", table.out)

    def test_the_last_file_is_gone(self):
        self.tool("gitleaks", gitleaks("[]", code=0))
        self.write("Dockerfile", ROOT_USER)
        self.scan(scanners="policies,gitleaks")
        (self.cwd / "Dockerfile").unlink()
        self.write("notes.txt", "nothing for policies to look at")
        self.scan()  # nobody looked at it
        self.assertEqual(set(self.statuses().values()), {"OPEN"})
        self.scan(scanners="policies,gitleaks")
        self.assertEqual(set(self.statuses().values()), {"RESOLVED"})

    def test_a_scan_that_does_not_finish_resolves_nothing(self):
        self.write("conf/app.ini", "token = x\n")
        self.tool("gitleaks", gitleaks(leaks()))
        store, found = self.scan(scanners="gitleaks")
        self.counts(store, created=1)
        for script in (gitleaks("[]", after="exit 3"), gitleaks('[{"RuleID": '),
                       gitleaks("[]", after="kill -9 $$")):
            self.tool("gitleaks", script)
            store, now = self.scan(scanners="gitleaks", code=INCOMPLETE)
            self.counts(store, not_checked=1)
            self.assertEqual(set(self.statuses().values()), {"OPEN"})
        self.tool("gitleaks", gitleaks("[]", code=0))
        self.write("Dockerfile", LATEST)
        store, _ = self.scan()  # another scanner
        self.assertEqual(store["not_checked"], 1)
        store, _ = self.scan("--exclude", "conf", scanners="gitleaks")
        self.assertEqual(store["resolved"], 0)
        store, _ = self.scan(scanners="gitleaks", code=PASSED)
        self.assertEqual(store["resolved"], 1)

    def test_a_severity_or_a_gate_filters_after_the_store(self):
        self.write("Dockerfile", ROOT_USER)
        _, found = self.scan(code=GATE)
        store, _ = self.scan("--fail-on", "none", code=PASSED)
        self.counts(store, seen=len(found))

    def test_what_people_say_is_kept_and_heeded_by_the_gate(self):
        self.write("Dockerfile", ROOT_USER)
        _, found = self.scan(code=GATE)
        high = [f for f in found.values() if f["severity"] in ("HIGH", "CRITICAL")]
        self.assertTrue(high)
        for f in high:
            refused = self.run_it("findings", "set-status", f["id"], "false_positive", code=USAGE)
            self.assertIn("--reason", refused.err)
            self.run_it("findings", "set-status", f["id"], "false_positive", "--reason", "a test",
                        "--by", "ada", code=PASSED)
        store, now = self.scan(code=PASSED)
        self.counts(store, seen=len(found))
        self.assertEqual(now[high[0]["rule_id"]]["status"], "FALSE_POSITIVE")
        shown = self.listed("--status", "false_positive")
        self.assertEqual(len(shown), len(high))
        self.assertEqual(shown[0]["status_by"], "ada")
        self.run_it("findings", "set-status", high[0]["id"], "open", code=PASSED)
        self.scan(code=GATE)

    def test_imports(self):
        self.counts(self.take(text=sarif(range(10))), created=10)
        self.counts(self.take(), seen=10)
        self.counts(self.take(text=sarif(range(10), line=99)), seen=10, changed=10)
        self.counts(self.take(text=sarif(range(1, 11), line=99)), created=1, seen=9, resolved=1)
        self.counts(self.take("--branch", "feature"), created=10)
        self.counts(self.take("--scope", "part", text=sarif([])), not_checked=10)
        self.write("broken.sarif", '{"version": "2.1.0", "runs": [')
        _, report = self.report("import", "report.sarif", "broken.sarif", "--store",
                                "--repository", "app", code=INCOMPLETE)
        self.counts(report["store"], not_checked=10)
        self.counts(self.take(text=sarif([], tool="another")), not_checked=10)
        self.counts(self.take(text=sarif([])), resolved=10)

    def test_whose_findings_has_to_be_said(self):
        self.write("report.sarif", sarif([1]))
        result = self.run_it("import", "report.sarif", "--store", code=USAGE)
        self.assertIn("--repository", result.err)
        result = self.run_it("import", "report.sarif", "--repository", "x", code=USAGE)
        self.assertIn("--store", result.err)
        self.assertFalse(self.db.exists())

    def test_lists(self):
        self.take(text=sarif(range(30)))
        page = self.run_it("findings", "list", "--limit", "12", "--format", "json").json()
        ids = [f["id"] for f in page["findings"]]
        while page["cursor"]:
            page = self.run_it("findings", "list", "--limit", "12", "--format", "json", "--cursor",
                               page["cursor"]).json()
            ids += [f["id"] for f in page["findings"]]
        self.assertEqual(len(ids), 30)
        self.assertEqual(len(set(ids)), 30)
        self.assertEqual(len(self.listed("--path", "src/f7.c")), 1)
        self.assertEqual(len(self.listed("--path", "src")), 30)
        self.assertEqual(len(self.listed("--tool", "LINTER", "--rule", "R3")), 1)
        self.assertEqual(self.listed("--severity", "critical"), [])
        for args in (["--status", "closed"], ["--severity", "bad"], ["--limit", "0"],
                     ["--cursor", "x"], ["--type", "x"], ["--sort", "title"],
                     ["--sort", "last_detected"]):
            self.run_it("findings", "list", *args, code=USAGE)
        up = [f["id"] for f in self.listed("--sort", "first_detected")]
        self.assertEqual(up[::-1], [f["id"] for f in self.listed("--sort", "-first_detected")])
        self.assertEqual(len(self.listed("--sort", "last_detected", "--repository", "app")), 30)
        self.run_it("scans", "list", "--sort", "status", code=USAGE)
        self.run_it("scans", "list", "--sort", "completed_at", code=PASSED)
        table = self.run_it("findings", "list", "--limit", "3", code=PASSED)
        self.assertIn("--cursor", table.out)
        scans = self.run_it("scans", "list", "--format", "json", code=PASSED).json()["scans"]
        self.assertEqual([s["created"] for s in scans], [30])
        scan = self.run_it("scans", "show", scans[0]["id"], "--format", "json", code=PASSED).json()
        self.assertEqual(scan["scanners"][0]["status"], "completed")
        self.assertEqual(scan["repository"], "app")
        self.run_it("scans", "show", "x", code=USAGE)

    def test_care(self):
        result = self.run_it("findings", "list", code=USAGE)
        self.assertIn("scan --store", result.err)
        self.take(text=sarif(range(5)))
        self.assertEqual(self.db.stat().st_mode & 0o777, 0o600)
        self.assertIn("5 findings, 1 scans", self.run_it("db", "verify", code=PASSED).out)
        self.run_it("db", "backup", "copy.db", code=PASSED)
        self.run_it("db", "backup", "copy.db", code=USAGE)
        self.take(text=sarif([]))
        self.assertEqual(len(self.listed("--store=copy.db")), 5)
        self.run_it("db", "retention", "--scans", "1ms", code=PASSED)
        self.assertEqual(self.run_it("scans", "list", "--format", "json").json()["scans"], [])
        with sqlite3.connect(self.db) as db:
            schema = db.execute("PRAGMA user_version").fetchone()[0]
            self.assertEqual(self.run_it("db", "migrate", code=PASSED).out.strip(),
                             f"{self.db} has schema {schema} already")
            db.execute("PRAGMA user_version = 99")
        for command in (["findings", "list"], ["db", "migrate"]):
            result = self.run_it(*command)
            self.assertNotEqual(result.code, PASSED)
            self.assertIn("newer SecureOps", result.err)
        self.write("not.db", "x" * 5000)
        self.assertNotEqual(self.run_it("db", "verify", "--store=not.db").code, PASSED)

    def test_the_configuration_names_a_store(self):
        self.write("Dockerfile", LATEST)
        place = self.root / "home/my.db"
        config = self.root / "home/c.yaml"
        config.write_text("store:\n  path: ~/my.db\n")
        _, report = self.report("scan", "--scanners", "policies", "--config", config)
        self.assertEqual(report["store"]["where"], str(place))
        self.assertTrue(place.exists())
        config.write_text("store:\n  path: my.db\n")
        self.run_it("scan", "--scanners", "policies", "--config", config, code=USAGE)
        self.write("secureops.yaml", "store:\n  path: /tmp/x.db\n")  # not from what is scanned
        self.run_it("scan", "--scanners", "policies", code=USAGE)
        (self.cwd / "secureops.yaml").unlink()
        _, report = self.report("scan", "--scanners", "policies")
        self.assertNotIn("store", report)

    def test_a_store_that_cannot_be_written_is_told_before_the_scan(self):
        self.write("Dockerfile", LATEST)
        (self.root / "home/.local").write_text("a file")
        result = self.run_it("scan", "--store", "--scanners", "policies")
        self.assertIn(result.code, (USAGE, INTERNAL))
        self.assertEqual(result.out, "")

    def test_killed_while_it_merges(self):
        """After kill -9 the store has what it had before, or all of the scan."""
        self.take(text=sarif(range(200)))
        self.write("report.sarif", sarif(range(100, 12000)))
        old, new, kills = (200, 0), (11900, 100), 0
        started = time.monotonic()
        self.report("import", "report.sarif", "--store=timing.db", "--repository", "app")
        whole = time.monotonic() - started
        for i in range(12):
            process = self.start("import", "report.sarif", "--store", "--repository", "app",
                                 "--quiet", "--no-progress")
            wal = self.db.with_name("store.db-wal")
            until = time.monotonic() + 30
            # it writes when the log grows: from there on, at different moments
            while process.poll() is None and time.monotonic() < until:
                if wal.exists() and wal.stat().st_size > 0:
                    time.sleep(whole * i / 60)
                    break
                time.sleep(0.001)
            tree = descendants(process.pid)
            for pid in (process.pid, *tree):
                try:
                    os.kill(pid, signal.SIGKILL)
                    kills += 1
                except ProcessLookupError:
                    pass
            process.communicate()
            with sqlite3.connect(self.db) as db:
                active = db.execute("SELECT count(*) FROM vulnerabilities WHERE status='OPEN'")
                gone = db.execute("SELECT count(*) FROM vulnerabilities WHERE status='RESOLVED'")
                state = (active.fetchone()[0], gone.fetchone()[0])
            db.close()
            self.assertIn(state, (old, new))
            self.run_it("db", "verify", code=PASSED)
            if state == new:
                break
        self.assertGreater(kills, 0)
        for leftover in self.tmp.iterdir():  # of what was killed: nobody was left to remove it
            subprocess.run(["rm", "-rf", str(leftover)], check=True)
        store = self.take()
        self.assertEqual(store["created"] + store["seen"], 11900)
        self.run_it("db", "verify", code=PASSED)


if __name__ == "__main__":
    unittest.main()
