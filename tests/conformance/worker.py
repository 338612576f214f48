"""Talks to the built secureops-worker through tests/conformance/worker_client.c.

A Worker keeps one client process and asks it for job after job; each job runs in a worker process of
its own. The result is everything the worker said, findings in the order of the report."""
import json
import os
import select
import subprocess
import tempfile

JOB_TIMEOUT_MS = 60_000
SILENCE_S = 90  # no line for so long: the worker hangs


def build_dir():
    return os.environ.get("SECUREOPS_BUILD") or os.path.join(source_dir(), "build")


def source_dir():
    here = os.path.dirname(os.path.abspath(__file__))
    return os.environ.get("SECUREOPS_SOURCE") or os.path.dirname(os.path.dirname(here))


def corpus_dir():
    return os.environ.get("SECUREOPS_CORPUS") or os.path.join(
        os.path.dirname(source_dir()), "shared", "corpus")


def plugin_path(name):
    return os.path.join(build_dir(), "lib", "secureops", "plugins", name + ".so")


class Hang(Exception):
    pass


class Result:
    """What one job said."""

    def __init__(self):
        self.findings, self.reasons, self.logs, self.tools = [], [], [], []
        self.status, self.reason, self.code = "crashed", None, None
        self.tool = self.version = self.chosen = None
        self.exit = self.signal = None

    @property
    def active(self):
        return [f for f in self.findings if not f.get("suppressions")]

    def explanation(self):
        return self.reason or "; ".join(self.reasons) or ""

    def __repr__(self):
        return "%s, %d findings%s" % (self.status, len(self.findings),
                                      ": " + self.explanation() if self.explanation() else "")


class Worker:
    def __init__(self):
        self.client = os.path.join(build_dir(), "tests", "worker_client")
        self.worker = os.path.join(build_dir(), "bin", "secureops-worker")
        self.process = None
        self.tmp = tempfile.TemporaryDirectory(prefix="sco-conformance-")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        self.tmp.cleanup()

    def stop(self):
        if self.process:
            self.process.stdin.close()
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()
        self.process = None

    def start(self):
        self.process = subprocess.Popen([self.client, self.worker], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        self.pending = b""

    def line(self):
        while b"\n" not in self.pending:
            ready, _, _ = select.select([self.process.stdout], [], [], SILENCE_S)
            if not ready:
                self.stop()
                raise Hang("nothing for %d s" % SILENCE_S)
            data = os.read(self.process.stdout.fileno(), 1 << 20)
            if not data:
                raise Hang("the client ended")
            self.pending += data
        line, self.pending = self.pending.split(b"\n", 1)
        return json.loads(line)

    def job(self, message):
        """Runs one job message; returns a Result."""
        if not self.process:
            self.start()
        work = tempfile.mkdtemp(dir=self.tmp.name)
        base = {"options": {}, "root": None, "format": None, "work_dir": work, "cache_dir": work,
                "program": None, "version": None, "excludes": [], "files": [], "offline": True,
                "cpus": 1, "timeout_ms": JOB_TIMEOUT_MS,
                "limits": {"findings": 1_000_000, "output": 64 << 20, "memory": 0},
                "sandbox": {"landlock": False, "seccomp": False, "write": [work]},
                "env": {"PATH": "/usr/bin:/bin"}, "digest_key": "00ff"}
        base.update(message)
        self.process.stdin.write(json.dumps(base).encode() + b"\n")
        self.process.stdin.flush()
        result = Result()
        while True:
            m = self.line()
            if m["msg"] == "end":
                result.exit, result.signal = m["exit"], m["signal"]
                return result
            self.take(result, m["msg"], m["data"])

    @staticmethod
    def take(result, kind, data):
        if kind == "finding":
            result.findings.append(data)
        elif kind == "incomplete":
            result.reasons.append(data["reason"])
        elif kind == "log":
            result.logs.append(data["text"])
        elif kind == "tool":
            result.tools.append(data.get("name"))
            result.tool, result.version = data.get("name"), data.get("version")
        elif kind == "plugin":
            result.chosen = data.get("name")
        elif kind == "done":
            result.status, result.reason = data["status"], data.get("reason")
            result.code = data.get("code")

    def parse(self, path, plugin, options=None):
        return self.job({"kind": "import", "plugins": [plugin_path(plugin)], "format": plugin,
                         "input": os.path.abspath(path), "options": options or {}})

    def detect(self, path, plugins):
        return self.job({"kind": "import", "plugins": [plugin_path(p) for p in plugins],
                         "input": os.path.abspath(path)})

    def scan(self, plugin, target, program, **more):
        kind = more.pop("target_kind", "directory")
        return self.job({"kind": "scan", "plugins": [plugin_path(plugin)], "program": program,
                         "target": {"kind": kind, "path": target}, **more})
