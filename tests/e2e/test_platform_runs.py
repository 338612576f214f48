"""Pipelines of platforms over the API: started, followed to their end with stages, logs and artifacts,
cancelled, run again, rolled back. No webhook comes: all that is known was asked for."""
import http.client
import threading
import time
import unittest
import urllib.parse

import webhooks
import ci_loop  # noqa: F401 (the folder of the stand-ins)
from azure_standin import Azure
from daemon import ADMIN, DaemonCase
from github_standin import GitHub
from gitlab_standin import GitLab
from harness import PASSED, USAGE
from jenkins_standin import Jenkins

WAIT_S = 90
GOOD, BAD = "1" * 40, "2" * 40


class Runs:
    """What is the same for all; each platform says how its stand-in is moved."""
    settings = ("queue.slots=4", "queue.backoff=200ms", "queue.backoff_max=1s", "pipelines.artifact_limit=1KiB")
    log_while_running = True

    def start_daemon(self):
        if not hasattr(self, "at"):
            self.at = self.open_platform()
            self.addCleanup(self.at.__exit__)
        super().start_daemon()

    def secret(self, name, text):
        path = self.root / name
        path.write_text(text)
        path.chmod(0o600)
        return f"file:{path}"

    def host(self):
        return self.at.url.split("//")[1].split("/")[0]

    # ---- waiting
    def until(self, fn, what):
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end:
            found = fn()
            if found:
                return found
            time.sleep(0.05)
        return self.fail(f"{what} did not come\n{self.get('/pipelines/history')}\n{self.get('/jobs?limit=50')}\n"
                         f"{self.log.read_text()[-6000:]}")

    def execution(self, x):
        return self.get(f"/pipelines/executions/{x['id']}")

    def status(self, x, *wanted):
        def look():
            now = self.execution(x)
            return now if now["status"] in wanted else None
        return self.until(look, f"{wanted} of {x['id']}")

    def text(self, x):
        return self.ask(200, "GET", f"/pipelines/executions/{x['id']}/logs").text

    # ---- what is done
    def execute(self, **body):
        reply = self.ask(202, "POST", "/pipelines/deploy/execute", body)
        x = reply.json()
        self.assertEqual(reply.headers["Location"], f"/api/v1/pipelines/executions/{x['id']}")
        self.assertEqual((x["status"], x["triggered_by"]), ("queued", ADMIN), x)
        return x

    def begin(self, x, sha):
        """The platform's run of it, which has begun."""
        run = self.until(self.started, "the run at the platform")
        self.running(run, sha)
        now = self.status(x, "running")
        self.assertEqual(now["external_id"], self.name_of(run))
        return run

    def go(self, x, sha, good=True):
        run = self.begin(x, sha)
        self.end_run(run, good)
        self.status(x, "success" if good else "failure")
        return run

    def test_life(self):
        self.ask(201, "POST", "/pipelines", {"name": "deploy", "branch": "main", **self.pipeline})
        self.assertEqual(self.get("/pipelines/deploy")["integration"], self.pipeline["integration"])
        # started and followed to its end
        first = self.execute(environment="production")
        followed = []
        reader = threading.Thread(target=lambda: followed.extend(self.follow(first["id"])))
        reader.start()
        good = self.begin(first, GOOD)
        stages = self.until(lambda: self.get(f"/pipelines/executions/{first['id']}/stages")["items"], "stages")
        self.assertEqual([(s["name"], s["status"]) for s in stages], [("build", "running")])
        if self.log_while_running:
            self.until(lambda: "hello" in self.text(first), "the log")
            self.assertNotIn("half", self.text(first))  # no whole line yet
        self.end_run(good)
        now = self.status(first, "success")
        self.assertEqual((now["commit_sha"], now["environment"], now["branch"], now["attempt"]),
                         (GOOD, "production", "main", 1), now)
        self.assertGreaterEqual(now["duration_ms"], 0)
        self.until(lambda: self.text(first) == "hello\nhalf a line\nbye\n", "the whole log")
        self.until(lambda: self.get(f"/pipelines/executions/{first['id']}/artifacts")["items"], "artifacts")
        stages = self.get(f"/pipelines/executions/{first['id']}/stages")["items"]
        self.assertEqual([(s["name"], s["status"]) for s in stages], [("build", "success")])
        reader.join(WAIT_S)
        self.assertEqual("".join(d + "\n" for _, kind, d in followed if kind == "log"), "hello\nhalf a line\nbye\n")
        self.assertEqual(followed[-1][1:], ("end", '{"status":"success"}'))
        self.download(first, good)
        # fails, and is run again: another execution
        second = self.execute(environment="production")
        bad = self.go(second, BAD, good=False)
        reply = self.ask(202, "POST", f"/pipelines/executions/{second['id']}/rerun")
        third = reply.json()
        self.assertNotEqual(third["id"], second["id"])
        self.assertEqual(reply.headers["Location"], f"/api/v1/pipelines/executions/{third['id']}")
        again = self.until(lambda: self.rerun_of(bad), "the run once more")
        self.running(again, BAD)
        self.end_run(again)
        self.status(third, "success")
        self.assertEqual(self.execution(second)["status"], "failure")
        # cancelled
        fourth = self.execute()
        self.ask(409, "POST", f"/pipelines/executions/{third['id']}/cancel")
        run = self.begin(fourth, GOOD)
        self.ask(202, "POST", f"/pipelines/executions/{fourth['id']}/cancel")
        self.until(lambda: self.is_cancelled(run), "the end at the platform")
        self.status(fourth, "cancelled")
        self.roll_back(first, third, good)
        self.figures()

    def download(self, x, run):
        """One of the platform's artifacts: from its store, without our credential; whole or not at all."""
        item = self.get(f"/pipelines/executions/{x['id']}/artifacts")["items"][0]
        path = f"/pipelines/executions/{x['id']}/artifacts/download"
        mine = f"{path}?external_id={urllib.parse.quote(item['external_id'], safe='')}"
        self.content(run, b"PK" + b"x" * 998)
        reply = self.ask(200, "GET", mine)
        self.assertEqual(reply.body, b"PK" + b"x" * 998)
        self.assertEqual(reply.headers["Content-Type"], "application/octet-stream")
        self.assertRegex(reply.headers["Content-Disposition"], r'^attachment; filename="[\w.-]+"$')
        self.env["SECUREOPS_SERVER"], self.env["SECUREOPS_TOKEN"] = self.url, self.token
        self.assertIn(item["name"], self.run_it("pipelines", "artifacts", x["id"], code=PASSED).out)
        file = self.root / "downloaded"
        self.run_it("pipelines", "download", x["id"], item["name"], "-o", str(file), code=PASSED)
        self.assertEqual(file.read_bytes(), reply.body)
        self.run_it("pipelines", "download", x["id"], "nothing", "-o", str(file), code=USAGE)
        for cut in (10, None):  # bytes are missing; nobody knows whether
            self.at.blob_cut = cut
            problem = self.ask(502, "GET", mine).json()
            self.assertTrue(problem["detail"], problem)
        self.at.blob_cut = 0
        self.content(run, b"x" * 1025)
        self.assertIn("1024", self.ask(413, "GET", mine).json()["detail"])
        for query, status in (("?external_id=nothing", 404), ("?external_id=1&name=x", 400), ("", 400)):
            self.ask(status, "GET", path + query)
        stranger = self.make_user("stranger@example.com", ["developer"], ["https://elsewhere.example/*"])
        self.ask(404, "GET", mine, token=stranger)
        self.ask(401, "GET", mine, token=None)

    def roll_back(self, first, newest, good):
        x = self.ask(202, "POST", "/pipelines/deploy/rollback", {"environment": "production"}).json()
        self.assertEqual((x["status"], x["rollback_of"]), ("waiting_approval", newest["id"]), x)
        writes = len(self.at.writes())
        self.ask(403, "POST", f"/pipelines/executions/{x['id']}/approve")  # who asked for it
        other = self.make_user("other@example.com", ["security_analyst", "developer", "admin"])
        self.assertEqual(len(self.at.writes()), writes)
        self.ask(202, "POST", f"/pipelines/executions/{x['id']}/approve", token=other)
        run = self.until(lambda: self.rollback_of(good), "the redeployment")
        self.running(run, GOOD)
        self.status(x, "running")
        self.end_run(run)
        now = self.status(x, "success")
        self.assertEqual((now["commit_sha"], now["environment"], now["event"]), (GOOD, "production", "rollback"))
        self.assertEqual(self.execution(first)["status"], "success")
        refused = self.ask(202, "POST", "/pipelines/deploy/rollback", {"environment": "production",
                                                                       "to": newest["id"]}).json()
        self.ask(202, "POST", f"/pipelines/executions/{refused['id']}/reject", {"reason": "no"}, token=other)
        self.status(refused, "cancelled")

    def figures(self):
        """One execution for each attempt; what came of them."""
        items = self.get("/pipelines/history?limit=100")["items"]
        self.assertEqual([(i["status"], i["event"]) for i in items], [
            ("cancelled", "rollback"), ("success", "rollback"), ("cancelled", "api"), ("success", "api"),
            ("failure", "api"), ("success", "api")])
        named = [(i["external_id"], i["attempt"]) for i in items if i.get("external_id")]
        self.assertEqual(len(set(named)), 5, named)
        f = self.get("/pipelines/statistics?pipeline=deploy")
        self.assertEqual((f["executions"], f["succeeded"], f["failed"], f["cancelled"]), (6, 3, 1, 2), f)
        self.assertEqual((f["dora"]["deployments"], f["success_rate"]), (3, 0.75), f)
        types = {}
        for e in (i["event"] for i in self.get("/events?type=pipeline.*&limit=200")["items"]):
            types.setdefault(e["event_type"].split("pipeline.", 1)[1], []).append(e["data"]["execution_id"])
        ids = [i["id"] for i in items][::-1]
        self.assertEqual(types["started"], ids, types)
        self.assertEqual(types["completed"], [ids[0], ids[2], ids[4]], types)
        self.assertEqual(types["failed"], [ids[1], ids[3], ids[5]], types)
        self.assertGreaterEqual(len(types["stage.completed"]), 4)


class AtGitHub(Runs, DaemonCase):
    log_while_running = False  # GitHub has it when the job has ended

    def open_platform(self):
        self.seen = set()
        return GitHub()

    @property
    def config(self):
        return f"""integrations:
  github:
    webhook_secret: ["{self.secret('hook', webhooks.SECRET)}"]
    token: {self.secret('token', 'ghs_app')}
    api_url: {self.at.url}
    write_gap: 0
    backoff: 20ms
"""

    @property
    def pipeline(self):
        return {"target": {"location": "https://github.com/acme/shop"}, "integration": "github",
                "repository": "acme/shop", "workflow": "deploy.yml"}

    def started(self):
        new = set(self.at.runs) - self.seen
        self.seen |= new
        return new.pop() if new else None

    def name_of(self, run):
        return str(run)

    def running(self, run, sha):
        with self.at.lock:
            r = self.at.runs[run]
            r.update(status="in_progress", conclusion=None, sha=sha)
            self.at.jobs[run * 10 + r["attempt"]] = {"run": run, "name": "build", "status": "in_progress",
                                                     "conclusion": None, "attempt": r["attempt"]}

    def end_run(self, run, good=True):
        with self.at.lock:
            r, word = self.at.runs[run], "success" if good else "failure"
            job = run * 10 + r["attempt"]
            self.at.blobs[f"/job/{job}?sig=x"] = b"hello\nhalf a line\nbye\n"
            self.at.jobs[job].update(status="completed", conclusion=word)
            self.at.artifacts = {run: "dist"}
            r.update(status="completed", conclusion=word)

    def content(self, run, data):
        self.at.blobs[f"/artifact/{run}.zip"] = data

    def is_cancelled(self, run):
        return self.at.runs[run]["conclusion"] == "cancelled"

    def send(self, event, payload):
        body, headers = webhooks.signed(event, payload)
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        c.request("POST", "/webhook/github", body=body, headers=headers)
        self.assertEqual(c.getresponse().status, 202)
        c.close()
        self.until(lambda: all(d["status"] == "done" for d in self.get("/deliveries")["items"]), "the delivery's end")

    def test_webhooks_before_and_after_the_answer(self):
        self.ask(201, "POST", "/pipelines", {"name": "deploy", "branch": "main", **self.pipeline})
        self.send(*webhooks.workflow_run(self.at.ids + 1, "in_progress"))
        early = self.get("/pipelines/history")["items"]
        self.assertEqual([i["status"] for i in early], ["running"])
        x = self.execute()
        run = self.until(self.started, "the run")
        self.running(run, GOOD)
        self.until(lambda: self.execution(x).get("external_id") == str(run), "its name")
        self.send(*webhooks.workflow_job(run, run * 10 + 1, "build", "completed", "success"))
        self.send(*webhooks.workflow_run(run, "completed", "success"))
        self.status(x, "success")
        items = self.get("/pipelines/history")["items"]
        self.assertEqual([(i["id"], i["status"], i["triggered_by"]) for i in items], [(x["id"], "success", ADMIN)])
        self.ask(404, "GET", f"/pipelines/executions/{early[0]['id']}")
        stages = self.get(f"/pipelines/executions/{x['id']}/stages")["items"]
        self.assertEqual([(s["name"], s["external_id"]) for s in stages], [("build", str(run * 10 + 1))])

    def looks(self, x, *states):
        items = self.get("/jobs?limit=100")["items"]
        return [j for j in items if j.get("revision") == f"follow:{x['id']}" and j["state"] in states]

    def look(self, x, state):
        """One that was asked for; those that come of themselves may have their part in it."""
        self.until(lambda: not self.looks(x, "queued", "running"), "the end of the looks before")
        before = len(self.looks(x, state))
        self.ask(202, "POST", f"/pipelines/executions/{x['id']}/refresh")
        self.until(lambda: len(self.looks(x, state)) > before, f"a look that has {state}")

    def test_a_platform_that_does_not_know_it_now_and_then(self):
        self.ask(201, "POST", "/pipelines", {"name": "deploy", "branch": "main", **self.pipeline})
        x = self.execute()
        run = self.begin(x, GOOD)
        for _ in range(3):
            with self.at.lock:
                gone = self.at.runs.pop(run)
            self.look(x, "failed")
            self.at.runs[run] = gone
            self.look(x, "completed")
        self.assertEqual(self.execution(x)["status"], "running")
        self.end_run(run)
        self.look(x, "completed")
        self.status(x, "success")

    def test_a_log_that_does_not_come(self):
        """It is not taken for the whole of it."""
        self.ask(201, "POST", "/pipelines", {"name": "deploy", "branch": "main", **self.pipeline})
        self.at.fault(match="/jobs/[0-9]+/logs$", status=403, times=1000)
        x = self.execute()
        self.go(x, GOOD)
        for _ in range(4):
            self.look(x, "completed")
        self.assertRegex(self.text(x), r"\A--- the platform gave no more of this log: .*403.*\n\Z")

    def test_a_start_that_is_refused(self):
        self.ask(201, "POST", "/pipelines", {"name": "deploy", "branch": "gone", **self.pipeline})
        x = self.execute()
        self.assertIn("gone", self.status(x, "failure")["reason"])
        self.ask(409, "POST", f"/pipelines/executions/{x['id']}/rerun")

    def rerun_of(self, run):
        return run if self.at.runs[run]["attempt"] == 2 else None

    rollback_of = rerun_of


class AtGitLab(Runs, DaemonCase):
    def open_platform(self):
        gl = GitLab()
        gl.projects = {1: "acme/shop"}
        self.seen = set()
        return gl

    @property
    def config(self):
        return f"""integrations:
  gitlab:
    url: {self.at.url}
    webhook_secret: ["{self.secret('hook', 'x' * 20)}"]
    token: {self.secret('token', 'glpat-bot')}
    write_gap: 0
    backoff: 20ms
"""

    @property
    def pipeline(self):
        return {"target": {"location": f"https://{self.host()}/acme/shop"}, "integration": "gitlab",
                "repository": "acme/shop"}

    def started(self):
        new = set(self.at.pipelines) - self.seen
        self.seen |= new
        return new.pop() if new else None

    def name_of(self, run):
        return str(run)

    def job_of(self, run):
        return [j for j in self.at.jobs.values() if j["pipeline"] == run and not j.get("retried")][-1:]

    def running(self, run, sha):
        with self.at.lock:
            self.at.branches["main"] = sha
            self.at.pipelines[run].update(status="running", sha=sha)
            if not self.job_of(run):
                self.at.job(run * 10, run, "build", "running")
            self.job_of(run)[0].update(status="running", finished_at=None)
            self.at.traces[self.job_of(run)[0]["id"]] = b"hello\nhalf"

    def end_run(self, run, good=True):
        with self.at.lock:
            job, p = self.job_of(run)[0], self.at.pipelines[run]
            self.at.traces[job["id"]] = b"hello\nhalf a line\nbye\n"
            now = time.strftime("%Y-%m-%dT%H:%M:%S.999Z", time.gmtime())
            job.update(status="success" if good else "failed", finished_at=now,
                       artifacts=[{"file_type": "archive", "size": 5}])
            p.update(status="success" if good else "failed", started_at=now, finished_at=now)
            if good:
                self.at.deployments.append({
                    "id": len(self.at.deployments) + 1, "status": "success", "sha": p["sha"], "ref": "main",
                    "environment": {"name": "production"},
                    "deployable": {"id": job["id"], "name": "build", "pipeline": {"id": run}}})

    def content(self, run, data):
        self.at.blobs[f"/{self.job_of(run)[0]['id']}.zip"] = data

    def is_cancelled(self, run):
        return self.at.pipelines[run]["status"] == "canceled"

    def rerun_of(self, run):
        return self.started()

    def rollback_of(self, run):
        retried = [j for j in self.at.jobs.values() if j["pipeline"] == run and j.get("retried")]
        return run if retried else None


class AtJenkins(Runs, DaemonCase):
    def open_platform(self):
        self.seen = set()
        jk = Jenkins()
        jk.job("acme/deploy")
        return jk

    @property
    def config(self):
        return f"""integrations:
  jenkins:
    url: {self.at.url}
    user: bot
    token: {self.secret('token', 'api-token')}
    webhook_path: ["{self.secret('path', 'x' * 20)}"]
    backoff: 20ms
"""

    @property
    def pipeline(self):
        return {"target": {"location": "https://git.example/acme/shop"}, "integration": "jenkins",
                "repository": "acme/shop", "workflow": "acme/deploy"}

    def started(self):
        """Out of the queue some time after the answer."""
        new = [k for k, q in self.at.queue.items() if not q["executable"] and not q["cancelled"]]
        if not new:
            return None
        time.sleep(0.3)
        with self.at.lock:
            return self.at.leave(new[0])

    def name_of(self, run):
        return f"acme/deploy#{run}"

    def one(self, run):
        return self.at.items["acme/deploy"]["builds"][run]

    def stage(self, run, status):
        b = self.one(run)
        b["stages"] = [{"id": "6", "name": "build", "status": status, "startTimeMillis": b["timestamp"],
                        "durationMillis": 5}]

    def running(self, run, sha):
        with self.at.lock:
            self.one(run).update(sha=sha, log=b"hello\nhalf")
            self.stage(run, "IN_PROGRESS")

    def end_run(self, run, good=True):
        with self.at.lock:
            word = "SUCCESS" if good else "FAILURE"
            self.one(run).update(log=b"hello\nhalf a line\nbye\n", building=False, result=word,
                                 artifacts={"dist/app.bin": b"app"})
            self.stage(run, "SUCCESS" if good else "FAILED")

    def content(self, run, data):
        self.one(run)["artifacts"]["dist/app.bin"] = data

    def is_cancelled(self, run):
        return self.one(run)["result"] == "ABORTED"

    def rerun_of(self, run):
        return self.started()

    rollback_of = rerun_of


class AtAzure(Runs, DaemonCase):
    log_while_running = False

    def open_platform(self):
        self.seen = set()
        return Azure()

    @property
    def config(self):
        return f"""integrations:
  azure:
    plugin: azure-devops
    url: {self.at.url}
    organization: acme
    token: {self.secret('token', 'pat')}
    webhook_user: hook
    webhook_password: ["{self.secret('password', 'x' * 20)}"]
    write_gap: 0s
    backoff: 20ms
"""

    @property
    def pipeline(self):
        return {"target": {"location": f"https://{self.host()}/acme/Fabrikam/_git/widget"}, "integration": "azure",
                "repository": "Fabrikam/widget", "workflow": "7"}

    def started(self):
        new = set(self.at.builds) - self.seen
        self.seen |= new
        return new.pop() if new else None

    def name_of(self, run):
        return str(run)

    def records(self, run):
        if run not in self.at.timelines:
            self.at.record(run, f"s{run}", "Stage", "production")
            self.at.record(run, f"p{run}", "Phase", "p", f"s{run}")
            self.at.record(run, f"j{run}", "Job", "build", f"p{run}")
        return self.at.timelines[run]

    def running(self, run, sha):
        with self.at.lock:
            for r in self.records(run):
                r.update(state="inProgress", result=None, finishTime=None)
            self.at.builds[run].update(status="inProgress", result=None, sourceVersion=sha, finishTime=None)

    def end_run(self, run, good=True):
        word = "succeeded" if good else "failed"
        with self.at.lock:
            now = time.strftime("%Y-%m-%dT%H:%M:%S.999Z", time.gmtime())
            for r in self.records(run):
                r.update(state="completed", result=word, finishTime=now)
            self.records(run)[-1]["log"] = {"id": 4, "url": ""}
            self.at.logs[run, 4] = b"hello\nhalf a line\nbye\n"
            self.at.artifacts[run] = {1: "dist"}
            self.at.builds[run].update(status="completed", result=word, finishTime=now)

    def content(self, _run, data):
        self.at.blob = data

    def is_cancelled(self, run):
        b = self.at.builds[run]
        if b["status"] != "cancelling":
            return False
        b.update(status="completed", result="canceled")
        return True

    def rerun_of(self, run):
        return self.started()

    def rollback_of(self, run):
        stage = [r for r in self.at.timelines[run] if r["type"] == "Stage"][0]
        return run if stage["attempt"] == 2 else None


if __name__ == "__main__":
    unittest.main()
