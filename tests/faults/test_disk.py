"""The disk is full: requests are refused, nothing that was acknowledged is lost, and when there is
room again the daemon goes on as it is. On a file system of the test's own, for root.
"""
import ctypes
import os
import subprocess
import time
import unittest

from faults import Faults

CLONE_NEWNS = 0x20000
SIZE = "64m"


class Disk(Faults):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if os.geteuid() != 0 or ctypes.CDLL(None).unshare(CLONE_NEWNS) != 0:
            raise unittest.SkipTest("mounts take root")
        done = subprocess.run(["mount", "--make-rprivate", "/"], capture_output=True, check=False)
        if done.returncode:
            raise unittest.SkipTest(f"no mounts of a test's own: {done.stderr.decode()}")

    def start_daemon(self):
        if not self.data.exists():
            self.data.mkdir(mode=0o700)
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs",
                            str(self.data)], check=True)
            self.addCleanup(subprocess.run, ["umount", "-l", str(self.data)], check=False)
        super().start_daemon()

    def fill(self):
        with open(self.data / "filler", "ab", buffering=0) as f:
            for size in (1 << 20, 4096, 1):
                try:
                    while f.write(b"x" * size):
                        pass
                except OSError:
                    pass

    def test_full(self):
        self.make_folders()
        number, again = 0, []
        for _ in range(2):
            for full in (False, True):
                if full:
                    self.fill()
                until = time.monotonic() + 2
                while time.monotonic() < until:
                    if not self.submit(number):
                        again.append(number)
                    number += 1
                    if full:
                        self.fill()
                if full:
                    self.get("/jobs?limit=1")  # what can be read is read
                    (self.data / "filler").unlink()
        self.assertGreater(self.answers[503] + self.answers[507], 0, self.answers)
        for n in again:
            self.submit_until_taken(n)
        self.assertEqual(len(set(self.accepted.values())), number)
        self.finish_all("full disk")
        until = time.monotonic() + 10  # a runner removes its report after the job's end is stored
        while any((self.data / "spool").iterdir()) and time.monotonic() < until:
            time.sleep(0.05)
        self.assertEqual([p.name for p in (self.data / "spool").iterdir()], [])


if __name__ == "__main__":
    unittest.main()
