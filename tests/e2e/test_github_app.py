"""A GitHub App from end to end: the JWT, the installation, its token, what it may and what it may not,
and the code of a private repository, which is fetched with a token of its own."""
import base64
import json
import subprocess
import tempfile
import time
import unittest

import webhooks
from ci_loop import Server, git
from test_ci_github import GitHubLoop


class App(GitHubLoop):
    context = {"id": 99}  # of the webhook's payload; None: GitHub is asked
    more = ""

    def start_daemon(self):
        if not self.git_server:
            (self.root / "tls").mkdir()
            self.git_server = Server(self.root / "git", self.root / "tls",
                                     may_read=lambda token, name: self.gh.may_read(token, name))
            self.addCleanup(self.git_server.close)
            self.env["GIT_SSL_CAINFO"] = str(self.git_server.certificate)
            self.repo = self.new_repository("acme/shop")
            self.leaks_in()
            self.open_platform()
        super().start_daemon()

    def open_platform(self):
        super().open_platform()
        self.key, self.public = self.root / "app.pem", self.root / "app.pub"
        for args in (["genrsa", "-out", self.key, "2048"], ["rsa", "-in", self.key, "-pubout", "-out", self.public]):
            subprocess.run(["openssl", *args], check=True, capture_output=True)
        self.key.chmod(0o600)
        self.gh.verify_jwt = self.verify

    def verify(self, token):
        text, _, signature = token.rpartition(".")
        with tempfile.NamedTemporaryFile() as f:
            f.write(base64.urlsafe_b64decode(signature + "=="))
            f.flush()
            return subprocess.run(["openssl", "dgst", "-sha256", "-verify", self.public, "-signature", f.name],
                                  input=text.encode(), capture_output=True).returncode == 0

    @property
    def config(self):
        secret = self.root / "hook"
        secret.write_text(webhooks.SECRET)
        secret.chmod(0o600)
        return f"""integrations:
  github:
    webhook_secret: ["file:{secret}"]
    app_id: "4711"
    private_key: file:{self.key}
    url: {self.git_server.url("").rstrip("/")}
    api_url: {self.gh.url}
    write_gap: 0
    backoff: 20ms
    wait: 1s
    check_paths: false
    sarif_wait: 10s
{self.more}{self.rules}"""

    def send(self, event, payload):
        return super().send(event, {**payload, **({"installation": self.context} if self.context else {})})

    def change_in(self, **files):
        base = git(self.repo, "rev-parse", "HEAD")
        git(self.repo, "checkout", "-q", "-B", "topic")
        return base, self.change(self.repo, **files)

    def nowhere(self):
        """No token in a log or a file of the daemon."""
        tokens = list(self.gh.installations)
        self.assertTrue(tokens)
        for path in (self.log, *(p for p in self.data.rglob("*") if p.is_file())):
            text = path.read_bytes()
            for token in tokens:
                self.assertNotIn(token.encode(), text, path)


class Works(App):
    def test_pull_request_of_a_private_repository(self):
        base, head = self.change_in(**{"a.ini": "token\n"})
        self.leaks_in("a.ini")
        self.pull_request(7, head, base)
        p = self.told(head)
        self.assertNotIn("reason", p)
        c = self.check_of(head)
        self.assertEqual((c["status"], c["conclusion"], len(c["annotations"])), ("completed", "failure", 1))
        comment, = self.gh.comments.values()
        self.assertEqual(comment["author"], "acme[bot]")
        sarif, = self.gh.sarifs.values()
        self.assertEqual((sarif["commit_sha"], sarif["errors"]), (head, []))
        # the App has said who it is, for ten minutes at most
        self.assertTrue(self.gh.jwts)
        for body in self.gh.jwts:
            self.assertEqual(body["iss"], "4711")
            self.assertLessEqual(body["exp"] - body["iat"], 600)
        # the code has a token of its own, which may read this repository and nothing else
        limited = [m for m in self.gh.made if m]
        self.assertEqual(limited, [{"repositories": ["shop"], "permissions": {"contents": "read"}}])
        # and all the rest one token, whatever process asks: it is kept
        self.assertEqual(len(self.gh.made) - len(limited), 1)
        # the webhook named the installation: nobody was asked
        self.assertEqual([r[1] for r in self.gh.log if r[1].endswith("/installation")], [])
        given = {base64.b64decode(a.partition(" ")[2]).decode().partition(":")[2]
                 for a in self.git_server.authorizations}
        self.assertEqual([self.gh.installations[t]["permissions"] for t in given], [{"contents": "read"}])
        self.nowhere()
        # it has expired, and then was taken back: another one
        for spoil in (lambda t: t.update(until=time.time() - 1), lambda t: t.update(until=0)):
            for token in self.gh.installations.values():
                spoil(token)
            head = self.change(self.repo, **{"a.ini": f"token\n# {len(self.gh.made)}\n"})
            self.pull_request(7, head, base, "synchronize")
            self.assertNotIn("reason", self.told(head))
        self.assertEqual(list(self.gh.comments), [comment["id"]])
        self.nowhere()

    def test_expiry_is_heeded(self):
        """A token that soon ends is not used: each operation has a new one."""
        self.gh.token_life = 200
        head = self.change(self.repo, **{"a.ini": "token\n"})
        self.leaks_in("a.ini")
        self.push(head)
        self.assertNotIn("reason", self.told(head))
        self.quiet()
        self.assertGreaterEqual(len([m for m in self.gh.made if not m]), 2)
        self.assertEqual(self.check_of(head)["status"], "completed")


class Asked(App):
    context = None

    def test_installation_of_the_repository(self):
        """No installation in the webhook, as of one that is the repository's own."""
        head = self.change(self.repo, **{"a.ini": "token\n"})
        self.leaks_in("a.ini")
        self.push(head)
        self.assertNotIn("reason", self.told(head))
        self.assertEqual(self.check_of(head)["conclusion"], "failure")
        self.assertTrue([r for r in self.gh.log if r[1] == "/repos/acme/shop/installation"])


class Refused(App):
    def leak(self):
        head = self.change(self.repo, **{"a.ini": f"token\n# {time.time()}\n"})
        self.leaks_in("a.ini")
        return head

    def test_no_token(self):
        """Suspended, not installed, another's key: each says what is to be done, and heals."""
        self.gh.suspended = True
        head = self.leak()
        self.push(head)
        p = self.told(head, "failed")
        self.assertIn("the App's installation 99 is suspended", p["reason"])
        self.assertEqual((self.gh.checks, self.gh.statuses), ({}, []))
        self.gh.suspended = False
        self.ask(200, "POST", f"/publications/{p['id']}/retry")
        self.told(head)
        self.assertEqual(self.check_of(head)["status"], "completed")
        self.gh.installed[None] = 0
        self.gh.installations.clear()
        head = self.leak()
        self.push(head)
        self.assertIn("not installed on this repository", self.told(head, "failed")["reason"])
        self.gh.installed[None] = 99
        subprocess.run(["openssl", "genrsa", "-out", self.key, "2048"], check=True, capture_output=True)
        self.ask(200, "POST", "/reload")
        head = self.leak()
        self.push(head)
        self.assertIn("401", self.told(head, "failed")["reason"])

    def test_permissions_by_name(self):
        for gone, says, check in ((("checks",), "check degraded: this credential may not create check runs: it needs the "
                                   "permission checks=write", None),
                                  (("pull_requests",), "comment failed: ", "pull_requests="),
                                  (("checks", "statuses"), "check failed: ", "statuses=")):
            held = dict(self.gh.permissions)
            for name in gone:
                del self.gh.permissions[name]
            base, head = self.change_in(**{"a.ini": f"token\n# {gone}\n"})
            self.leaks_in("a.ini")
            self.pull_request(10 + len(self.publications()), head, base)
            p = self.told(head)
            self.assertIn(says, p["reason"])
            self.assertIn(f"needs the permission {check or 'checks=write'}", p["reason"])
            self.gh.permissions = held
        self.nowhere()

    def test_code_may_not_be_read(self):
        del self.gh.permissions["contents"]
        head = self.leak()
        self.push(head)
        self.told(head)
        self.assertEqual(self.check_of(head)["title"], "No result: the scan has failed")
        job, = self.scans()
        log = self.request("GET", f"/api/v1/jobs/{job['id']}").text
        self.assertIn("contents=read", log + self.log.read_text())
        self.assertNotIn("ghs_made", json.dumps(self.scans()))


if __name__ == "__main__":
    unittest.main()
