"""A scan that never comes to its end: the platform is told so, whatever became of it."""
import copy
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import test_webhooks
import webhooks
from webhooks import pull_request, sha

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "support"))
from github_standin import GitHub  # noqa: E402


class Watchdog(test_webhooks.Webhooks):
    settings = ("queue.slots=4", "queue.target_max=4", "queue.attempts=1", "queue.backoff=100ms",
                "queue.backoff_max=100ms")

    def setUp(self):
        self.github = GitHub()
        self.addCleanup(self.github.__exit__)
        super().setUp()

    @property
    def config(self):
        token = self.root / "token"
        token.write_text("ghs_app")
        token.chmod(0o600)
        return webhooks.config(self.root, f'    api_url: "{self.github.url}"\n'
                               f'    token: "file:{token}"\n    write_gap: 0s\n    backoff: 20ms\n'
                               '    poll: 0\n') + 'checkout: {hosts: ["127.0.0.1"]}\n'

    def runners(self):
        out = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(self.daemon.pid)],
                             capture_output=True, text=True, check=False).stdout
        return [int(line.split()[0]) for line in out.splitlines() if "secureops-runner" in line]

    def of(self, phase):
        return [j for j in self.get("/jobs?limit=200")["items"] if j["kind"] == "ci" and
                j["request"].get("phase") == phase]

    def state(self, number):
        return {j["request"]["commit"]: j["state"] for j in self.scans()}.get(sha(number))

    def until(self, what):
        end = time.monotonic() + 70
        while time.monotonic() < end and not what():
            time.sleep(0.2)

    def send_pull(self, number, clone):
        event, payload = pull_request(number, number)
        payload = copy.deepcopy(payload)
        for at in (payload["repository"], payload["pull_request"]["head"]["repo"],
                   payload["pull_request"]["base"]["repo"]):
            at.update(full_name="acme/widget", name="widget", clone_url=clone)
        self.send(202, event, payload)
        return sha(number)

    def test_no_status_stays_pending(self):
        hang = socket.socket()  # takes connections, and says nothing
        hang.bind(("127.0.0.1", 0))
        hang.listen(50)
        self.addCleanup(hang.close)
        slow = f"https://127.0.0.1:{hang.getsockname()[1]}/acme/widget.git"
        self.send_pull(1, "https://127.0.0.1:1/acme/widget.git")   # dead: nobody is there
        self.send_pull(2, slow)                                    # is killed
        self.settled()
        self.until(lambda: self.state(2) == "running" and self.state(1) == "dead" and
                   [j["state"] for j in self.of("pending")] == ["completed"] * 2)
        for pid in self.runners():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.send_pull(3, slow)                                    # is cancelled
        self.settled()
        self.until(lambda: self.state(3) == "running")
        job, = [j for j in self.scans() if j["request"]["commit"] == sha(3)]
        self.ask(202, "POST", f"/jobs/{job['id']}/cancel")
        self.until(lambda: len(self.of("error")) == 3)
        self.assertEqual(len(self.of("error")), 3, [
            (j["state"], j.get("reason"), j["request"]["commit"]) for j in self.scans()])
        states = {j["request"]["commit"]: j["state"] for j in self.scans()}
        self.assertEqual(states, {sha(1): "dead", sha(2): "dead", sha(3): "cancelled"})
        self.until(lambda: {j["state"] for j in self.of("error")} == {"completed"})
        told = {c["head_sha"]: c for c in self.github.checks.values()}
        self.assertEqual({n: told[sha(n)]["status"] for n in (1, 2, 3)},
                         {1: "completed", 2: "completed", 3: "completed"}, told)
        self.assertNotIn("success", {told[sha(n)]["conclusion"] for n in (1, 2, 3)})


for name in [n for n in dir(test_webhooks.Webhooks) if n.startswith("test_")]:
    setattr(Watchdog, name, None)
