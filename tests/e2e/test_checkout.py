"""Repositories that the daemon fetches: by ssh from a real sshd, by https with a token; keys and
tokens come from its store of secrets."""
import pathlib
import sys
import unittest

from daemon import DaemonCase

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration" / "checkout"))
import ssh_server  # noqa: E402
from git_server import Server  # noqa: E402

SECRET = "tok3n-of-the-store"


class Checkout(DaemonCase):
    def secret(self, name, value):
        self.ask(204, "PUT", f"/secrets/{name}", {"value": value})

    def reason(self, url, state, **members):
        return self.scan("iac", url, state, scanners=["policies"], **members)["reason"]

    def nowhere(self, text):
        """Not in a log, not in a file."""
        self.assertNotIn(text, self.log.read_text())
        for path in self.data.rglob("*"):
            if path.is_file():
                self.assertNotIn(text.encode(), path.read_bytes(), path)


@unittest.skipIf(ssh_server.absent(), ssh_server.absent())
class Ssh(Checkout):
    known = None

    def start_daemon(self):
        if not self.known:
            self.server = ssh_server.Sshd(self.root / "sshd")
            self.addCleanup(self.server.close)
            self.known = self.root / "known_hosts"
            self.known.write_text(self.server.known())
            self.settings = (f"checkout.known_hosts={self.known}", "checkout.hosts=127.0.0.1",
                             "checkout.token=env:CHECKOUT_TOKEN")
            self.env["CHECKOUT_TOKEN"] = SECRET
        super().start_daemon()

    def tearDown(self):
        self.server.close()
        super().tearDown()

    def test_key_of_the_store_and_known_hosts(self):
        repo = self.repository("r", Dockerfile="FROM debian:latest\n")
        url = self.server.url(repo)
        key = self.server.key.read_text()
        self.secret("checkout.127.0.0.1.deploy", key)
        done = self.scan("iac", url, scanners=["policies"], checkout_secret="checkout.127.0.0.1.deploy")
        self.assertEqual(done["state"], "completed")
        self.assertIn("Accepted publickey", self.server.text())
        scan = self.get(f"/scans/{done['id']}")["scan"]
        self.assertEqual(scan["branch"], "main")
        self.assertTrue(scan["repository"].startswith("ssh://127.0.0.1:"), scan)

        self.assertIn("Permission denied", self.reason(url, "failed"))  # checkout.token is no key
        other = ssh_server.make_key(self.root / "other")
        self.secret("checkout.127.0.0.1.other", other.read_text().rstrip("\n"))
        self.assertIn("Permission denied", self.reason(url, "failed", checkout_secret="checkout.127.0.0.1.other"))
        self.secret("checkout.127.0.0.1.token", SECRET)
        self.assertIn("no private key", self.reason(url, "failed", checkout_secret="checkout.127.0.0.1.token"))

        accepted = self.server.text().count("Accepted publickey")
        for known in (self.server.known(other), ""):  # it has changed; nobody knows it
            self.known.write_text(known)
            self.assertIn("Host key verification failed",
                          self.reason(url, "failed", checkout_secret="checkout.127.0.0.1.deploy"))
            self.assertEqual(self.known.read_text(), known)  # nothing is learned
        self.assertEqual(self.server.text().count("Accepted publickey"), accepted)
        self.known.write_text(self.server.known())
        self.scan("iac", url, scanners=["policies"], checkout_secret="checkout.127.0.0.1.deploy")
        self.nowhere(key.splitlines()[2])
        self.nowhere(SECRET)


class Https(Checkout):
    server = None

    def start_daemon(self):
        if not self.server:
            self.folder = self.root / "tls"
            self.folder.mkdir()
            self.server = Server(self.cwd, self.folder, token=SECRET)
            self.addCleanup(self.server.close)
            self.env["GIT_SSL_CAINFO"] = str(self.server.certificate)
        super().start_daemon()

    def test_token_of_the_store(self):
        repo = self.repository("r", Dockerfile="FROM debian:latest\n")
        repo.rename(self.cwd / "r.git")
        url = self.server.url("private/r.git")
        self.secret("checkout.localhost.reader", SECRET)
        self.scan("iac", url, scanners=["policies"], checkout_secret="checkout.localhost.reader")
        self.assertIn("could not read Username", self.reason(url, "failed"))
        self.secret("checkout.localhost.reader", "wrong-token-of-the-store")
        self.assertIn("Authentication failed", self.reason(url, "failed", checkout_secret="checkout.localhost.reader"))
        self.nowhere(SECRET)
        self.nowhere("wrong-token-of-the-store")


if __name__ == "__main__":
    unittest.main()
