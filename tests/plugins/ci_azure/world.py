"""What the tests of the Azure DevOps plugin share."""
import base64
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "support"))

from azure_standin import Azure, ME, OTHER, PROJECT, REPO  # noqa: E402,F401
from ci_world import BASE, BUILD, DEGRADED, E, HEAD, LATER, PluginCase, Worker, corpus  # noqa: E402,F401

USER, PASSWORD = "svc-hook", "p@ss:word-1"
OLD = "d" * 40


def headers(user=USER, password=PASSWORD, **more):
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}", "Content-Type": "application/json; charset=utf-8", **more}


class Case(PluginCase):
    """A stand-in and a worker for each test; what was written is checked at the end."""
    plugin = "azure-devops"
    repository = "Fabrikam/widget"
    times = {}
    finding = {"file_path": lambda i: f"src/f{i % 2}.c"}

    def stand_in(self):
        self.az = Azure()
        self.addCleanup(self.az.__exit__)
        self.az.pull(7, OLD, HEAD)

    def defaults(self):
        return {"url": self.az.url, "organization": "acme", "token": "pat", "webhook_user": USER,
                "webhook_password": [PASSWORD], "threads_max": 50, "check_name": "SecureOps", "genre": "secureops",
                "webhook_header": "X-SecureOps-Token", "inputs_as": "parameters"}
