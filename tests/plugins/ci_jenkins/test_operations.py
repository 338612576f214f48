"""Builds, queue, logs, artifacts, polling, crumbs and a Jenkins that starts, against the stand-in."""
import pathlib
import unittest

from world import Case, LATER, STARTING


class Runs(Case):
    def test_trigger(self):
        self.jk.job("scan", ["BRANCH", "LEVEL"])
        r = self.good(self.call("trigger", workflow="scan", inputs={"BRANCH": "a b&c=\u00e4", "LEVEL": ""}))
        self.assertEqual((r["pipeline_id"], r["status"], r["queue_id"]), (None, "queued", "scan@77"))
        self.assertEqual(self.jk.queue[77]["parameters"], {"BRANCH": "a b&c=\u00e4", "LEVEL": ""})
        self.assertEqual(self.good(self.call("status", queue_id="scan@77"))["status"], "queued")
        self.jk.leave(77)
        r = self.good(self.call("status", queue_id="scan@77"))
        self.assertEqual((r["pipeline_id"], r["status"]), ("scan#42", "running"))

    def test_names(self):
        for name in ("My Team/widget/feature%2Flogin", "a/b/c", "\u00e4 b"):
            self.jk.job(name)
            self.good(self.call("trigger", workflow=name))
        self.assertIn("/job/My%20Team/job/widget/job/feature%252Flogin/build", [row[1][3:] for row in self.jk.writes()])
        for bad in ("", "a//b", "../x", "a/..", "a#x", "a#0", "a@"):
            self.assertEqual(self.call("trigger", workflow=bad).name, "INVALID", bad)
        self.assertEqual(self.call("trigger", workflow="nothing").name, "NOT_FOUND")

    def test_revision_by_parameter(self):
        self.start(ref_parameter="BRANCH", commit_parameter="SHA")
        self.jk.job("scan", ["BRANCH", "SHA"])
        self.good(self.call("trigger", workflow="scan", ref="refs/heads/main", commit_sha="b" * 40))
        self.assertEqual(self.jk.queue[77]["parameters"], {"BRANCH": "main", "SHA": "b" * 40})

    def test_trigger_refused(self):
        self.jk.job("scan")
        answer = self.call("trigger", workflow="scan", inputs={"NO": "x"})
        self.assertEqual(answer.name, "INVALID")
        self.assertIn("NO", answer.reason)
        self.jk.job("off", buildable=False)
        self.jk.job("folder/x")
        for name in ("off", "folder"):
            self.assertEqual(self.call("trigger", workflow=name).name, "INVALID")

    def test_one_that_waits_already(self):
        self.jk.job("scan")
        self.good(self.call("trigger", workflow="scan"))
        self.assertEqual(self.good(self.call("trigger", workflow="scan"))["queue_id"], "scan@77")  # 303
        self.assertEqual(len(self.jk.queue), 1)

    def test_without_a_location(self):
        self.jk.location = False
        self.jk.job("scan")
        self.assertEqual(self.good(self.call("trigger", workflow="scan"))["queue_id"], "scan@77")
        self.jk.leave(77)
        self.jk.at_once = True
        self.assertEqual(self.good(self.call("trigger", workflow="scan"))["pipeline_id"], "scan#43")

    def test_lost_answers(self):
        for status in (502, 0):
            for after in (False, True):
                for at_once in (False, True):
                    with self.subTest(status=status, after=after, at_once=at_once):
                        self.jk.job("scan")
                        self.jk.queue.clear()
                        self.jk.at_once = at_once
                        self.jk.fault("/build$", "POST", status, after=after)
                        r = self.good(self.call("trigger", workflow="scan"))
                        self.assertEqual(len(self.jk.queue), 1)
                        self.assertEqual(r["pipeline_id"], "scan#42" if at_once else None)

    def test_an_item_that_is_gone(self):
        self.jk.job("scan")
        self.good(self.call("trigger", workflow="scan"))
        self.jk.leave(77)
        self.jk.queue.clear()
        self.assertEqual(self.good(self.call("status", queue_id="scan@77"))["pipeline_id"], "scan#42")
        self.assertEqual(self.call("status", queue_id="scan@99").name, "NOT_FOUND")

    def test_status(self):
        self.jk.job("scan")
        b = self.jk.build("scan", 5, "UNSTABLE")
        r = self.good(self.call("status", pipeline_id="scan#5"))
        self.assertEqual((r["status"], r["branch"], r["commit_sha"], r["stages"]), ("failure", "main", "a" * 40, []))
        b["stages"] = [{"id": "6", "name": "Build", "status": "SUCCESS", "startTimeMillis": 1700000000000, "durationMillis": 2000},
                       {"id": "9", "name": "Test", "status": "IN_PROGRESS", "startTimeMillis": 1700000002000, "durationMillis": 1}]
        stages = self.good(self.call("status", pipeline_id="scan#5"))["stages"]
        self.assertEqual([(s["name"], s["status"], s["finished_at"]) for s in stages],
                         [("Build", "success", "2023-11-14T22:13:22Z"), ("Test", "running", None)])
        self.assertEqual(self.call("status").name, "INVALID")
        for bad in ("scan", "scan#x", "scan#5/../6", "#5"):
            self.assertEqual(self.call("status", pipeline_id=bad).name, "INVALID", bad)

    def test_cancel(self):
        self.jk.job("scan")
        self.jk.build("scan", 5, None)
        self.jk.build("scan", 6, None, listens="kill")
        self.jk.build("scan", 7)
        self.assertEqual(self.good(self.call("cancel", pipeline_id="scan#5"))["status"], "cancelled")
        self.assertEqual(self.good(self.call("cancel", pipeline_id="scan#6"))["status"], "running")
        self.assertEqual(self.good(self.call("cancel", pipeline_id="scan#6", how="kill"))["status"], "cancelled")
        self.assertEqual(self.good(self.call("cancel", pipeline_id="scan#7"))["status"], "success")
        self.assertEqual(self.call("cancel", pipeline_id="scan#7", how="../x").name, "INVALID")
        item = int(self.good(self.call("trigger", workflow="scan"))["queue_id"].split("@")[1])
        self.good(self.call("cancel", queue_id=f"scan@{item}"))
        self.assertTrue(self.jk.queue[item]["cancelled"])
        self.assertEqual(self.good(self.call("status", queue_id=f"scan@{item}"))["status"], "cancelled")

    def test_rerun(self):
        self.jk.job("scan", ["A", "B", "SECRET"])
        self.jk.build("scan", 5, "FAILURE", parameters={"A": "1 2", "B": "", "SECRET": None})
        self.good(self.call("rerun", pipeline_id="scan#5"))
        self.assertEqual(list(self.jk.queue.values())[0]["parameters"], {"A": "1 2", "B": ""})

    def test_rollback(self):
        self.jk.job("deploy", ["SHA"])
        self.jk.build("deploy", 5, parameters={"SHA": "1" * 40})
        self.good(self.call("rollback", environment="production", to={"pipeline_id": "deploy#5"}))
        self.assertEqual(list(self.jk.queue.values())[0]["parameters"], {"SHA": "1" * 40})
        to = {"pipeline_id": "deploy#404", "commit_sha": "2" * 40}
        answer = self.call("rollback", to=to, workflow="deploy")
        self.assertEqual(answer.name, "INVALID")  # it would deploy whatever it deploys
        self.start(commit_parameter="SHA")
        self.good(self.call("rollback", to=to, workflow="deploy"))
        self.assertEqual(list(self.jk.queue.values())[1]["parameters"], {"SHA": "2" * 40})


class Files(Case):
    def test_log_that_grows(self):
        self.jk.job("scan")
        b = self.jk.build("scan", 5, None, log=b"one\n\x00\x1b[31m")
        r = self.good(self.call("logs", pipeline_id="scan#5"))
        self.assertEqual((pathlib.Path(r["path"]).read_bytes(), r["offset"], r["complete"]), (b"one\n\x00\x1b[31m", 10, False))
        b.update(log=b["log"] + b"two\n", building=False)
        r = self.good(self.call("logs", pipeline_id="scan#5", offset=10))
        self.assertEqual((pathlib.Path(r["path"]).read_bytes(), r["offset"], r["complete"]), (b"two\n", 14, True))
        self.jk.fault("progressiveText", "GET", 200, body=b"<html>sign in</html>")
        self.assertEqual(self.call("logs", pipeline_id="scan#5").name, "FORMAT")

    def test_artifacts(self):
        self.jk.job("scan")
        self.jk.build("scan", 5, artifacts={"out/a b#1.sarif": b"{}", "../etc/passwd": b"x"})
        r = self.good(self.call("artifacts", pipeline_id="scan#5"))
        self.assertEqual([(a["id"], a["name"]) for a in r["artifacts"]],
                         [("out/a b#1.sarif", "a b#1.sarif"), ("../etc/passwd", "passwd")])
        r = self.good(self.call("artifacts", pipeline_id="scan#5", id="out/a b#1.sarif"))
        self.assertEqual(pathlib.Path(r["path"]).read_bytes(), b"{}")
        self.assertEqual(self.call("artifacts", pipeline_id="scan#5", id="../etc/passwd").name, "INVALID")
        self.assertEqual(self.call("artifacts", pipeline_id="scan#5", id="other").name, "NOT_FOUND")


class Poll(Case):
    def test_folders(self):
        self.jk.job("acme/widget/main")
        self.jk.job("acme/widget/PR-17")
        self.jk.build("acme/widget/main", 5)
        self.jk.build("acme/widget/main", 4, timestamp=1600000000000)
        self.jk.build("acme/widget/PR-17", 3, None)
        self.start(jobs=["acme"])
        answer = self.worker.call("poll", {"repositories": ["acme/widget"], "since": "2026-01-01T00:00:00Z"})
        self.assertEqual(answer.code, 0, answer)
        self.assertEqual([(e["pipeline_id"], e["status"], e["repo_full_name"], e["pr_number"]) for e in answer.events],
                         [("acme/widget/main#5", "success", "acme/widget", None),
                          ("acme/widget/PR-17#3", "running", "acme/widget", 17)])
        self.assertTrue(answer.result["state"]["until"])

    def poll(self, state=None):
        return self.worker.call("poll", {"repositories": ["acme/widget"], "since": "2026-01-01T00:00:00Z", "state": state})

    def test_many_builds(self):
        self.jk.job("scan")
        for n in range(1, 1021):
            self.jk.build("scan", n)
        self.start(jobs=["scan"])
        answer = self.poll()
        self.assertEqual((answer.name, answer.result["complete"]), ("DEGRADED", False))
        self.assertIn("more than 1000 builds", answer.reason)
        self.assertEqual({e["pipeline_id"] for e in answer.events}, {f"scan#{n}" for n in range(21, 1021)})
        for n in range(1, 900):
            self.jk.build("scan", n, timestamp=1600000000000)
        self.jk.log.clear()
        answer = self.poll()
        self.assertEqual((answer.name, answer.result["complete"], len(answer.events)), ("ok", True, 121))
        self.assertEqual(len([row for row in self.jk.log if "allBuilds" in row[1]]), 3)  # not those before

    def test_what_one_poll_does_not_come_to(self):
        names = [f"acme/{d}/{n:03d}" for d in "abc" for n in range(200)]
        for name in names:
            self.jk.job(name)
            self.jk.build(name, 1)
        self.start(jobs=["acme"])
        first = self.poll()
        self.assertEqual((first.name, first.result["complete"]), ("DEGRADED", False))
        self.assertIn("the next goes on here", first.reason)
        second = self.poll(first.result["state"])
        self.assertEqual((second.name, second.result["complete"]), ("ok", True), second)
        self.assertEqual([e["pipeline_id"] for e in first.events + second.events], [f"{n}#1" for n in names])
        self.assertEqual(second.result["state"], {"until": first.result["state"]["until"]})
        gone = self.poll({**first.result["state"], "next": "acme/b/gone"})  # from the beginning
        self.assertEqual((gone.name, gone.result["complete"], "next" in gone.result["state"]), ("DEGRADED", False, False))
        self.assertEqual(gone.result["state"]["since"], "2026-01-01T00:00:00Z")
        self.assertEqual(self.poll(gone.result["state"]).result["state"]["next"], first.result["state"]["next"])

    def test_folders_that_are_too_deep(self):
        self.jk.job("a/b/c/d/e/f/g")
        self.start(jobs=["a"])
        answer = self.poll()
        self.assertEqual((answer.name, answer.result["complete"]), ("DEGRADED", False))
        self.assertIn("a/b/c/d/e/f/g: folders", answer.reason)

    def test_a_job_that_is_gone(self):
        self.jk.job("scan")
        self.jk.build("scan", 1)
        self.start(jobs=["gone", "scan"])
        answer = self.poll()
        self.assertEqual((answer.name, answer.result["complete"], len(answer.events)), ("DEGRADED", False, 1))
        self.assertIn("gone: ", answer.reason)
        self.start(jobs=["gone"])
        self.assertEqual(self.poll().name, "NOT_FOUND")


class Credentials(Case):
    def test_crumb(self):
        self.start(token=None, password="password")
        self.jk.job("scan")
        self.good(self.call("trigger", workflow="scan"))
        post = self.jk.writes()[0]
        self.assertIn("other=1", post[3]["Cookie"])
        self.assertEqual(len([r for r in self.jk.log if "crumbIssuer" in r[1]]), 1)

    def test_crumb_that_expired(self):
        self.start(token=None, password="password")
        self.jk.job("scan")
        self.jk.fault("/build$", "POST", 403, body=b"<html>No valid crumb was included in the request</html>")
        self.good(self.call("trigger", workflow="scan"))
        self.assertEqual(len([r for r in self.jk.log if "crumbIssuer" in r[1]]), 2)
        self.jk.fault("/build$", "POST", 403, times=9, body=b"<html>No valid crumb was included in the request</html>")
        self.assertEqual(self.call("trigger", workflow="scan").name, "PERMISSION")
        self.assertEqual(len([r for r in self.jk.log if "crumbIssuer" in r[1]]), 4)  # once more, not for ever

    def test_no_crumbs_there(self):
        self.jk.csrf = False
        self.start(token=None, password="password")
        self.jk.job("scan")
        self.good(self.call("trigger", workflow="scan"))

    def test_token_needs_no_crumb(self):
        self.jk.job("scan")
        self.good(self.call("trigger", workflow="scan"))
        self.assertEqual([r for r in self.jk.log if "crumbIssuer" in r[1]], [])

    def test_refused(self):
        self.jk.job("scan")
        self.start(token="wrong")
        self.assertEqual(self.call("status", pipeline_id="scan#5").name, "PERMISSION")
        self.jk.logins = True
        self.assertEqual(self.call("trigger", workflow="scan").name, "PERMISSION")
        self.start()
        self.jk.fault("/build$", "POST", 302, headers={"Location": "/ci/login?from=x"})
        answer = self.call("trigger", workflow="scan")
        self.assertEqual(answer.name, "PERMISSION")
        self.start(token=None)
        self.assertEqual(self.call("trigger", workflow="scan").name, "PERMISSION")


class Faults(Case):
    def test_starting(self):
        self.jk.job("scan")
        for match, method in (("/api/json", "GET"), ("/build$", "POST")):
            self.jk.fault(match, method, 503, body=STARTING)
            answer = self.call("trigger", workflow="scan")
            self.assertEqual(answer.code, LATER, answer)
            self.assertEqual(answer.retry_ms, 15000)
        self.assertEqual(self.jk.queue, {})

    def test_html(self):
        self.jk.job("scan")
        self.jk.fault("/api/json", "GET", 500, body=b"<html><h1>Oops!</h1></html>", times=9)
        answer = self.call("status", pipeline_id="scan#5")
        self.assertEqual(answer.name, "NETWORK")
        self.assertNotIn("<", answer.reason)
        self.jk.faults.clear()
        self.jk.fault("/api/json", "GET", 200, body=b"<html>sign in</html>")
        answer = self.call("status", pipeline_id="scan#5")
        self.assertEqual(answer.name, "FORMAT")
        self.assertIn("sign-in page", answer.reason)

    def test_cut_and_limited(self):
        self.jk.job("scan")
        self.jk.build("scan", 5)
        self.jk.fault("/api/json", "GET", 200, body=b'{"building": fal', kind="application/json")
        self.assertIn(self.call("status", pipeline_id="scan#5").name, ("PARSE", "FORMAT"))
        self.jk.fault("/api/json", "GET", 0, times=2)
        self.jk.fault("/api/json", "GET", 502)
        self.good(self.call("status", pipeline_id="scan#5"))
        self.jk.fault("/api/json", "GET", 429, headers={"Retry-After": "600"}, body=b"<html>slow</html>")
        answer = self.call("status", pipeline_id="scan#5")
        self.assertEqual((answer.code, answer.retry_ms), (LATER, 600000))


if __name__ == "__main__":
    unittest.main()
