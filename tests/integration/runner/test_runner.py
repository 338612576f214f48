"""secureops-runner as the daemon sees it: a socket, frames, a store, a real git repository."""
import gzip
import json
import os
import pathlib
import random
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import time
import unittest
import uuid

HERE = pathlib.Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1] / "e2e"), str(HERE.parents[0] / "checkout")]

from git_server import Server, commit, git  # noqa: E402
from harness import BUILD, PASSED, SANITIZED, Case, children, descendants  # noqa: E402

RUNNER = BUILD / "bin" / "secureops-runner"
BAD_DOCKERFILE = "FROM debian:latest\nRUN apt-get install curl\nADD http://x/y /z\n"
SECRET = "tok3n-of-the-checkout"


class Runner:
    """One runner and the talk with it."""

    def __init__(self, case, frame, **popen):
        ours, theirs = socket.socketpair()
        n = theirs.fileno()
        self.sock = ours
        self.frames, self.buffer = [], b""
        close = "" if n == 3 else f" {n}<&-"
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", f'exec "$0" 3<&{n}{close}', str(RUNNER)], env=case.env, cwd="/",
            pass_fds=(n,), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True, **popen)
        theirs.close()
        if frame is not None:
            self.send("J", frame)

    def send(self, kind, payload):
        text = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        self.sock.sendall(struct.pack("<I", len(text)) + kind.encode() + text)

    def read(self, timeout=60):
        """The next frame, or None at the end."""
        self.sock.settimeout(timeout)
        while True:
            if len(self.buffer) >= 5:
                n = struct.unpack("<I", self.buffer[:4])[0]
                if len(self.buffer) >= 5 + n:
                    kind, text = chr(self.buffer[4]), self.buffer[5:5 + n]
                    self.buffer = self.buffer[5 + n:]
                    self.frames.append((kind, json.loads(text)))
                    return self.frames[-1]
            try:
                part = self.sock.recv(65536)
            except ConnectionResetError:
                part = b""
            if not part:
                return None
            self.buffer += part

    def until(self, fits):
        while (frame := self.read()) and not fits(*frame):
            pass
        return frame

    def finish(self, timeout=90):
        """What DONE says; {} without one."""
        done = {}
        while frame := self.read(timeout):
            if frame[0] == "D":
                done = frame[1]
        _, err = self.process.communicate(timeout=20)
        self.sock.close()
        self.err = err
        return done

    @property
    def logs(self):
        return [f[1]["text"] for f in self.frames if f[0] == "L"]


class Case_(Case):
    def setUp(self):
        super().setUp()
        self.data = self.root / "data"
        self.spool = self.data / "spool"
        self.spool.mkdir(parents=True)
        self.store = self.data / "store.db"
        self.config = self.root / "secureops.yaml"
        self.settings = {"checkout": {"folders": [str(self.cwd)]}}
        self.run_it("db", "migrate", f"--store={self.store}", code=PASSED)
        self.repo = self.cwd / "repo"
        self.commit = commit(self.repo, {"Dockerfile": BAD_DOCKERFILE, "a.txt": "x\n"})

    # ---- a job in the store, running on this node
    def sql(self, text, *values):
        with sqlite3.connect(self.store, timeout=30) as db:
            return db.execute(text, values).fetchall()

    def job(self, attempt=1, node="node-1"):
        id_ = uuid.uuid4()
        now = int(time.time() * 1000)
        self.sql("INSERT INTO jobs (id, kind, state, target_key, revision, scanners, request, "
                 "origin, priority, waiting_since, rank, max_attempts, attempt, not_before, "
                 "deadline, created_at, started_at, lease_until, node) VALUES "
                 "(?, 'scan', 'running', 'x', '', '', '{}', 'api', 5, ?, 0, 3, ?, 0, 0, ?, ?, ?, ?)",
                 id_.bytes, now, attempt, now, now, now + 600000, node)
        return str(id_)

    def state(self, id_):
        return self.sql("SELECT state FROM jobs WHERE id = ?", uuid.UUID(id_).bytes)[0][0]

    def counts(self):
        return tuple(self.sql(f"SELECT count(*) FROM {t}")[0][0]
                     for t in ("scan_results", "vulnerabilities", "scan_artifacts"))

    def scans(self):
        """(repository, branch, commit, target) of what is stored, the oldest first."""
        page = self.run_it("scans", "list", f"--store={self.store}", "--format", "json",
                           code=PASSED).json()
        return [(s["repository"], s.get("branch") or "", s.get("commit_sha"), s["target"])
                for s in reversed(page["scans"])]

    def frame(self, request, kind="scan", id_=None, secrets=None, **setup):
        self.config.write_text(json.dumps(self.settings))
        id_ = id_ or self.job()
        self.last = id_
        return {"setup": {"config": str(self.config), "store": str(self.store), "set": [],
                          "data": str(self.data), "cache": str(self.data / "mirrors"),
                          "node": "node-1", **setup},
                "job": {"id": id_, "attempt": 1, "kind": kind, "target_key": "x", "revision": "",
                        "scanners": "", "request": request, "origin": "api",
                        "requested_by": None, "correlation_id": "corr-1", "timeout_ms": 60000},
                "secrets": secrets or {}}

    def scan(self, location=None, kind="repository", **more):
        return {"target": {"kind": kind, "location": location or f"file://{self.repo}"},
                "scanners": ["policies"], **more}

    def run_job(self, request, kind="scan", **more):
        runner = Runner(self, self.frame(request, kind, **more))
        done = runner.finish()
        self.assertEqual(runner.process.returncode, 0, runner.err)
        self.assertNotIn("AddressSanitizer", runner.err)
        self.assertNotIn("runtime error", runner.err)
        self.nothing_left()
        self.runner = runner
        return done

    def good(self, *args, **more):
        done = self.run_job(*args, **more)
        self.assertEqual(done.get("outcome"), "completed", (done, self.runner.logs))
        self.assertEqual(self.state(self.last), "completed")
        return done

    def bad(self, outcome, *args, **more):
        before = self.counts()
        done = self.run_job(*args, **more)
        self.assertEqual(done.get("outcome"), outcome, (done, self.runner.logs))
        self.assertTrue(done["reason"])
        self.assertEqual(self.counts(), before)
        self.assertEqual(self.state(self.last), "running")  # its end is the daemon's to write
        return done["reason"]

    def nothing_left(self, folders=True):
        until = time.monotonic() + 5
        while (left := children()) and time.monotonic() < until:
            time.sleep(0.01)
        self.assertEqual(left, {})
        if folders:
            self.assertEqual([p.name for p in (self.data / "work").glob("job.*")], [])
            self.assertEqual(list(self.tmp.iterdir()), [])

    def artifact(self, scan_id, name):
        rows = self.sql("SELECT bytes, gzip FROM scan_artifacts WHERE scan_id = ? AND name = ? "
                        "ORDER BY part", uuid.UUID(scan_id).bytes, name)
        self.assertTrue(rows and rows[0][1], name)
        return gzip.decompress(b"".join(r[0] for r in rows))


class Completed(Case_):
    def test_repository(self):
        done = self.good(self.scan())
        self.assertGreater(done["findings"], 0)
        self.assertIn(done["gate"], ("passed", "failed", "incomplete"))
        self.assertEqual([(s["name"], s["status"]) for s in done["scanners"]],
                         [("policies", "completed")])
        self.assertGreater(done["scanners"][0]["started_ms"], 0)
        report = json.loads(self.artifact(done["scan_id"], "report.json"))
        self.assertEqual(report["scan"]["id"], done["scan_id"])
        self.assertEqual(report["scan"]["target"], str(self.repo))
        self.assertEqual(report["scan"]["branch"], "main")
        self.assertEqual(report["scan"]["commit_sha"], self.commit)
        self.assertEqual(report["store"]["created"], self.counts()[1])
        sarif = json.loads(self.artifact(done["scan_id"], "report.sarif"))
        self.assertTrue(sarif["runs"][0]["results"])
        log = self.artifact(done["scan_id"], "scan.log").decode()
        self.assertIn("checked out", log)
        self.assertIn("gate:", log)
        self.assertEqual(self.scans(), [(str(self.repo), "main", self.commit, str(self.repo))])
        for text in (json.dumps(report), json.dumps(sarif), log):
            self.assertNotIn(str(self.data), text)
        self.assertTrue([f for f in self.runner.frames if f[0] == "P"])
        events = self.sql("SELECT type, correlation_id, source FROM outbox WHERE type LIKE '%scan.completed'")
        self.assertEqual([e[1:] for e in events], [("corr-1", "node-1")])

    def test_again_and_a_change(self):
        first = self.good(self.scan())
        self.good(self.scan())
        self.assertEqual(self.sql("SELECT count(*) FROM vulnerabilities")[0][0], first["findings"])
        commit(self.repo, {"Dockerfile": "FROM debian:12\nUSER 1000\nHEALTHCHECK CMD true\n"})
        done = self.good(self.scan())
        report = json.loads(self.artifact(done["scan_id"], "report.json"))
        self.assertGreater(report["store"]["resolved"], 0)

    def test_branch_commit_gate_types(self):
        git(self.repo, "checkout", "-q", "-b", "other")
        second = commit(self.repo, {"b.txt": "y"})
        done = self.good(self.scan(branch="other", fail_on="none", offline=True))
        self.assertEqual(done["gate"], "passed")
        done = self.good(self.scan(branch="other", commit=self.commit, fail_on="info"))
        self.assertEqual(done["gate"], "failed")
        self.assertEqual([s[1:3] for s in self.scans()],
                         [("other", second), ("other", self.commit)])
        self.tool("gitleaks", "#!/bin/sh\nexit 42\n")
        done = self.good({**self.scan(), "scanners": [], "types": ["IAC"],
                          "skip": ["checkov", "trivy"]})
        report = json.loads(self.artifact(done["scan_id"], "report.json"))
        ran = {s["name"] for s in report["scanners"] if s["status"] != "skipped"}
        self.assertIn("policies", ran)
        self.assertNotIn("gitleaks", ran)

    def test_folder_and_archive(self):
        plain = self.cwd / "plain"
        plain.mkdir()
        (plain / "Dockerfile").write_text(BAD_DOCKERFILE)
        self.assertGreater(self.good(self.scan(str(plain), "directory"))["findings"], 0)
        self.assertEqual([s[0] for s in self.scans()], [str(plain)])
        subprocess.run(["tar", "-czf", self.cwd / "a.tar.gz", "-C", plain, "."], check=True)
        done = self.good(self.scan(str(self.cwd / "a.tar.gz")))
        self.assertGreater(done["findings"], 0)

    def test_import(self):
        sarif = {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "linter"}}, "results": [
            {"ruleId": "R1", "level": "error", "message": {"text": "Problem."}, "locations": [
                {"physicalLocation": {"artifactLocation": {"uri": "a.c"},
                                      "region": {"startLine": 3}}}]}]}]}
        file = self.spool / "5f3c"
        file.write_text(json.dumps(sarif))
        done = self.good({"file": str(file), "name": "linter.sarif", "repository": "https://h/app",
                          "branch": "main", "commit": "a" * 40}, "import")
        self.assertEqual(done["findings"], 1)
        self.assertEqual(self.scans(), [("https://h/app", "main", "a" * 40, "linter.sarif")])
        self.assertNotIn(str(self.spool).encode(), self.artifact(done["scan_id"], "report.json"))

    def test_scanner_that_fails_is_incomplete_not_clean(self):
        self.tool("gitleaks", "#!/bin/sh\nexit 42\n")
        done = self.good({**self.scan(), "scanners": ["gitleaks", "policies"]})
        self.assertEqual(done["gate"], "incomplete")


class Failed(Case_):
    def test_bad_requests(self):
        for request in ({}, {"target": {}}, self.scan(kind="cluster"), self.scan(surprise=1),
                        {"target": {"kind": "repository", "location": "https://h/x", "x": 1}},
                        self.scan(types=["NOISE"]), self.scan(branch="--upload-pack=x"),
                        self.scan(scanners=["no-such-scanner"]), self.scan(branch=7),
                        self.scan(fail_on="terrible"), self.scan(gates=["no-such-gate"]),
                        self.scan("image x", "image"), self.scan("-image", "image"),
                        self.scan("ftp://x/y", "url"), self.scan("relative", "directory"),
                        self.scan("http://insecure/x"), self.scan("https://u:p@h/x"),
                        self.scan("ext::sh -c id")):
            with self.subTest(request=request):
                self.bad("failed", request)
        self.bad("failed", self.scan(), "dance")

    def test_not_there_not_allowed(self):
        self.bad("failed", self.scan(branch="nowhere"))
        self.bad("failed", self.scan(f"file://{self.cwd}/none"))
        self.bad("failed", self.scan(str(self.root), "directory"))
        self.bad("failed", self.scan(f"file://{self.root}/x"))
        (self.cwd / "way-out").symlink_to(self.root)
        self.bad("failed", self.scan(str(self.cwd / "way-out"), "directory"))
        self.bad("failed", self.scan(f"{self.cwd}/../data", "directory"))
        self.settings["checkout"]["hosts"] = ["*.example.com", "git.example.org"]
        for url in ("https://evil.org/x", "https://example.com.evil.org/x", "git@localhost:x/y",
                    "https://git.example.com@evil.org/x"):
            self.assertRegex(self.bad("failed", self.scan(url)), "checkout.hosts|holds a user")
        self.bad("failed", self.scan("http://169.254.169.254/latest", "url"))
        self.settings["checkout"] = {}
        self.bad("failed", self.scan())

    def test_imports_from_elsewhere(self):
        outside = self.cwd / "report.sarif"
        outside.write_text("{}")
        (self.spool / "link").symlink_to(outside)
        for file in (outside, self.spool / "link", self.spool / "../store.db", "/etc/passwd",
                     self.spool, self.spool / "gone"):
            self.bad("failed", {"file": str(file), "repository": "r"}, "import")

    def test_no_job(self):
        runner = Runner(self, None)
        runner.send("J", b"{")
        self.assertEqual(runner.finish()["outcome"], "failed")
        runner = Runner(self, None)
        runner.sock.shutdown(socket.SHUT_WR)
        runner.finish()
        self.nothing_left(False)


class Retried(Case_):
    def test_store_away(self):
        id_ = self.job()
        self.bad("retry", self.scan(), id_=id_, store=str(self.root / "none.db"))

    def test_network(self):
        self.bad("retry", self.scan("https://localhost:1/x"))

    def test_signal(self):
        self.tool("gitleaks", "#!/bin/sh\nsleep 60 & wait\n")
        runner = Runner(self, self.frame({**self.scan(), "scanners": ["gitleaks"]}))
        runner.until(lambda k, p: k == "P" and p["what"] == "checkout")
        while not any("sleep" in c for c in descendants(runner.process.pid).values()):
            self.assertIsNone(runner.process.poll())
            time.sleep(0.02)
        os.kill(runner.process.pid, signal.SIGTERM)
        self.assertEqual(runner.finish(30)["outcome"], "retry")
        self.nothing_left()
        self.assertEqual(self.counts(), (0, 0, 0))


class Ended(Case_):
    def hanging(self):
        self.tool("gitleaks", "#!/bin/sh\ntrap '' TERM\nsleep 60 & wait; wait\n")
        runner = Runner(self, self.frame({**self.scan(), "scanners": ["gitleaks"]}))
        until = time.monotonic() + 30
        while not any("sleep" in c for c in descendants(runner.process.pid).values()):
            self.assertLess(time.monotonic(), until)
            time.sleep(0.02)
        return runner

    def test_cancel_while_scanning(self):
        runner = self.hanging()
        started = time.monotonic()
        runner.send("C", {})
        self.assertEqual(runner.finish(30)["outcome"], "cancelled")
        self.assertLess(time.monotonic() - started, 15)
        self.nothing_left()
        self.assertEqual(self.counts(), (0, 0, 0))

    def test_cancel_while_checking_out(self):
        server = Server(self.cwd, self.root)
        self.addCleanup(server.close)
        self.env["GIT_SSL_CAINFO"] = str(server.certificate)
        runner = Runner(self, self.frame(self.scan(server.url("hang/x.git")),
                                         secrets={"checkout_token": SECRET}))
        until = time.monotonic() + 20
        while not server.requests:
            self.assertLess(time.monotonic(), until)
            time.sleep(0.01)
        seen = 0
        for pid in [runner.process.pid, *descendants(runner.process.pid)]:
            for name in ("cmdline", "environ"):
                seen += 1
                self.assertNotIn(SECRET.encode(), pathlib.Path(f"/proc/{pid}/{name}").read_bytes())
        self.assertGreaterEqual(seen, 4)
        runner.send("C", {})
        self.assertEqual(runner.finish(30)["outcome"], "cancelled")
        self.nothing_left()

    def test_token_reaches_the_server_and_nothing_else(self):
        bare = self.cwd / "srv" / "r.git"
        bare.parent.mkdir()
        git(self.cwd, "clone", "-q", "--bare", str(self.repo), str(bare))
        server = Server(bare.parent, self.root, token=SECRET)
        self.addCleanup(server.close)
        self.env["GIT_SSL_CAINFO"] = str(server.certificate)
        url = server.url("private/r.git")
        done = self.good(self.scan(url), secrets={"checkout_token": SECRET})
        self.assertGreater(done["findings"], 0)
        self.assertNotIn(SECRET, json.dumps(self.runner.frames))
        self.assertNotIn(SECRET, self.runner.err)
        for path in self.data.rglob("*"):
            if path.is_file():
                self.assertNotIn(SECRET.encode(), path.read_bytes(), path)
        for name in ("report.json", "report.sarif", "scan.log"):
            self.assertNotIn(SECRET.encode(), self.artifact(done["scan_id"], name))
        reason = self.bad("failed", self.scan(url), secrets={"checkout_token": "wrong-" + SECRET})
        self.assertNotIn(SECRET, reason)

    def test_daemon_goes_away(self):
        runner = self.hanging()
        runner.sock.close()
        runner.process.communicate(timeout=30)
        self.nothing_left()
        self.assertEqual(self.counts(), (0, 0, 0))

    def test_parent_dies(self):
        """The parent-death signal, with the socket still open elsewhere."""
        ours, theirs = socket.socketpair()
        self.tool("gitleaks", "#!/bin/sh\nsleep 60 & wait\n")
        frame = json.dumps(self.frame({**self.scan(), "scanners": ["gitleaks"]})).encode()
        ours.sendall(struct.pack("<I", len(frame)) + b"J" + frame)
        n = theirs.fileno()
        parent = subprocess.Popen(
            [sys.executable, "-c", "import subprocess,sys; subprocess.Popen(['/bin/bash','-c',"
             f"'exec \"$0\" 3<&{n}', '{RUNNER}'], pass_fds=({n},)).wait()"],
            env=self.env, cwd="/", pass_fds=(n,), stderr=subprocess.DEVNULL)
        until = time.monotonic() + 30
        while not any("sleep" in c for c in descendants(parent.pid).values()):
            self.assertLess(time.monotonic(), until)
            time.sleep(0.02)
        parent.kill()
        parent.wait()
        until = time.monotonic() + 20
        while any("secureops-runner" in c for c in children().values()):
            self.assertLess(time.monotonic(), until)
            time.sleep(0.02)
        self.reap()
        self.nothing_left()
        ours.close()
        theirs.close()

    def reap(self):
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass

    def nested(self):
        """A scan that is a step of a pipeline: of a folder that the pipeline's runner has made."""
        frame = self.frame(self.scan())
        frame["job"]["nested"] = str(self.repo)
        return frame

    def test_a_step_saves_while_the_lease_holds(self):
        runner = Runner(self, self.nested())
        self.assertEqual(runner.finish()["outcome"], "completed", runner.logs)
        self.assertEqual((self.counts()[0], self.state(self.last)), (1, "running"))
        self.nothing_left()
        before = self.counts()
        for change in ("UPDATE jobs SET attempt = 2", "UPDATE jobs SET state = 'queued', node = NULL"):
            frame = self.nested()
            self.sql(change)
            runner = Runner(self, frame)
            self.assertEqual(runner.finish()["outcome"], "cancelled", runner.logs)
            self.assertEqual(self.counts(), before)
            self.nothing_left()

    def test_lost_lease_saves_nothing(self):
        for change in ("UPDATE jobs SET attempt = 2", "UPDATE jobs SET node = 'node-2'",
                       "UPDATE jobs SET state = 'queued', node = NULL", "DELETE FROM jobs"):
            frame = self.frame(self.scan())
            self.sql(change)
            runner = Runner(self, frame)
            done = runner.finish()
            self.assertEqual(done["outcome"], "cancelled", done)
            self.assertEqual(self.counts(), (0, 0, 0))
            self.assertEqual(self.sql("SELECT count(*) FROM outbox")[0][0], 0)
            self.nothing_left()
            self.sql("DELETE FROM jobs")

    def test_killed_at_any_time(self):
        """All or nothing: a scan in the store is the end of its job, and no process outlives."""
        seed = 20261122
        chance = random.Random(seed)
        started = time.monotonic()
        self.good(self.scan())
        whole = time.monotonic() - started
        self.assertEqual(self.counts()[0], 1)
        kept, rounds = 1, 8 if SANITIZED else 20
        for i in range(rounds):
            commit(self.repo, {"a.txt": f"{i}\n"})
            frame = self.frame(self.scan())
            runner = Runner(self, frame)
            time.sleep(chance.uniform(0, whole * 1.1))
            runner.process.kill()
            runner.finish()
            until = time.monotonic() + 10
            while children():  # git and workers go with it; we reap what became ours
                self.reap()
                self.assertLess(time.monotonic(), until, (i, children()))
                time.sleep(0.01)
            state = self.state(self.last)
            kept += state == "completed"
            self.assertIn(state, ("running", "completed"))
            self.assertEqual(self.counts()[0], kept, (seed, i))
            self.assertEqual(self.counts()[2], kept * 3)
        self.good(self.scan())  # also removes what the killed ones left
        self.nothing_left()
        self.run_it("db", "verify", f"--store={self.store}", code=PASSED)


if __name__ == "__main__":
    unittest.main()
