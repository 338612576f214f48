"""What the tests of the GitLab plugin share."""
import base64
import hashlib
import hmac
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "support"))

from ci_world import BASE, BUILD, DEGRADED, E, HEAD, LATER, PluginCase, Worker, corpus  # noqa: E402,F401
from gitlab_standin import GitLab  # noqa: E402,F401

TOKEN = "gl-secret-token-0123456789"
SIGNING = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
AT = 1700000000  # when the signed payloads were signed
BOT = 77


def mac(key, id, at, body):
    key = base64.b64decode(key[len("whsec_"):])
    return "v1," + base64.b64encode(hmac.new(key, f"{id}.{at}.".encode() + body, hashlib.sha256).digest()).decode()


def signed(body, key=SIGNING, id="evt-1", at=AT, **more):
    return {"X-Gitlab-Event": "Push Hook", "Content-Type": "application/json", "webhook-id": id,
            "webhook-timestamp": str(at), "webhook-signature": mac(key, id, at, body), **more}


def plain(body=b"", token=TOKEN, **more):
    return {"X-Gitlab-Event": "Push Hook", "Content-Type": "application/json", "X-Gitlab-Token": token, **more}


class Case(PluginCase):
    """A stand-in and a worker for each test."""
    plugin = "gitlab"
    token = "glpat-bot"
    context = {"project_id": "1"}
    finding = {"remediation": "Do better."}

    def stand_in(self):
        self.gl = GitLab()
        self.addCleanup(self.gl.__exit__)
        self.gl.mr(7, HEAD)

    def defaults(self):
        return {"url": self.gl.url, "token": self.token, "webhook_secret": [TOKEN], "threads_max": 20,
                "status_name": "SecureOps", "token_type": "private"}
