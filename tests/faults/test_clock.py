"""The clock of the machine is set while the daemon works: a day forward, a day back. No storm of
ticks, no job lost or run twice, nobody let in who was not.
"""
import collections
import time
import unittest

from faults import Faults
from harness import BUILD

SHIM = BUILD / "tests" / "faults_clock.so"
DAY = 24 * 3600


@unittest.skipUnless(SHIM.exists(), "there is no clock that can be set")
class Clock(Faults):
    def start_daemon(self):
        self.clock = self.root / "clock"
        self.clock.write_text("0")
        self.env = {**self.env, "LD_PRELOAD": str(SHIM), "FAULTS_CLOCK": str(self.clock)}
        super().start_daemon()

    def set(self, seconds):
        part = self.root / "clock.part"
        part.write_text(str(seconds))
        part.rename(self.clock)

    def log_in(self):
        self.token = self.login("admin@example.com")

    def ticks(self):
        return self.query("SELECT created_at, state FROM jobs WHERE origin = 'schedule'")

    def work(self, first, n=12):
        for number in range(first, first + n):
            self.submit_until_taken(number)

    def test_forward_and_back(self):
        self.make_folders()
        for name, schedule in (("minutes", {"cron": "* * * * *"}),
                               ("seconds", {"interval": "1m", "catch_up": "all"})):
            self.ask(201, "POST", "/schedules", {
                "name": name, **schedule,
                "scan": {"target": {"kind": "directory", "location": str(self.cwd / "app0")},
                         "scanners": ["policies"]}})
        self.work(0)
        self.set(DAY)
        time.sleep(2.5)
        until = time.monotonic() + 20  # the token was for a quarter of an hour
        while self.request("GET", "/jobs?limit=7").status != 401:
            self.assertLess(time.monotonic(), until)
            time.sleep(0.5)
        self.log_in()
        self.work(100)
        time.sleep(2.5)
        self.assertLessEqual(len(self.ticks()), 10, self.ticks())
        self.assertIn("the clock was set forward", self.log.read_text())
        before = len(self.ticks())
        self.set(0)
        time.sleep(2.5)
        self.log_in()
        self.work(200)
        time.sleep(1)
        self.assertLessEqual(len(self.ticks()) - before, 10, self.ticks())
        self.assertIn("the clock was set back", self.log.read_text())
        began = time.monotonic()  # no job waits for a day that is gone
        self.log_in()
        jobs = self.wait_for_all()
        self.assertLess(time.monotonic() - began, 60)
        states = collections.Counter(jobs[j]["state"] for j in self.accepted)
        self.assertLessEqual(set(states), {"completed", "replaced"}, states)
        self.assertEqual(len(self.accepted), 36)
        print(f"{dict(states)}, {len(self.ticks())} ticks")

    def test_a_retry_does_not_wait_for_a_day(self):
        """What was to be tried again by a clock that was ahead."""
        self.make_folders()
        self.set(DAY)
        time.sleep(1.5)
        self.log_in()
        for number in range(6):
            self.submit_until_taken(number)
        self.kill()  # its leases end tomorrow
        self.start_daemon()
        self.log_in()
        jobs = self.wait_for_all()
        self.assertEqual({jobs[j]["state"] for j in self.accepted} - {"completed", "replaced"}, set())


if __name__ == "__main__":
    unittest.main()
