"""Runs, logs, artifacts, webhooks, polling, credentials and limits, against the stand-in."""
import json
import pathlib
import subprocess
import tempfile
import time
import unittest

from world import Case, DEGRADED, E, LATER, SECRET


class Runs(Case):
    def test_trigger(self):
        r = self.good(self.call("trigger", ref="refs/heads/main", workflow="ci.yml", inputs={"a": "b c"}))
        self.assertIn(int(r["pipeline_id"]), self.gh.runs)
        workflow, body = self.gh.dispatches[0]
        self.assertEqual((workflow, body["ref"], body["inputs"]), ("ci.yml", "main", {"a": "b c"}))

    def test_trigger_of_the_default_branch(self):
        self.good(self.call("trigger", workflow="ci.yml"))
        self.assertEqual(self.gh.dispatches[0][1]["ref"], "main")

    def test_trigger_on_a_server_that_does_not_say_the_id(self):
        self.gh.run_details = False
        r = self.good(self.call("trigger", ref="main", workflow="ci.yml"))
        self.assertIn(int(r["pipeline_id"]), self.gh.runs)

    def test_trigger_that_took_effect_before_its_502_is_not_repeated(self):
        self.gh.fault("/dispatches$", "POST", 502, after=True)
        r = self.good(self.call("trigger", ref="main", workflow="ci.yml"))
        self.assertEqual(len(self.gh.dispatches), 1)
        self.assertIn(int(r["pipeline_id"]), self.gh.runs)

    def test_trigger_that_failed_before_is_repeated(self):
        self.gh.fault("/dispatches$", "POST", 502)
        self.good(self.call("trigger", ref="main", workflow="ci.yml"))
        self.assertEqual(len(self.gh.dispatches), 1)

    def test_trigger_refused(self):
        answer = self.call("trigger", ref="nowhere", workflow="ci.yml")
        self.assertEqual(answer.name, "INVALID")
        self.assertIn("No ref found", answer.reason)
        self.call("trigger", ref="main", workflow="a/../../x")
        self.assertIn("/workflows/a%2F..%2F..%2Fx/", self.gh.log[-1][1])  # one segment

    def test_event(self):
        r = self.good(self.call("trigger", inputs={"a": "b"}))
        self.assertIsNone(r["pipeline_id"])
        self.assertEqual(self.gh.dispatches[0][1]["client_payload"], {"a": "b"})

    def test_status(self):
        self.gh.run(5, conclusion="failure")
        for i in range(130):
            self.gh.jobs[100 + i] = {"run": 5, "name": f"job {i}", "status": "completed", "conclusion": "success"}
        r = self.good(self.call("status", pipeline_id="5"))
        self.assertEqual((r["status"], r["branch"], len(r["stages"])), ("failure", "main", 130))
        self.assertEqual(r["stages"][129]["job_id"], "229")
        self.assertEqual(self.call("status", pipeline_id="6").name, "NOT_FOUND")

    def test_cancel(self):
        self.gh.run(5, "in_progress", None)
        self.gh.run(6)
        self.assertEqual(self.good(self.call("cancel", pipeline_id="5"))["status"], "cancelled")
        self.assertEqual(self.good(self.call("cancel", pipeline_id="6"))["status"], "success")

    def test_rerun(self):
        self.gh.run(5, conclusion="failure")
        self.assertEqual(self.good(self.call("rerun", pipeline_id="5", failed_only=True))["pipeline_id"], "5")
        self.assertTrue(self.gh.log[-1][1].endswith("/rerun-failed-jobs"))
        self.gh.runs[5].update(status="completed")
        self.gh.fault("/rerun$", "POST", 0, after=True)
        self.good(self.call("rerun", pipeline_id="5"))
        self.assertEqual(self.gh.runs[5]["attempt"], 3)

    def test_rollback(self):
        self.gh.run(5, sha="1" * 40)
        self.good(self.call("rollback", environment="production", to={"pipeline_id": "5"}))
        self.assertEqual(self.gh.runs[5]["attempt"], 2)

    def test_rollback_finds_the_last_good_deployment(self):
        for i, (sha, state) in enumerate((("3" * 40, "failure"), ("2" * 40, "failure"), ("1" * 40, "inactive"))):
            self.gh.deployments.append({"id": 9 - i, "sha": sha, "state": state, "environment": "production"})
        self.gh.run(5, sha="1" * 40)
        self.gh.run(6, sha="2" * 40)
        self.assertEqual(self.good(self.call("rollback", environment="production", to={}))["pipeline_id"], "5")
        self.assertEqual(self.call("rollback", environment="nothing", to={}).name, "INVALID")

    def test_rollback_when_the_run_is_gone(self):
        self.gh.branches.add("v1")
        r = self.good(self.call("rollback", to={"pipeline_id": "404", "ref": "refs/tags/v1"}, workflow="deploy.yml"))
        self.assertIn(int(r["pipeline_id"]), self.gh.runs)
        self.assertEqual(self.gh.dispatches[0][1]["ref"], "v1")


class Files(Case):
    def test_log_of_a_job(self):
        self.gh.jobs[8] = {"run": 5, "name": "b", "status": "completed", "conclusion": "success"}
        self.gh.blobs["/job/8?sig=x"] = b"line one\nline two\n"
        r = self.good(self.call("logs", job_id="8"))
        self.assertEqual(pathlib.Path(r["path"]).read_bytes(), b"line one\nline two\n")
        self.assertEqual((r["offset"], r["complete"]), (18, True))
        r = self.good(self.call("logs", job_id="8", offset=9))
        self.assertEqual(pathlib.Path(r["path"]).read_bytes(), b"line two\n")
        self.assertEqual(len(self.gh.blob_log), 2)
        for _, headers in self.gh.blob_log:  # the token stays at home
            self.assertNotIn("Authorization", headers)

    def test_a_log_that_may_be_cut_is_not_complete(self):
        self.gh.jobs[8] = {"run": 5, "name": "b", "status": "completed", "conclusion": "success"}
        self.gh.blobs.update({"/job/8?sig=x": b"line one\n", "/run/5.zip": b"PK"})
        self.gh.blob_cut = None  # the end of the connection is the end of the log, or not
        for q in (dict(job_id="8"), dict(pipeline_id="5")):
            self.assertFalse(self.good(self.call("logs", **q))["complete"], q)
        self.gh.blob_cut = 7
        for q in (dict(job_id="8"), dict(pipeline_id="5")):
            self.assertEqual(self.call("logs", **q).name, "NETWORK", q)

    def test_log_of_a_run(self):
        self.gh.blobs["/run/5.zip"] = b"PK"
        r = self.good(self.call("logs", pipeline_id="5"))
        self.assertEqual(pathlib.Path(r["path"]).read_bytes(), b"PK")

    def test_expired_and_strange(self):
        self.gh.jobs[8] = {"run": 5, "name": "b", "status": "completed", "conclusion": "success"}
        answer = self.call("logs", job_id="8")
        self.assertEqual(answer.name, "NOT_FOUND")
        self.assertIn("expired", answer.reason)
        for bad in ("../../etc/passwd", "8/../9", "", "8?x"):
            self.assertEqual(self.call("logs", job_id=bad, pipeline_id=bad).name, "INVALID")

    def test_artifacts(self):
        self.gh.artifacts[3] = "reports"
        self.gh.blobs["/artifact/3.zip"] = b"PKzip"
        r = self.good(self.call("artifacts", pipeline_id="5"))
        self.assertEqual([(a["id"], a["name"]) for a in r["artifacts"]], [("3", "reports")])
        r = self.good(self.call("artifacts", id="3"))
        self.assertEqual(pathlib.Path(r["path"]).read_bytes(), b"PKzip")


class Configure(Case):
    URL = "https://secureops.example/webhook/github"

    def test_webhook(self):
        r = self.good(self.call("configure", what="webhook", url=self.URL, dry_run=True))
        self.assertEqual((r["action"], self.gh.hooks), ("created", {}))
        r = self.good(self.call("configure", what="webhook", url=self.URL))
        hook = self.gh.hooks[int(r["id"])]
        self.assertEqual((r["action"], hook["config"]["secret"], hook["config"]["insecure_ssl"]),
                         ("created", SECRET, "0"))
        writes = len(self.gh.writes())
        self.assertEqual(self.good(self.call("configure", what="webhook", url=self.URL))["action"], "unchanged")
        self.assertEqual(len(self.gh.writes()), writes)
        hook["active"] = False
        self.assertEqual(self.good(self.call("configure", what="webhook", url=self.URL))["action"], "updated")
        self.assertTrue(hook["active"])
        self.assertEqual(len(self.gh.hooks), 1)

    def test_webhook_made_before_its_502(self):
        self.gh.fault("/hooks$", "POST", 502, after=True)
        self.assertEqual(self.good(self.call("configure", what="webhook", url=self.URL))["action"], "created")
        self.assertEqual(len(self.gh.hooks), 1)

    def test_workflow(self):
        r = self.good(self.call("configure", what="workflow", dry_run=True))
        self.assertEqual((r["action"], self.gh.contents), ("created", {}))
        text = r["file"]["content"]
        self.assertIn("pull_request:", text)
        self.assertNotIn("%BRANCH%", text)
        r = self.good(self.call("configure", what="workflow"))
        self.assertEqual(self.gh.contents[r["file"]["path"]].decode(), text)
        self.assertEqual(self.good(self.call("configure", what="workflow"))["action"], "unchanged")
        self.gh.contents[r["file"]["path"]] = b"old"
        self.assertEqual(self.good(self.call("configure", what="workflow"))["action"], "updated")
        self.assertEqual(self.call("configure", what="nonsense").name, "UNSUPPORTED")


class Poll(Case):
    def delivery(self, number, guid, code, at="2026-11-22T10:00:00Z"):
        return {"id": number, "guid": guid, "status_code": code, "delivered_at": at, "event": "push"}

    def test_lost_deliveries(self):
        self.gh.hooks[1] = {"id": 1, "active": True, "events": [], "config": {"url": "https://x/webhook/github"}}
        self.gh.hooks[2] = {"id": 2, "active": True, "events": [], "config": {"url": "https://other.example/"}}
        self.gh.deliveries = [
            self.delivery(9, "late", 200), self.delivery(8, "lost", 502), self.delivery(7, "late", 500),
            self.delivery(6, "often", 0), self.delivery(5, "often", 0), self.delivery(4, "often", 0),
            self.delivery(3, "old", 500, "2020-01-01T00:00:00Z")]
        answer = self.worker.call("poll", {"repositories": ["acme/widget"], "since": "2026-11-22T09:00:00Z",
                                           "urls": ["https://x/webhook/github", "https://x/webhook/github/hub"]})
        self.assertEqual(self.good(answer)["redelivered"], 1)
        self.assertEqual(self.gh.attempts, [8])
        self.assertTrue(answer.result["state"]["until"])

    def test_only_our_webhook_is_asked_for_deliveries(self):
        """Another server of the same kind, or another address of ours, is not ours."""
        self.gh.hooks[1] = {"id": 1, "active": True, "events": [], "config": {"url": "https://theirs/webhook/github"}}
        self.gh.deliveries = [self.delivery(8, "lost", 502)]
        request = {"repositories": ["acme/widget"], "since": "2026-11-22T09:00:00Z"}
        nobody = self.worker.call("poll", request)
        self.assertEqual((self.good(nobody)["redelivered"], self.gh.attempts), (0, []))
        self.assertIn("server.public_url", json.dumps(nobody.logs))
        theirs = self.worker.call("poll", {**request, "urls": ["https://theirs/webhook/github"]})
        self.assertEqual(self.good(theirs)["redelivered"], 1)
        for ours in ("https://x/webhook/github", "https://theirs/webhook/github/", "https://theirs/webhook"):
            # what was known of the webhooks is of another address
            answer = self.worker.call("poll", {**request, "urls": [ours], "state": theirs.result["state"]})
            self.assertEqual(self.good(answer)["redelivered"], 0, ours)
        self.assertEqual(self.gh.attempts, [8])

    def pushed(self, n, at):
        return [{"ref": f"refs/heads/b{i}", "before": "b" * 40, "after": f"{i:040x}", "actor": {"login": "al"},
                 "activity_type": "push", "timestamp": at} for i in n]

    def test_what_one_poll_does_not_come_to(self):
        """1000 items of a list in one poll: the next ones go on there, nothing is lost."""
        old, now = "2026-11-22T09:10:00Z", self.gh.pulls[7]["updated_at"]
        self.gh.activity = self.pushed(range(2500, 0, -1), old)
        request = {"repositories": ["acme/widget"], "since": "2026-11-22T09:00:00Z"}
        seen, state, codes = set(), None, []
        for n in range(5):
            answer = self.worker.call("poll", {**request, "state": state})
            codes.append((answer.name, answer.result["complete"]))
            if n < 2:
                self.assertIn("acme/widget: the repository's activity", answer.reason)
            seen |= {int(e["commit_sha"], 16) for e in answer.events if e["event"] == "push"}
            state = answer.result["state"]
            if n == 0:  # more than one page of new ones meanwhile
                self.gh.activity[:0] = self.pushed(range(2650, 2500, -1), now)
        self.assertEqual(seen, set(range(1, 2651)))
        self.assertEqual(codes, [("DEGRADED", False)] * 2 + [("ok", True)] * 3)
        self.assertNotIn("rest", state["seen"]["acme/widget"])

    def test_more_deliveries_than_one_poll_asks_for(self):
        self.gh.hooks[1] = {"id": 1, "active": True, "events": [], "config": {"url": "https://x/webhook/github"}}
        self.gh.deliveries = [self.delivery(i, f"lost{i}", 502) for i in range(1250, 0, -1)]
        request = {"repositories": ["acme/widget"], "since": "2026-11-22T09:00:00Z", "url": "https://x/webhook/github"}
        state, asked = None, set()
        for n in range(3):
            answer = self.worker.call("poll", {**request, "state": state})
            self.assertEqual((answer.name, answer.result["redelivered"], answer.result["complete"]),
                             ("DEGRADED", 100, False))
            state, asked = answer.result["state"], set(self.gh.attempts)
            self.gh.deliveries = [{**d, "status_code": 200 if d["id"] in asked else 502} for d in self.gh.deliveries]
        self.assertEqual(len(asked), 300)

    def test_what_moved(self):
        self.gh.activity = [{"ref": "refs/heads/main", "before": "b" * 40, "after": "c" * 40, "actor": {"login": "al"},
                             "activity_type": "push", "timestamp": "2026-11-22T10:00:00Z"},
                            {"ref": "refs/heads/gone", "before": "b" * 40, "after": "0" * 40,
                             "activity_type": "branch_deletion", "timestamp": "2026-11-22T09:59:00Z"},
                            {"ref": "refs/heads/main", "before": "0" * 40, "after": "b" * 40,
                             "activity_type": "push", "timestamp": "2020-01-01T00:00:00Z"}]
        self.gh.run(5)
        answer = self.worker.call("poll", {"repositories": ["acme/widget"], "since": "2026-11-22T09:00:00Z"})
        self.good(answer)
        kinds = [(e["event"], e["action"], e["commit_sha"], e["repo_full_name"]) for e in answer.events]
        self.assertIn(("push", "updated", "c" * 40, "acme/widget"), kinds)
        self.assertIn(("push", "deleted", None, "acme/widget"), kinds)
        self.assertEqual([k[0] for k in kinds].count("push"), 2)
        self.assertIn(("pull_request", "synchronize", "a" * 40, "acme/widget"), kinds)
        self.assertIn(("pipeline", "completed", "a" * 40, "acme/widget"), kinds)
        pull = next(e for e in answer.events if e["event"] == "pull_request")
        self.assertTrue(pull["details"]["needs_scan"])

    def test_what_is_the_same_costs_nothing(self):
        """304 is not counted: a poll of repositories where nothing moved takes nothing of the rate."""
        self.gh.hooks[1] = {"id": 1, "active": True, "events": [], "config": {"url": "https://x/webhook/github"}}
        self.gh.deliveries = [self.delivery(9, "good", 200)]
        self.gh.activity = [{"ref": "refs/heads/main", "before": "b" * 40, "after": "c" * 40, "actor": {"login": "al"},
                             "activity_type": "push", "timestamp": "2026-11-22T10:00:00Z"}]
        self.gh.run(5)
        request = {"repositories": ["acme/widget", "acme/other"], "since": "2026-11-22T09:00:00Z",
                   "urls": ["https://x/webhook/github"]}

        def poll(state, code=0):
            before, free, n = self.gh.remaining, self.gh.free, len(self.gh.log)
            answer = self.worker.call("poll", {**request, "state": state})
            self.good(answer, code)
            return answer, before - self.gh.remaining, self.gh.free - free, len(self.gh.log) - n

        first, paid, free, asked = poll(None)
        self.assertEqual((paid, free, asked, len(first.events)), (12, 0, 12, 6))
        state = first.result["state"]
        for _ in range(2):
            again, paid, free, asked = poll(state)
            self.assertEqual((paid, free, asked, again.events), (0, 12, 12, []))
            state = again.result["state"]
        # what moved is told, and costs the one answer (of each repository: the stand-in has one list)
        self.gh.activity.insert(0, {**self.gh.activity[0], "before": "c" * 40, "after": "d" * 40,
                                    "timestamp": self.gh.pulls[7]["updated_at"]})
        moved, paid, free, _ = poll(state)
        self.assertEqual((paid, free), (2, 10))
        self.assertEqual({e["commit_sha"] for e in moved.events} - {"d" * 40}, set())
        self.assertEqual({e["repo_full_name"] for e in moved.events}, {"acme/widget", "acme/other"})
        # a failed delivery is asked for as often as before, and the webhook is still known
        self.gh.deliveries.insert(0, self.delivery(10, "lost", 502, self.gh.pulls[7]["updated_at"]))
        lost, _, _, _ = poll(moved.result["state"])
        self.assertEqual((lost.result["redelivered"], self.gh.attempts), (2, [10, 10]))
        # one that stops at a limit keeps what it knew of the others
        self.gh.fault("/repos/acme/other$", "GET", 429, headers={"Retry-After": "600"})
        stopped, _, _, _ = poll(lost.result["state"], DEGRADED)
        self.assertEqual(stopped.result["state"]["next"], "acme/other")
        _, paid, _, asked = poll(stopped.result["state"])
        self.assertLessEqual(paid, 4)
        # another credential: other ETags
        self.start(token="ghp_pat")
        self.assertEqual(poll(state)[2], 0)

    def test_lists_of_several_pages_are_looked_at_again(self):
        at = self.gh.pulls[7]["updated_at"]
        self.gh.activity = [{"ref": f"refs/heads/b{i}", "before": "b" * 40, "after": f"{i:040x}", "actor": {"login": "al"},
                             "activity_type": "push", "timestamp": at} for i in range(1, 151)]
        request = {"repositories": ["acme/widget"], "since": "2026-11-22T09:00:00Z"}
        state = self.good(self.worker.call("poll", request))["state"]
        answer = self.worker.call("poll", {**request, "state": state})
        self.good(answer)
        self.assertEqual(len([e for e in answer.events if e["event"] == "push"]), 150)

    def test_a_limit_in_the_middle(self):
        names = [f"acme/r{i}" for i in range(4)]
        self.gh.fault("/repos/acme/r2$", "GET", 429, headers={"Retry-After": "600"})
        request = {"repositories": names, "since": "2026-11-22T09:00:00Z"}
        first = self.worker.call("poll", request)
        self.assertEqual((first.name, first.result["state"]["next"]), ("DEGRADED", "acme/r2"))
        self.gh.log.clear()
        second = self.worker.call("poll", {**request, "state": first.result["state"]})
        self.assertEqual(self.good(second)["state"]["until"], first.result["state"]["begun"])
        asked = {row[1].split("/")[3] for row in self.gh.log}
        self.assertEqual(asked, {"r2", "r3"})
        self.gh.fault("/repos/acme/r0$", "GET", 429, headers={"Retry-After": "600"})
        self.assertEqual(self.worker.call("poll", {**request, "state": second.result["state"]}).name, "LATER")

    def test_a_repository_that_is_gone(self):
        self.gh.fault("/repos/acme/gone$", "GET", 404, times=9)
        names = ["acme/gone", "acme/widget"]
        answer = self.worker.call("poll", {"repositories": names, "since": "2026-11-22T09:00:00Z"})
        self.assertEqual((answer.name, answer.result["state"]["next"]), ("DEGRADED", None))
        self.assertIn("acme/gone", answer.reason)
        self.assertTrue(answer.events)
        state, self.gh.faults[:] = {**answer.result["state"], "until": "2037-01-01T00:00:00Z"}, []
        self.gh.fault("/repos/acme/gone$", "GET", 404)
        again = self.worker.call("poll", {"repositories": names, "state": state})  # it is still gone
        self.assertEqual(again.name, "DEGRADED")
        self.gh.activity = [{"ref": "refs/heads/main", "before": "b" * 40, "after": "c" * 40, "activity_type": "push",
                             "timestamp": "2026-11-22T10:00:00Z"}]
        back = self.worker.call("poll", {"repositories": names, "state": again.result["state"]})
        self.good(back)
        self.assertEqual([e["repo_full_name"] for e in back.events if e["event"] == "push"], names[:1])
        self.gh.fault("/repos/acme/gone$", "GET", 404, times=9)
        answer = self.worker.call("poll", {"repositories": names[:1], "since": "2026-11-22T09:00:00Z"})
        self.assertEqual(answer.name, "NOT_FOUND")

    def test_a_credential_that_may_not_see_hooks(self):
        self.gh.fault("/hooks", "GET", 403, body='{"message":"Resource not accessible"}')
        self.good(self.worker.call("poll", {"repositories": ["acme/widget"], "since": "2026-11-22T09:00:00Z"}))


class Limits(Case):
    def limited(self, status=403, headers=None, body='{"message":"no"}', times=1, **more):
        self.gh.fault("/actions/runs/5$", "GET", status, times, headers=headers or {}, body=body, **more)
        self.gh.run(5)
        started = time.monotonic()
        answer = self.call("status", pipeline_id="5")
        return answer, time.monotonic() - started, len([r for r in self.gh.log if r[1].endswith("/runs/5")])

    def test_a_short_wait_is_waited_for(self):
        answer, took, asked = self.limited(headers={"Retry-After": "1"})
        self.assertEqual((answer.code, asked), (0, 2))
        self.assertGreaterEqual(took, 0.9)

    def test_a_long_wait_is_for_later(self):
        answer, _, asked = self.limited(429, {"Retry-After": "90"}, "<html>", kind="text/html")
        self.assertEqual((answer.code, answer.retry_ms, asked), (LATER, 90000, 1))

    def test_reset(self):
        at = int(time.time()) + 120
        answer, _, _ = self.limited(headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(at)})
        self.assertEqual(answer.code, LATER)
        self.assertTrue(100000 < answer.retry_ms <= 121000, answer)

    def test_a_reset_in_the_past_has_a_floor(self):
        answer, took, asked = self.limited(headers={"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1000"})
        self.assertEqual((answer.code, asked), (0, 2))
        self.assertGreaterEqual(took, 0.9)

    def test_secondary_limits_grow(self):
        text = '{"message":"You have exceeded a secondary rate limit. Please wait a few minutes."}'
        first, _, _ = self.limited(body=text, headers={"X-RateLimit-Remaining": "4771"}, times=2)
        second = self.call("status", pipeline_id="5")
        self.assertEqual((first.code, first.retry_ms, second.retry_ms), (LATER, 60000, 120000))
        self.good(self.call("status", pipeline_id="5"))
        third, _, _ = self.limited(body=text)
        self.assertEqual(third.retry_ms, 60000)

    def test_a_refusal_is_not_repeated(self):
        answer, _, asked = self.limited(body='{"message":"Resource not accessible by integration"}', times=9)
        self.assertEqual((answer.name, asked), ("PERMISSION", 1))
        self.assertIn("Resource not accessible", answer.reason)

    def test_failures(self):
        for fault, tries in ((dict(status=502, times=2), 3), (dict(status=0, times=1), 2), (dict(status=503, times=3), 4)):
            self.gh.log.clear()
            answer, _, asked = self.limited(**fault)
            self.assertEqual((answer.code, asked), (0, tries), fault)
        self.gh.log.clear()
        answer, _, asked = self.limited(502, times=9, body="<h1>Unicorn", kind="text/html")
        self.assertEqual((answer.name, asked), ("NETWORK", 4))

    def test_html_in_the_place_of_json(self):
        answer, _, asked = self.limited(200, body="<html>sign in", kind="text/html")
        self.assertEqual((answer.name, asked), ("FORMAT", 1))
        self.assertIn("sign-in page", answer.reason)

    def test_slow_and_cut_answers(self):
        text = '{"id":5,"status":"queued","conclusion":null}'
        answer, took, asked = self.limited(200, body=text, drip=0.01)
        self.assertEqual((answer.result["status"], asked), ("queued", 1))
        self.assertGreater(took, 0.3)
        self.gh.log.clear()
        answer, _, asked = self.limited(200, body=text, drip=0.001, cut=10)
        self.assertEqual((answer.result["status"], asked), ("success", 2))

    def test_the_deadline_holds(self):
        self.gh.fault("/actions/runs/5$", "GET", 200, body=" " * 1000, drip=0.05)
        started = time.monotonic()
        answer = self.call("status", pipeline_id="5", timeout_ms=500)
        self.assertEqual(answer.name, "TIMEOUT")
        self.assertLess(time.monotonic() - started, 5)

    def test_cut_json(self):
        answer, _, _ = self.limited(200, body='{"id": 5, "sta')
        self.assertIn(answer.name, ("PARSE", "FORMAT"))

    def test_a_token_never_shows(self):
        self.start(token="ghp_wrong-secret-token")
        answer = self.call("status", pipeline_id="5")
        self.assertEqual(answer.name, "PERMISSION")
        self.assertNotIn("wrong-secret", json.dumps([answer.reason, answer.logs]))

    def test_writes_are_apart(self):
        self.start(write_gap=300)
        self.publish(60)
        self.publish(60, scan={"id": "next"}, steps=["check"])  # another call, perhaps in another process
        times = [row[4] for row in self.gh.writes()]
        self.assertGreaterEqual(len(times), 5)
        for a, b in zip(times, times[1:]):
            self.assertGreater(b - a, 0.25)

    def test_names_of_repositories(self):
        for bad in ("acme", "acme/", "/widget", "a/b/c", "../x", "acme/.."):
            self.assertEqual(self.worker.call("status", {"repository": bad, "pipeline_id": "5"}).name, "INVALID", bad)


class App(Case):
    @classmethod
    def setUpClass(cls):
        cls.keys = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.keys.cleanup)
        cls.key = pathlib.Path(cls.keys.name) / "key.pem"
        subprocess.run(["openssl", "genrsa", "-out", cls.key, "2048"], check=True, capture_output=True)
        cls.public = pathlib.Path(cls.keys.name) / "public.pem"
        subprocess.run(["openssl", "rsa", "-in", cls.key, "-pubout", "-out", cls.public], check=True,
                       capture_output=True)

    def setUp(self):
        super().setUp()
        self.gh.verify_jwt = self.verify
        self.start(token=None, app_id="4711", private_key=self.key.read_text())

    def verify(self, token):
        import base64
        text, _, signature = token.rpartition(".")
        with tempfile.NamedTemporaryFile() as f:
            f.write(base64.urlsafe_b64decode(signature + "=="))
            f.flush()
            return subprocess.run(["openssl", "dgst", "-sha256", "-verify", self.public, "-signature", f.name],
                                  input=text.encode(), capture_output=True).returncode == 0

    def test_installation_is_found_and_its_token_kept(self):
        self.gh.run(5)
        self.good(self.call("status", pipeline_id="5"))
        self.good(self.call("status", pipeline_id="5", context={"installation_id": "99"}))
        made = [r for r in self.gh.log if r[1].endswith("/access_tokens")]
        self.assertEqual(len(made), 1)

    def test_a_token_that_was_taken_back(self):
        self.gh.run(5)
        self.good(self.call("status", pipeline_id="5"))
        self.gh.installations.clear()
        self.good(self.call("status", pipeline_id="5"))
        self.assertEqual(len(self.gh.made), 2)

    def test_a_token_outlives_its_process_and_is_sealed(self):
        self.gh.run(5)
        self.good(self.call("status", pipeline_id="5"))
        token, = self.gh.installations
        kept = list((self.worker.dir / "cache").glob("token-*"))
        self.assertEqual([p.name for p in kept], ["token-99"])
        self.assertNotIn(token.encode(), kept[0].read_bytes())
        self.assertEqual(kept[0].stat().st_mode & 0o777, 0o600)
        text = kept[0].read_bytes()
        self.start(token=None, app_id="4711", private_key=self.key.read_text())
        (self.worker.dir / "cache" / "token-99").write_bytes(text)
        self.good(self.call("status", pipeline_id="5"))
        self.assertEqual(len(self.gh.made), 1)
        (self.worker.dir / "cache" / "token-99").write_bytes(text[:-1])
        self.start(token=None, app_id="4711", private_key=self.key.read_text())
        (self.worker.dir / "cache" / "token-99").write_bytes(text[:-1])
        self.good(self.call("status", pipeline_id="5"))  # what is spoilt was never there
        self.assertEqual(len(self.gh.made), 2)

    def test_a_token_that_soon_expires_is_not_used(self):
        self.gh.run(5)
        self.gh.token_life = 200
        for n in (1, 2):
            self.good(self.call("status", pipeline_id="5"))
            self.assertEqual(len(self.gh.made), n)

    def test_suspended(self):
        self.gh.run(5)
        self.good(self.call("status", pipeline_id="5"))
        self.gh.suspended = True
        answer = self.call("status", pipeline_id="5")
        self.assertEqual(answer.name, "PERMISSION")
        self.assertIn("suspended", answer.reason)
        answer = self.call("status", pipeline_id="5")
        self.assertEqual(answer.name, "PERMISSION")
        self.assertIn("the App's installation 99 is suspended", answer.reason)
        self.gh.suspended = False
        self.good(self.call("status", pipeline_id="5"))

    def test_not_installed(self):
        self.gh.installed[None] = 0
        answer = self.call("status", pipeline_id="5")
        self.assertEqual(answer.name, "NOT_FOUND")
        self.assertIn("not installed on this repository", answer.reason)
        answer = self.call("status", pipeline_id="5", context={"installation_id": "98"})
        self.assertEqual(answer.name, "NOT_FOUND")
        self.gh.installed[None] = 99
        self.gh.run(5)  # an event of an installation that was removed, and made again
        self.good(self.call("status", pipeline_id="5", context={"installation_id": "98"}))

    def test_a_missing_permission_is_named(self):
        self.gh.run(5)
        del self.gh.permissions["actions"]
        answer = self.call("status", pipeline_id="5")
        self.assertEqual(answer.name, "PERMISSION")
        self.assertIn("needs the permission actions=read", answer.reason)
        self.gh.permissions["actions"] = "read"
        self.good(self.call("status", pipeline_id="5"))  # the token in hand is older than the right

    def test_credential(self):
        url = {"clone_url": "https://github.com/acme/widget.git"}
        made = self.good(self.call("credential", **url))
        self.assertEqual(self.gh.made, [{"repositories": ["widget"], "permissions": {"contents": "read"}}])
        self.assertTrue(self.gh.may_read(made["token"], "acme/widget"))
        self.assertFalse(self.gh.may_read(made["token"], "acme/other"))
        for elsewhere in ("https://github.com.evil.example/acme/widget.git", "http://github.com/acme/widget.git",
                          "https://evil.example/?https://github.com/", "git@github.com:acme/widget.git", "", None):
            self.assertEqual(self.call("credential", clone_url=elsewhere).name, "UNSUPPORTED", elsewhere)
        del self.gh.permissions["contents"]
        answer = self.call("credential", **url)
        self.assertEqual(answer.name, "PERMISSION")
        self.assertIn("contents=read", answer.reason)
        self.start(token="ghp_pat")
        self.assertEqual(self.good(self.call("credential", **url)), {"token": "ghp_pat"})

    def test_publish(self):
        result = self.publish(2)
        self.assertEqual(self.steps(result), {"check": "done", "comment": "done"})
        self.assertEqual(result["state"]["author"], "acme[bot]")
        self.assertEqual(self.steps(self.publish(2)), {"check": "unchanged", "comment": "unchanged"})

    def test_poll_of_the_app(self):
        self.gh.deliveries = [{"id": 8, "guid": "g", "status_code": 500, "delivered_at": "2026-11-22T10:00:00Z"}]
        answer = self.worker.call("poll", {"repositories": [], "since": "2026-11-22T09:00:00Z"})
        self.assertEqual(self.good(answer)["redelivered"], 1)

    def test_key_of_another(self):
        with tempfile.TemporaryDirectory() as folder:
            other = pathlib.Path(folder) / "k"
            subprocess.run(["openssl", "genrsa", "-out", other, "2048"], check=True, capture_output=True)
            self.start(token=None, app_id="4711", private_key=other.read_text())
        self.assertEqual(self.call("status", pipeline_id="5").name, "PERMISSION")
        self.start(token=None, app_id="4711", private_key="nonsense")
        self.assertEqual(self.call("status", pipeline_id="5").code, E["INVALID"])


if __name__ == "__main__":
    unittest.main()
