"""Runs, logs, artifacts, service hooks, polling, credentials and limits, against the stand-in."""
import json
import pathlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
import unittest

from world import Case, LATER, PASSWORD, PROJECT, REPO, USER

GUID = "d4a9a205-d52e-57fb-7b17-15a9d984af62"


class Runs(Case):
    def test_trigger(self):
        r = self.good(self.call("trigger", workflow="deploy", ref="main", commit_sha="f" * 40, inputs={"a": "b c"}))
        self.assertIn(int(r["pipeline_id"]), self.az.builds)
        pipeline, body = self.az.started[0]
        self.assertEqual((pipeline, body["templateParameters"]), (7, {"a": "b c"}))
        self.assertEqual(body["resources"]["repositories"]["self"], {"refName": "refs/heads/main", "version": "f" * 40})
        self.start(inputs_as="variables")
        self.good(self.call("trigger", workflow="7", inputs={"a": "b"}))
        self.assertEqual(self.az.started[1][1], {"variables": {"a": {"value": "b"}}})

    def test_trigger_refused(self):
        self.assertEqual(self.call("trigger", workflow="nothing").name, "NOT_FOUND")
        self.assertEqual(self.call("trigger").name, "INVALID")
        self.assertEqual(self.call("trigger", workflow="999").name, "NOT_FOUND")
        for bad in ("../x", "a/b/c", "Fabrikam/", "/x", "x/.."):
            self.assertEqual(self.call("trigger", repository=bad, workflow="7").name, "INVALID", bad)

    def test_trigger_that_took_effect_before_its_502_is_not_repeated(self):
        for status in (502, 0):
            self.az.started.clear()
            self.az.fault("/runs", "POST", status, after=True)
            r = self.good(self.call("trigger", workflow="7", ref="refs/heads/main"))
            self.assertEqual(len(self.az.started), 1)
            self.assertIn(int(r["pipeline_id"]), self.az.builds)

    def test_trigger_that_failed_before_is_repeated(self):
        self.az.fault("/runs", "POST", 503)
        self.good(self.call("trigger", workflow="7"))
        self.assertEqual(len(self.az.started), 1)

    def test_many_pipelines(self):
        self.az.pipelines.update({i: f"p{i}" for i in range(100, 320)})
        self.good(self.call("trigger", workflow="p319"))
        self.assertEqual(self.az.started[0][0], 319)

    def test_status(self):
        self.az.build(5, result="failed")
        self.az.record(5, "s1", "Stage", "Build")
        self.az.record(5, "p1", "Phase", "phase", "s1")
        self.az.record(5, "j1", "Job", "unit", "p1", result="failed")
        self.az.record(5, "t1", "Task", "make", "j1")
        self.az.record(5, "s2", "Stage", "Deploy", state="completed", result="skipped")
        r = self.good(self.call("status", pipeline_id="5"))
        self.assertEqual((r["status"], r["branch"], r["commit_sha"]), ("failure", "main", "1" * 40))
        self.assertEqual([(s["name"], s["stage"], s["status"], s["job_id"]) for s in r["stages"]],
                         [("unit", "Build", "failure", "j1"), ("Deploy", "Deploy", "skipped", "s2")])
        self.assertEqual(self.call("status", pipeline_id="6").name, "NOT_FOUND")
        self.assertEqual(self.call("status", pipeline_id="../6").name, "INVALID")

    def test_cancel(self):
        self.az.build(5, "inProgress", None)
        self.az.build(6)
        self.assertEqual(self.good(self.call("cancel", pipeline_id="5"))["status"], "cancelled")
        self.assertEqual(self.az.builds[5]["status"], "cancelling")
        self.assertEqual(self.good(self.call("cancel", pipeline_id="6"))["status"], "success")

    def test_rerun(self):
        self.az.build(5, result="failed", sha="f" * 40)
        r = self.good(self.call("rerun", pipeline_id="5"))
        self.assertNotEqual(r["pipeline_id"], "5")
        body = self.az.started[0][1]
        self.assertEqual((body["resources"]["repositories"]["self"]["version"], body["templateParameters"]),
                         ("f" * 40, {"level": "full"}))

    def test_rerun_of_what_failed(self):
        self.az.build(5, result="failed")
        self.az.record(5, "s1", "Stage", "Build")
        self.az.record(5, "s2", "Stage", "Deploy it", result="failed")
        self.az.fault("/stages/", "PATCH", 502, after=True)
        self.assertEqual(self.good(self.call("rerun", pipeline_id="5", failed_only=True))["pipeline_id"], "5")
        self.assertEqual([r["attempt"] for r in self.az.timelines[5]], [1, 2])
        self.az.build(6)
        self.assertEqual(self.call("rerun", pipeline_id="6", failed_only=True).name, "INVALID")

    def test_rollback(self):
        self.az.build(5, sha="1" * 40)
        self.az.record(5, "s1", "Stage", "production")
        r = self.good(self.call("rollback", environment="production", to={"pipeline_id": "5"}))
        self.assertEqual((r["pipeline_id"], self.az.timelines[5][0]["attempt"], self.az.timelines[5][0]["forced"]),
                         ("5", 2, True))
        r = self.good(self.call("rollback", environment="elsewhere", to={"pipeline_id": "5"}))
        self.assertEqual(self.az.started[0][1]["resources"]["repositories"]["self"]["version"], "1" * 40)
        self.good(self.call("rollback", to={"pipeline_id": "404", "commit_sha": "2" * 40}, workflow="deploy"))
        self.assertEqual(self.az.started[1][1]["resources"]["repositories"]["self"], {"version": "2" * 40})
        self.assertEqual(self.call("rollback", environment="production", to={}).name, "INVALID")

    def test_rollback_finds_the_last_good_revision(self):
        for number, sha, result in ((4, "2" * 40, "succeeded"), (5, "3" * 40, "failed"), (6, "4" * 40, "succeeded")):
            self.az.build(number, sha=sha, result=result)
        self.good(self.call("rollback", workflow="deploy", to={}))
        self.assertEqual(self.az.started[0][1]["resources"]["repositories"]["self"]["version"], "2" * 40)


class Files(Case):
    def test_a_log_that_may_be_cut_is_not_complete(self):
        self.az.build(5)
        self.az.record(5, GUID, "Job", "unit", log={"id": 9})
        self.az.logs[5, 9] = b"line one\n"
        for headers, whole in ({}, True), ({"Content-Length": None, "Connection": "close"}, False):
            self.az.log_headers = headers
            for q in (dict(pipeline_id="5", job_id=GUID), dict(pipeline_id="5")):
                self.assertEqual(self.good(self.call("logs", **q))["complete"], whole, (q, headers))
        self.az.log_headers = {}
        self.az.build(5, "inProgress", None)
        self.assertFalse(self.good(self.call("logs", pipeline_id="5"))["complete"])

    def test_log_of_a_job(self):
        self.az.build(5)
        self.az.record(5, GUID, "Job", "unit", log={"id": 9})
        self.az.logs[5, 9] = b"line one\nline two\x00\n"
        r = self.good(self.call("logs", pipeline_id="5", job_id=GUID))
        self.assertEqual(pathlib.Path(r["path"]).read_bytes(), b"line one\nline two\x00\n")
        self.assertEqual((r["offset"], r["complete"]), (19, True))
        r = self.good(self.call("logs", pipeline_id="5", job_id=GUID, offset=9))
        self.assertEqual(pathlib.Path(r["path"]).read_bytes(), b"line two\x00\n")
        r = self.good(self.call("logs", pipeline_id="5", job_id=GUID, offset=99))
        self.assertEqual(pathlib.Path(r["path"]).read_bytes(), b"")
        self.assertEqual(self.call("logs", pipeline_id="5", job_id="../x").name, "NOT_FOUND")

    def test_log_that_is_not_there_yet(self):
        self.az.build(5, "inProgress", None)
        self.az.record(5, GUID, "Job", "unit", state="inProgress", result=None)
        r = self.good(self.call("logs", pipeline_id="5", job_id=GUID))
        self.assertEqual((r["offset"], r["complete"]), (0, False))

    def test_log_of_a_run(self):
        self.az.build(5)
        r = self.good(self.call("logs", pipeline_id="5"))
        self.assertEqual(pathlib.Path(r["path"]).read_bytes(), b"PKlogs")

    def test_artifacts(self):
        self.az.build(5)
        self.az.artifacts[5] = {3: "the reports"}
        r = self.good(self.call("artifacts", pipeline_id="5"))
        self.assertEqual([(a["id"], a["name"], a["size"]) for a in r["artifacts"]], [("3", "the reports", 12)])
        r = self.good(self.call("artifacts", pipeline_id="5", id="3"))
        self.assertEqual(pathlib.Path(r["path"]).read_bytes(), b"PKzip")
        self.assertNotIn("Authorization", self.az.blob_log[0])  # the token stays at home
        self.assertEqual(self.call("artifacts", pipeline_id="5", id="4").name, "NOT_FOUND")
        self.az.token = "another"
        answer = self.call("logs", pipeline_id="5")
        self.assertEqual(answer.name, "PERMISSION", answer)
        self.assertIn("sign-in page", answer.reason)


class Configure(Case):
    URL = "https://secureops.example/webhook/azure"

    def test_hooks(self):
        r = self.good(self.call("configure", what="webhook", url=self.URL, dry_run=True))
        self.assertEqual((r["action"], self.az.hooks), ("created", {}))
        self.az.fault("/subscriptions", "POST", 502, after=True)
        r = self.good(self.call("configure", what="webhook", url=self.URL))
        self.assertEqual((r["action"], r["subscriptions"], len(self.az.hooks)), ("created", 7, 7))
        push = next(h for h in self.az.hooks.values() if h["eventType"] == "git.push")
        self.assertEqual(push["publisherInputs"], {"projectId": PROJECT, "repository": REPO})
        self.assertEqual((push["consumerInputs"]["basicAuthUsername"], push["consumerInputs"]["basicAuthPassword"],
                          push["consumerInputs"]["resourceDetailsToSend"]), (USER, PASSWORD, "all"))
        writes = len(self.az.writes())
        self.assertEqual(self.good(self.call("configure", what="webhook", url=self.URL))["action"], "unchanged")
        self.assertEqual(len(self.az.writes()), writes)
        push["status"] = "disabledBySystem"
        self.assertEqual(self.good(self.call("configure", what="webhook", url=self.URL))["action"], "updated")
        self.assertEqual(self.az.hooks[push["id"]]["status"], "enabled")
        self.assertEqual(len(self.az.hooks), 7)

    def test_hooks_refused(self):
        self.assertEqual(self.call("configure", what="webhook", url="http://x").name, "INVALID")
        self.assertEqual(self.call("configure", what="webhook").name, "INVALID")
        self.assertEqual(self.call("configure", what="cake").name, "UNSUPPORTED")
        self.start(webhook_password=None)
        self.assertEqual(self.call("configure", what="webhook", url=self.URL).name, "INVALID")

    def test_header_hooks(self):
        self.start(webhook_password=None, webhook_secret=["s3cret"])
        self.good(self.call("configure", what="webhook", url="http://10.0.0.1/webhook/azure", events=["git.push"]))
        hook, = self.az.hooks.values()
        self.assertEqual(hook["consumerInputs"]["httpHeaders"], "X-SecureOps-Token: s3cret")

    def test_pipeline_file(self):
        r = self.good(self.call("configure", what="workflow", branch="it's: a #branch", dry_run=True))
        self.assertIn('- "it\'s: a #branch"', r["file"]["content"])
        self.assertNotIn("$[", r["file"]["content"])  # not taken in the environment of a step
        self.az.fault("/pushes", "POST", 0, after=True)
        r = self.good(self.call("configure", what="workflow"))
        self.assertEqual((r["action"], self.az.items["/azure-pipelines.yml"]), ("created", r["file"]["content"]))
        self.assertEqual(self.good(self.call("configure", what="workflow"))["action"], "unchanged")
        self.assertEqual(self.good(self.call("configure", what="workflow", pool="linux"))["action"], "updated")
        self.az.items["/azure-pipelines.yml"] = "trigger: none\n"
        answer = self.call("configure", what="workflow")
        self.assertEqual(answer.name, "INVALID")
        self.assertEqual(self.az.items["/azure-pipelines.yml"], "trigger: none\n")
        r = self.good(self.call("configure", what="workflow", path="ci/secureops.yml"))
        self.assertIn("/ci/secureops.yml", self.az.items)
        self.assertEqual(self.call("configure", what="workflow", path="../x").name, "INVALID")


class Front:
    """https before the stand-in, for somebody who would speak HTTP/2 as well."""

    def __init__(self, folder, port):
        self.spoken, self.port = [], port
        self.certificate = f"{folder}/cert.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", f"{folder}/key.pem", "-out", self.certificate, "-days", "2", "-subj",
                        "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(self.certificate, f"{folder}/key.pem")
        self.context.set_alpn_protocols(["h2", "http/1.1"])
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self.socket.getsockname()[1]}"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                bare = self.socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.talk, args=(bare,), daemon=True).start()

    def talk(self, bare):
        try:
            with self.context.wrap_socket(bare, server_side=True) as theirs, \
                    socket.create_connection(("127.0.0.1", self.port)) as ours:
                self.spoken.append(theirs.selected_alpn_protocol())
                threading.Thread(target=self.copy, args=(ours, theirs), daemon=True).start()
                self.copy(theirs, ours)
        except OSError:
            pass

    @staticmethod
    def copy(a, b):
        try:
            while data := a.recv(65536):
                b.sendall(data)
        except OSError:
            pass


@unittest.skipUnless(shutil.which("openssl"), "no openssl")
class Protocol(Case):
    def test_answers_say_how_long_they_are(self):
        """An archive that is made while it is sent has no length in HTTP/2, and was refused for that."""
        self.az.build(5)
        self.az.artifacts[5] = {3: "reports"}
        front = Front(self.dir.name, self.az.api.server_port)
        self.addCleanup(front.socket.close)
        self.start(url=front.url, ca_file=front.certificate)
        self.good(self.call("artifacts", pipeline_id="5"))
        self.assertEqual(set(front.spoken), {"http/1.1"})


class Poll(Case):
    def test_poll(self):
        self.az.pushes = [{"pushId": 2, "date": "2026-11-20T10:00:00Z", "pushedBy": {"uniqueName": "alice"},
                           "refUpdates": [{"name": "refs/heads/main", "oldObjectId": "b" * 40, "newObjectId": "c" * 40}]},
                          {"pushId": 1, "date": "2026-11-01T10:00:00Z", "refUpdates": [
                              {"name": "refs/heads/old", "oldObjectId": "b" * 40, "newObjectId": "c" * 40}]}]
        self.az.build(5)
        ask = {"repositories": ["Fabrikam/widget"], "since": "2026-11-20T09:00:00Z", "state": None}
        answer = self.worker.call("poll", ask)
        self.assertEqual(answer.code, 0, answer)
        self.assertEqual([(e["event"], e["commit_sha"][0], e["repo_full_name"]) for e in answer.events],
                         [("push", "c", "Fabrikam/widget"), ("pull_request", "a", "Fabrikam/widget"),
                          ("pipeline", "1", "Fabrikam/widget")])
        self.assertEqual(answer.events[1]["context"], {"project_id": PROJECT, "repository_id": REPO})
        again = self.worker.call("poll", {**ask, "state": answer.result["state"]})
        self.assertNotIn("pull_request", [e["event"] for e in again.events])
        self.az.pulls[7].append("9" * 40)
        again = self.worker.call("poll", {**ask, "state": again.result["state"]})
        self.assertIn("9" * 40, [e["commit_sha"] for e in again.events])
        self.assertTrue(again.result["complete"])

    def push(self, n, at):
        return {"pushId": n, "date": at, "refUpdates": [
            {"name": "refs/heads/main", "oldObjectId": "b" * 40, "newObjectId": f"{n:040x}"}]}

    def test_what_one_poll_does_not_come_to(self):
        self.az.page = 2
        at = [f"2026-11-20T10:{n // 60:02d}:{n % 60:02d}Z" for n in range(240)]
        self.az.pushes = [self.push(n, at[n]) for n in range(239, -1, -1)]
        for n in range(1, 121):
            self.az.build(n, sha=f"{n:040x}", finishTime=at[n])
        ask = {"repositories": ["Fabrikam/widget"], "since": "2026-11-20T09:00:00Z", "state": None}
        seen, ends = {"push": set(), "pipeline": set()}, []
        for _ in range(4):
            answer = self.worker.call("poll", ask)
            for e in answer.events:
                seen.setdefault(e["event"], set()).add(e["commit_sha"])
            ends.append((answer.name, answer.result["complete"]))
            self.assertEqual(answer.name == "DEGRADED", "the next goes on" in str(answer.reason), answer)
            ask["state"] = answer.result["state"]
        self.assertEqual((len(seen["push"]), len(seen["pipeline"])), (240, 120))
        self.assertEqual(ends, [("DEGRADED", False)] * 2 + [("ok", True)] * 2)
        self.assertEqual(ask["state"]["rest"], {})

    def test_more_pull_requests_than_a_poll_takes(self):
        for n in range(2001):
            self.az.pull(n + 1, f"{n + 1:040x}")
        answer = self.worker.call("poll", {"repositories": ["Fabrikam/widget"], "since": "2026-11-20T09:00:00Z"})
        self.assertEqual((answer.name, answer.result["complete"]), ("DEGRADED", False))
        self.assertIn("2000 open pull requests", answer.reason)
        self.assertEqual(len([e for e in answer.events if e["event"] == "pull_request"]), 2000)

    def test_a_repository_that_comes_back(self):
        self.az.fault("/repositories/widget", "GET", 404)
        self.az.pushes = [self.push(1, "2026-11-20T10:00:00Z")]
        ask = {"repositories": ["Fabrikam/widget", "Fabrikam/" + REPO], "since": "2026-11-20T09:00:00Z"}
        first = self.worker.call("poll", ask)
        self.assertEqual((first.name, first.result["complete"]), ("DEGRADED", False))
        later = {"since": "2026-11-20T09:00:00Z", "state": {**first.result["state"], "pulls": {}}}
        again = self.worker.call("poll", {**later, "repositories": ["Fabrikam/widget"]})
        self.assertEqual((again.name, again.result["complete"]), ("ok", True), again)
        self.assertIn(f"{1:040x}", [e["commit_sha"] for e in again.events])  # it is older than `until`

    def test_a_repository_that_is_gone(self):
        self.az.fault("/repositories/gone", "GET", 404, times=9)
        ask = {"repositories": ["Fabrikam/gone", "Fabrikam/widget"], "since": "2026-11-20T09:00:00Z", "state": None}
        answer = self.worker.call("poll", ask)
        self.assertEqual(answer.name, "DEGRADED", answer)
        self.assertIn("Fabrikam/gone", answer.reason)
        self.assertTrue(answer.events and answer.result["state"]["until"])
        answer = self.worker.call("poll", {**ask, "repositories": ["Fabrikam/gone"]})
        self.assertEqual(answer.name, "NOT_FOUND")


class Refusals(Case):
    def test_sign_in_page(self):
        for redirects in (False, True):
            self.az.token, self.az.redirects = "another", redirects
            for op, more in (("status", {"pipeline_id": "5"}), ("trigger", {"workflow": "7"}),
                             ("configure", {"what": "webhook", "url": "https://x.example/"})):
                answer = self.call(op, **more)
                self.assertEqual(answer.name, "PERMISSION", answer)
                self.assertIn("sign-in page", answer.reason)
            self.assertNotIn("/_signin", [row[1] for row in self.az.log])

    def test_error_texts(self):
        self.az.fault("/builds/5", "GET", 403, body='{"message":"TF401027: You need the permission"}')
        answer = self.call("status", pipeline_id="5")
        self.assertEqual(answer.name, "PERMISSION")
        self.assertIn("TF401027", answer.reason)
        self.start(token=None)
        self.assertEqual(self.call("status", pipeline_id="5").name, "PERMISSION")

    def test_bearer(self):
        self.az.build(5)
        self.start(token=None, bearer="pat")
        self.good(self.call("status", pipeline_id="5"))
        self.assertEqual(self.az.log[-1][3]["Authorization"], "Bearer pat")

    def test_limits(self):
        self.az.build(5)
        self.az.fault("/builds/5", "GET", 429, headers={"Retry-After": "1"}, body='{"message":"TF400733: blocked"}')
        self.good(self.call("status", pipeline_id="5"))
        self.az.fault("/builds/5", "GET", 429, headers={"Retry-After": "600"}, body='{"message":"TF400733: blocked"}')
        answer = self.call("status", pipeline_id="5")
        self.assertEqual((answer.code, answer.retry_ms), (LATER, 600000))
        self.az.fault("/builds/5", "GET", 503, times=2)
        self.good(self.call("status", pipeline_id="5"))
        self.az.fault("/builds/5", "GET", 429, body="<html>Too many</html>", kind="text/html")
        self.assertEqual(self.call("status", pipeline_id="5").code, LATER)

    def test_retry_after_of_a_good_answer_slows_the_next(self):
        self.az.build(5)
        self.az.extra = {"Retry-After": "1"}
        self.good(self.call("status", pipeline_id="5"))
        a, b = self.az.log[-2:]
        self.assertGreater(b[4] - a[4], 0.9)
        self.assertEqual([row[1].split("?")[0].rsplit("/", 1)[1] for row in (a, b)], ["5", "timeline"])  # none twice

    def test_cut_answers(self):
        self.az.build(5)
        for body, kind in ('{"id": 5, "sta', "application/json"), ("[]", "application/json"):
            self.az.fault("/builds/5", "GET", 200, body=body, kind=kind)
            self.assertIn(self.call("status", pipeline_id="5").name, ("PARSE", "FORMAT", "ok"))
        self.az.fault("/builds/5", "GET", 0, times=9)
        self.assertEqual(self.call("status", pipeline_id="5").name, "NETWORK")

    def test_server_with_a_collection(self):
        self.az.build(5)
        self.start(url=self.az.url + "/acme/", organization=None)
        self.good(self.call("status", pipeline_id="5"))
        self.good(self.call("status", pipeline_id="5", repository=None, context={"project_id": PROJECT}))


class Credential(Case):
    def test_token_for_the_code(self):
        url = f"{self.az.url}/acme/Fabrikam/_git/widget"
        self.assertEqual(self.good(self.call("credential", clone_url=url)), {"token": "pat"})
        for elsewhere in ("https://evil.example/acme/Fabrikam/_git/widget", self.az.url + ".evil.example/acme/Fabrikam/_git/widget", "", None):
            self.assertEqual(self.call("credential", clone_url=elsewhere).name, "UNSUPPORTED", elsewhere)
        self.start(token=None, bearer="x")
        self.assertEqual(self.call("credential", clone_url=url).name, "UNSUPPORTED")


if __name__ == "__main__":
    unittest.main()
