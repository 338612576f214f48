"""A private secureopsd: its folder, its socket, and whatever it said to systemd."""
import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

SOURCE = pathlib.Path(os.environ.get("SECUREOPS_SOURCE", pathlib.Path(__file__).parents[3]))
BUILD = pathlib.Path(os.environ.get("SECUREOPS_BUILD", SOURCE / "build"))
SANITIZED = os.environ.get("SECUREOPS_SANITIZED") == "1"
PATIENCE = 60 if SANITIZED else 30


def wait_for(what, seconds=PATIENCE):
    """The first true value of what()."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError("what was waited for has not come")


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.sock.connect(self.path)


class Daemon:
    """Started in an installation of its own, where fake_runner is secureops-runner."""

    def __init__(self, root, *args, config=None, env=None, watchdog=None):
        self.root = root
        self.data = root / "data"
        self.store = self.data / "store.db"
        self.socket = root / "api.sock"
        self.config = root / "secureopsd.yaml"
        if config is not None:
            self.config.write_text(config)
        self.install()
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(root / f"notify-{time.monotonic_ns()}"))
        self.said = []
        environment = {"PATH": os.environ["PATH"], "NOTIFY_SOCKET": self.notify.getsockname(),
                       "HOME": str(root), "SECUREOPS_AUTH_ACCESS": "10m"}
        environment.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        if watchdog:
            environment["WATCHDOG_USEC"] = str(watchdog)
        environment.update(env or {})
        sets = [f"server.data={self.data}", f"server.listen=unix:{self.socket}", "server.node=one",
                "queue.poll=1s", "queue.backoff=100ms", *args]
        command = [str(root / "bin" / "secureopsd")]
        if self.config.exists():
            command += ["--config", str(self.config)]
        for one in sets:
            command += [one] if one.startswith("--") else ["--set", one]
        self.log = open(root / f"log-{time.monotonic_ns()}", "w+", encoding="utf-8")
        self.started = time.monotonic()
        self.process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log, start_new_session=True)

    def install(self):
        binaries = self.root / "bin"
        if binaries.exists():
            return
        binaries.mkdir()
        shutil.copy(BUILD / "bin" / "secureopsd", binaries)
        shutil.copy(BUILD / "tests" / "fake_runner", binaries / "secureops-runner")
        (binaries / "secureops").write_text("#!/bin/sh\nexit 0\n")
        (binaries / "secureops").chmod(0o755)
        (self.root / "lib").symlink_to(BUILD / "lib")

    # ---- what it says
    def text(self):
        self.log.flush()
        return pathlib.Path(self.log.name).read_text(encoding="utf-8")

    def lines(self):
        return [json.loads(line) for line in self.text().splitlines() if line.startswith("{")]

    def hear(self, seconds=0.0):
        self.notify.settimeout(max(seconds, 0.001))
        with contextlib.suppress(TimeoutError, BlockingIOError):
            while True:
                self.said.append(self.notify.recv(4096).decode())
        return self.said

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"it left with {self.process.returncode}:\n{self.text()}")
            return any("READY=1" in m for m in self.hear())
        wait_for(ready)
        return time.monotonic() - self.started

    def get(self, path, method="GET", headers=None):
        connection = UnixConnection(self.socket)
        try:
            connection.request(method, path, headers=headers or {})
            answer = connection.getresponse()
            body = answer.read().decode()
        finally:
            connection.close()
        return answer.status, json.loads(body) if body.startswith("{") else body

    # ---- its queue
    def queue(self, *args):
        done = subprocess.run([BUILD / "tests" / "queue_tool", self.store, *args],
                              check=True, capture_output=True, text=True, timeout=60)
        return done.stdout.strip()

    def job(self, job_id):
        state, attempt, *reason = self.queue("show", job_id).split(" ", 2)
        return state, int(attempt), reason[0] if reason else ""

    def runners(self):
        task = pathlib.Path(f"/proc/{self.process.pid}/task")
        found = []
        for thread in task.iterdir():
            with contextlib.suppress(OSError):
                found += (thread / "children").read_text().split()
        return [int(pid) for pid in found]

    # ---- its end
    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        return self.process.wait(PATIENCE)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.notify.close()
        self.log.close()


class Case(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="sco-d-"))
        self.addCleanup(shutil.rmtree, self.root, True)

    def start(self, *args, ready=True, root=None, **kwargs):
        d = Daemon(root or self.root, *args, **kwargs)
        self.addCleanup(d.close)
        if ready:
            d.wait_ready()
        return d
