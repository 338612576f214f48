"""The command line with a daemon: logins, and the same commands and outputs as without one."""
import base64
import hashlib
import hmac
import json
import os
import pty
import re
import resource
import select
import signal
import struct
import subprocess
import time

from daemon import ADMIN, PASSWORD, DaemonCase
from harness import GATE, INCOMPLETE, INTERNAL, PASSED, SANITIZED, SECUREOPS, USAGE
from test_api import BAD, GOOD
from test_import import SARIF

WAIT = 180 if SANITIZED else 60


class RemoteCase(DaemonCase):
    def setUp(self):
        super().setUp()
        self.credentials = self.root / "home" / ".config" / "secureops" / "credentials.json"

    def typed(self, text, *args, code=PASSED, env=None):
        """A run with standard input; nothing that is typed may be shown."""
        r = subprocess.run([str(SECUREOPS), *map(str, args)], input=text, capture_output=True,
                           text=True, timeout=WAIT, cwd=self.cwd, env=dict(self.env, **(env or {})))
        self.assertEqual(r.returncode, code, r.stdout + r.stderr)
        for line in text.split():
            self.assertNotIn(line, r.stdout + r.stderr)
        return r

    def log_in(self, *args, **kw):
        return self.typed(PASSWORD + "\n", "login", "--server", self.url, "--email", ADMIN,
                          "--password-stdin", *args, **kw)

    def remote(self, *args, code=PASSED, env=None):
        return self.run_it(*args, code=code, timeout=WAIT,
                           env={"SECUREOPS_SERVER": self.url, **(env or {})})

    def kept(self):
        return json.loads(self.credentials.read_text())["servers"][self.url]


class Login(RemoteCase):
    def test_password(self):
        r = self.remote("findings", "list", code=USAGE)
        self.assertIn("secureops login --server " + self.url, r.err)
        r = self.log_in()
        self.assertIn(f"logged in to {self.url} as {ADMIN}", r.stdout)
        self.assertEqual(self.credentials.stat().st_mode & 0o777, 0o600)
        self.assertNotIn(PASSWORD, self.credentials.read_text())
        self.assertEqual(self.remote("findings", "list").out, "No findings\n")
        # an access token that is over is renewed, and what is kept is the next pair
        before = self.kept()
        late = json.loads(self.credentials.read_text())
        late["servers"][self.url]["expires_ms"] = 1
        self.credentials.write_text(json.dumps(late))
        self.remote("findings", "list")
        self.assertNotEqual(self.kept()["refresh_token"], before["refresh_token"])
        # one that the daemon does not take any more, too
        late = json.loads(self.credentials.read_text())
        late["servers"][self.url]["access_token"] = "x.y.z"
        self.credentials.write_text(json.dumps(late))
        self.remote("findings", "list")
        # logged out, here and there
        gone = self.kept()
        self.assertIn("logged out", self.remote("logout").out)
        self.assertNotIn(self.url, json.loads(self.credentials.read_text())["servers"])
        self.ask(401, "POST", "/auth/refresh", {"refresh_token": gone["refresh_token"]},
                 token=None)
        r = self.remote("logout", code=USAGE)
        self.assertIn("not logged in", r.err)

    def test_refused(self):
        r = self.typed("wrong horse battery\n", "login", "--server", self.url, "--email", ADMIN,
                       "--password-stdin", code=USAGE)
        self.assertIn(self.url, r.stderr)
        self.assertFalse(self.credentials.exists())
        self.typed("scot_nonsense\n", "login", "--server", self.url, "--token-stdin", code=USAGE)
        self.assertFalse(self.credentials.exists())
        # a login that others can read is not used
        self.log_in()
        self.credentials.chmod(0o644)
        self.assertIn("chmod 600", self.remote("jobs", "list", code=USAGE).err)
        # one that the daemon has ended says what to do
        self.credentials.chmod(0o600)
        kept = json.loads(self.credentials.read_text())
        kept["servers"][self.url].update(refresh_token="scor_x", expires_ms=1)
        self.credentials.write_text(json.dumps(kept))
        self.assertIn("secureops login", self.remote("jobs", "list", code=USAGE).err)

    def test_api_token(self):
        token = self.ask(201, "POST", "/tokens", {"name": "ci", "scopes": ["read:vulnerabilities"]}
                         ).json()["token"]
        # of the environment: nothing is kept
        env = {"SECUREOPS_TOKEN": token}
        self.assertEqual(self.remote("findings", "list", env=env).out, "No findings\n")
        self.assertFalse(self.credentials.exists())
        r = self.remote("jobs", "list", env=env, code=USAGE)  # its scopes are not for this
        self.assertNotIn(token, r.text)
        r = self.remote("jobs", "list", env={"SECUREOPS_TOKEN": token + "x"}, code=USAGE)
        self.assertIn("does not know the token", r.err)
        self.assertNotIn(token, r.text)
        # kept
        self.typed(token + "\n", "login", "--server", self.url, "--token-stdin")
        self.assertEqual(self.kept()["token"], token)
        self.assertEqual(self.remote("findings", "list").out, "No findings\n")

    def test_terminal_without_echo(self):
        pid, fd = pty.fork()
        if pid == 0:
            os.chdir(self.cwd)
            os.execve(SECUREOPS, [str(SECUREOPS), "login", "--server", self.url], self.env)
        shown, answers = "", [("E-mail: ", ADMIN), ("Password: ", PASSWORD)]
        until = time.monotonic() + WAIT
        while time.monotonic() < until:
            if not select.select([fd], [], [], 0.1)[0]:
                continue
            try:
                more = os.read(fd, 4096)
            except OSError:
                break
            shown += more.decode()
            if answers and shown.endswith(answers[0][0]):
                os.write(fd, answers.pop(0)[1].encode() + b"\n")
        os.close(fd)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), PASSED, shown)
        self.assertNotIn(PASSWORD, shown)
        self.assertIn(f"logged in to {self.url}", shown)

    def test_second_factor(self):
        made = self.ask(200, "POST", "/auth/totp").json()
        secret = re.search(r"secret=([A-Z2-7]+)", json.dumps(made))[1]

        def code(step):
            key = base64.b32decode(secret + "=" * (-len(secret) % 8))
            digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30 + step),
                              hashlib.sha1).digest()
            at = digest[-1] & 15
            return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 10**6:06d}"
        self.ask(200, "POST", "/auth/totp/confirm", {"code": code(0)})
        r = self.log_in(code=USAGE)
        self.assertIn("--totp", r.stderr)
        self.log_in("--totp", code(1))

    def test_servers(self):
        for bad in ("ftp://x", "http://u:secret@h", "https://h?token=secret", "127.0.0.1:1", "unix:x"):
            r = self.run_it("jobs", "list", "--server", bad, code=USAGE)
            self.assertNotIn("secret", r.err)
            self.assertIn("https://HOST", r.err)
        env = {"SECUREOPS_TOKEN": "t"}
        r = self.run_it("jobs", "list", "--server", "http://127.0.0.1:1", env=env, code=INTERNAL)
        self.assertIn("127.0.0.1", r.err)
        for args in (["login"], ["waivers", "list"], ["logout"]):
            self.assertIn("--server", self.run_it(*args, code=USAGE).err)


class Setup(RemoteCase):
    def make_admin(self):
        self.setup_token = re.findall(r"setup#token=(\S+)", self.log.read_text())[0]

    def test_first_administrator(self):
        self.typed(f"{self.setup_token}\n{PASSWORD}\n", "login", "--setup", "--server", self.url,
                   "--email", ADMIN, "--password-stdin")
        self.token = self.login(ADMIN)
        self.assertEqual(self.remote("scans", "list").out, "No scans\n")
        r = self.typed(f"{self.setup_token}\n{PASSWORD}\n", "login", "--setup", "--server",
                       self.url, "--email", ADMIN, "--password-stdin", code=USAGE)
        self.assertNotIn(self.setup_token, r.stderr)


class Socket(RemoteCase):
    def test_unix(self):
        path = self.root / "api.sock"
        token = self.ask(201, "POST", "/tokens", {"name": "t", "scopes": ["read:security"]}
                         ).json()["token"]
        self.stop_daemon()
        request = self.request
        self.request = lambda *a, **k: type("R", (), {"status": 200 if path.exists() else 0})()
        self.settings = (f"server.listen=unix:{path}",)
        self.start_daemon()
        r = self.run_it("scans", "list", "--server", f"unix:{path}", env={"SECUREOPS_TOKEN": token})
        self.assertEqual(r.out, "No scans\n")
        self.request = request


class Work(RemoteCase):
    def setUp(self):
        super().setUp()
        self.log_in()

    def normal(self, text):
        """Without what differs between two scans of the same: durations, versions of the store."""
        text = re.sub(r"\b(\d+m)?\d+(\.\d+)?m?s\b", "TIME", text)
        return re.sub(r" +", " ", re.sub(r"Stored: .*\n", "", text))

    def test_scan_as_here(self):
        app = self.repository("app", Dockerfile=BAD)
        scanners = ["--scanners", "policies", "--fail-on", "low"]
        r = self.remote("scan", *scanners, "--branch", "main",
                        "-f", "table,json=r.json,sarif=r.sarif,junit=r.xml", app, code=GATE)
        here = self.run_it("scan", *scanners, "-f", "table,junit=here.xml", ".", cwd=app, code=GATE)
        theirs, ours = self.normal(r.out).splitlines(), self.normal(here.out).splitlines()
        self.assertEqual(theirs[2:], ours[2:], f"{r}\n{here}")  # the head names the target
        self.assertRegex(r.err, "job [0-9a-f-]+ is (queued|running)")
        report = json.loads((self.cwd / "r.json").read_text())
        self.assertEqual(report["exit_status"], GATE)
        self.assertEqual(json.loads((self.cwd / "r.sarif").read_text())["version"], "2.1.0")

        def cases(path):
            return re.findall(r'<testcase name="([^"]*)"', path.read_text())
        self.assertEqual(cases(self.cwd / "r.xml")[1:], cases(app / "here.xml")[1:])
        self.assertGreater(len(cases(self.cwd / "r.xml")), 1)
        # on standard output, byte for byte
        json_out = self.remote("scan", *scanners, "--branch", "main", "-f", "json", app, code=GATE)
        self.assertEqual(len(json_out.json()["findings"]), len(report["findings"]))
        self.assertIn("FAILED (exit 1)", json_out.err)
        # mended
        self.commit(app, Dockerfile=GOOD)
        r = self.remote("scan", *scanners, "--branch", "main", app)
        self.assertIn("PASSED", r.out)
        # not waited for
        job = self.remote("scan", *scanners, "--no-wait", app).out.strip()
        self.wait({"id": job})

    def test_several_targets(self):
        """All are asked for before the first is waited for; the worst of them is the end."""
        good, bad = (self.repository(n, Dockerfile=d) for n, d in (("good", GOOD), ("bad", BAD)))
        scanners = ["--scanners", "policies", "--fail-on", "low", "--branch", "main"]
        r = self.remote("scan", *scanners, bad, good, code=GATE)
        self.assertEqual((r.out.count("FAILED"), r.out.count("PASSED")), (1, 1), str(r))
        jobs = self.get("/jobs")["items"]
        self.assertEqual(len(jobs), 2)
        self.assertLess(max(j["created_at"] for j in jobs), min(j["completed_at"] for j in jobs))
        for job, target in zip(reversed(jobs), (bad, good)):
            self.assertIn(f"job {job['id']} of {target}", r.err)
        r = self.remote("scan", *scanners, good, self.cwd / "none", bad, code=USAGE)
        self.assertIn("none may not be scanned", r.err)
        self.assertEqual((r.out.count("FAILED"), r.out.count("PASSED")), (1, 1), str(r))
        r = self.remote("scan", *scanners, "--no-wait", good, bad)
        for job in r.out.split():
            self.wait({"id": job})
        self.assertEqual(len(r.out.split()), 2)

    def test_scan_refused(self):
        app = self.repository("app", Dockerfile=BAD)
        for args, words in (
                (["scan", "."], ["does not see the folders"]),
                (["scan"], ["what is to be scanned"]),
                (["scan", app, "x"], ["does not see the folders"]),
                (["scan", "-f", "json", app, app], ["of several targets"]),
                (["scan", "-f", "table=x", app, app], ["of several targets"]),
                (["scan", "--exclude", "x", app], ["--exclude"]),
                (["scan", "--store=/x", "--server", self.url, app], ["--store"]),
                (["scan", "--waivers", "w.yaml", app], ["--waivers"]),
                (["scan", "/etc"], ["checkout.folders"]),
                (["scan", "--scanners", "no-such", app], ["there is no such scanner"]),
                (["scan", "--timeout", "soon", app], ["timeout"]),
                (["findings", "list", "--by", "me"], ["--by"]),
                (["import", "x.json", "--repository", "r"], ["x.json"]),
                (["import", __file__], ["--repository"]),
                (["policy", "docs", "--server", self.url], ["policy list"])):
            r = self.remote(*args, code=USAGE)
            self.assertEqual(r.out, "")
            for word in words:
                self.assertIn(word, r.err, str(args))
        r = self.run_it("scan", "--no-wait", ".", code=USAGE)
        self.assertIn("--server", r.err)
        self.assertEqual(self.get("/jobs")["items"], [])
        # nothing was checked: that is not clean
        r = self.remote("scan", "--branch", "no-such", self.repository("b", a="b"), code=INCOMPLETE)
        self.assertIn("INCOMPLETE", r.text)

    def test_import_and_findings(self):
        report = self.write("report.sarif", SARIF if isinstance(SARIF, str) else json.dumps(SARIF))
        repo = "https://git.example.com/team/app"
        r = self.remote("import", report, "--repository", repo, "--branch", "main", "-f",
                        "table,json=r.json", code=GATE)
        found = json.loads((self.cwd / "r.json").read_text())["findings"]
        self.assertTrue(found)
        self.assertIn("import of", r.out)

        listed = self.remote("findings", "list", "--repository", repo, "-f", "json").json()
        self.assertEqual({f["fingerprint"] for f in listed["findings"]},
                         {f["fingerprint"] for f in found})
        # the same as the store itself says, row by row
        store = self.data / "store.db"
        for args in (["findings", "list"], ["findings", "list", "-f", "json"],
                     ["findings", "list", "--limit", "1"], ["scans", "list"],
                     ["findings", "list", "--status", "all", "--severity", "low"]):
            mine = self.remote(*args).out
            local = self.run_it(*args, f"--store={store}").out
            self.assertEqual(mine, local, str(args))
        one = listed["findings"][0]["id"]
        self.assertEqual(self.remote("findings", "show", one).out,
                         self.run_it("findings", "show", one, f"--store={store}").out)
        self.assertEqual(self.remote("findings", "show", one, "-f", "json").json(),
                         self.run_it("findings", "show", one, "-f", "json",
                                     f"--store={store}").json())
        self.remote("findings", "set-status", one, "accepted", code=USAGE)
        r = self.remote("findings", "set-status", one, "accepted", "--reason", "known",
                        "--until", "2099-12-31")
        self.assertEqual(r.out, f"{one} is ACCEPTED\n")
        self.assertIn("already", self.remote("findings", "set-status", one, "accepted", "--reason",
                                             "known", "--until", "2099-12-31").out)
        self.assertEqual(self.get(f"/vulnerabilities/{one}")["accepted_until"],
                         "2099-12-31T23:59:59.999Z")
        self.assertIn(f"by {ADMIN}", self.remote("findings", "show", one).out)
        scan = self.get("/scans")["items"][0]["id"]
        self.assertEqual(self.remote("scans", "show", scan).out,
                         self.run_it("scans", "show", scan, f"--store={store}").out)
        self.assertIn("there is no", self.remote("findings", "show", "0" * 36, code=USAGE).err)

    def test_large_import_is_not_held(self):
        result = {"ruleId": "r", "level": "note", "message": {"text": "x" * 4000}}
        run = {"tool": {"driver": {"name": "t"}}, "results": [result] * 8000}
        report = self.write("big.sarif", json.dumps({"version": "2.1.0", "runs": [run]}))
        size = report.stat().st_size
        self.assertGreater(size, 30 << 20)

        def little_memory():
            if not SANITIZED:
                resource.setrlimit(resource.RLIMIT_DATA, (16 << 20, 16 << 20))
        process = self.start("import", report, "--repository", "r", "--no-wait",
                             env={"SECUREOPS_SERVER": self.url}, preexec_fn=little_memory)
        out, err = process.communicate(timeout=WAIT)
        self.assertEqual(process.returncode, PASSED, err)
        self.wait({"id": out.strip()})

    def test_queue_schedules_waivers_policies(self):
        app = self.repository("app", Dockerfile=BAD)
        r = self.remote("schedules", "put", "nightly", app, "--cron", "30 2 * * *", "--time-zone",
                        "Europe/Berlin", "--scanners", "policies", "-f", "json")
        self.assertEqual(r.json()["cron"], "30 2 * * *")
        r = self.remote("schedules", "put", "nightly", app, "--interval", "6h", "--scanners",
                        "policies", "--priority", "7", "-f", "json")
        self.assertEqual((r.json()["interval"], r.json()["priority"]), ("21600s", 7))
        store = self.data / "store.db"
        for args in (["schedules", "list"], ["schedules", "show", "nightly", "-f", "json"]):
            self.assertEqual(self.remote(*args).out, self.run_it(*args, f"--store={store}").out)
        self.assertEqual(self.remote("schedules", "pause", "nightly").out, "nightly paused\n")
        self.assertEqual(self.remote("schedules", "resume", "nightly").out, "nightly resumed\n")
        job = self.remote("schedules", "run", "nightly").out.split()[0]
        self.wait({"id": job})
        self.assertEqual(self.remote("jobs", "show", job, "-f", "json").json()["state"], "completed")
        for args in (["jobs", "list"], ["jobs", "show", job, "-f", "json"]):
            self.assertEqual(self.remote(*args).out, self.run_it(*args, f"--store={store}").out)
        self.remote("jobs", "cancel", job, code=USAGE)
        self.assertIn(job, self.remote("jobs", "list", "--status", "completed").out)
        self.assertEqual(self.remote("jobs", "list", "--status", "failed").out, "No jobs\n")
        self.assertEqual(self.remote("schedules", "delete", "nightly").out, "nightly deleted\n")

        r = self.remote("waivers", "add", "--policy", "docker-user-missing", "--path", "Dockerfile",
                        "--reason", "not deployed", "--expires", "2099-12-31")
        waiver = r.out.split()[0]
        self.assertIn("docker-user-missing", self.remote("waivers", "list").out)
        self.remote("waivers", "add", "--policy", "x", code=USAGE)
        self.remote("waivers", "remove", waiver)
        self.assertEqual(self.remote("waivers", "list").out, "No waivers\n")

        here = self.run_it("policy", "list", "--policy", "docker-*").out
        self.assertEqual(self.remote("policy", "list", "--policy", "docker-*").out, here)
        self.assertEqual(self.remote("policy", "list", "--policy", "docker-*", "-f", "json").json(),
                         self.run_it("policy", "list", "--policy", "docker-*", "-f", "json").json())

    def test_interrupt_cancels(self):
        self.tool("gitleaks", "#!/bin/sh\n[ \"$1\" = version ] && echo 8.21.0 && exit\nsleep 300\n")
        self.stop_daemon()
        self.start_daemon()
        app = self.repository("app", Dockerfile=BAD)
        process = self.start("scan", "--scanners", "gitleaks", app,
                             env={"SECUREOPS_SERVER": self.url})
        until = time.monotonic() + WAIT
        while time.monotonic() < until:
            jobs = self.get("/jobs")["items"]
            if jobs and jobs[0]["state"] == "running":
                break
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=WAIT)
        self.assertEqual(process.returncode, INCOMPLETE, err)
        self.assertIn("is asked to end", err)
        self.wait(jobs[0], "cancelled")
        self.assertEqual([p for p in self.tmp.iterdir() if p.name.startswith("secureops-")], [])

    def test_daemon_away_for_a_moment(self):
        app = self.repository("app", Dockerfile=BAD)
        process = self.start("scan", "--scanners", "policies", "--fail-on", "low", app,
                             env={"SECUREOPS_SERVER": self.url})
        until = time.monotonic() + WAIT
        while time.monotonic() < until and not self.get("/jobs")["items"]:
            time.sleep(0.02)
        self.daemon.terminate()
        self.assertEqual(self.daemon.wait(WAIT), 0)
        time.sleep(1)  # requests in between find nobody
        self.start_daemon()
        out, err = process.communicate(timeout=WAIT)
        self.assertEqual(process.returncode, GATE, out + err)

    def test_nothing_secret_in_logs(self):
        self.remote("findings", "list")
        self.log_in()
        kept = self.kept()
        text = self.log.read_text()
        for secret in (PASSWORD, kept["access_token"], kept["refresh_token"]):
            self.assertNotIn(secret, text)
