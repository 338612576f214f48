"""What the tests of the GitHub plugin share."""
import hashlib
import hmac
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "support"))

from ci_world import BASE, BUILD, DEGRADED, E, HEAD, LATER, PluginCase, Worker, corpus  # noqa: E402,F401
from github_standin import GitHub  # noqa: E402,F401

SECRET = "It's a Secret to Everybody"


def headers(event, body, secret=SECRET, **more):
    mac = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return {"X-GitHub-Event": event, "X-GitHub-Delivery": "guid-1", "Content-Type": "application/json",
            "X-Hub-Signature-256": f"sha256={mac}", **more}


def sarif(results=1, runs=1, location=True, category="secureops/semgrep/"):
    place = [{"physicalLocation": {"artifactLocation": {"uri": "src/a.c"}, "region": {"startLine": 1}}}]
    one = {"tool": {"driver": {"name": "Semgrep"}}, "automationDetails": {"id": category},
           "results": [{"ruleId": "r", "message": {"text": "m"}, "locations": place if location else []}] * results}
    return {"version": "2.1.0", "runs": [one] * runs}


class Case(PluginCase):
    """A stand-in and a worker for each test; what was written is checked at the end."""
    plugin = "github"
    token = "ghs_app"
    finding = {"file_path": lambda i: f"src/f{i % 7}.c"}

    def stand_in(self):
        self.gh = GitHub()
        self.addCleanup(self.gh.__exit__)
        self.gh.pull(7, HEAD)

    def defaults(self):
        return {"api_url": self.gh.url, "token": self.token, "webhook_secret": [SECRET], "sarif_wait": 400,
                "annotations_max": 200, "check_paths": True, "check_name": "SecureOps", "url": "https://github.com"}

    def only_check(self):
        self.assertEqual(len(self.gh.checks), 1, self.gh.checks)
        return next(iter(self.gh.checks.values()))
