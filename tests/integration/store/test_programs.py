"""The programs on PostgreSQL: several at once on one branch, a server that goes away."""
import json
import pathlib
import signal
import subprocess
import sys
import time
import unittest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "e2e")]

from harness import INTERNAL, PASSED, USAGE, Case  # noqa: E402
from postgresql import Cluster  # noqa: E402


def sarif(numbers):
    return json.dumps({"version": "2.1.0", "runs": [{
        "tool": {"driver": {"name": "linter"}},
        "results": [{"ruleId": f"R{n}", "level": "note", "message": {"text": f"Problem {n}."},
                     "locations": [{"physicalLocation": {
                         "artifactLocation": {"uri": f"src/f{n}.c"},
                         "region": {"startLine": 1}}}]} for n in numbers]}]})


class Programs(Case):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        try:
            cls.cluster = Cluster().__enter__()
        except FileNotFoundError as e:
            raise unittest.SkipTest(str(e)) from e
        cls.addClassCleanup(cls.cluster.__exit__)

    def check_nothing_left(self, result):
        """The cluster's own processes are children, too."""

    def setUp(self):
        super().setUp()
        name = self.id().rsplit(".", 1)[1]
        subprocess.run(self.cluster.command("createdb", "-h", self.cluster.root, "-U",
                                            self.cluster.user.pw_name, name)
                       if self.cluster.user else
                       self.cluster.command("createdb", "-h", self.cluster.root, name), check=True)
        self.url = self.cluster.url.replace("/postgres?", f"/{name}?")
        self.write("report.sarif", sarif(range(500)))
        self.args = ("import", "report.sarif", f"--store={self.url}", "--repository", "app")

    def test_life(self):
        _, report = self.report(*self.args, code=PASSED)
        self.assertEqual(report["store"]["created"], 500)
        self.assertNotIn("?", report["store"]["where"])
        self.write("report.sarif", sarif(range(1, 501)))
        _, report = self.report(*self.args, code=PASSED)
        self.assertEqual((report["store"]["created"], report["store"]["seen"],
                          report["store"]["resolved"]), (1, 499, 1))
        page = self.run_it("findings", "list", f"--store={self.url}", "--format", "json",
                           "--limit", "10", "--status", "resolved", code=PASSED).json()
        self.assertEqual(len(page["findings"]), 1)
        self.run_it("db", "verify", f"--store={self.url}", code=PASSED)

    def new_database(self, name):
        user = ("-U", self.cluster.user.pw_name) if self.cluster.user else ()
        subprocess.run(self.cluster.command("createdb", "-h", self.cluster.root, *user, name),
                       check=True)
        return self.cluster.url.replace("/postgres?", f"/{name}?")

    def findings(self, url):
        page = self.run_it("findings", "list", f"--store={url}", "--format", "json", "--limit",
                           "1000", "--status", "open", code=PASSED).json()
        return sorted((f["id"], f["fingerprint"], f["first_detected"], f["title"])
                      for f in page["findings"])

    def test_backup_and_restore(self):
        self.report(*self.args, code=PASSED)
        before = self.findings(self.url)
        self.write("key", "5a" * 32)
        self.write("other-key", "a5" * 32)
        store = f"--store={self.url}"
        self.run_it("db", "backup", "plain.dump", store, code=PASSED)
        self.run_it("db", "backup", "sealed.dump", store, "--encrypt-key", "key", code=PASSED)
        sealed = (self.cwd / "sealed.dump").read_bytes()
        self.assertEqual((self.cwd / "sealed.dump").stat().st_mode & 0o777, 0o600)
        self.assertNotIn(b"vulnerabilities", sealed)
        self.assertIn("nothing takes its place",
                      self.run_it("db", "backup", "plain.dump", store, code=USAGE).err)
        target = self.new_database("restored")
        self.run_it("db", "restore", "sealed.dump", f"--store={target}", code=USAGE)
        self.run_it("db", "restore", "sealed.dump", f"--store={target}", "--encrypt-key",
                    "other-key", code=USAGE)
        for n, bad in enumerate((sealed[:len(sealed) // 2], sealed[:-1], sealed + b"x",
                                 sealed[:99] + bytes([sealed[99] ^ 1]) + sealed[100:])):
            (self.cwd / f"bad{n}.dump").write_bytes(bad)
            result = self.run_it("db", "restore", f"bad{n}.dump", f"--store={target}",
                                 "--encrypt-key", "key")
            self.assertNotEqual(result.code, PASSED, n)
            if n != 2:  # whatever came before is whole, and there is more
                self.assertIn("holds no store yet",
                              self.run_it("findings", "list", f"--store={target}").err, n)
        target = self.new_database("restored2")
        self.run_it("db", "restore", "sealed.dump", f"--store={target}", "--encrypt-key", "key",
                    code=PASSED)
        self.run_it("db", "verify", f"--store={target}", code=PASSED)
        self.assertEqual(self.findings(target), before)
        self.run_it("db", "restore", "plain.dump", f"--store={target}", code=USAGE)
        self.write("report.sarif", sarif(range(501)))
        _, report = self.report("import", "report.sarif", f"--store={target}", "--repository",
                                "app", code=PASSED)
        self.assertEqual((report["store"]["created"], report["store"]["seen"]), (1, 500))

    def test_there_and_back_again(self):
        self.report(*self.args, code=PASSED)
        before = self.findings(self.url)
        self.run_it("db", "export", "copy.db", f"--store={self.url}", code=PASSED)
        self.assertEqual(self.findings("copy.db"), before)
        self.run_it("db", "export", "copy.db", f"--store={self.url}", code=USAGE)
        target = self.new_database("copied")
        self.run_it("db", "import", "copy.db", f"--store={target}", code=PASSED)
        self.run_it("db", "verify", f"--store={target}", code=PASSED)
        self.assertEqual(self.findings(target), before)
        self.write("report.sarif", sarif(range(501)))  # sequences go on
        _, report = self.report("import", "report.sarif", f"--store={target}", "--repository",
                                "app", code=PASSED)
        self.assertEqual((report["store"]["created"], report["store"]["seen"]), (1, 500))

    def test_several_at_once_count_each_finding_once(self):
        """The first ones also make the schema, all at the same moment."""
        started = [self.start(*self.args, "--format", "json", "--no-progress") for _ in range(6)]
        created = seen = reopened = 0
        for process in started:
            result = self.finish(process)
            self.assertEqual(result.code, PASSED, str(result))
            store = result.json()["store"]
            created += store["created"]
            seen += store["seen"]
            reopened += store["reopened"]
            self.assertEqual(store["resolved"], 0)
        self.assertEqual((created, seen, reopened), (500, 2500, 0))

    def test_a_server_that_goes_away(self):
        self.report(*self.args, code=PASSED)
        self.cluster.stop(signal.SIGQUIT)
        result = self.run_it(*self.args, "--quiet")
        self.assertEqual(result.code, INTERNAL, str(result))
        self.assertIn("cannot reach the store", result.err)
        self.cluster.start()
        _, report = self.report(*self.args, code=PASSED)
        self.assertEqual(report["store"]["seen"], 500)
        self.run_it("db", "verify", f"--store={self.url}", code=PASSED)

    def test_a_server_that_goes_away_meanwhile(self):
        """At whatever moment: all of the scan is there, or nothing."""
        self.write("large.sarif", sarif(range(20000)))
        args = ("import", "large.sarif", f"--store={self.url}", "--repository", "app")
        self.run_it("db", "migrate", f"--store={self.url}", code=PASSED)
        for wait in (0.2, 0.5, 0.8):
            process = self.start(*args, "--quiet")
            time.sleep(wait)
            self.cluster.stop(signal.SIGQUIT)
            result = self.finish(process)
            self.cluster.start()
            self.run_it("db", "verify", f"--store={self.url}", code=PASSED)
            scans = self.run_it("scans", "list", f"--store={self.url}", "--format", "json",
                                code=PASSED).json()["scans"]
            if result.code == INTERNAL:
                self.assertRegex(result.err, "PostgreSQL|cannot reach the store")
            else:
                self.assertEqual(result.code, PASSED, str(result))
            if not scans:
                page = self.run_it("findings", "list", f"--store={self.url}", "--format", "json",
                                   code=PASSED).json()
                self.assertEqual(page["findings"], [])
        _, report = self.report(*args, code=PASSED)
        self.assertIn(report["store"]["created"] + report["store"]["seen"], (20000,))


if __name__ == "__main__":
    unittest.main()
