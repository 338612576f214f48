"""A daemon of one's own: started on a free port, its administrator made with the setup token."""
import http.client
import json
import re
import signal
import socket
import subprocess
import time
import urllib.parse

from harness import BUILD, SANITIZED, Case

SECUREOPSD = BUILD / "bin" / "secureopsd"
ADMIN, PASSWORD = "admin@example.com", "correct horse battery staple"
READY_S = 60 if SANITIZED else 20
JOB_S = 180 if SANITIZED else 60
ENDED = ("completed", "failed", "dead", "cancelled", "replaced")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Reply:
    def __init__(self, response):
        self.status, self.headers = response.status, response.headers
        self.body = response.read()

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return f"{self.status}\n{self.headers}\n{self.body[:4000].decode(errors='replace')}"


class DaemonCase(Case):
    """Each test has a daemon in self.root; self.token is the administrator's."""
    settings = ()
    config = None  # the text of a configuration file
    store = None  # its URL; SQLite in the data folder without one
    wrapper = ()  # a command that becomes the daemon

    def setUp(self):
        super().setUp()
        self.data = self.root / "data"
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = self.root / "daemon.log"
        self.daemon = None
        self.token = None
        self.addCleanup(self.kill)
        self.start_daemon()
        self.make_admin()

    # ---- the process
    def start_daemon(self):
        self.daemon = self.spawn(self.data, self.port, self.log)
        self.await_ready(self.daemon, self.port, self.log)

    def spawn(self, data, port, log, *settings):
        args = [*self.wrapper, str(SECUREOPSD)]
        if self.config:
            (self.root / "secureops.yaml").write_text(self.config)
            args += ["--config", str(self.root / "secureops.yaml")]
        store = [f"store.url={self.store}"] if self.store else []
        for setting in (f"server.data={data}", f"server.listen=127.0.0.1:{port}",
                        f"checkout.folders={self.cwd}", "queue.poll=1s", *store, *self.settings,
                        *settings):
            args += ["--set", setting]
        with open(log, "ab") as out:
            return subprocess.Popen(args, env=self.env, cwd=self.cwd, stdout=out, stderr=out,
                                    stdin=subprocess.DEVNULL)

    def await_ready(self, process, port, log):
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            if process.poll() is not None:
                self.fail(f"the daemon ended: {process.returncode}\n{log.read_text()}")
            try:
                if self.request("GET", "/ready", token=None, port=port).status == 200:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        self.fail(f"not ready after {READY_S} s\n{log.read_text()}")

    def stop_daemon(self):
        self.daemon.send_signal(signal.SIGTERM)
        try:
            code = self.daemon.wait(30)
        except subprocess.TimeoutExpired:
            self.fail(f"the daemon does not end\n{self.log.read_text()}")
        self.daemon = None
        text = self.log.read_text()
        self.assertEqual(code, 0, text)
        self.assertNotIn("AddressSanitizer", text)
        self.assertNotIn("runtime error:", text)
        self.check_nothing_left(text)

    def kill(self):
        if self.daemon and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait()

    def check_nothing_left(self, result):
        """What other programs left, while the daemon runs; everything, when it has ended."""
        if not self.daemon:
            super().check_nothing_left(result)

    def tearDown(self):
        if self.daemon:
            self.stop_daemon()
        super().tearDown()

    # ---- requests
    def request(self, method, path, body=None, token="", headers=None, port=None):
        """token: "" is the administrator's, None nobody's. Objects go as JSON."""
        send = dict(headers or {})
        if isinstance(body, (dict, list)):
            body = json.dumps(body)
            send.setdefault("Content-Type", "application/json")
        token = self.token if token == "" else token
        if token:
            send["Authorization"] = f"Bearer {token}"
        if not path.startswith(("/api", "/ready", "/health", "/metrics")):
            path = "/api/v1" + path
        connection = http.client.HTTPConnection("127.0.0.1", port or self.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=send)
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def ask(self, status, method, path, body=None, **kw):
        """A request that must be answered with this status; errors must be problems."""
        reply = self.request(method, path, body, **kw)
        self.assertEqual(reply.status, status, f"{method} {path}: {reply}")
        if status >= 400:
            self.assertEqual(reply.headers["Content-Type"], "application/problem+json", str(reply))
            problem = reply.json()
            self.assertEqual(problem["status"], status)
            self.assertTrue(problem["title"])
        return reply

    def get(self, path, **kw):
        return self.ask(200, "GET", path, **kw).json()

    # ---- accounts
    def make_admin(self):
        setup = re.findall(r"setup#token=(\S+)", self.log.read_text())
        self.assertEqual(len(setup), 1, self.log.read_text())
        self.ask(201, "POST", "/auth/setup",
                 {"token": setup[0], "email": ADMIN, "password": PASSWORD}, token=None)
        self.token = self.login(ADMIN, PASSWORD)

    def login(self, email, password=PASSWORD):
        reply = self.ask(200, "POST", "/auth/login", {"email": email, "password": password},
                         token=None)
        return reply.json()["access_token"]

    def make_user(self, email, roles, repositories=()):
        """Gives the token of a new user."""
        self.ask(201, "POST", "/users",
                 {"email": email, "name": email.split("@")[0], "password": PASSWORD,
                  "roles": list(roles), "repositories": list(repositories)})
        return self.login(email)

    def follow(self, execution, query="", headers=None, token=""):
        """(id, event, data) of the log of an execution, as they come."""
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            c.request("GET", f"/api/v1/pipelines/executions/{execution}/logs?follow=true{query}", headers={
                "Authorization": f"Bearer {token or self.token}", **(headers or {})})
            reply = c.getresponse()
            self.assertEqual((reply.status, reply.headers["Content-Type"]), (200, "text/event-stream"))
            event, data = {}, []
            for line in reply:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                if name == "data":
                    data.append(value)
                elif name:
                    event[name] = value
                else:
                    if "event" in event:
                        yield event.get("id"), event["event"], "\n".join(data)
                    event, data = {}, []
        finally:
            c.close()

    # ---- repositories
    def git(self, *args, cwd):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.com",
                        "-c", "commit.gpgsign=false", "-c", "init.defaultBranch=main", *args],
                       cwd=cwd, env=self.env, check=True, capture_output=True)

    def repository(self, name, **files):
        """A git repository below cwd, which the daemon may scan; files: Dockerfile="..."."""
        folder = self.cwd / name
        folder.mkdir(parents=True)
        self.git("init", "-q", "-b", "main", cwd=folder)
        self.commit(folder, **files)
        return folder

    def commit(self, folder, **files):
        for file, text in files.items():
            (folder / file).write_text(text)
        self.git("add", "-A", cwd=folder)
        self.git("commit", "-q", "-m", "change", cwd=folder)

    # ---- jobs
    def wait(self, job, *states):
        """The job once it has ended; in one of these states (default: completed)."""
        until = time.monotonic() + JOB_S
        while time.monotonic() < until:
            now = self.get(f"/jobs/{job['id']}")
            if now["state"] in ENDED:
                self.assertIn(now["state"], states or ("completed",),
                              f"{now}\n{self.log.read_text()[-6000:]}")
                return now
            time.sleep(0.1)
        self.fail(f"not ended after {JOB_S} s: {now}\n{self.log.read_text()[-6000:]}")

    def scan(self, kind, location, *states, **members):
        reply = self.ask(202, "POST", f"/scans/{kind}", {"target": {"location": str(location)}, **members})
        job = reply.json()
        self.assertEqual(reply.headers["Location"], f"/api/v1/scans/{job['id']}")
        return self.wait(job, *states)

    def import_report(self, report, repository, **query):
        text = report if isinstance(report, (str, bytes)) else json.dumps(report)
        path = "/imports?" + urllib.parse.urlencode({"repository": repository, **query})
        job = self.ask(202, "POST", path, text,
                       headers={"Content-Type": "application/octet-stream"}).json()
        return self.wait(job)
