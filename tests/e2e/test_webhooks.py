"""Webhooks through the real daemon, worker and plugin: received once, acted upon once."""
import http.client
import json
import pathlib
import signal
import subprocess
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import webhooks  # noqa: E402
from daemon import ADMIN, DaemonCase, Reply
from github_standin import GitHub  # noqa: E402
from harness import BUILD, SOURCE
from webhooks import SECRET, pull_request, push, sha, signed, workflow_job, workflow_run


class Webhooks(DaemonCase):
    settings = ("queue.slots=1",)
    more = ""

    @property
    def config(self):
        return webhooks.config(self.root, self.more, acme="another")

    def send(self, status, event, payload, path="/webhook/github", **kw):
        body, headers = signed(event, payload, **kw)
        reply = self.post(path, body, headers)
        self.assertEqual(reply.status, status, str(reply))
        return reply.json()

    def post(self, path, body, headers):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            c.request("POST", path, body=body, headers=headers)
            return Reply(c.getresponse())
        finally:
            c.close()

    def settled(self):
        """Deliveries by status, once none waits any more."""
        until = time.monotonic() + 30
        while time.monotonic() < until:
            items = self.get("/deliveries?limit=500")["items"]
            if all(i["status"] != "received" for i in items):
                return items
            time.sleep(0.1)
        self.fail(f"{items}\n{self.log.read_text()[-4000:]}")

    def run_cli(self, *args):
        return subprocess.run([BUILD / "bin" / "secureops", *args], env=self.env, check=True,
                              capture_output=True, text=True, timeout=60)

    def scans(self):
        return [j for j in self.get("/jobs?limit=200")["items"] if j["kind"] == "scan"]

    def events(self, kind):
        return [i["event"] for i in self.get(f"/events?type={kind}&limit=500")["items"]]

    def test_events_are_as_documented(self):
        sys.path.insert(0, str(SOURCE / "tests" / "integration" / "bus"))
        import test_schemas
        if not test_schemas.jsonschema:
            self.skipTest("jsonschema is not installed")
        self.send(202, *push(1))
        self.send(202, *pull_request(12, 2))
        self.send(202, *workflow_run(7, "completed", "success"))
        self.send(202, *workflow_run(8, "completed", "cancelled", head=None))
        self.send(202, *workflow_job(8, 1, "build", "completed", "skipped"))
        self.settled()
        case = test_schemas.Schemas()
        case.schemas = test_schemas.schemas()
        kinds = set()
        for i in self.get("/events?limit=500")["items"]:
            kinds.add(i["event"]["event_type"])
            case.validator(i["event"]["event_type"], strict=True).validate(i["event"])
        self.assertLessEqual({"pipeline.started", "pipeline.completed", "pipeline.failed",
                              "pipeline.stage.completed", "metrics.commit", "metrics.pr",
                              "metrics.build"}, kinds)

    def test_a_push_is_scanned_once(self):
        first = self.send(202, *push(1), delivery="one")
        self.assertEqual(first["status"], "accepted")
        self.assertEqual(self.send(200, *push(1), delivery="one")["id"], first["id"])
        self.send(202, *push(1), delivery="two")  # the id is not signed
        items = self.settled()
        self.assertEqual([i["status"] for i in items], ["done", "done"], items)
        self.assertEqual(items[0]["event"], "push")
        jobs = self.scans()
        self.assertEqual(len(jobs), 1, jobs)
        request = jobs[0]["request"]
        self.assertEqual(request["target"]["location"], "https://127.0.0.1:1/acme/shop.git")
        self.assertEqual((request["branch"], request["commit"]), ("main", sha(1)))
        self.assertEqual(jobs[0]["origin"], "webhook")
        commits = self.events("metrics.commit")
        self.assertEqual([c["data"]["commit_sha"] for c in commits], [sha(1)])
        self.assertNotIn(SECRET, self.log.read_text())

    def test_without_a_credential_nothing_is_told(self):
        """No job that cannot but fail; what is missing is said once in the log, and by /ready."""
        self.send(202, *push(1))
        self.send(202, *pull_request(12, 2))
        self.settled()
        self.assertEqual(len(self.scans()), 2)
        time.sleep(2)  # polls of the platform would be there by now
        self.assertEqual({j["kind"] for j in self.get("/jobs?limit=200")["items"]}, {"scan"})
        self.assertEqual(self.get("/publications")["items"], [])
        ready = self.get("/ready")
        self.assertEqual((ready["status"], ready["checks"]["integrations"]["status"]), ("ready", "limited"))
        self.assertIn("github has no credential (token, or app_id", ready["checks"]["integrations"]["reason"])
        self.assertEqual(self.log.read_text().count("integrations.github has no credential"), 1)

    def test_names_are_looked_at(self):
        """With a reload as well: the configuration before holds."""
        file = self.root / "secureops.yaml"
        good = file.read_text()
        file.write_text(good + "workflows: {after_scan: [notify-new-critcal]}\n")
        self.daemon.send_signal(signal.SIGHUP)
        until = time.monotonic() + 30
        while "error" not in self.get("/health")["configuration"] and time.monotonic() < until:
            time.sleep(0.1)
        self.assertIn("did you mean notify-new-critical?", self.get("/health")["configuration"]["error"])
        self.send(202, *push(1))
        file.write_text(good)

    def test_a_newer_one_takes_its_place(self):
        for n in (1, 2, 3):
            self.send(202, *push(n))
        self.send(202, *push(9, branch="other"))
        for n in (4, 5):
            self.send(202, *pull_request(12, n, "synchronize"))
        self.send(202, *pull_request(13, 6, fork="stranger"))
        self.settled()
        by_commit = {j["request"]["commit"]: j for j in self.scans()}
        self.assertEqual(len(by_commit), 7)
        # one may have begun before the next one came; it cannot be fetched, and waits to be tried again
        self.assertIn("replaced", [by_commit[sha(n)]["state"] for n in (1, 2)])
        self.assertNotEqual(by_commit[sha(3)]["state"], "replaced")
        self.assertNotEqual(by_commit[sha(9)]["state"], "replaced")
        self.assertIn(by_commit[sha(4)]["state"], ("replaced", "running", "cancelled"))
        request = by_commit[sha(5)]["request"]
        self.assertEqual(request["diff"], {"base": sha(1)})
        self.assertEqual(request["branch"], "fix")
        fork = by_commit[sha(6)]["request"]
        self.assertEqual(fork["target"]["location"], request["target"]["location"])
        self.assertEqual(fork["branch"], "refs/pull/13/head")  # where the base keeps its commits
        self.assertEqual(len(self.events("metrics.pr")), 3)

    def test_runs_are_told_as_they_come(self):
        run = 9876543210123
        self.send(202, *workflow_run(run, "completed", "failure"))  # the end first
        self.send(202, *workflow_job(run, 1, "build", "completed", "success"))
        self.send(202, *workflow_job(run, 2, "test", "completed", "failure"))
        self.send(202, *workflow_run(run, "in_progress"))
        self.settled()
        self.assertEqual(len(self.events("pipeline.started")), 1)
        failed = self.events("pipeline.failed")
        self.assertEqual(len(failed), 1)
        self.assertEqual(failed[0]["data"]["duration_ms"], 180000)
        stages = {e["data"]["stage"]: e["data"]["status"]
                  for e in self.events("pipeline.stage.completed")}
        self.assertEqual(stages, {"build": "success", "test": "failed"})
        self.assertEqual(len(self.events("metrics.build")), 1)

    def test_a_forks_main_is_not_ours(self):
        gone = dict(webhooks.REPOSITORY, id=2, full_name="mallory/shop")
        self.send(202, *workflow_run(1, "completed", "success"))
        self.send(202, *workflow_run(2, "completed", "success", head=gone))
        self.send(202, *workflow_run(3, "completed", "success", head=None))  # it was deleted
        self.settled()
        items = self.get("/pipelines/history")["items"]
        self.assertEqual({i["external_id"]: i["is_fork"] for i in items},
                         {"1": False, "2": True, "3": True})
        ours = self.get("/pipelines/history?branch=main")["items"]
        self.assertEqual([i["external_id"] for i in ours], ["1"])
        self.assertEqual([e["data"].get("is_fork", False) for e in self.events("metrics.build")],
                         [False, True, True])

    def test_what_is_not_taken(self):
        event, payload = push(1)
        self.send(401, event, payload, secret="wrong")
        self.send(202, event, payload, secret="another")  # of the other integration
        self.send(401, event, payload, secret="another", path="/webhook/github/github")
        self.send(404, event, payload, path="/webhook/gitlab")
        body, headers = signed(event, payload)
        self.assertEqual(self.post("/webhook/github", body + b" ", headers).status, 401)
        del headers["X-Hub-Signature-256"]
        self.assertEqual(self.post("/webhook/github", body, headers).status, 401)
        self.assertEqual(self.post("/webhook/github", *signed("push", None, body=b"{")).status, 400)
        self.assertEqual(self.post("/webhook/github",
                                   *signed("push", None, body=b"{", secret="wrong")).status, 401)
        self.assertEqual(self.send(200, "star", {"action": "created"})["status"], "ignored")
        self.assertEqual(len(self.settled()), 1)
        told = [a for a in self.get("/audit?limit=200")["items"]
                if a["action"] == "webhook.rejected"]
        self.assertTrue(1 <= len(told) <= 2, told)
        metrics = self.request("GET", "/api/v1/metrics").text
        self.assertIn('secureops_webhooks_total{integration="acme",result="forged"}', metrics)

    def test_a_repository_that_is_left_out(self):
        self.stop_daemon()
        self.more = '    repositories: ["other/*"]\n'
        self.start_daemon()
        self.send(202, *push(1))
        self.assertEqual(self.settled()[0]["status"], "done")
        self.assertEqual(self.scans(), [])
        self.assertIn("repositories leaves it out", self.log.read_text())

    def test_what_fails_is_listed_and_tried_again(self):
        event, payload = push(1)
        payload["repository"] = dict(payload["repository"], clone_url="file:///etc")
        self.send(202, event, payload)
        failed, = self.settled()
        self.assertEqual(failed["status"], "failed")
        self.assertIn("clone_url", failed["reason"])
        page = self.get("/deliveries?status=failed&integration=github")
        self.assertEqual(page["items"], [failed])
        self.assertEqual(self.get(f"/deliveries/{failed['id']}"), failed)
        again = self.ask(200, "POST", f"/deliveries/{failed['id']}/retry").json()
        self.assertEqual(again["status"], "received")
        self.assertEqual(self.settled()[0]["attempts"], 1)
        self.ask(404, "POST", f"/deliveries/{again['id'][:-4]}0000/retry")
        here = self.run_cli("deliveries", "list", "--status=failed",
                            f"--store={self.data / 'store.db'}", "--format=json")
        self.assertEqual([d["id"] for d in json.loads(here.stdout)["deliveries"]], [failed["id"]])
        self.run_cli("deliveries", "retry", failed["id"], f"--store={self.data / 'store.db'}")
        self.settled()

    def test_what_is_too_large_is_given_up(self):
        """Nothing that a stranger may write keeps those that come after it waiting."""
        event, payload = pull_request(12, 1)
        payload["pull_request"]["labels"] = [{"name": "x" * (1200 << 10)}]
        self.send(202, event, payload)
        event, payload = push(2)
        payload["commits"][0]["author"] = {"name": "K" * (600 << 10)}
        payload["commits"][0]["added"] = [f"{n}/" + "d" * 1500 for n in range(900)]
        self.send(202, event, payload)
        change, code = sorted(self.settled(), key=lambda d: d["event"])
        self.assertEqual((change["status"], change["attempts"]), ("failed", 1), change)
        self.assertTrue(change["reason"])
        self.assertEqual(code["status"], "done", code)
        self.assertEqual([j["request"]["commit"] for j in self.scans()], [sha(2)])

    def test_a_reload_brings_and_takes_integrations(self):
        payload = push(1)
        path = self.root / "secureops.yaml"
        before = path.read_text()
        path.write_text(webhooks.config(self.root, later="third"))
        self.send(401, *payload, secret="third")
        self.ask(200, "POST", "/reload")
        self.send(202, *payload, secret="third")
        self.send(401, *payload, secret="another")
        health = self.get("/health", token=None)
        self.assertEqual(sorted(health["integrations"]), ["github", "later"])
        path.write_text(before.replace("github", "nonsense"))
        self.ask(409, "POST", "/reload")
        self.send(202, *push(2), secret="third")
        path.write_text("log:\n  level: info\n")
        self.ask(200, "POST", "/reload")
        self.send(404, *payload)

    def test_nothing_acknowledged_is_lost(self):
        """kill -9 while they come: each 2xx is in the store, and is acted upon after the start."""
        sent = []
        for n in range(60):
            body, headers = signed(*push(n, branch=f"b{n}"), delivery=f"d{n}")
            if n == 40:
                self.daemon.kill()
                self.daemon.wait()
                break
            if self.post("/webhook/github", body, headers).status == 202:
                sent.append(f"d{n}")
        self.start_daemon()
        self.token = self.login(ADMIN)
        done = {i["delivery"]: i["status"] for i in self.settled()}
        self.assertEqual({d: done.get(d) for d in sent}, {d: "done" for d in sent})
        self.assertEqual(len({j["request"]["commit"] for j in self.scans()}), len(sent))


class Polled(DaemonCase):
    """A platform whose webhooks were lost."""
    settings = ("server.public_url=https://scans.example/",)

    def setUp(self):
        self.github = GitHub()
        self.addCleanup(self.github.__exit__)
        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self.github.activity = [{"ref": "refs/heads/main", "before": sha(1), "after": sha(2),
                                 "actor": {"login": "al"}, "activity_type": "push",
                                 "timestamp": now}]
        self.github.hooks = {n: {"id": n, "active": True, "events": [], "config": {"url": f"https://{host}/webhook/github"}}
                             for n, host in ((1, "scans.example"), (2, "other.example"))}
        self.github.run(5, sha=sha(2))
        super().setUp()

    @property
    def config(self):
        token = self.root / "token"
        token.write_text("ghs_app")
        token.chmod(0o600)
        return webhooks.config(self.root, '    repositories: ["acme/widget", "acme/s*"]\n'
                               f'    api_url: "{self.github.url}"\n    token: "file:{token}"\n'
                               '    write_gap: 0s\n    backoff: 20ms\n')

    def test_what_was_not_sent_is_asked_for(self):
        until, scans, ci = time.monotonic() + 40, [], []
        while not (scans and any(j["state"] == "completed" for j in ci)) and time.monotonic() < until:
            jobs = self.get("/jobs?limit=200")["items"]
            scans = [j for j in jobs if j["kind"] == "scan"]
            ci = [j for j in jobs if j["kind"] == "ci" and j["request"]["op"] == "poll"]
            time.sleep(0.2)
        self.assertTrue(ci, jobs)
        request = ci[0]["request"]["request"]
        self.assertEqual(request["repositories"], ["acme/widget"])
        self.assertRegex(request["since"], "^20")
        self.assertEqual(request["urls"],
                         ["https://scans.example/webhook/github", "https://scans.example/webhook/github/github"])
        asked = {row[1].split("?")[0] for row in self.github.log if row[1].split("?")[0].endswith("/deliveries")}
        self.assertEqual(asked, {"/repos/acme/widget/hooks/1/deliveries"})
        self.assertTrue(scans, f"{ci}\n{self.log.read_text()[-4000:]}")
        self.assertIn(sha(2), [j["request"].get("commit") for j in scans])
        items = self.get("/deliveries?limit=100")["items"]
        self.assertTrue(all(i["polled"] and i["status"] == "done" for i in items), items)
        builds = self.get("/events?type=metrics.build")["items"]
        self.assertEqual(len(builds), 1, builds)

    def test_a_token_is_for_the_integrations_server_alone(self):
        """Who is bound to a place makes pipelines of it, at the platform whose place it is."""
        bound = self.make_user("b@example.com", ["developer"], ["https://*/acme/*"])
        pipeline = {"name": "ci", "target": {"location": "https://github.com/acme/widget"},
                    "integration": "github", "repository": "acme/widget", "workflow": "ci.yml",
                    "branch": "main"}
        for location in ("https://ghe.example/acme/widget", "https://github.com/acme/other"):
            other = {**pipeline, "target": {"location": location}}
            problem = self.ask(400, "POST", "/pipelines", other, token=bound).json()
            self.assertIn("https://github.com", problem["errors"][0]["detail"])
        self.ask(201, "POST", "/pipelines", pipeline, token=bound)
        x = self.ask(202, "POST", "/pipelines/ci/execute", {}, token=bound).json()
        self.wait({"id": self.ci_job("trigger")["id"]})
        self.assertEqual([d[0] for d in self.github.dispatches], ["ci.yml"])
        self.assertTrue(self.get(f"/pipelines/executions/{x['id']}")["external_id"])
        # the integration is another server's now
        path = self.root / "secureops.yaml"
        path.write_text(path.read_text() + '    url: "https://ghe.example"\n')
        self.ask(200, "POST", "/reload")
        self.ask(409, "POST", "/pipelines/ci/execute", {}, token=bound)
        self.ask(202, "POST", f"/pipelines/executions/{x['id']}/refresh", token=bound)
        for job in [j for j in self.get("/jobs?limit=200")["items"] if j["kind"] == "ci"]:
            if job["request"]["op"] == "follow":  # one may have looked before
                self.wait(job, "completed", "failed")
        self.ask(202, "POST", f"/pipelines/executions/{x['id']}/refresh", token=bound)
        before = self.asked_for_runs()
        last = self.wait({"id": self.ci_job("follow")["id"]}, "failed")
        self.assertIn("integrations.github", last["reason"])
        self.assertEqual(self.asked_for_runs(), before)

    def asked_for_runs(self):
        return len([row for row in self.github.log if "/actions/runs/" in row[1]])

    def ci_job(self, op):
        jobs = self.get("/jobs?limit=200")["items"]
        return next(j for j in jobs if j["kind"] == "ci" and j["request"]["op"] == op)


if __name__ == "__main__":
    unittest.main()
