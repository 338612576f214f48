"""Runs the built programs as a user does, each test in an environment of its own.

After every run the harness checks that the program left no process (it makes itself the subreaper,
so that whatever is orphaned becomes its child) and no temporary folder.
"""
import ctypes
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

SOURCE = pathlib.Path(os.environ.get("SECUREOPS_SOURCE", pathlib.Path(__file__).parents[2]))
BUILD = pathlib.Path(os.environ.get("SECUREOPS_BUILD", SOURCE / "build"))
SECUREOPS = BUILD / "bin" / "secureops"
SANITIZED = os.environ.get("SECUREOPS_SANITIZED") == "1"
PR_SET_CHILD_SUBREAPER = 36

PASSED, GATE, USAGE, INCOMPLETE, INTERNAL = 0, 1, 2, 3, 4


def corpus():
    """The folder with real reports of scanners, or None."""
    for place in (os.environ.get("SECUREOPS_CORPUS"), SOURCE.parent / "shared" / "corpus"):
        if place and (pathlib.Path(place) / "scans").is_dir():
            return pathlib.Path(place)
    return None


def children(pid="self"):
    """Processes whose parent is `pid`, zombies not counted: {pid: command line}."""
    me = os.getpid() if pid == "self" else pid
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="latin-1") as f:
                rest = f.read().rsplit(")", 1)[1].split()
            if int(rest[1]) != me or rest[0] == "Z":
                continue
            with open(f"/proc/{entry}/cmdline", "rb") as f:
                found[int(entry)] = f.read().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            pass  # it ended meanwhile
    return found


def descendants(pid):
    found = children(pid)
    for child in list(found):
        found.update(descendants(child))
    return found


class Result:
    def __init__(self, code, out, err, seconds):
        self.code, self.out, self.err, self.seconds = code, out, err, seconds
        self.text = out + err

    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return f"exit status {self.code}\n--- stdout\n{self.out}\n--- stderr\n{self.err}"


class Case(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="sco-e2e-"))
        self.addCleanup(shutil.rmtree, self.root, ignore_errors=True)
        for name in ("home", "tmp", "cwd", "cache", "tools/bin"):
            (self.root / name).mkdir(parents=True)
        self.cwd = self.root / "cwd"
        self.tools = self.root / "tools" / "bin"
        self.tmp = self.root / "tmp"
        self.env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.root / "home"),
            "XDG_CACHE_HOME": str(self.root / "cache"),
            "SECUREOPS_TOOLS": str(self.root / "tools"),
            "TMPDIR": str(self.tmp),
            "LANG": "C.UTF-8",
        }
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]

    # ---- files
    def write(self, path, text="", mode=None):
        path = self.cwd / path
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(text, bytes):
            path.write_bytes(text)
        else:
            path.write_text(text)
        if mode is not None:
            path.chmod(mode)
        return path

    def tool(self, name, script):
        """A program that secureops finds under this name before any other."""
        path = self.tools / name
        path.write_text(script)
        path.chmod(0o755)
        return path

    # ---- processes
    def start(self, *args, env=None, cwd=None, program=SECUREOPS, **kw):
        full = dict(self.env, **(env or {}))
        return subprocess.Popen([str(program), *map(str, args)], env=full, cwd=cwd or self.cwd,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, errors="replace", **kw)

    def finish(self, process, timeout=60, started=None):
        started = started or time.monotonic()
        try:
            out, err = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            tree = descendants(process.pid)
            for pid in (process.pid, *tree):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            out, err = process.communicate()
            self.fail(f"still running after {timeout} s: {tree}\n{out}\n{err}")
        result = Result(process.returncode, out, err, time.monotonic() - started)
        self.check_nothing_left(result)
        return result

    def run_it(self, *args, code=None, timeout=60, **kw):
        """Runs secureops ARGS; with `code`, checks the exit status."""
        started = time.monotonic()
        result = self.finish(self.start(*args, **kw), timeout, started)
        self.assertNotIn("AddressSanitizer", result.err)
        self.assertNotIn("runtime error:", result.err)
        if code is not None:
            self.assertEqual(result.code, code, str(result))
        return result

    def check_nothing_left(self, result):
        until = time.monotonic() + 1.0
        while (left := children()) and time.monotonic() < until:
            time.sleep(0.01)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            pass
        self.assertEqual(left, {}, f"processes were left behind\n{result}")
        self.assertEqual(sorted(p.name for p in self.tmp.iterdir()), [],
                         f"files were left behind in TMPDIR\n{result}")

    # ---- reports
    def report(self, *args, code=None, **kw):
        """Runs secureops ARGS --format json and returns (result, report)."""
        result = self.run_it(*args, "--format", "json", "--no-progress", code=code, **kw)
        try:
            return result, json.loads(result.out)
        except json.JSONDecodeError as e:
            self.fail(f"no JSON report: {e}\n{result}")

    @staticmethod
    def run_of(report, scanner):
        runs = [r for r in report["scanners"] if r["name"] == scanner]
        assert len(runs) == 1, f"{scanner}: {report['scanners']}"
        return runs[0]
