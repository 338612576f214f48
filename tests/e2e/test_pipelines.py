"""Own pipelines, from the definition to the figures: over the API of a daemon of one's own."""
import base64
import http.client
import os
import pathlib
import signal
import socket
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
import webhooks  # noqa: E402
from daemon import JOB_S, DaemonCase
from harness import BUILD, PASSED, USAGE

SECRET = "hunter2-correct-horse"
ENDED = ("success", "failure", "timed_out", "cancelled", "skipped", "waiting_approval")

WHOLE = r"""
env: {COLOUR: red}
timeout: 5m
parallel: 2
stages:
  - name: deploy
    needs: [test]
    if: branch == "main"
    environment: production
    approval: true
    secrets: [DEPLOY_KEY]
    env: {X: "a b"}
    steps:
      - name: show
        run: |
          echo "key=$DEPLOY_KEY"
          printf %s "$DEPLOY_KEY" | head -c 9; sleep 0.3; printf %s "$DEPLOY_KEY" | tail -c +10; echo
          printf %s "x$DEPLOY_KEY" | base64 -w0; echo
          echo "X=$X COLOUR=$COLOUR $SECUREOPS_INPUT_LEVEL"
          test "$X" = "a b"
  - name: never
    if: branch != "main"
    steps: [{run: "exit 1"}]
  - name: compile
    artifacts: [out]
    steps:
      - run: mkdir out && echo built > out/app && ln -s /etc/passwd out/link
  - name: test
    needs: [compile]
    matrix: {python: ["3.11", "3.12"], os: [a, b]}
    exclude: [{python: "3.11", os: b}]
    steps:
      - {name: report, run: "echo $MATRIX_PYTHON-$MATRIX_OS; test ! -e out"}
      - {name: soft, run: "exit 7", continue_on_error: true}
      - {name: after, run: echo after}
  - name: flaky
    retries: 1
    env: {STATE: @STATE@}
    steps:
      - run: |
          test "$SECUREOPS_ATTEMPT" = 2
  - name: sandbox
    continue_on_error: true
    steps:
      - {name: outside, run: "! touch @CWD@/x 2>/dev/null"}
      - {name: store, run: "! cat @DATA@/store.db >/dev/null 2>&1 && ! cat @DATA@/*key* >/dev/null 2>&1"}
      - {name: environment, run: "! env | grep -i hunter2"}
"""


class Pipelines(DaemonCase):
    settings = ("pipelines.enabled=true", "queue.attempts=3", "queue.backoff=1s")

    def setUp(self):
        super().setUp()
        self.repo = self.repository("app", README="one")

    def put(self, name, definition, **more):
        definition = definition.replace("@CWD@", str(self.cwd)).replace(
            "@DATA@", str(self.data)).replace("@STATE@", str(self.root))
        return self.ask(201, "POST", "/pipelines", {
            "name": name, "target": {"location": str(self.repo)}, "branch": "main",
            "definition": definition, **more}).json()

    def execute(self, name, **body):
        reply = self.ask(202, "POST", f"/pipelines/{name}/execute", body)
        x = reply.json()
        self.assertEqual(reply.headers["Location"], f"/api/v1/pipelines/executions/{x['id']}")
        return x

    def until(self, x, *states):
        end = time.monotonic() + JOB_S
        while time.monotonic() < end:
            now = self.get(f"/pipelines/executions/{x['id']}")
            if now["status"] in (states or ENDED):
                return now
            if now["status"] in ENDED[:-1]:
                break
            time.sleep(0.1)
        self.fail(f"{now}\n{self.stages(x)}\n{self.logs(x)}\n{self.log.read_text()[-6000:]}")

    def stages(self, x):
        return self.get(f"/pipelines/executions/{x['id']}/stages")["items"]

    def status_of(self, x):
        return {(s["name"], s["attempt"]): s["status"] for s in self.stages(x)}

    def logs(self, x, **query):
        text, offset = "", 0
        while True:
            path = f"/pipelines/executions/{x['id']}/logs?offset={offset}"
            for k, v in query.items():
                path += f"&{k}={v}"
            reply = self.ask(200, "GET", path)
            text += reply.text
            if int(reply.headers["X-Next-Offset"]) == offset:
                return text
            offset = int(reply.headers["X-Next-Offset"])

    def test_from_the_definition_to_the_end(self):
        p = self.put("whole", WHOLE)
        self.ask(204, "PUT", f"/secrets/pipeline.{p['id']}.DEPLOY_KEY", {"value": SECRET})
        x = self.execute("whole", inputs={"level": "full"})
        x = self.until(x, "waiting_approval")
        self.assertEqual(self.status_of(x), {
            ("compile", 1): "success", ("test (3.11, a)", 1): "success",
            ("test (3.12, a)", 1): "success", ("test (3.12, b)", 1): "success",
            ("never", 1): "skipped", ("flaky", 1): "failure", ("flaky", 2): "success",
            ("sandbox", 1): "success", ("deploy", 1): "waiting_approval"}, self.logs(x))
        names = [a["name"] for a in
                 self.get(f"/pipelines/executions/{x['id']}/artifacts")["items"]]
        self.assertEqual(names, ["compile/out/app"])
        got = self.ask(200, "GET",
                       f"/pipelines/executions/{x['id']}/artifacts/download?name=compile/out/app")
        self.assertEqual(got.text, "built\n")
        # who asked for it cannot approve; a developer may not
        path = f"/pipelines/executions/{x['id']}"
        self.ask(403, "POST", path + "/approve", {})
        developer = self.make_user("dev@example.com", ["developer"])
        self.ask(403, "POST", path + "/approve", {}, token=developer)
        # nor may who changes definitions: it is a permission of its own, and one may have it alone
        other = self.make_user("other@example.com", ["developer"])
        user, = [u for u in self.get("/users?limit=100")["items"] if u["email"] == "other@example.com"]
        self.assertEqual(user["permissions"], [])
        at = f"/users/{user['id']}"
        self.ask(400, "PUT", at, {"permissions": ["aprove:pipelines"]})
        self.ask(403, "PUT", at, {"permissions": ["approve:pipelines"]}, token=developer)
        for one, status in ((["update:pipelines"], 403), (["approve:pipelines"], 400)):
            user = self.ask(200, "PUT", at, {"permissions": one}).json()
            self.assertEqual((user["permissions"], user["roles"]), (one, ["developer"]))
            self.ask(status, "POST", path + "/approve", {"stage": "compile"}, token=other)
        self.ask(403, "PUT", "/pipelines/whole", {"name": "whole"}, token=other)
        self.assertIn("approve:pipelines", self.get("/auth/me", token=other)["permissions"])
        narrow = self.ask(201, "POST", "/tokens", {"name": "reads", "scopes": ["read:pipelines"]}, token=other).json()
        self.ask(403, "POST", path + "/approve", {}, token=narrow["token"])
        only = self.ask(201, "POST", "/tokens", {"name": "approves", "scopes": ["approve:pipelines"]}, token=other).json()
        self.ask(400, "POST", path + "/approve", {"stage": "compile"}, token=only["token"])
        self.ask(403, "GET", path, token=only["token"])
        self.ask(202, "POST", path + "/approve", {"reason": "fine"}, token=other)
        x = self.until(x, "success")
        self.ask(409, "POST", path + "/approve", {}, token=other)
        self.assertEqual(x["environment"], "production")
        log = self.logs(x)
        for part in (SECRET, SECRET[:12], base64.b64encode(b"x" + SECRET.encode()).decode()[4:20]):
            self.assertNotIn(part, log)
        self.assertIn("key=***", log)
        self.assertIn("X=a b COLOUR=red full", log)
        self.assertIn("3.12-b", self.logs(x, stage="test%20(3.12,%20b)"))
        self.assertNotIn("3.12-b", self.logs(x, stage="compile"))
        self.assertIn("after", log)
        self.assertNotIn(SECRET, self.log.read_text())
        # nothing was done twice
        self.assertEqual(sum(1 for s in self.stages(x) if s["name"] == "compile"), 1)
        approvals = self.get(path + "/stages")["approvals"]
        self.assertEqual([(a["stage"], a["by"], a["approved"]) for a in approvals],
                         [("deploy", "other@example.com", True)])
        events = [e["event"]["event_type"] for e in self.get("/events?limit=200")["items"]]
        for wanted in ("pipeline.started", "pipeline.stage.completed", "pipeline.completed"):
            self.assertTrue(any(e.endswith(wanted) for e in events), events)
        figures = self.get("/pipelines/statistics?pipeline=whole")
        self.assertEqual((figures["executions"], figures["succeeded"], figures["success_rate"]),
                         (1, 1, 1))
        self.assertEqual(figures["dora"]["deployments"], 1)
        self.assertEqual([f["stage"] for f in figures["flaky_stages"]], ["flaky"])

    def test_a_failure_and_what_follows_it(self):
        self.put("broken", """
stages:
  - {name: a, steps: [{name: first, run: "exit 3"}, {name: second, run: echo no},
                      {name: clean, run: echo cleaned, if: always()}]}
  - {name: b, needs: [a], steps: [{run: echo b}]}
  - {name: c, needs: [b], if: failure(), steps: [{run: echo told}]}
  - {name: slow, timeout: 1s, steps: [{run: "sleep 60 & sleep 60"}]}
""")
        x = self.until(self.execute("broken"), "failure")
        self.assertEqual(self.status_of(x), {("a", 1): "failure", ("b", 1): "skipped",
                                             ("c", 1): "success", ("slow", 1): "timed_out"})
        reasons = {s["name"]: s.get("reason", "") for s in self.stages(x)}
        self.assertIn("first: exit status 3", reasons["a"])
        log = self.logs(x)
        self.assertIn("cleaned", log)
        self.assertNotIn("\nno\n", log)
        # the same revision again
        again = self.ask(202, "POST", f"/pipelines/executions/{x['id']}/rerun").json()
        self.assertNotEqual(again["id"], x["id"])
        self.assertEqual(self.until(again, "failure")["commit_sha"], x["commit_sha"])
        self.assertEqual(len(self.get("/pipelines/history?status=failure")["items"]), 2)

    def test_cancelled(self):
        self.put("long", "stages: [{name: a, steps: [{run: 'echo on; sleep 300 & sleep 300'}]},"
                         " {name: b, needs: [a], steps: [{run: echo b}]}]")
        x = self.execute("long")
        self.wait_for_log(x, "on")
        self.ask(202, "POST", f"/pipelines/executions/{x['id']}/cancel")
        x = self.until(x, "cancelled")
        self.assertEqual(self.status_of(x), {("a", 1): "cancelled", ("b", 1): "skipped"})
        self.ask(409, "POST", f"/pipelines/executions/{x['id']}/cancel")
        self.wait({"id": x["job_id"]}, "cancelled")

    def test_a_log_that_is_followed(self):
        go = self.cwd / "go"
        self.put("slow", f"stages: [{{name: a, steps: [{{run: 'echo one; until test -e {go}; do sleep 0.1; done; "
                         "printf \"two\\rthree\\n\"; seq 1 20000'}]}]")
        x = self.execute("slow")
        events = self.follow(x["id"])
        got, last = "", None
        while "one" not in got:
            last, kind, data = next(events)
            self.assertEqual(kind, "log")
            got += data + "\n"
        self.assertEqual(self.get(f"/pipelines/executions/{x['id']}")["status"], "running")
        again = self.follow(x["id"], headers={"Last-Event-ID": last})  # who was cut off
        other = self.make_user("other@example.com", ["developer"], ["https://elsewhere.example/*"])
        for token, status in ((other, 404), (None, 401)):
            self.ask(status, "GET", f"/pipelines/executions/{x['id']}/logs?follow=true", token=token)
        self.ask(400, "GET", f"/pipelines/executions/{x['id']}/logs?follow=true",
                 headers={"Last-Event-ID": "x"})
        go.write_text("")
        rest = [list(events), list(again)]
        self.assertEqual(rest[0][-1][1:], ("end", '{"status":"success"}'))
        self.assertEqual("".join(e[2] for e in rest[0]), "".join(e[2] for e in rest[1]))
        whole = got + "".join(e[2] + "\n" for e in rest[0][:-1])
        self.assertEqual(whole, self.logs(x).replace("\r", "\n"))
        self.assertIn("\ntwo\nthree\n", whole)
        self.assertEqual(list(self.follow(x["id"], "&stage=b"))[-1][1], "end")

    def test_always_after_a_cancel(self):
        self.put("cleaned", """
stages:
  - name: a
    steps:
      - {name: work, run: "touch made; echo on; sleep 300"}
      - {name: next, run: echo NEXT}
      - {name: failed, if: failure(), run: echo FAILED}
      - {name: other, if: 'always() && branch == "x"', run: echo OTHER}
      - {name: clean, if: always(), run: "test -e made; sleep 1; echo clean$((40 + 2))"}
      - {name: bad, if: always(), run: "exit 3"}
      - {name: last, if: always(), run: "echo last$((40 + 2))"}
  - {name: b, needs: [a], if: always(), steps: [{run: echo B}]}
""")
        x = self.execute("cleaned")
        self.wait_for_log(x, "on")
        self.ask(202, "POST", f"/pipelines/executions/{x['id']}/cancel")
        x = self.until(x, "cancelled")
        self.assertEqual(self.status_of(x), {("a", 1): "cancelled", ("b", 1): "skipped"})
        log = self.logs(x)
        self.assertIn("clean42\n", log)
        self.assertIn("last42\n", log)
        for part in ("NEXT", "FAILED", "OTHER", "B\n"):
            self.assertNotIn(part, log)
        self.wait({"id": x["job_id"]}, "cancelled")

    def wait_for_log(self, x, part):
        end = time.monotonic() + JOB_S
        while part not in self.logs(x):  # while it runs
            self.assertLess(time.monotonic(), end, self.log.read_text()[-4000:])
            time.sleep(0.1)

    def runners(self):
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    argv = f.read().split(b"\0")
                with open(f"/proc/{pid}/stat") as f:
                    parent = int(f.read().rsplit(")", 1)[1].split()[1])
            except (OSError, ValueError):
                continue
            if argv[0] == str(BUILD / "bin" / "secureops-runner").encode() and \
                    parent == self.daemon.pid:
                found.append(int(pid))
        return found

    def test_a_runner_that_is_killed(self):
        self.put("killed", """
stages:
  - {name: once, steps: [{run: "echo x >> count; cat count"}]}
  - name: long
    needs: [once]
    retries: 1
    steps: [{run: 'echo try $SECUREOPS_ATTEMPT; test $SECUREOPS_ATTEMPT = 2 || sleep 300'}]
""")
        x = self.execute("killed")
        self.wait_for_log(x, "try 1")
        runners = self.runners()
        self.assertEqual(len(runners), 1)
        os.kill(runners[0], signal.SIGKILL)
        x = self.until(x, "success")
        self.assertEqual(self.status_of(x), {("once", 1): "success", ("long", 1): "failure",
                                             ("long", 2): "success"})
        self.assertIn("interrupted", [s.get("reason", "") for s in self.stages(x)
                                      if s["status"] == "failure"][0])

    def test_rollback(self):
        definition = ("stages: [{name: deploy, environment: production,"
                      " steps: [{run: 'cat README; ! grep bad README'}]}]")
        self.put("site", definition)
        good = self.until(self.execute("site"), "success")
        self.ask(409, "POST", "/pipelines/site/rollback", {"environment": "production"})
        self.commit(self.repo, README="bad")
        bad = self.until(self.execute("site"), "failure")
        self.assertNotEqual(bad["commit_sha"], good["commit_sha"])
        x = self.ask(202, "POST", "/pipelines/site/rollback", {"environment": "production"}).json()
        self.assertEqual((x["status"], x["commit_sha"], x["rollback_of"]),
                         ("waiting_approval", good["commit_sha"], bad["id"]))
        other = self.make_user("other@example.com", ["admin"])
        self.ask(202, "POST", f"/pipelines/executions/{x['id']}/approve", {}, token=other)
        x = self.until(x, "success")
        self.assertIn("one", self.logs(x))
        dora = self.get("/pipelines/statistics?environment=production")["dora"]
        self.assertEqual((dora["deployments"], dora["failed_deployments"]), (2, 1))
        self.assertAlmostEqual(dora["change_failure_rate"], 1 / 3)
        self.assertGreater(dora["time_to_restore_ms"], 0)
        y = self.ask(202, "POST", "/pipelines/site/rollback",
                     {"environment": "production", "to": good["id"]}).json()
        self.ask(202, "POST", f"/pipelines/executions/{y['id']}/reject", {"reason": "no"},
                 token=other)
        self.assertEqual(self.until(y, "cancelled")["reason"], "rejected by other@example.com")

    def test_a_scan_as_a_step(self):
        self.commit(self.repo, Dockerfile="FROM scratch\nADD http://example.com/x /x\n")
        self.put("scanned", "stages: [{name: scan, steps: [{name: iac, scan: {types: [IAC],"
                            " fail_on: info}}]}, {name: calm, steps: [{scan: {types: [IAC],"
                            " fail_on: none}}]}]")
        x = self.until(self.execute("scanned"), "failure")
        self.assertEqual(self.status_of(x), {("scan", 1): "failure", ("calm", 1): "success"},
                         self.logs(x))
        self.assertTrue(self.get("/vulnerabilities")["items"])
        self.assertIn("gate: failed", self.logs(x))

    def test_a_scan_sees_no_more_than_its_stage(self):
        self.commit(self.repo, README="two")
        key = self.cwd / "Dockerfile"
        key.write_text("FROM scratch\nADD http://example.com/x /x\n")
        swap = f"cd .. && rm -rf src && ln -s {self.cwd} src"
        self.put("links", "stages: [{name: link, steps: [{run: 'mkdir a && ln -s " + str(key) +
                          " Dockerfile && ln -s " + str(self.cwd) + " a/b && git config"
                          " core.fsmonitor /bin/false'}, {scan: {types: [IAC], fail_on: info}}]},"
                          " {name: swap, steps: [{run: '" + swap + "'}, {scan: {types: [IAC],"
                          " fail_on: info}}]}]")
        x = self.until(self.execute("links"), "failure")
        self.assertEqual(self.status_of(x), {("link", 1): "failure", ("swap", 1): "failure"},
                         self.logs(x))
        self.assertIn("0 findings; gate: incomplete", self.logs(x))  # links are no files
        self.assertIn("the folder to scan: Not a directory", self.logs(x))
        self.assertFalse(self.get("/vulnerabilities")["items"])

    def test_variables_of_a_definition_are_not_of_what_is_outside_the_sandbox(self):
        # the loader would end cp before it copies: as LD_PRELOAD would be, it is not for cp
        self.put("loader", "stages: [{name: a, env: {LD_TRACE_LOADED_OBJECTS: '1'},"
                           " steps: [{run: 'true'}]}]")
        x = self.until(self.execute("loader"), "success")
        self.assertEqual(self.status_of(x), {("a", 1): "success"}, self.logs(x))

    def test_network(self):
        """The sockets of the machine: of the file system, abstract, of loopback."""
        path, abstract = self.root / "db", f"\0secureops-e2e-{self.port}"
        servers = []
        for family, at in ((socket.AF_UNIX, str(path)), (socket.AF_UNIX, abstract),
                           (socket.AF_INET, ("127.0.0.1", 0))):
            servers.append(socket.socket(family))
            self.addCleanup(servers[-1].close)
            servers[-1].bind(at)
            servers[-1].listen()
        port = servers[-1].getsockname()[1]
        (self.repo / "ask.py").write_text(f"""
import socket, sys
got = ""
for family, at in ((1, {str(path)!r}), (1, {abstract!r}), (2, ("127.0.0.1", {port}))):
    try:
        socket.socket(family).connect(at)
        got += "1"
    except PermissionError:
        got += "0"
socket.socketpair()
sys.exit(got not in sys.argv[1:])
""")
        self.commit(self.repo)
        steps = "steps: [{run: 'python3 ask.py %s'}]"
        self.put("net", "stages:\n"
                 f"  - {{name: default, {steps % '001'}}}\n"
                 f"  - {{name: outside, network: outside, {steps % '001'}}}\n"
                 f"  - {{name: none, network: none, {steps % '000'}}}\n"
                 f"  - {{name: full, network: full, {steps % '101 111'}}}\n")  # by Landlock's version
        x = self.until(self.execute("net"), *ENDED)
        self.assertEqual(set(self.status_of(x).values()), {"success"}, self.logs(x))

    def test_from_the_command_line(self):
        (self.cwd / "p.yaml").write_text("stages:\n  - {name: a, steps: [{run: echo hello}]}\n"
                                         "  - {name: b, needs: [a], approval: true}\n")
        self.assertIn("b after a, when approved",
                      self.run_it("pipelines", "check", "p.yaml", code=PASSED).out)
        (self.cwd / "bad.yaml").write_text("stages:\n  - {name: a, step: []}\n")
        self.assertIn("bad.yaml:2:15", self.run_it("pipelines", "check", "bad.yaml", code=USAGE).err)
        self.put("cli", "stages: [{name: a, steps: [{run: 'echo hello; seq 1 30000'}]}]")
        self.env["SECUREOPS_SERVER"], self.env["SECUREOPS_TOKEN"] = self.url, self.token
        self.assertIn("cli", self.run_it("pipelines", "list", code=PASSED).out)
        self.assertIn("echo hello", self.run_it("pipelines", "show", "cli", code=PASSED).out)
        id = self.run_it("pipelines", "run", "cli", code=PASSED).out.split()[0]
        lines = self.run_it("pipelines", "logs", id, code=PASSED).out.splitlines()
        self.assertEqual(lines[1:], ["hello"] + [str(i) for i in range(1, 30001)])
        self.assertIn("success", self.run_it("pipelines", "history", code=PASSED).out)
        self.run_it("pipelines", "show", "nothing", code=USAGE)

    def test_what_is_refused(self):
        bad = {"name": "x", "target": {"location": str(self.repo)},
               "definition": "stages:\n  - name: a\n    step: [{run: x}]\n"}
        problem = self.ask(400, "POST", "/pipelines", bad).json()
        self.assertIn("definition:3:5", problem["errors"][0]["detail"])
        self.assertIn("did you mean \"steps\"", problem["errors"][0]["detail"])
        self.put("x", "stages: [{name: a, secrets: [NOT_THERE], steps: [{run: echo}]}]")
        self.ask(409, "POST", "/pipelines", {**bad, "definition": "stages: [{name: a, steps: "
                                                                  "[{run: x}]}]"})
        x = self.until(self.execute("x"), "failure")
        self.assertIn("NOT_THERE", x["reason"])
        viewer = self.make_user("v@example.com", ["security_engineer"])
        self.ask(403, "POST", "/pipelines/x/execute", {}, token=viewer)
        bound = self.make_user("b@example.com", ["developer"], ["https://git.example.com/other/*"])
        self.ask(404, "GET", "/pipelines/x", token=bound)
        self.ask(404, "POST", "/pipelines/x/execute", {}, token=bound)
        self.ask(404, "GET", f"/pipelines/executions/{x['id']}/logs", token=bound)
        self.ask(403, "POST", "/pipelines", {**bad, "name": "y", "definition": "stages: [{name: a,"
                                             " steps: [{run: x}]}]"}, token=bound)
        x = self.until(self.execute("x", ref="nowhere"), "failure")
        self.ask(204, "DELETE", "/pipelines/x")
        self.ask(404, "GET", "/pipelines/x")


class Secrets(DaemonCase):
    """Files with secrets, of the configuration's text and of its arguments, are no stage's."""

    @property
    def config(self):
        return webhooks.config(self.root) + f"# file:{self.root}/last"  # no end of a line

    @property
    def settings(self):
        token = self.root / "metrics-token"
        token.write_text("0123456789abcdef")
        token.chmod(0o600)
        return ("pipelines.enabled=true", f"server.metrics_token=file:{token}")

    def test_hidden(self):
        repo = self.repository("app", README="one")
        for name in ("other", "last"):
            (self.root / name).write_text("x")
        self.ask(201, "POST", "/pipelines", {
            "name": "p", "target": {"location": str(repo)}, "branch": "main",
            "definition": "stages: [{name: a, steps: [" + ", ".join(
                "{run: '%s'}" % run for run in (
                    f"cat {self.root}/other", f"! cat {self.root}/hook-github",
                    f"! cat {self.root}/metrics-token", f"! cat {self.root}/last",
                    f"! cat {self.root}/secureops.yaml")) +
            "]}]"})
        x = self.ask(202, "POST", "/pipelines/p/execute", {}).json()
        end = time.monotonic() + JOB_S
        while time.monotonic() < end and x["status"] not in ENDED:
            time.sleep(0.1)
            x = self.get(f"/pipelines/executions/{x['id']}")
        log = self.ask(200, "GET", f"/pipelines/executions/{x['id']}/logs").text
        self.assertEqual(x["status"], "success", log)
        self.assertEqual(log.count("Permission denied"), 4, log)


class ByRules(DaemonCase):
    """A push runs the pipeline of its own repository; a fork, or another one's event, runs none."""
    settings = ("pipelines.enabled=true", "queue.attempts=1")

    @property
    def config(self):
        return webhooks.config(self.root, "rules:\n"
                               "  - {on: [push, pull_request, job], pipelines: [shop]}\n")

    def send(self, event, payload):
        body, headers = webhooks.signed(event, payload)
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        c.request("POST", "/webhook/github", body=body, headers=headers)
        self.assertEqual(c.getresponse().status, 202)
        c.close()

    def jobs(self, n):
        until = time.monotonic() + JOB_S
        while time.monotonic() < until:
            jobs = [j for j in self.get("/jobs?limit=200")["items"] if j["kind"] == "pipeline"]
            if len(jobs) >= n and all(j["state"] not in ("queued", "running") for j in jobs):
                return jobs
            time.sleep(0.1)
        self.fail(f"{jobs}\n{self.log.read_text()[-4000:]}")

    def test_events(self):
        definition = "stages: [{name: a, steps: [{run: x}]}]"
        body = {"name": "shop", "target": {"location": webhooks.REPOSITORY["clone_url"]},
                "definition": definition}
        self.ask(201, "POST", "/pipelines", body)
        self.send(*webhooks.push(1))
        # a job of the rule, and one of the execution, whose repository is not there
        self.assertEqual(sorted(j["state"] for j in self.jobs(2))[0], "completed")
        x = self.get("/pipelines/history")["items"]
        self.assertEqual([(i["event"], i["commit_sha"], i["branch"], i["triggered_by"])
                          for i in x], [("push", webhooks.sha(1), "main", "kim")])
        self.send(*webhooks.pull_request(3, 2, fork="mallory"))
        reasons = [j.get("reason", "") for j in self.jobs(3)]
        self.assertTrue(any("fork" in r for r in reasons), reasons)
        self.send(*webhooks.workflow_job(5, 6, "test", "completed", "success"))
        reasons = [j.get("reason", "") for j in self.jobs(4)]  # of a fork's run, it looks the same
        self.assertTrue(any("does not say" in r for r in reasons), reasons)
        other = {**body, "target": {"location": "https://127.0.0.1:1/acme/other.git"}}
        for kind in ("pipelines", "targets"):  # its runs would go to who may see the other one
            moved = {k: v for k, v in other.items() if kind == "pipelines" or k != "definition"}
            self.assertIn("has runs", self.ask(409, "PUT", f"/{kind}/shop", moved).json()["detail"])
        self.ask(204, "DELETE", "/pipelines/shop")
        self.ask(201, "POST", "/pipelines", other)
        self.send(*webhooks.push(4))
        reasons = [j.get("reason", "") for j in self.jobs(5)]
        self.assertTrue(any("another repository" in r for r in reasons), reasons)
        self.assertEqual(len(self.get("/pipelines/history?platform=secureops")["items"]), 1)


class SwitchedOff(DaemonCase):
    def test_it_is_off(self):
        repo = self.repository("app", README="one")
        self.ask(409, "POST", "/pipelines", {"name": "x", "target": {"location": str(repo)},
                                             "definition": "stages: [{name: a, steps: "
                                                           "[{run: x}]}]"})


if __name__ == "__main__":
    unittest.main()
