"""What the tests of the Jenkins plugin share."""
import base64
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "support"))

from ci_world import BASE, BUILD, DEGRADED, E, HEAD, LATER, PluginCase, Worker, corpus  # noqa: E402,F401
from jenkins_standin import Jenkins, STARTING  # noqa: E402,F401

USER, PASSWORD = "jenkins", "notify-secret"


def headers(user=USER, password=PASSWORD, **more):
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}", "Content-Type": "application/json;charset=UTF-8", **more}


class Case(PluginCase):
    """A stand-in and a worker for each test."""
    plugin = "jenkins"

    def stand_in(self):
        self.jk = Jenkins()
        self.addCleanup(self.jk.__exit__)

    def defaults(self):
        return {"url": self.jk.url + "/", "user": "bot", "token": "api-token", "webhook_user": USER,
                "webhook_password": [PASSWORD], "check_name": "SecureOps",
                "webhook_header": "X-SecureOps-Signature-256"}
