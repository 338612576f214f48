"""Pipelines, logs, artifacts, webhooks, polling, credentials and limits, against the stand-in."""
import json
import pathlib
import time
import unittest

from world import Case, LATER, SIGNING, TOKEN


class Pipelines(Case):
    def test_trigger(self):
        r = self.good(self.call("trigger", ref="refs/heads/main", workflow="deploy", inputs={"A": "b c", "N": 3}))
        number = int(r["pipeline_id"])
        self.assertEqual((self.gl.pipelines[number]["ref"], self.gl.variables[number], r["status"]),
                         ("main", {"SECUREOPS_WORKFLOW": "deploy", "A": "b c", "N": "3"}, "queued"))
        self.assertEqual(r["url"], f"https://gitlab.example/acme/widget/-/pipelines/{number}")

    def test_trigger_of_the_default_branch_and_a_tag(self):
        self.gl.tags["v1"] = "e" * 40
        self.assertEqual(self.gl.pipelines[int(self.good(self.call("trigger"))["pipeline_id"])]["ref"], "main")
        number = int(self.good(self.call("trigger", ref="refs/tags/v1"))["pipeline_id"])
        self.assertEqual(self.gl.pipelines[number]["ref"], "v1")

    def test_trigger_that_took_effect_before_its_502_is_not_repeated(self):
        for status in (502, 0):
            for after in (True, False):
                self.gl.pipelines.clear()
                self.gl.pipeline(3, source="api")
                self.gl.fault("/pipeline$", "POST", status, after=after)
                r = self.good(self.call("trigger", ref="main"))
                self.assertEqual([str(k) for k in self.gl.pipelines], ["3", r["pipeline_id"]])

    def test_trigger_refused(self):
        answer = self.call("trigger", ref="nowhere")
        self.assertEqual(answer.name, "INVALID")
        self.assertIn("Reference not found", answer.reason)

    def test_trigger_token(self):
        self.start(token=None, trigger_token="glptt-trigger")
        r = self.good(self.call("trigger", ref="main", inputs={"A": "b"}))
        self.assertEqual(self.gl.variables[int(r["pipeline_id"])], {"A": "b"})
        self.assertNotIn("PRIVATE-TOKEN", {k.upper() for k in self.gl.log[-1][3]})
        self.start(trigger_token="glptt-wrong")
        self.assertEqual(self.call("trigger", ref="main").name, "NOT_FOUND")

    def test_status(self):
        self.gl.pipeline(5, "failed", ref="main")
        for i in range(130):
            self.gl.job(100 + i, 5, f"job {i}")
        self.gl.job(400, 5, "job 3", "failed", retried=True)
        self.gl.job(401, 5, "job 3", "canceled")
        r = self.good(self.call("status", pipeline_id="5"))
        self.assertEqual((r["status"], r["branch"], r["commit_sha"], len(r["stages"])), ("failure", "main", "b" * 40, 132))
        tries = [(s["job_id"], s["attempt"], s["status"]) for s in r["stages"] if s["name"] == "job 3"]
        self.assertEqual(tries, [("103", 1, "success"), ("400", 2, "failure"), ("401", 3, "cancelled")])
        self.assertEqual((r["started_at"], r["finished_at"]), ("2026-11-20T09:00:05Z", "2026-11-20T09:01:05Z"))
        self.assertEqual(self.call("status", pipeline_id="6").name, "NOT_FOUND")
        self.gl.pipeline(7, ref="refs/merge-requests/7/head")
        self.assertIsNone(self.good(self.call("status", pipeline_id="7"))["branch"])

    def test_cancel(self):
        self.gl.pipeline(5, "running")
        self.gl.pipeline(6, "success")
        self.gl.fault("/cancel$", "POST", 502, after=True)
        self.assertEqual(self.good(self.call("cancel", pipeline_id="5"))["status"], "cancelled")
        self.assertEqual(self.good(self.call("cancel", pipeline_id="6"))["status"], "success")

    def test_rerun_of_what_failed(self):
        self.gl.pipeline(5, "failed")
        self.gl.job(50, 5, "a", "failed")
        self.gl.job(51, 5, "b")
        self.gl.fault("/retry$", "POST", 502, after=True)
        r = self.good(self.call("rerun", pipeline_id="5", failed_only=True))
        self.assertEqual((r["pipeline_id"], r["status"], len(self.gl.jobs)), ("5", "running", 3))

    def test_rerun_of_all(self):
        self.gl.pipeline(5)
        r = self.good(self.call("rerun", pipeline_id="5"))
        self.assertEqual(self.gl.pipelines[int(r["pipeline_id"])]["ref"], "main")
        self.gl.branches["main"] = "c" * 40
        answer = self.call("rerun", pipeline_id="5")
        self.assertEqual(answer.name, "INVALID")
        self.assertIn("moved on", answer.reason)
        self.gl.pipeline(6, ref="refs/merge-requests/7/head")
        r = self.good(self.call("rerun", pipeline_id="6"))
        self.assertEqual(self.gl.pipelines[int(r["pipeline_id"])]["ref"], "refs/merge-requests/7/head")

    def deployment(self, id, sha, pipeline, status="success", environment="production", job=True):
        self.gl.deployments.append({"id": id, "sha": sha, "ref": "main", "status": status,
                                    "environment": {"name": environment}, "deployable": {
                                        "id": id * 10, "name": "deploy", "pipeline": {"id": pipeline}} if job else None})
        self.gl.pipeline(pipeline, sha=sha)
        self.gl.job(id * 10, pipeline, "deploy")

    def deployments(self):
        self.deployment(1, "1" * 40, 11)
        self.deployment(2, "2" * 40, 12, "failed")
        self.deployment(3, "2" * 40, 13, environment="staging")
        self.deployment(4, "3" * 40, 14)
        self.deployment(5, "3" * 40, 15)

    def test_rollback_finds_the_last_good_deployment(self):
        self.deployments()
        r = self.good(self.call("rollback", environment="production", to={}))
        self.assertEqual(r["pipeline_id"], "11")
        self.assertTrue(self.gl.jobs[10]["retried"])
        self.assertEqual(r["status"], "queued")
        # and again: the job was run since, so its newest try is what can be retried
        self.good(self.call("rollback", environment="production", to={"pipeline_id": "11"}))
        self.assertEqual(len([j for j in self.gl.jobs.values() if j["pipeline"] == 11]), 3)

    def test_rollback_to(self):
        self.deployments()
        for to, pipeline in (({"pipeline_id": "14"}, "14"), ({"commit_sha": "1" * 40}, "11"), ({"ref": "main"}, "15")):
            self.assertEqual(self.good(self.call("rollback", environment="production", to=to))["pipeline_id"], pipeline)
        self.assertEqual(self.call("rollback", environment="production", to={"pipeline_id": "12"}).name, "NOT_FOUND")
        self.assertEqual(self.call("rollback", environment="nothing", to={}).name, "NOT_FOUND")
        self.assertEqual(self.call("rollback", to={}).name, "INVALID")

    def test_rollback_once_though_its_answer_is_lost(self):
        self.deployments()
        self.gl.fault("/retry$", "POST", 502, after=True)
        r = self.good(self.call("rollback", environment="production", to={}))
        self.assertEqual((r["pipeline_id"], len([j for j in self.gl.jobs.values() if j["pipeline"] == 11])), ("11", 2))

    def test_rollback_when_the_deployment_is_gone(self):
        self.gl.tags["v1"] = "e" * 40
        r = self.good(self.call("rollback", environment="production", to={"ref": "refs/tags/v1"}, workflow="deploy"))
        self.assertEqual(self.gl.pipelines[int(r["pipeline_id"])]["ref"], "v1")

    def test_names_of_repositories(self):
        for bad in ("acme", "acme/", "/widget", "a//b", "../x", "acme/..", "a/./b"):
            self.assertEqual(self.worker.call("status", {"repository": bad, "pipeline_id": "5"}).name, "INVALID", bad)
        for bad in ("", "5/../6", "x", "-1", None):
            self.assertEqual(self.call("status", pipeline_id=bad).name, "INVALID", bad)
        self.assertEqual(self.worker.call("status", {"pipeline_id": "5"}).name, "INVALID")


class Files(Case):
    def test_log(self):
        self.gl.pipeline(5)
        self.gl.job(8, 5, status="running")
        self.gl.traces[8] = b"line one\nline two\n"
        r = self.good(self.call("logs", job_id="8"))
        self.assertEqual(pathlib.Path(r["path"]).read_bytes(), b"line one\nline two\n")
        self.assertEqual((r["offset"], r["complete"]), (18, False))
        self.gl.traces[8] += b"\x1b[0Kthree\x00\n"
        self.gl.jobs[8]["status"] = "failed"
        r = self.good(self.call("logs", job_id="8", offset=18))
        self.assertEqual(pathlib.Path(r["path"]).read_bytes(), b"\x1b[0Kthree\x00\n")
        self.assertEqual((r["offset"], r["complete"]), (29, True))
        r = self.good(self.call("logs", job_id="8", offset=29))
        self.assertEqual((pathlib.Path(r["path"]).read_bytes(), r["offset"]), (b"", 29))
        self.gl.traces[8] = b""
        self.assertEqual(self.good(self.call("logs", job_id="8"))["offset"], 0)
        for bad in (dict(job_id="../x"), dict(pipeline_id="5"), dict(job_id="8?x")):
            self.assertEqual(self.call("logs", **bad).name, "INVALID")

    def test_artifacts(self):
        self.gl.pipeline(5)
        archive = {"file_type": "archive", "size": 9, "filename": "artifacts.zip"}
        self.gl.job(8, 5, "scan", artifacts=[archive, {"file_type": "trace", "size": 3}],
                    artifacts_expire_at="2020-01-01T00:00:00.000Z")
        self.gl.job(9, 5, "none")
        self.gl.blobs["/8.zip"] = b"PKzip"
        for q in (dict(pipeline_id="5"), dict(job_id="8"), dict(pipeline_id="5", job_id="8")):
            r = self.good(self.call("artifacts", **q))
            self.assertEqual([(a["id"], a["name"], a["size"], a["expired"]) for a in r["artifacts"]],
                             [("8", "scan", 9, True)])
        r = self.good(self.call("artifacts", id="8"))
        self.assertEqual(pathlib.Path(r["path"]).read_bytes(), b"PKzip")
        for headers in self.gl.blob_log:  # the token stays at home
            self.assertFalse({"PRIVATE-TOKEN", "AUTHORIZATION"} & {k.upper() for k in headers})
        self.assertEqual(self.call("artifacts", id="9").name, "NOT_FOUND")


class Configure(Case):
    URL = "https://secureops.example/webhook/gitlab"

    def hook(self, **more):
        return self.good(self.call("configure", what="webhook", url=self.URL, **more))

    def test_webhook(self):
        r = self.hook(dry_run=True)
        self.assertEqual((r["action"], self.gl.hooks), ("created", {}))
        r = self.hook()
        hook = self.gl.hooks[int(r["id"])]
        self.assertEqual((r["action"], hook["token"], hook["enable_ssl_verification"], hook["issues_events"]),
                         ("created", TOKEN, True, False))
        self.assertNotIn("signing_token", hook)
        writes = len(self.gl.writes())
        self.assertEqual(self.hook()["action"], "unchanged")
        self.assertEqual(len(self.gl.writes()), writes)
        hook["job_events"] = False
        self.assertEqual(self.hook()["action"], "updated")
        self.assertTrue(hook["job_events"])
        self.assertEqual(len(self.gl.hooks), 1)

    def test_events(self):
        r = self.hook(events=["push", "merge_requests_events"])
        flags = {k for k, v in self.gl.hooks[int(r["id"])].items() if k.endswith("_events") and v is True}
        self.assertEqual(flags, {"push_events", "merge_requests_events"})
        self.assertEqual(self.hook(events=["push", "merge_request"])["action"], "unchanged")
        self.assertEqual(self.call("configure", what="webhook", url=self.URL, events=["star"]).name, "INVALID")

    def test_signed(self):
        self.start(signing_token=[SIGNING], webhook_secret=None)
        r = self.hook()
        self.assertEqual(self.gl.hooks[int(r["id"])]["signing_token"], SIGNING)
        self.start(webhook_secret=None)
        self.assertEqual(self.call("configure", what="webhook", url=self.URL).name, "INVALID")

    def test_found_on_a_later_page(self):
        for i in range(150):
            self.gl.hooks[i] = {"id": i, "url": f"https://other.example/{i}"}
        self.hook()
        self.assertEqual((self.hook()["action"], len(self.gl.hooks)), ("unchanged", 151))

    def test_one_that_gitlab_gave_up(self):
        r = self.hook()
        self.gl.hooks[int(r["id"])]["alert_status"] = "disabled"
        self.assertEqual(self.hook()["action"], "updated")
        self.assertEqual(self.gl.tested, [(int(r["id"]), "push_events")])

    def test_webhook_made_before_its_502(self):
        for after in (True, False):
            self.gl.hooks.clear()
            self.gl.fault("/hooks$", "POST", 502, after=after)
            self.assertEqual(self.hook()["action"], "created")
            self.assertEqual(len(self.gl.hooks), 1)
        next(iter(self.gl.hooks.values()))["push_events"] = False
        self.gl.fault("/hooks/", "PUT", 502, after=True)
        self.assertEqual(self.hook()["action"], "updated")

    def test_workflow(self):
        r = self.good(self.call("configure", what="workflow", dry_run=True))
        self.assertEqual((r["action"], self.gl.files, r["file"]["path"]), ("created", {}, ".gitlab-ci.yml"))
        text = r["file"]["content"]
        r = self.good(self.call("configure", what="workflow"))
        self.assertEqual(self.gl.files[".gitlab-ci.yml"].decode(), text)
        self.assertEqual(self.good(self.call("configure", what="workflow"))["action"], "unchanged")
        self.gl.files[".gitlab-ci.yml"] += b"# older\n"
        self.gl.fault("/files/", "PUT", 502, after=True)
        self.assertEqual(self.good(self.call("configure", what="workflow"))["action"], "updated")
        self.assertEqual(self.gl.files[".gitlab-ci.yml"].decode(), text)
        self.assertEqual(self.call("configure", what="nonsense").name, "UNSUPPORTED")

    def test_a_pipeline_of_its_own_is_not_overwritten(self):
        self.gl.files[".gitlab-ci.yml"] = b"build: {script: make}\n"
        r = self.good(self.call("configure", what="workflow", stage="verify", runner="linux"))
        self.assertEqual(r["file"]["path"], ".gitlab/secureops.gitlab-ci.yml")
        self.assertIn("include:", r["reason"])
        self.assertEqual(self.gl.files[".gitlab-ci.yml"], b"build: {script: make}\n")
        self.assertIn('stage: "verify"', r["file"]["content"])
        self.assertIn('tags: ["linux"]', r["file"]["content"])
        self.assertEqual(self.good(self.call("configure", what="workflow", stage="verify", runner="linux"))["action"],
                         "unchanged")


class Poll(Case):
    SINCE = "2026-11-22T09:00:00Z"

    def poll(self, state=None, code=0, **more):
        answer = self.worker.call("poll", {"repositories": ["acme/widget"], "since": self.SINCE, "state": state,
                                           "url": "https://x/webhook/gitlab", **more})
        self.good(answer, code)
        return answer

    def entry(self, number, key, status):
        return {"id": number, "response_status": str(status), "trigger": "push_hooks",
                "request_headers": {"X-Gitlab-Event": "Push Hook", **({"Idempotency-Key": key} if key else {})}}

    def test_failed_deliveries_are_sent_again(self):
        self.gl.hooks[1] = {"id": 1, "url": "https://x/webhook/gitlab"}
        self.gl.hooks[2] = {"id": 2, "url": "https://other.example/"}
        log = self.gl.hook_log[1] = [self.entry(8, "late", 200), self.entry(7, "lost", 502),
                                     self.entry(6, "late", "internal error"), self.entry(5, "", 500)]
        self.gl.hook_log[2] = [self.entry(9, "theirs", 500)]
        first = self.poll()
        self.assertEqual((first.result["redelivered"], self.gl.resent), (1, [7]))
        again = self.poll(first.result["state"])
        self.assertEqual((again.result["redelivered"], self.gl.resent), (0, [7]))
        log.insert(0, self.entry(10, "lost", 500))  # in vain
        again = self.poll(again.result["state"])
        self.assertEqual(self.gl.resent, [7, 10])
        log.insert(0, self.entry(11, "lost", 500))
        again = self.poll(again.result["state"])
        self.assertEqual(self.gl.resent, [7, 10])  # three tries are enough
        # a poll that the engine never took is done again from the same point
        self.poll(None)
        self.assertEqual(self.gl.resent, [7, 10])

    def test_only_our_webhook_is_asked_for_deliveries(self):
        self.gl.hooks[1] = {"id": 1, "url": "https://theirs/webhook/gitlab"}
        self.gl.hook_log[1] = [self.entry(7, "lost", 502)]
        self.assertEqual((self.poll().result["redelivered"], self.gl.resent), (0, []))
        nobody = self.poll(url=None)
        self.assertEqual((nobody.result["redelivered"], self.gl.resent), (0, []))
        self.assertIn("server.public_url", json.dumps(nobody.logs))

    def test_what_one_poll_does_not_come_to(self):
        """1000 merge requests in one poll: the next one goes on there, nothing is lost."""
        for i in range(1, 1801):
            self.gl.mr(i, f"{i:040x}", updated_at=f"2026-11-22T09:{i // 60:02}:{i % 60:02}Z")
        first = self.poll(code=2)
        self.assertFalse(first.result["complete"])
        self.assertIn("acme/widget: more than 1000 of the merge requests", first.reason)
        second = self.poll(first.result["state"])
        self.assertTrue(second.result["complete"])
        seen = {e["pr_number"] for a in (first, second) for e in a.events if e["event"] == "pull_request"}
        self.assertEqual(seen, set(range(1, 1801)))
        self.assertNotIn("merge_requests_since", second.result["state"]["repositories"]["acme/widget"])

    def test_a_limit_of_resends_is_no_failure(self):
        self.gl.hooks[1] = {"id": 1, "url": "https://x/webhook/gitlab"}
        self.gl.hook_log[1] = [self.entry(100 - i, f"k{i}", 500) for i in range(45)]
        self.gl.fault("/resend$", "POST", 429, headers={"Retry-After": "60"}, body="Retry later", kind="text/plain")
        first = self.poll()
        self.assertEqual((first.result["redelivered"], self.gl.resent), (0, []))
        second = self.poll(first.result["state"])
        third = self.poll(second.result["state"])
        fourth = self.poll(third.result["state"])
        self.assertEqual([a.result["redelivered"] for a in (second, third, fourth)], [20, 20, 5])
        self.assertEqual(self.gl.resent, list(range(56, 101)))  # oldest first

    def test_a_token_that_may_not_see_hooks(self):
        self.gl.fault("/hooks", "GET", 403, body='{"message":"403 Forbidden"}')
        self.assertTrue(self.poll().events)

    def pushes(self, answer):
        return sorted((e["event"], e["action"], e["ref"], e["base_sha"], e["commit_sha"])
                      for e in answer.events if e["event"] in ("push", "tag"))

    def test_refs_that_moved_without_a_webhook(self):
        """More than three branches at once: GitLab calls nobody."""
        self.gl.dates["a" * 40] = "2026-11-22T09:30:00.000+00:00"
        first = self.poll()
        self.assertEqual(self.pushes(first), [("push", "updated", "refs/heads/change", None, "a" * 40)])
        state = first.result["state"]
        self.assertEqual(self.pushes(self.poll(state)), [])
        for i in range(150):  # commits from long ago, on several pages
            self.gl.branches[f"new/{i:03}"] = "e" * 40
        self.gl.branches["main"] = "d" * 40
        del self.gl.branches["change"]
        self.gl.tags["v1"] = "f" * 40
        time.sleep(1.1)  # another second, another generation
        state = self.poll(state).result["state"]
        self.gl.branches["main"] = "9" * 40
        time.sleep(1.1)
        moved = self.poll(state)
        self.assertEqual(self.pushes(moved), [("push", "updated", "refs/heads/main", "d" * 40, "9" * 40)])
        # the engine did not take that one
        self.gl.branches["main"] = "8" * 40
        self.assertEqual(self.pushes(self.poll(state)), [("push", "updated", "refs/heads/main", "d" * 40, "8" * 40)])

    def test_a_project_that_is_gone(self):
        """It does not keep us from the others; what was known of it is known when it is back."""
        self.gl.hooks[1] = {"id": 1, "url": "https://x/webhook/gitlab"}
        self.gl.hook_log[1] = [self.entry(7, "lost", 502)]
        names = ["acme/sub/widget", "acme/widget"]
        first = self.poll(repositories=names).result["state"]
        time.sleep(1.1)
        self.gl.branches["main"] = "d" * 40
        self.gl.fault("widget$", "GET", 404)  # the first of them
        second = self.poll(first, 2, repositories=names)
        self.assertIn("acme/sub/widget", second.reason)
        self.assertEqual({e["repo_full_name"] for e in second.events if e["event"] == "push"}, {"acme/widget"})
        state = second.result["state"]
        kept = dict(state["repositories"][names[0]])
        since = {kept.pop("merge_requests_since"), kept.pop("pipelines_since")}
        self.assertEqual((kept, len(since)), (first["repositories"][names[0]], 1))
        self.assertLess(since.pop(), first["until"])
        back = self.poll(state, repositories=names)
        self.assertEqual([(e["repo_full_name"], e["base_sha"], e["commit_sha"]) for e in back.events if e["event"] == "push"],
                         [(names[0], "b" * 40, "d" * 40)])
        self.gl.mr(9, "9" * 40, updated_at=first["until"])
        later = self.poll({**state, "until": "2037-01-01T00:00:00Z"}, repositories=names)
        self.assertEqual([e["repo_full_name"] for e in later.events if e["pr_number"] == 9], names[:1])
        self.gl.fault("widget$", "GET", 404)
        self.assertEqual(self.worker.call("poll", {"repositories": names[:1], "since": self.SINCE}).name, "NOT_FOUND")

    def test_what_a_ref_can_do(self):
        state = self.poll().result["state"]
        self.gl.branches.update({"main": "d" * 40, "new": "e" * 40})
        del self.gl.branches["change"]
        self.gl.tags["v1"] = "f" * 40
        moved = self.poll(state)
        self.assertEqual(self.pushes(moved), [
            ("push", "created", "refs/heads/new", None, "e" * 40), ("push", "deleted", "refs/heads/change", "a" * 40, None),
            ("push", "updated", "refs/heads/main", "b" * 40, "d" * 40), ("tag", "created", "refs/tags/v1", None, "f" * 40)])
        push = next(e for e in moved.events if e["branch"] == "new")
        self.assertEqual((push["repo_full_name"], push["clone_url"], push["default_branch"], push["context"], push["native_event"]),
                         ("acme/widget", "https://gitlab.example/acme/widget.git", "main", {"project_id": "1"}, "push"))

    def test_merge_requests_and_pipelines(self):
        self.gl.mr(8, "f" * 40, source_project_id=3)
        self.gl.mr(9, "9" * 40, state="merged")
        self.gl.mr(10, "8" * 40, updated_at="2020-01-01T00:00:00Z")
        self.gl.pipeline(5, "success", ref="v1", tag=True)
        self.gl.pipeline(6, "running", ref="refs/merge-requests/7/head", sha="a" * 40)
        answer = self.poll()
        prs = {e["pr_number"]: e for e in answer.events if e["event"] == "pull_request"}
        self.assertEqual({k: (v["action"], v["status"], v["is_fork"], v["details"]["needs_scan"]) for k, v in prs.items()},
                         {7: ("update", "open", False, True), 8: ("update", "open", True, True),
                          9: ("merge", "merged", False, False)})
        self.assertIsNone(prs[8]["head_clone_url"])  # a fork that the token may not see
        self.gl.hidden.clear()
        prs = {e["pr_number"]: e for e in self.poll().events if e["event"] == "pull_request"}
        self.assertEqual(prs[8]["head_clone_url"], "https://gitlab.example/eve/widget.git")
        runs = {e["pipeline_id"]: e for e in answer.events if e["event"] == "pipeline"}
        self.assertEqual((runs["5"]["tag"], runs["5"]["finished_at"], runs["5"]["details"]),
                         ("v1", "2026-11-20T09:01:05Z", {"duration_ms": 60000, "queued_ms": 5500}))
        self.assertEqual((runs["6"]["pr_number"], runs["6"]["branch"], runs["6"]["finished_at"]), (7, None, None))

    def test_several_repositories(self):
        state = self.poll(repositories=["acme/widget", "acme/sub/widget"]).result["state"]
        self.assertEqual(set(state["repositories"]), {"acme/widget", "acme/sub/widget"})
        self.gl.branches["new"] = "e" * 40
        moved = self.poll(state, repositories=["acme/widget", "acme/sub/widget"])
        self.assertEqual([e["repo_full_name"] for e in moved.events if e["branch"] == "new"], ["acme/widget", "acme/sub/widget"])


class Limits(Case):
    def limited(self, status=429, headers=None, body='{"message":"no"}', times=1, **more):
        self.gl.fault("/pipelines/5$", "GET", status, times, headers=headers or {}, body=body, **more)
        self.gl.pipeline(5)
        started = time.monotonic()
        answer = self.call("status", pipeline_id="5")
        return answer, time.monotonic() - started, len([r for r in self.gl.log if r[1].endswith("/pipelines/5")])

    def test_a_short_wait_is_waited_for(self):
        answer, took, asked = self.limited(headers={"Retry-After": "1"}, body="Retry later", kind="text/plain")
        self.assertEqual((answer.code, asked), (0, 2))
        self.assertGreaterEqual(took, 0.9)

    def test_a_long_wait_is_for_later(self):
        answer, _, asked = self.limited(headers={"Retry-After": "90"}, body="Retry later", kind="text/plain")
        self.assertEqual((answer.code, answer.retry_ms, asked), (LATER, 90000, 1))

    def test_reset_is_a_time(self):
        at = int(time.time()) + 120
        answer, _, _ = self.limited(headers={"RateLimit-Remaining": "0", "RateLimit-Reset": str(at)})
        self.assertEqual(answer.code, LATER)
        self.assertTrue(100000 < answer.retry_ms <= 121000, answer)

    def test_a_reset_in_the_past_has_a_floor(self):
        answer, took, asked = self.limited(headers={"RateLimit-Remaining": "0", "RateLimit-Reset": "1000"})
        self.assertEqual((answer.code, asked), (0, 2))
        self.assertGreaterEqual(took, 0.9)

    def test_a_refusal_is_not_repeated(self):
        answer, _, asked = self.limited(403, body='{"error":"insufficient_scope"}', times=9)
        self.assertEqual((answer.name, asked), ("PERMISSION", 1))
        self.assertIn("insufficient_scope", answer.reason)

    def test_failures(self):
        for fault, tries in ((dict(status=502, times=2), 3), (dict(status=0, times=1), 2), (dict(status=503, times=3), 4),
                             (dict(status=200, body='{"id":5,', cut=True), 2)):
            self.gl.log.clear()
            answer, _, asked = self.limited(**fault)
            self.assertEqual((answer.code, asked), (0, tries), fault)
        self.gl.log.clear()
        answer, _, asked = self.limited(502, times=9, body="<h1>GitLab is not responding", kind="text/html")
        self.assertEqual((answer.name, asked), ("NETWORK", 4))

    def test_slow_answer(self):
        self.gl.pipeline(5)
        self.gl.fault("/pipelines/5$", "GET", 200, body=json.dumps({"id": 5, "status": "success", "x": "y" * 600}), slow=0.05)
        self.assertEqual(self.good(self.call("status", pipeline_id="5"))["status"], "success")
        self.gl.fault("/pipelines/5$", "GET", 200, times=9, body=" " * 5000, slow=0.1)
        started = time.monotonic()
        answer = self.call("status", pipeline_id="5", timeout_ms=1000)
        self.assertIn(answer.name, ("TIMEOUT", "NETWORK"))
        self.assertLess(time.monotonic() - started, 6)

    def test_html_in_the_place_of_json(self):
        answer, _, asked = self.limited(200, body="<html>sign in", kind="text/html")
        self.assertEqual((answer.name, asked), ("FORMAT", 1))
        self.assertIn("sign-in page", answer.reason)

    def test_broken_json(self):
        answer, _, _ = self.limited(200, body='{"id": 5, "sta')
        self.assertIn(answer.name, ("PARSE", "FORMAT"))

    def test_a_token_never_shows(self):
        self.start(token="glpat-wrong-secret-token")
        answer = self.call("status", pipeline_id="5")
        self.assertEqual(answer.name, "PERMISSION")
        self.assertNotIn("wrong-secret", json.dumps([answer.reason, answer.logs]))

    def test_kinds_of_tokens(self):
        self.gl.pipeline(5)
        for kind, header in (("private", "Private-Token"), ("bearer", "Authorization"), ("job", "Job-Token")):
            self.start(token_type=kind)
            self.good(self.call("status", pipeline_id="5"))
            self.assertIn(header.upper(), {k.upper() for k in self.gl.log[-1][3]})
        self.start(token=None)
        self.assertEqual(self.call("status", pipeline_id="5").name, "PERMISSION")

    def test_below_a_path(self):
        self.start(url=self.gl.url + "/api/v4/")
        self.gl.pipeline(5)
        self.good(self.call("status", pipeline_id="5"))

    def test_writes_are_apart(self):
        self.start(write_gap=300)
        self.publish(1)
        times = [row[4] for row in self.gl.writes()]
        self.assertGreaterEqual(len(times), 2)
        for a, b in zip(times, times[1:]):
            self.assertGreater(b - a, 0.25)


class Credential(Case):
    def test_token_for_the_code(self):
        url = f"{self.gl.url}/acme/widget"
        self.assertEqual(self.good(self.call("credential", clone_url=url)), {"token": self.token})
        for elsewhere in ("https://evil.example/acme/widget", self.gl.url + ".evil.example/acme/widget", "", None):
            self.assertEqual(self.call("credential", clone_url=elsewhere).name, "UNSUPPORTED", elsewhere)
        self.start(token_type="bearer")
        self.assertEqual(self.call("credential", clone_url=url).name, "UNSUPPORTED")


if __name__ == "__main__":
    unittest.main()
