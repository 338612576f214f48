"""Schedules and jobs from the command line, on a local store."""
import unittest

from harness import PASSED, USAGE, Case

APP = "https://git.example/team/app.git"


class Queue(Case):
    def put(self, name="nightly", target=APP, *args, code=PASSED):
        args = args or ("--cron", "30 2 * * *")
        return self.run_it("schedules", "put", name, target, "--format", "json", *args, code=code)

    def schedules(self):
        out = self.run_it("schedules", "list", "--format", "json", code=PASSED)
        return out.json()["schedules"]

    def jobs(self, *args):
        return self.run_it("jobs", "list", "--format", "json", *args, code=PASSED).json()["jobs"]

    def test_a_schedule_from_beginning_to_end(self):
        v = self.put("nightly", APP, "--cron", "30 2 * * *", "--time-zone", "UTC", "--windows",
                     "Mon-Fri 00:00-06:00", "--jitter", "5m", "--catch-up", "skip", "--branch",
                     "main", "--scanners", "trivy,semgrep", "--skip", "zap", "--priority", "7",
                     "--by", "ada").json()
        self.assertEqual(v["target"], "https://git.example/team/app")
        self.assertEqual(v["request"], {
            "target": {"kind": "repository", "location": APP}, "branch": "main",
            "scanners": ["trivy", "semgrep"], "skip": ["zap"]})
        self.assertEqual((v["cron"], v["jitter"], v["catch_up"], v["priority"], v["created_by"]),
                         ("30 2 * * *", "300s", "skip", 7, "ada"))
        self.assertIn("T02:30:00", v["next_at"])
        self.assertIn("nightly", self.run_it("schedules", "list", code=PASSED).out)
        # the same name: in its place
        w = self.put("nightly", "image:registry.example/app:1", "--interval", "6h").json()
        self.assertEqual(w["id"], v["id"])
        self.assertEqual(w["request"]["target"],
                         {"kind": "image", "location": "registry.example/app:1"})
        self.assertNotIn("cron", w)
        self.run_it("schedules", "pause", "nightly", code=PASSED)
        self.assertFalse(self.schedules()[0]["enabled"])
        self.assertNotIn("next_at", self.schedules()[0])
        self.put("nightly", APP, "--interval", "6h")
        self.assertFalse(self.schedules()[0]["enabled"])  # still paused
        self.run_it("schedules", "resume", "nightly", code=PASSED)
        self.assertIn("next_at", self.schedules()[0])
        self.run_it("schedules", "delete", "nightly", code=PASSED)
        self.assertEqual(self.schedules(), [])
        self.run_it("schedules", "show", "nightly", code=USAGE)

    def test_what_is_no_schedule(self):
        for target, args, says in (
                (APP, ("--cron", "61 * * * *"), "cron"),
                (APP, ("--cron", "0 0 30 2 *"), "ten years"),
                (APP, ("--interval", "1s"), "interval"),
                (APP, ("--interval", "often"), "--interval"),
                (APP, ("--interval", "1h", "--cron", "@daily"), "either"),
                (APP, ("--interval", "1h", "--time-zone", "Moon/Base"), "time_zone"),
                (APP, ("--interval", "1h", "--windows", "never"), "windows"),
                (APP, ("--interval", "1h", "--catch-up", "two"), "--catch-up"),
                (APP, ("--interval", "1h", "--priority", "10"), "--priority"),
                ("app", ("--interval", "1h"), "a target is")):
            out = self.put("x", target, *args, code=USAGE)
            self.assertIn(says, out.err)
        self.assertEqual(self.schedules(), [])

    def test_jobs(self):
        self.put()
        job = self.run_it("schedules", "run", "nightly", code=PASSED).out.split()[0]
        self.run_it("jobs", "show", job, code=PASSED)
        (j,) = self.jobs()
        self.assertEqual((j["id"], j["state"], j["origin"], j["target"], j["priority"]),
                         (job, "queued", "cli", "https://git.example/team/app", 5))
        self.assertEqual(self.jobs("--status", "running,dead"), [])
        # again while it waits: one of them is enough
        again = self.run_it("schedules", "run", "nightly", code=PASSED).out.split()[0]
        self.assertEqual({j["id"]: j["state"] for j in self.jobs()},
                         {job: "replaced", again: "queued"})
        self.run_it("jobs", "retry", again, code=USAGE)
        self.run_it("jobs", "cancel", again, "--by", "ada", code=PASSED)
        out = self.run_it("jobs", "show", again, "--format", "json", code=PASSED).json()
        self.assertEqual((out["state"], out["reason"]), ("cancelled", "cancelled by ada"))
        self.run_it("jobs", "cancel", again, code=USAGE)
        self.run_it("jobs", "retry", again, code=PASSED)
        self.assertEqual([j["id"] for j in self.jobs("--status", "queued")], [again])
        self.run_it("jobs", "show", "nobody", code=USAGE)
        self.run_it("jobs", "end", again, code=USAGE)


if __name__ == "__main__":
    unittest.main()
