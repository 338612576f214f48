"""What the tests of the Jenkins plugin share."""
import base64
import os
import pathlib
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(os.environ.get("SECUREOPS_SOURCE", pathlib.Path(__file__).parents[3]))
BUILD = pathlib.Path(os.environ.get("SECUREOPS_BUILD", SOURCE / "build"))
sys.path.insert(0, str(SOURCE / "tests" / "support"))

from ci_worker import DEGRADED, E, LATER, Worker  # noqa: E402,F401
from jenkins_standin import Jenkins, STARTING  # noqa: E402,F401

USER, PASSWORD = "jenkins", "notify-secret"
HEAD = "a" * 40


def corpus():
    for place in (os.environ.get("SECUREOPS_CORPUS"), SOURCE.parent / "shared" / "corpus"):
        if place and (pathlib.Path(place) / "ci").is_dir():
            return pathlib.Path(place) / "ci"
    return None


def headers(user=USER, password=PASSWORD, **more):
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}", "Content-Type": "application/json;charset=UTF-8", **more}


class Case(unittest.TestCase):
    """A stand-in and a worker for each test."""
    options = {}

    def setUp(self):
        self.dir = tempfile.TemporaryDirectory(prefix="secureops-jenkins-")
        self.addCleanup(self.dir.cleanup)
        self.jk = Jenkins()
        self.addCleanup(self.jk.__exit__)
        self.worker = None
        self.start()

    def start(self, **options):
        if self.worker:
            self.worker.close()
        chosen = {"url": self.jk.url + "/", "user": "bot", "token": "api-token", "webhook_user": USER,
                  "webhook_password": [PASSWORD], "write_gap": 0, "backoff": 20, "wait": 3000, "check_name": "SecureOps",
                  "webhook_header": "X-SecureOps-Signature-256", **self.options, **options}
        chosen = {k: v for k, v in chosen.items() if v is not None}
        self.worker = Worker(BUILD, "jenkins", chosen, http={"break_after": 1000, "break_ms": 1000})
        self.addCleanup(self.worker.close)

    def call(self, op, **request):
        timeout = request.pop("timeout_ms", 30000)
        return self.worker.call(op, {"repository": "acme/widget", **request}, timeout)

    def good(self, answer, code=0):
        self.assertEqual(answer.code, code, answer)
        return answer.result
