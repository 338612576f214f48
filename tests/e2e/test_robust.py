"""What must not read as clean, hang, or leave something behind: odd targets, options that
contradict each other, signals at any moment, many targets and reports at once."""
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import unittest

from fakes import gitleaks, leaks
from harness import (BUILD, GATE, INCOMPLETE, INTERNAL, PASSED, SANITIZED, SECUREOPS, USAGE, Case,
                     descendants)

BAD = BUILD / "tests" / "plugins"


class Robust(Case):
    def setUp(self):
        super().setUp()
        self.tool("gitleaks", gitleaks("[]", code=0))
        self.write("t/a.txt", "x\n")

    def scan(self, *args, **kw):
        return self.report("scan", *args, **kw)

    def put_plugin(self, name):
        plugins = self.root / "plugins"
        plugins.mkdir(exist_ok=True)
        shutil.copy(BAD / f"{name}.so", plugins)
        return plugins


class Targets(Robust):
    def test_everything_ignored_is_not_clean(self):
        self.write("t/.gitignore", "*\n")
        _, report = self.scan("t", code=INCOMPLETE)
        self.assertIn("everything in it is left out", " ".join(report["gate"]["reasons"]))
        self.scan("t", "--scanners", "gitleaks", "--include-ignored", code=PASSED)

    def test_no_files_but_a_history_is_not_empty(self):
        (self.cwd / "h" / ".git").mkdir(parents=True)
        self.scan("h", "--skip", "gitleaks", code=INCOMPLETE)

    def test_pipes_as_ignore_files(self):
        for name in (".gitignore", ".git/HEAD", ".git/config", ".git/index"):
            path = self.cwd / "t" / name
            path.parent.mkdir(exist_ok=True)
            os.mkfifo(path)
        self.scan("t", "--scanners", "gitleaks", timeout=30)

    def test_a_folder_that_cannot_be_followed_is_named(self):
        deep = "t/" + "d/" * 140
        self.write(deep + "f", "x")
        _, report = self.scan("t", "--scanners", "gitleaks", code=INCOMPLETE)
        self.assertIn("nested deeper", " ".join(report["gate"]["reasons"]))
        r = self.run_it("scan", "t", "--scanners", "gitleaks", "--dry-run", code=PASSED)
        self.assertIn("nested deeper", r.out)

    def test_paths_that_are_not_utf8(self):
        os.makedirs(os.fsencode(self.cwd) + b"/\xff\xfe")
        r = subprocess.run([SECUREOPS, "scan", b"\xff\xfe"], cwd=self.cwd, env=self.env,
                           capture_output=True, timeout=60)
        self.assertEqual(r.returncode, USAGE, r.stderr)
        self.assertIn(b"not valid UTF-8", r.stderr)
        with open(os.fsencode(self.cwd) + b"/t/\xff.txt", "w") as f:
            f.write("x")
        self.scan("t", "--scanners", "gitleaks", code=PASSED)

    def test_names_are_harmless_on_a_terminal(self):
        name = "a\nb\x1b[31m"
        self.write(f"{name}/x.txt", "x")
        r = self.run_it("scan", name, "--scanners", "gitleaks", code=PASSED)
        self.assertNotIn("\x1b", r.text)
        self.assertNotIn("a\nb", r.text)

    def test_same_target_twice_and_one_inside_the_other(self):
        self.tool("gitleaks", gitleaks(leaks()))
        self.write("t/conf/app.ini", "x\n")
        _, report = self.scan("t", "./t", "t/conf", "--scanners", "gitleaks", "--fail-on", "none",
                              code=PASSED)
        self.assertEqual(len(report["scanners"]), 3)
        paths = sorted(f["file_path"] for f in report["findings"])
        self.assertEqual(paths, ["t/conf/app.ini", "t/conf/conf/app.ini"])

    def test_link_as_target(self):
        (self.cwd / "link").symlink_to("t")
        _, report = self.scan("link", "--scanners", "gitleaks", code=PASSED)
        self.assertEqual(report["scan"]["target"], "link")

    def test_named_scanner_with_targets_of_several_kinds(self):
        """It has done what it was asked for when one of the targets is its own."""
        _, report = self.scan("t", "https://example.org/", "--scanners", "gitleaks",
                              code=INCOMPLETE)
        reasons = " ".join(report["gate"]["reasons"])
        self.assertNotIn("gitleaks", reasons)
        self.assertIn("no scanner looked at this target", reasons)
        _, report = self.scan("https://example.org/", "--scanners", "gitleaks", code=INCOMPLETE)
        self.assertIn("gitleaks: skipped", " ".join(report["gate"]["reasons"]))

    def test_many_targets_at_once(self):
        count = 40 if SANITIZED else 150
        names = []
        for i in range(count):
            self.write(f"many/{i}/a.txt", "x")
            names.append(f"many/{i}")
        _, report = self.scan(*names, "--scanners", "gitleaks", "--jobs", "64", code=PASSED,
                              timeout=240)
        self.assertEqual({r["status"] for r in report["scanners"]}, {"completed"})
        self.assertEqual(len(report["scanners"]), count)


class Options(Robust):
    def refused(self, args, *words):
        r = self.run_it(*args, code=USAGE)
        self.assertEqual(r.out, "")
        for word in words:
            self.assertIn(word, r.err)

    def test_lists_that_name_nothing(self):
        self.refused(("scan", "t", "--require", ""), "--require names no scanner")
        self.refused(("scan", "t", "--scanners", " , "), "--scanners names no scanner")
        self.run_it("scan", "t", "--skip", "", "--scanners", "gitleaks", code=PASSED)

    def test_required_and_skipped(self):
        self.refused(("scan", "t", "--require", "gitleaks", "--skip", "gitleaks"), "both name")

    def test_plugin_folder_that_is_not_there(self):
        self.refused(("scan", "t", "--plugins", "/no/such/place"), "/no/such/place")

    def test_outputs_are_checked_before_the_scan(self):
        self.tool("gitleaks", gitleaks("[]", code=0, before="touch $0.ran"))
        self.refused(("scan", "t", "--scanners", "gitleaks", "--format", "json=x,sarif=x"),
                     "two reports want the file x")
        self.refused(("scan", "t", "--scanners", "gitleaks", "--format", "json=no/such/x"),
                     "no/such")
        self.assertFalse((self.tools / "gitleaks.ran").exists())

    def test_what_takes_no_operands(self):
        self.refused(("doctor", "gitleaks"), "takes options only")
        self.refused(("version", "x"), "takes options only")
        self.refused(("help", "scna"), 'did you mean "scan"')

    def test_formats_of_lists(self):
        for args in (("doctor",), ("plugin", "list"), ("plugin", "info", "gitleaks")):
            self.refused((*args, "--format", "xml"), "expected table or json")


class Outputs(Robust):
    def test_closed_standard_output(self):
        for args in (["scan", "t", "--scanners", "gitleaks"], ["plugin", "list"], ["version"]):
            for closed in (">&-", "<&- >&-", "<&- >&- 2>&-"):
                r = subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", str(SECUREOPS), *args],
                                   cwd=self.cwd, env=self.env, capture_output=True, timeout=60)
                self.assertEqual(r.returncode, INTERNAL, (args, closed, r.stderr))
        self.assertEqual(list(self.tmp.iterdir()), [])

    def test_one_report_that_fails_does_not_cost_the_others(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        r = self.run_it("scan", "t", "--scanners", "gitleaks", "--format",
                        "json=/dev/full,sarif=o.sarif,table", code=INTERNAL)
        self.assertIn("/dev/full", r.err)
        self.assertIn("PASSED", r.out)
        json.loads((self.cwd / "o.sarif").read_text())

    def test_reasons_beyond_those_named_are_counted(self):
        names = []
        for i in range(210):
            self.write(f"bad/{i}.json", "{")
            names.append(f"bad/{i}.json")
        self.write("good.json", leaks())
        _, report = self.report("import", "--scanner", "gitleaks", *names, "good.json", "--fail-on",
                                "low", code=INCOMPLETE, timeout=200)
        reasons = report["gate"]["reasons"]
        self.assertIn("10 more did not finish", reasons)
        self.assertIn("--fail-on", reasons[-1])


class Places(Robust):
    def test_without_a_home(self):
        """Folders in /tmp are used only when they belong to the user alone."""
        uid = 54321
        place = f"/tmp/secureops-{uid}"
        if os.getuid() != 0:
            self.skipTest("needs root to become another user")
        shutil.rmtree(place, ignore_errors=True)
        self.addCleanup(shutil.rmtree, place, ignore_errors=True)
        env = {"PATH": "/usr/bin:/bin"}

        def run():
            return subprocess.run([SECUREOPS, "plugin", "list"], env=env, cwd="/", user=uid,
                                  capture_output=True, text=True, timeout=60)

        r = run()
        if "is not beside" in r.stderr or r.returncode == INTERNAL:
            self.skipTest("the build folder is not for other users")
        self.assertNotIn(place, r.stderr)
        for owner, mode in ((0, 0o700), (uid, 0o777)):
            shutil.rmtree(place, ignore_errors=True)
            os.mkdir(place)
            os.chmod(place, mode)
            os.chown(place, owner, -1)
            r = run()
            self.assertEqual(r.returncode, USAGE, r.stderr)
            self.assertIn(place, r.stderr)

    def test_installation_that_is_incomplete(self):
        (self.root / "inst" / "bin").mkdir(parents=True)
        program = self.root / "inst" / "bin" / "secureops"
        shutil.copy(SECUREOPS, program)
        (self.cwd / "empty").mkdir()
        r = self.run_it("scan", "empty", program=program, code=INTERNAL)
        self.assertIn("secureops-worker", r.err)
        shutil.copy(SECUREOPS.with_name("secureops-worker"), program.parent)
        for _ in range(2):
            for args in (("scan", "empty"), ("plugin", "list"), ("doctor",), ("import", "t/a.txt")):
                r = self.run_it(*args, program=program, code=USAGE)
                self.assertIn("there are no plugins", r.err)
            (self.root / "inst" / "lib" / "secureops" / "plugins").mkdir(parents=True,
                                                                         exist_ok=True)

    def test_root_of_an_import_is_a_folder(self):
        self.write("r.json", leaks())
        r = self.run_it("import", "r.json", "--root", "r.json", code=USAGE)
        self.assertIn("is not a folder", r.err)


class Doctor(Robust):
    TRIVY = """#!/bin/sh
case " $* " in
*" version "*) cat <<'JSON'
%s
JSON
;; *) echo 'Version: 0.74.0' ;; esac
"""

    def notes(self, answer):
        self.tool("trivy", self.TRIVY % answer)
        text = self.run_it("doctor", code=PASSED).out
        report = self.run_it("doctor", "--format", "json", code=PASSED).json()
        trivy = [s for s in report["scanners"] if s["name"] == "trivy"][0]
        self.assertEqual(trivy["version"], "0.74.0")
        for note in trivy["notes"]:
            self.assertIn(f"\n                   {note}\n", text)
        return trivy["notes"]

    def test_age_of_databases(self):
        when = time.time() - 3 * 86400 - 60
        notes = self.notes(json.dumps({"Version": "0.74.0", "VulnerabilityDB": {
            "Version": 2, "UpdatedAt": time.strftime("%Y-%m-%dT%H:%M:%S.5Z", time.gmtime(when))}}))
        self.assertRegex(notes[0], r"^vulnerability database of \d{4}-\d\d-\d\d, 3 days old$")
        self.assertEqual(self.notes('{"Version": "0.74.0"}'),
                         ["no vulnerability database yet: the first scan downloads it"])
        for odd in ('"soon"', '"2999-01-01T00:00:00Z"', '"1-1-1"'):
            self.assertIn("vulnerability database of ",
                          self.notes('{"VulnerabilityDB": {"UpdatedAt": %s}}' % odd)[0])

    def test_an_answer_that_is_none_costs_nothing_else(self):
        self.assertRegex(self.notes("{")[0], "^nothing more can be said: ")

    def test_sandbox_is_stated(self):
        self.assertRegex(self.run_it("doctor").out, r"\nsandbox   \S")
        r = self.run_it("doctor", "--set", "scan.sandbox=false", "--format", "json")
        self.assertIn("switched off", r.json()["sandbox"])


class Network(Robust):
    def test_a_network_failure_is_tried_once_more(self):
        """The retry comes although nothing else happens meanwhile."""
        plugins = self.put_plugin("fetch")
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{s.getsockname()[1]}/"
        r = self.run_it("scan", "t", "--plugins", plugins, "--scanners", "fetch", "--config",
                        self.write("my.yaml", f"scanners:\n  fetch:\n    url: {url}\n"),
                        code=INCOMPLETE, timeout=40)
        self.assertEqual(r.err.count("fetch: started on"), 2, r.err)
        self.assertIn("fetch: failed", r.err)


class Cancelled(Robust):
    """SIGINT before, between and after the scanners."""

    def interrupt(self, args, ready, number=signal.SIGINT, **kw):
        p = self.start(*args, **kw)
        until = time.monotonic() + 30
        while not ready(p) and p.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        self.assertIsNone(p.poll(), "it ended by itself")
        started = time.monotonic()
        p.send_signal(number)
        r = self.finish(p, 30, started)
        self.assertLess(r.seconds, 8)
        return r

    @staticmethod
    def worker_runs(p):
        time.sleep(0.3)
        return any("secureops-worker" in c for c in descendants(p.pid).values())

    @staticmethod
    def sleeps(p):
        return any("sleep 1000" in c for c in descendants(p.pid).values())

    def test_while_plugins_are_asked_who_they_are(self):
        plugins = self.put_plugin("hang-load")
        for args in (("scan", "t"), ("plugin", "list"), ("doctor",)):
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                r = self.interrupt((*args, "--plugins", plugins), self.worker_runs, number)
                self.assertEqual(r.code, INCOMPLETE, str(r))
                self.assertIn("cancelled", r.err)

    def test_while_a_version_is_asked_for(self):
        self.tool("gitleaks", "#!/bin/sh\nsleep 1000\n")
        r = self.interrupt(("doctor",), self.sleeps)
        self.assertEqual(r.code, INCOMPLETE, str(r))

    def test_allowed_gaps_do_not_allow_a_cancelled_scan(self):
        self.tool("gitleaks", gitleaks("[]", code=0, before="sleep 1000"))
        self.write("my.yaml", "gate:\n  on_incomplete: warn\n")
        r = self.interrupt(("scan", "t", "--scanners", "gitleaks", "--config", "my.yaml"),
                           self.sleeps)
        self.assertEqual(r.code, INCOMPLETE, str(r))

    def test_import(self):
        os.mkfifo(self.cwd / "pipe")
        self.write("good.json", leaks())
        writer = os.open(self.cwd / "pipe", os.O_RDWR)
        self.addCleanup(os.close, writer)
        r = self.interrupt(("import", "--scanner", "gitleaks", "pipe", "good.json", "--format",
                            "json"), self.worker_runs)
        self.assertEqual(r.code, INCOMPLETE, str(r))
        self.assertEqual(len(r.json()["findings"]), 1)

    def test_a_report_that_nobody_reads_can_be_given_up(self):
        os.mkfifo(self.cwd / "pipe")

        def writes(p):
            time.sleep(1.0 if SANITIZED else 0.3)
            return not descendants(p.pid) and not list(self.tmp.iterdir())

        r = self.interrupt(("scan", "t", "--scanners", "gitleaks", "--format", "json=pipe"), writes)
        self.assertEqual(r.code, -signal.SIGINT, str(r))

    def test_what_a_killed_engine_left_is_removed(self):
        """Old work folders that nobody holds go; those in use, young ones and others' stay."""
        names = {"secureops.aaaaaa": True, "secureops.bbbbbb": True, "secureops.cccccc": False,
                 "secureops.dddddd": False, "secureops.eeeeee": False, "secureops.f": False}
        old = time.time() - 3600
        for name in names:
            (self.tmp / name / "job").mkdir(parents=True)
            (self.tmp / name / ".lock").touch()
        (self.tmp / "secureops.eeeeee" / ".lock").unlink()
        held = open(self.tmp / "secureops.cccccc" / ".lock", "w")
        self.addCleanup(held.close)
        fcntl.flock(held, fcntl.LOCK_EX)
        for name in names:
            if name != "secureops.dddddd":
                os.utime(self.tmp / name, (old, old))
        p = self.start("scan", "t", "--scanners", "gitleaks")
        p.communicate(timeout=60)
        left = {x.name for x in self.tmp.iterdir()}
        self.assertEqual(left, {n for n, goes in names.items() if not goes})

    def test_at_any_moment(self):
        """Whatever is going on: no hang, no process, no file is left; never 0 after a cancel."""
        for i in range(8):
            self.write(f"many/{i}/a.txt", "x")
        self.tool("gitleaks", gitleaks(leaks()))
        targets = [f"many/{i}" for i in range(8)]
        for i in range(4 if SANITIZED else 16):
            p = self.start("scan", *targets, "--scanners", "gitleaks", "--jobs", "4", "--format",
                           "json=o.json,sarif=o.sarif,table", "--fail-on", "low")
            time.sleep(i * 0.02)
            for number in (signal.SIGINT, signal.SIGTERM)[:1 + i % 2]:
                p.send_signal(number)
            r = self.finish(p, 30)
            self.assertIn(r.code, (GATE, INCOMPLETE, -signal.SIGINT, -signal.SIGTERM), str(r))
            self.assertEqual([f.name for f in self.cwd.iterdir() if f.name.endswith(".tmp")], [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
