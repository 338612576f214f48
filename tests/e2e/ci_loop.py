"""A daemon between a git server on loopback (https) and a stand-in for a CI platform: what a webhook
brings in, and what the platform is told. The scanner is a gitleaks of ours that does what it is told."""
import http.client
import pathlib
import sys
import time

from daemon import DaemonCase, Reply
from fakes import gitleaks, leaks

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS / "integration" / "checkout"), str(TESTS / "support")]
from git_server import Server, git  # noqa: E402

WAIT_S = 90  # until something that must come has come


class Loop(DaemonCase):
    """self.repo: the work tree of acme/shop, which the server serves."""
    settings = ("queue.slots=4", "checkout.hosts=localhost", "queue.backoff=200ms",
                "queue.backoff_max=1s", "queue.lease=5s", "queue.attempts=2")
    rules = """rules:
  - name: all
    on: [push, tag, pull_request, merge_group, release]
    scanners: [gitleaks]
    fail_on: low
"""
    git_server = None

    # ---- the world
    def start_daemon(self):
        if not self.git_server:
            (self.root / "tls").mkdir()
            self.git_server = Server(self.root / "git", self.root / "tls")
            self.addCleanup(self.git_server.close)
            self.env["GIT_SSL_CAINFO"] = str(self.git_server.certificate)
            self.repo = self.new_repository("acme/shop")
            self.leaks_in()
            self.open_platform()
        super().start_daemon()

    def open_platform(self):
        raise NotImplementedError

    def new_repository(self, name, **files):
        folder = self.root / "git" / f"{name}.git"
        folder.mkdir(parents=True)
        git(folder, "init", "-q", "-b", "main")
        self.change(folder, **(files or {"README.md": "a shop\n"}))
        return folder

    def change(self, folder, **files):
        """Gives the new commit."""
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        git(folder, "add", "-A")
        git(folder, "commit", "-q", "--allow-empty", "-m", "change")
        return git(folder, "rev-parse", "HEAD")

    def leaks_in(self, *files, **how):
        """What the scanner finds from now on: a leak in line 1 of each file."""
        self.tool("gitleaks", gitleaks(leaks(*({"File": f, "Fingerprint": f"{f}:github-pat:1"} for f in files))
                                       if files else "[]", code=10 if files else 0, **how))

    # ---- webhooks
    def post(self, path, body, headers):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            c.request("POST", path, body=body, headers=headers)
            reply = Reply(c.getresponse())
        finally:
            c.close()
        self.assertEqual(reply.status, 202, str(reply))
        return reply.json()

    # ---- what comes of them
    def until(self, fn, what="it", seconds=WAIT_S):
        """The first that is neither None nor False nor empty."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = fn()
            if found:
                return found
            time.sleep(0.02)
        return self.fail(f"{what} did not come in {seconds} s\n{self.jobs()}\n"
                         f"{self.log.read_text()[-6000:]}")

    def jobs(self, kind=None):
        """The oldest first."""
        items = self.get("/jobs?limit=200")["items"][::-1]
        return [j for j in items if kind in (None, j["kind"])]

    def quiet(self):
        """All webhooks and jobs have come to their end."""
        waits = ("queued", "running")
        self.until(lambda: all(d["status"] != "received" for d in self.get("/deliveries?limit=500")["items"])
                   and all(j["state"] not in waits for j in self.jobs()), "the end of all jobs")

    def scans(self):
        return self.jobs("scan")

    def publications(self, **query):
        text = "&".join(f"{k}={v}" for k, v in query.items())
        return self.get(f"/publications?{text}")["items"]

    def publication(self, commit):
        found = [p for p in self.publications() if p["commit_sha"] == commit]
        return found[0] if found else None

    def told(self, commit, *states):
        """The publication about the commit, once it is no longer pending."""
        def ended():
            p = self.publication(commit)
            return p if p and p["status"] != "pending" else None
        p = self.until(ended, f"the publication of {commit}")
        self.assertIn(p["status"], states or ("published",), p)
        return p
