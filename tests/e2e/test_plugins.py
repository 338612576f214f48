"""Plugins and scanner programs with one sin each: contained, named, and nothing is left behind.

The harness checks after every run that no process and no temporary folder is left.
"""
import shutil
import time
import unittest

from harness import BUILD, INCOMPLETE, PASSED, SANITIZED, Case

BAD = BUILD / "tests" / "plugins"
FAKES = BUILD / "tests" / "fakes"

# What the list of plugins says of those that cannot be used.
REFUSED = {
    "bad-magic": "magic: expected 0x50434f53",
    "bad-major": "abi_major: expected 1, found 2",
    "future-minor": "abi_minor: expected",
    "tiny-struct": "struct_size: expected",
    "null-name": "name: expected",
    "no-symbol": "sco_plugin_v1",
    "not-elf": "not-elf.so",
    "crash-load": "crashed",
}

# name: (status, words of the reason)
ENDS = {
    "crash-open": ("failed", "crashed"),
    "fail-open": ("failed", "no licence was found"),
    "crash-run": ("failed", "crashed: signal 11"),
    "abort-run": ("failed", "crashed: signal 6"),
    "crash-close": ("failed", "crashed"),
    "hang-run": ("timeout", "deadline"),
    "hang-deaf": ("timeout", "deadline"),
    "spin-run": ("timeout", "deadline"),
    "exit-run": ("failed", "exit"),
    "exit-hard": ("failed", "without a result"),
    "odd-result": ("failed", "42"),
    "silent-failure": ("failed", "no reason"),
    "late-emit": ("incomplete", "outside of its run"),
    "no-type": ("incomplete", "type 0"),
    "garbage": ("failed", "worker"),
    "close-fds": ("failed", "without a result"),
    "stderr-flood": ("failed", "the cause at last"),
    "fake-fails": ("failed", "cannot read the rules"),
    "fake-no-report": ("failed", "no report"),
    "fake-truncated": ("failed", "middle of a list"),
    "fake-stale": ("failed", "older than the run"),
    "fake-crash": ("failed", "signal 11"),
    "fake-slow": ("timeout", "in time"),
    "fake-deaf": ("timeout", "in time"),
    "fake-endless": ("failed", "too much"),
}
# A sanitizer turns the signal into a message of its own.
if SANITIZED:
    ENDS.update({"crash-run": ("failed", ""), "crash-open": ("failed", ""),
                 "crash-close": ("failed", ""), "abort-run": ("failed", "")})

FINE = ("older", "stdout-noise", "leak-children", "fake", "fake-orphans", "fake-storm",
        "fake-stderr")


class Plugins(Case):
    def setUp(self):
        super().setUp()
        self.plugins = self.root / "plugins"
        self.plugins.mkdir()
        self.write("a.py", "x = 1\n")

    def put(self, *names):
        for name in names:
            place = FAKES if name.startswith("fake") else BAD
            shutil.copy(place / f"{name}.so", self.plugins)

    def scan(self, *names, args=(), **kw):
        kw.setdefault("timeout", 250)  # a busy machine writes what is too much for half a minute
        return self.report("scan", "--plugins", self.plugins, "--scanners", ",".join(names),
                           "--timeout", "100s", "--jobs", "4", *self.short(names), *args, **kw)

    @staticmethod
    def short(names):
        """Options that give those that hang a second, and leave the others time."""
        return [a for n in names if ENDS.get(n, " ")[0] == "timeout"
                for a in ("--set", f"scanners.{n}.timeout=1s")]

    def test_refused_plugins_are_listed_with_the_reason(self):
        self.put(*REFUSED, "fake")
        r = self.run_it("plugin", "list", "--plugins", self.plugins, "--format", "json")
        found = {p["name"]: p for p in r.json()["plugins"]}
        for name, words in REFUSED.items():
            self.assertIn(words, found[name].get("error", ""), found[name])
        self.assertNotIn("error", found["fake"])
        self.assertNotIn("error", found["gitleaks"])

    def test_doctor_names_broken_plugins(self):
        self.put("bad-magic")
        r = self.run_it("doctor", "--plugins", self.plugins, code=INCOMPLETE)
        self.assertRegex(r.out, r"(?m)^bad-magic +broken ")

    def test_refused_plugins_make_a_scan_incomplete(self):
        self.put(*REFUSED, "fake")
        r, report = self.scan(*REFUSED, "fake", args=("--fail-on", "none"), code=INCOMPLETE)
        for name, words in REFUSED.items():
            run = self.run_of(report, name)
            self.assertEqual(run["status"], "failed")
            self.assertIn(words, run["reason"])
        self.assertEqual(self.run_of(report, "fake")["status"], "completed")
        self.assertEqual(len(report["findings"]), 2)

    def test_bad_ends_are_contained_and_named(self):
        """All at once beside a good one: each has its status and reason, in the table too."""
        self.put(*ENDS, "fake")
        start = time.monotonic()
        r, report = self.scan(*ENDS, "fake", args=("--fail-on", "none"), code=INCOMPLETE)
        for name, (status, words) in ENDS.items():
            run = self.run_of(report, name)
            self.assertEqual(run["status"], status, run)
            self.assertIn(words, run["reason"], run)
            self.assertIn(f"{name}: {status}", "\n".join(report["gate"]["reasons"]))
        self.assertEqual(self.run_of(report, "fake")["status"], "completed")
        self.assertLess(time.monotonic() - start, 90)

    def test_table_names_them(self):
        some = ("crash-run", "hang-run", "fake-fails")
        self.put(*some)
        r = self.run_it("scan", "--plugins", self.plugins, "--scanners", ",".join(some),
                        *self.short(some), code=INCOMPLETE)
        for name in some:
            self.assertIn(ENDS[name][1].split(":")[0], r.out)
        self.assertIn("INCOMPLETE", r.out.rstrip().splitlines()[-1])

    def test_odd_but_fine(self):
        self.put(*FINE)
        r, report = self.scan(*FINE, args=("--fail-on", "none"), code=PASSED)
        for name in FINE:
            self.assertEqual(self.run_of(report, name)["status"], "completed", name)

    def test_a_million_findings(self):
        self.put("flood")
        count = 50_000 if SANITIZED else 1_000_000
        self.run_it("scan", "--plugins", self.plugins, "--scanners", "flood", "--timeout", "180s",
                    "--set", f"scanners.flood.count={count}", "--fail-on", "none", "--format",
                    "json=o.json", timeout=200, code=PASSED)
        with open(self.cwd / "o.json", "rb") as f:
            f.seek(-2000, 2)
            self.assertIn(f'"reported":{count},'.encode(), f.read())

    def test_a_million_findings_beyond_the_limit(self):
        self.put("flood")
        r, report = self.scan("flood", timeout=100, code=INCOMPLETE, args=(
            "--timeout", "60s", "--set", "scan.max_findings=1000"))
        self.assertLessEqual(report["summary"]["reported"], 1001)
        self.assertTrue(self.run_of(report, "flood")["reason"])

    def test_writing_outside_of_the_work_folder(self):
        """Where the kernel has Landlock, a plugin cannot change the target."""
        self.put("fake")
        victim = self.cwd / "written-by-scanner"
        r, report = self.scan("fake", args=(
            "--fail-on", "none", "--set", f"scanners.fake.args=--try-write,{victim}"))
        titles = [f["title"] for f in report["findings"] if f["rule_id"] == "try"]
        self.assertEqual(len(titles), 1, report["findings"])
        if titles[0].endswith(": ok"):
            victim.unlink()
            self.skipTest("no Landlock in this kernel")
        self.assertFalse(victim.exists())

    def test_clean_environment(self):
        self.put("fake")
        r, report = self.scan("fake", env={"AWS_SECRET_ACCESS_KEY": "hunter2"}, args=(
            "--fail-on", "none", "--set", "scanners.fake.args=--try-env,AWS_SECRET_ACCESS_KEY"))
        titles = [f["title"] for f in report["findings"] if f["rule_id"] == "try"]
        self.assertEqual(len(titles), 1, report["findings"])
        self.assertIn("(none)", titles[0])
        self.assertNotIn("hunter2", r.text)

    def test_secret_options_are_not_shown(self):
        self.put("fake")
        self.write("my.yaml", "scanners:\n  fake:\n    token: env:FAKE_TOKEN\n")
        for args in (("scan", "--scanners", "fake", "--log-level", "debug", "--format", "json"),
                     ("config", "show"), ("plugin", "info", "fake"), ("config", "check")):
            r = self.run_it(*args, "--plugins", self.plugins, "--config", "my.yaml",
                            env={"FAKE_TOKEN": "hunter2-hunter2"})
            self.assertNotIn("hunter2-hunter2", r.text, args)

    def test_plugin_folder_that_others_may_write(self):
        self.put("fake")
        self.plugins.chmod(0o777)
        r = self.run_it("plugin", "list", "--plugins", self.plugins)
        self.assertRegex(r.out, r"(?m)^fake .*cannot be used")


if __name__ == "__main__":
    unittest.main(verbosity=2)
