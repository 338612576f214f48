"""Workflows and notifications through the real daemon: what is asked for is done once, or not at all
and visibly."""
import email
import hashlib
import hmac
import http.server
import json
import pathlib
import signal
import socketserver
import sqlite3
import subprocess
import sys
import threading
import time

import test_webhooks
import webhooks
from fakes import gitleaks, leaks
from webhooks import pull_request, push

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from github_standin import GitHub  # noqa: E402

PACK = """
return {
  {
    id = "tell",
    title = "Tells a server",
    on = { "push", "pull_request" },
    when = function(event) return event.branch ~= "quiet" end,
    run = function(event)
      notify { title = "push to " .. event.branch, severity = "LOW" }
      call {
        url = "%(url)s/flow",
        headers = { Authorization = secret("TOKEN", "Bearer ") },
        body = { branch = event.branch, depth = event.depth, details = event.details },
      }
      return { branch = event.branch .. "!" }
    end,
  },
  {
    id = "after",
    title = "Sees what the one before it changed",
    on = "push",
    run = function(event) notify { title = "then " .. event.branch, severity = "INFO" } end,
  },
  {
    id = "broken",
    title = "Fails in its second line",
    on = "push",
    run = function(event)
      notify { title = "never" }
      notify { titel = "x" }
    end,
  },
  {
    id = "rebound",
    title = "Asks for a name that stands for this machine",
    on = "push",
    run = function(event)
      call { url = "http://hook.rebound.example:%(port)s/x", body = "x" }
    end,
  },
  {
    id = "elsewhere",
    title = "Asks for what it may not",
    on = "push",
    run = function(event)
      notify { title = "never" }
      call { url = "http://169.254.169.254/latest", body = "x" }
    end,
  },
  {
    id = "answer",
    title = "Acts at the platform",
    on = "pull_request",
    run = function(event)
      comment { text = "Thank you, " .. event.actor .. "." }
      trigger { workflow = "ci.yml", ref = "main", inputs = { pr = tostring(event.pr_number) } }
      scan { types = { "SAST" }, at = "00:00" }
    end,
  },
  {
    id = "heard",
    title = "Tells what it heard of findings and alerts",
    on = { "finding", "alert" },
    run = function(event)
      call { url = "%(url)s/heard", headers = {}, body = event }
    end,
  },
  {
    id = "tick",
    title = "Tells that it is time, and scans",
    on = "schedule",
    params = { repository = "" },
    run = function(event, params)
      notify { title = "it is time", severity = "INFO" }
      scan { repository = params.repository, sbom = true }
    end,
  },
  {
    id = "rescan",
    title = "Scans what was scanned, for ever",
    on = "scan",
    run = function(event)
      notify { title = "depth " .. tostring(event.depth) .. " new " .. tostring(event.scan.new),
               severity = "INFO" }
      scan { }
    end,
  },
}
"""
TOKEN = "s3cret-t0ken-of-the-flow"
KEY = "key of signatures"


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        s = self.server
        with s.lock:
            s.got.append((self.path, dict(self.headers), body))
            fails = s.fail.get(self.path, 0)
            s.fail[self.path] = fails - 1
        status = {True: 503, False: 204}[fails > 0]
        if self.path == "/moved":
            status = 307
        if self.path == "/gone":
            status = 410
        self.send_response(status)
        if status == 307:
            self.send_header("Location", f"http://127.0.0.1:{s.server_port}/trap")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


class Post(socketserver.StreamRequestHandler):
    """Takes mails; refuses the first one for now."""
    def handle(self):
        say = lambda text: self.wfile.write(text.encode() + b"\r\n")  # noqa: E731
        say("220 here")
        to = None
        while line := self.rfile.readline().decode().strip():
            verb = line.split(":")[0].split()[0].upper()
            if verb == "RCPT":
                to = line.split("<")[1].split(">")[0]
                self.server.tries += 1
                say("451 later" if self.server.tries == 1 else "250 fine")
            elif verb == "DATA":
                say("354 go on")
                text = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    text += part
                self.server.got.append((to, email.message_from_bytes(text)))
                say("250 taken")
            elif verb == "QUIT":
                say("221 bye")
                return
            else:
                say("250 fine")


class Workflows(test_webhooks.Webhooks):
    settings = ("queue.slots=2", "queue.backoff=100ms", "queue.backoff_max=300ms")
    sinks = ""
    rules = "[{on: [push, pull_request], scan: false, workflows: [tell, after]}]"
    after_scan = "[]"
    workflows = ""
    more_hosts = ()

    @property
    def config(self):
        folder = self.root / "packs"
        if not hasattr(self, "receiver"):
            self.receiver = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
            self.receiver.got, self.receiver.fail = [], {}
            self.receiver.lock = threading.Lock()
            threading.Thread(target=self.receiver.serve_forever, daemon=True).start()
            self.addCleanup(self.receiver.server_close)
            self.addCleanup(self.receiver.shutdown)
        at = f"127.0.0.1:{self.receiver.server_port}"
        (folder / "workflows").mkdir(parents=True, exist_ok=True)
        (folder / "workflows" / "w.lua").write_text(PACK % {
            "url": f"http://{at}", "port": self.receiver.server_port})
        for name, text in (("token", TOKEN), ("key", KEY)):
            (self.root / name).write_text(text)
            (self.root / name).chmod(0o600)
        return webhooks.config(self.root, self.more, acme="another") + f"""
policies: {{dirs: ["{folder}"]}}
rules: {self.rules}
workflows:
  hosts: {json.dumps([at, *self.more_hosts])}
  secrets: ["TOKEN=file:{self.root}/token"]
  after_scan: {self.after_scan}
{self.workflows}notifications:
  severity: info
  secret: "file:{self.root}/key"
{self.sinks.replace("AT", at)}
"""

    def jobs(self, kind):
        return [j for j in self.get("/jobs?limit=200")["items"] if j["kind"] == kind]

    def ended(self, kind, n=1):
        """The n jobs of a kind, once all have ended."""
        until = time.monotonic() + 60
        while time.monotonic() < until:
            jobs = self.jobs(kind)
            if len(jobs) >= n and not [j for j in jobs if j["state"] in ("queued", "running")]:
                self.assertEqual(len(jobs), n, jobs)
                return jobs
            time.sleep(0.1)
        self.fail(f"{self.jobs(kind)}\n{self.log.read_text()[-4000:]}")

    def titles(self):
        return sorted(a["title"] for a in self.get("/alerts")["items"])

    def posts(self, path):
        with self.receiver.lock:
            return [g for g in self.receiver.got if g[0] == path]

    def audit(self, action):
        return [e for e in self.get(f"/audit?action={action}")["items"]]


# the tests of the base are its own
for name in [n for n in dir(test_webhooks.Webhooks) if n.startswith("test_")]:
    setattr(Workflows, name, None)


class Push(Workflows):
    def test_a_call_is_tried_again_and_done_once(self):
        self.receiver.fail["/flow"] = 2
        self.send(202, *push(1))
        workflow, = self.ended("workflow")
        self.assertEqual(workflow["state"], "completed", workflow)
        call, = self.ended("call")
        self.assertEqual(call["state"], "completed", call)
        self.assertEqual(call["attempt"], 3)
        posts = self.posts("/flow")
        self.assertEqual(len(posts), 3)
        self.assertEqual({p[1]["Authorization"] for p in posts}, {f"Bearer {TOKEN}"})
        self.assertEqual({p[1]["X-SecureOps-Delivery"] for p in posts}, {call["id"]})
        body = json.loads(posts[2][2])
        self.assertEqual((body["branch"], body["depth"]), ("main", 0))
        self.assertEqual(body["details"]["files"]["modified"], ["a.py"])
        self.assertEqual(self.titles(), ["push to main", "then main!"])
        self.assertEqual(len(self.audit("workflow.notify")), 2)
        entry, = self.audit("workflow.call")
        self.assertEqual((entry["actor"], entry["outcome"]), ("workflow:tell", "success"))
        self.assertEqual(len(entry["details"]["digest"]), 64)
        self.assertEqual(len(self.audit("call.send")), 1)
        # who reads jobs, logs or the store does not learn the secret
        self.assertIn("TOKEN", json.dumps(call))
        self.assertNotIn(TOKEN, json.dumps(self.get("/jobs?limit=200")))
        self.assertNotIn(TOKEN, self.log.read_text())

    def test_each_event_has_its_own(self):
        self.send(202, *push(1))
        self.send(202, *push(2))
        self.send(202, *push(3, branch="quiet"))
        self.send(202, *pull_request(12, 4))
        self.settled()
        self.assertEqual({j["state"] for j in self.ended("workflow", 4)}, {"completed"})
        self.assertEqual({j["state"] for j in self.ended("call", 3)}, {"completed"})
        self.assertIn("then quiet", self.titles())
        self.assertNotIn("push to quiet", self.titles())


class Failing(Workflows):
    rules = ("[{on: push, branches: [a], scan: false, workflows: [tell, broken]},"
             " {on: push, branches: [b], scan: false, workflows: [elsewhere]},"
             " {on: push, branches: [c], scan: false, workflows: [tel]}]")

    @property
    def config(self):
        text = super().config
        self.gone = self.root / "packs" / "workflows" / "gone.lua"
        self.gone.write_text('return { id = "tel", title = "Goes", on = "push", run = function() '
                             'notify { title = "never" } end }\n')
        return text

    def failed(self, n, branch, why):
        self.send(202, *push(n, branch=branch))
        job = self.ended("workflow", n)[0]
        self.assertEqual(job["state"], "failed", job)
        self.assertIn(why, job["reason"])

    def test_all_or_nothing(self):
        self.failed(1, "a", "broken: workflows/w.lua:")
        self.failed(2, "b", "workflows.hosts does not name 169.254.169.254:80")
        self.gone.unlink()  # it was there when the configuration was read
        self.failed(3, "c", "there is no workflow 'tel': did you mean 'tell'?")
        self.assertEqual(self.titles(), ["A workflow failed, and did nothing"] * 3)
        self.assertEqual(self.jobs("call"), [])
        self.assertEqual(self.posts("/flow"), [])
        self.assertEqual({e["outcome"] for e in self.audit("workflow.run")}, {"failure"})


class Rebound(Workflows):
    """A name that a wildcard allows, and that stands for an address of this machine."""
    rules = "[{on: push, scan: false, workflows: [rebound]}]"
    more_hosts = ("*.rebound.example:*",)

    @property
    def wrapper(self):
        hosts = self.root / "hosts"
        hosts.write_text("127.0.0.1 localhost\n127.0.0.1 hook.rebound.example\n")
        return ("unshare", "-m", "sh", "-c",
                f'mount --bind {hosts} /etc/hosts && exec "$0" "$@"')

    def setUp(self):
        try:
            subprocess.run(["unshare", "-m", "mount", "--bind", "/etc/hosts", "/etc/hosts"],
                           check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            self.skipTest("mounts are not allowed here")
        super().setUp()

    def test_is_not_reached(self):
        self.send(202, *push(1))
        job = self.ended("call")[0]
        self.assertEqual(job["state"], "failed", job)
        self.assertIn("not public", job["reason"])
        self.assertEqual(job["attempt"], 1)
        self.assertEqual(self.receiver.got, [])


class Sinks(Workflows):
    sinks = ('  webhooks: ["http://AT/alerts", "http://AT/gone", "http://AT/moved"]\n'
             '  kinds: ["workflow*", "notification_failed"]')
    rules = "[{on: push, scan: false, workflows: [after]}]"

    def test_alerts_reach_webhooks_once(self):
        self.receiver.fail["/alerts"] = 1
        self.send(202, *push(1))
        self.ended("workflow")
        calls = self.ended("call", 3)
        self.assertEqual(sorted(c["state"] for c in calls), ["completed", "failed", "failed"])
        posts = self.posts("/alerts")
        self.assertEqual(len(posts), 2)
        path, headers, body = posts[1]
        signature = hmac.new(KEY.encode(), body, hashlib.sha256).hexdigest()
        self.assertEqual(headers["X-SecureOps-Signature-256"], f"sha256={signature}")
        alert = json.loads(body)
        self.assertEqual((alert["title"], alert["kind"]), ("then main", "workflow"))
        self.assertEqual(self.posts("/trap"), [])
        self.assertEqual(self.titles(), ["An alert could not be sent"] * 2 + ["then main"])
        self.stop_daemon()
        self.start_daemon()
        time.sleep(4)  # two looks at the alerts of the last hour
        self.assertEqual(len(self.jobs("call")), 3)


class Mail(Workflows):
    rules = "[{on: push, scan: false, workflows: [after]}]"
    sinks = "  mail: [ops@example.com]\n  kinds: [workflow]"

    def setUp(self):
        self.mails = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Post)
        self.mails.got, self.mails.tries = [], 0
        threading.Thread(target=self.mails.serve_forever, daemon=True).start()
        self.addCleanup(self.mails.server_close)
        self.addCleanup(self.mails.shutdown)
        self.settings = (*self.settings, f"smtp.url=smtp://127.0.0.1:{self.mails.server_address[1]}",
                         "smtp.from=secureops@example.com")
        super().setUp()

    def test_an_alert_is_mailed(self):
        self.send(202, *push(1))
        call, = self.ended("call")
        self.assertEqual((call["state"], call["attempt"]), ("completed", 2), call)
        (to, message), = self.mails.got
        self.assertEqual(to, "ops@example.com")
        self.assertEqual(message["Subject"], "[SecureOps] INFO: then main")
        self.assertIn("kind: workflow", message.get_payload(decode=True).decode())
        self.assertEqual(len(self.audit("mail.send")), 1)


class Platform(Workflows):
    rules = "[{on: pull_request, scan: false, workflows: [answer]}]"

    def setUp(self):
        self.github = GitHub()
        self.addCleanup(self.github.__exit__)
        super().setUp()

    @property
    def more(self):
        account = self.root / "account"
        account.write_text("ghs_app")
        account.chmod(0o600)
        return (f'    api_url: "{self.github.url}"\n    token: "file:{account}"\n'
                '    write_gap: 0s\n    backoff: 20ms\n    poll: 0\n')

    def test_what_is_done_there(self):
        event, payload = pull_request(7, 2)
        payload = json.loads(json.dumps(payload).replace("acme/shop", "acme/widget"))
        self.send(202, event, payload)
        self.assertEqual(self.ended("workflow")[0]["state"], "completed")
        jobs = self.ended("ci", 3)
        self.assertEqual({j["state"] for j in jobs}, {"completed"}, [
            (j["request"]["op"], j["state"], j.get("reason")) for j in jobs])
        self.assertEqual(sorted(j["request"]["op"] for j in jobs),
                         ["comment", "publish", "trigger"])  # the scan's check waits
        bodies = [c["body"] for c in self.github.comments.values()]
        self.assertEqual(len(bodies), 1, bodies)
        self.assertIn("Thank you, kim.", bodies[0])
        self.assertEqual(len(self.github.dispatches), 1)
        scan, = self.jobs("scan")
        self.assertEqual((scan["state"], scan["origin"]), ("queued", "workflow"))
        self.assertEqual(scan["request"]["types"], ["SAST"])
        self.assertEqual({e["action"] for e in self.get("/audit?action=workflow.")["items"]},
                         {"workflow.comment", "workflow.trigger", "workflow.scan"})


class AfterScan(Workflows):
    after_scan = "[rescan]"

    def test_loops_come_to_an_end(self):
        folder = self.repository("shop", Dockerfile="FROM alpine\nUSER root\n")
        self.scan("iac", folder, "completed")
        jobs = self.ended("workflow", 4)
        self.assertEqual(sorted(j["state"] for j in jobs), ["completed"] * 3 + ["failed"])
        failed, = [j for j in jobs if j["state"] == "failed"]
        self.assertIn("3 events one after the other", failed["reason"])
        titles = [t for t in self.titles() if t.startswith("depth")]
        self.assertEqual([t.split()[1] for t in titles], ["0", "1", "2"])
        self.assertGreater(int(titles[0].split()[3]), 0)
        self.assertEqual(titles[1].split()[3], "0")


class Findings(Workflows):
    workflows = "  on_finding: [heard]\n  on_alert: [heard]\n"

    def heard(self, n):
        until = time.monotonic() + 60
        while len(self.posts("/heard")) < n and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(1)  # for one too many
        bodies = [json.loads(p[2]) for p in self.posts("/heard")]
        self.assertEqual(len(bodies), n, f"{bodies}\n{self.log.read_text()[-3000:]}")
        return bodies

    def test_each_is_heard_once(self):
        """Detected by a scan, resolved by a person, back with the next scan: also over a restart."""
        folder = self.repository("shop", Dockerfile="FROM alpine\nUSER root\n")
        self.scan("iac", folder, "completed")
        first = [b for b in self.heard(1)]
        self.assertEqual({b["event"] for b in first}, {"finding"})
        found = first[0]
        self.assertEqual((found["action"], found["branch"], found["count"]),
                         ("detected", "main", len(found["findings"])))
        self.assertEqual(sum(found["by_severity"].values()), found["count"])
        self.stop_daemon()
        self.start_daemon()
        one = found["findings"][0]
        at = f"/vulnerabilities/{one['id']}"
        tag = self.ask(200, "GET", at).headers["ETag"]
        self.ask(200, "PUT", at, {"status": "RESOLVED", "reason": "done"}, headers={"If-Match": tag})
        gone = self.heard(2)[-1]
        self.assertEqual((gone["action"], [f["id"] for f in gone["findings"]]), ("resolved", [one["id"]]))
        self.scan("iac", folder, "completed")
        back = self.heard(3)[-1]
        self.assertEqual((back["action"], [f.get("reopened") for f in back["findings"]]), ("detected", [True]))
        jobs = self.jobs("workflow")
        self.assertEqual({(j["origin"], j["state"]) for j in jobs}, {("finding", "completed")})

    def test_an_alert(self):
        """What the daemon raises itself is heard of, beside the finding."""
        folder = self.repository("shop", Dockerfile="FROM alpine\n")
        self.tool("gitleaks", gitleaks(leaks()))
        self.scan("all", folder, "completed", scanners=["gitleaks"])
        with sqlite3.connect(self.data / "store.db", timeout=30) as db:
            kinds = [k for k, in db.execute("SELECT kind FROM alerts")]
        self.assertEqual(kinds, ["critical_findings"])
        heard, = [b for b in self.heard(2) if b["event"] == "alert"]
        self.assertEqual((heard["event"], heard["action"], heard["clone_url"]), ("alert", kinds[0], str(folder)))
        self.assertEqual(heard["alert"]["severity"], "CRITICAL")


class Schedule(Workflows):
    @property
    def workflows(self):
        self.repo = getattr(self, "repo", None) or self.repository("nightly", Dockerfile="FROM alpine\nUSER root\n")
        return (f"  schedule: [\"tick=* * * * * *\"]\n  targets: [\"file://{self.repo}\"]\n"
                "scanners:\n  policies:\n    params: "
                f"[\"tick.repository=file://{self.repo}\"]\n")

    def test_it_is_time(self):
        until = time.monotonic() + 60
        while "it is time" not in self.titles() and time.monotonic() < until:
            time.sleep(0.2)
        self.assertIn("it is time", self.titles())
        schedule, = self.get("/schedules")["items"]
        self.assertEqual((schedule["name"], schedule["enabled"]), ("workflow:tick", True))
        at = f"/schedules/{schedule['id']}"
        for method, path in (("DELETE", at), ("POST", at + "/pause")):
            self.assertIn("workflows.schedule", str(self.ask(409, method, path)))
        for verb in ("delete", "pause"):
            r = self.run_it("schedules", verb, "workflow:tick", f"--store={self.data}/store.db")
            self.assertIn("workflows.schedule", r.err)
            self.assertNotEqual(r.code, 0)
        scans = self.jobs("scan")
        self.assertTrue(scans)
        self.assertEqual(scans[0]["request"]["sbom"], True)
        # without it in the configuration there are no more ticks
        text = (self.root / "secureops.yaml").read_text()
        (self.root / "secureops.yaml").write_text(text.replace("tick=* * * * * *", "tick=0 0 1 1 *"))
        self.daemon.send_signal(signal.SIGHUP)
        until = time.monotonic() + 30
        while self.get(at)["cron"] != "0 0 1 1 *" and time.monotonic() < until:
            time.sleep(0.2)
        self.assertEqual(self.get(at)["cron"], "0 0 1 1 *")
