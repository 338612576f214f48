"""SQLite on a full disk and on one that cannot be written: clear errors, nothing half."""
import json
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "e2e")]

from harness import INTERNAL, PASSED, USAGE, Case  # noqa: E402
from test_programs import sarif  # noqa: E402


class Faults(Case):
    def setUp(self):
        super().setUp()
        self.disk = self.cwd / "disk"
        self.disk.mkdir()
        try:
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(self.disk)],
                           check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as e:
            self.skipTest(f"no file system of a test's own: {e}")
        self.addCleanup(subprocess.run, ["umount", "-l", str(self.disk)], check=False)
        self.store = f"--store={self.disk / 'store.db'}"
        self.write("small.sarif", sarif(range(50)))
        self.write("large.sarif", sarif(range(20000)))

    def load(self, name, code=PASSED):
        return self.run_it("import", name, self.store, "--repository", "app", "--format", "json",
                           "--no-progress", code=code)

    def check_small(self):
        self.run_it("db", "verify", self.store, code=PASSED)
        result = self.run_it("findings", "list", self.store, "--format", "json", "--limit", "1000",
                             code=PASSED)
        self.assertEqual(len(json.loads(result.out)["findings"]), 50)

    def test_full(self):
        self.load("small.sarif")
        result = self.load("large.sarif", INTERNAL)
        self.assertIn("full", result.err)
        self.check_small()
        backup = self.run_it("db", "backup", str(self.disk / "copy"), self.store, code=PASSED)
        self.assertIn("copy", backup.out)
        (self.disk / "filler").write_bytes(b"x" * (1 << 20))
        result = self.run_it("db", "backup", str(self.disk / "copy2"), self.store)
        if result.code != PASSED:
            self.assertFalse((self.disk / "copy2").exists())
            self.assertFalse((self.disk / "copy2.part").exists())
        (self.disk / "filler").unlink()
        (self.disk / "copy").unlink()
        self.assertEqual(self.load("small.sarif").json()["store"]["seen"], 50)

    def test_read_only(self):
        self.load("small.sarif")
        subprocess.run(["mount", "-o", "remount,ro", str(self.disk)], check=True)
        result = self.load("small.sarif", USAGE)
        self.assertIn("Read-only file system", result.err)
        subprocess.run(["mount", "-o", "remount,rw", str(self.disk)], check=True)
        self.check_small()
        self.assertEqual(self.load("small.sarif").json()["store"]["seen"], 50)


if __name__ == "__main__":
    unittest.main()
