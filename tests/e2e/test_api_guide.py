"""The examples of docs/api.md run as they stand."""
import re
import subprocess
import unittest

from daemon import DaemonCase
from harness import SOURCE, SANITIZED

BLOCKS = re.compile(r"(?ms)^```sh\n(.*?)^```$")


class Guide(DaemonCase):
    def make_admin(self):
        """That is the guide's own first step."""

    def test_every_example(self):
        blocks = BLOCKS.findall((SOURCE / "docs" / "api.md").read_text())
        self.assertGreater(len(blocks), 10)
        setup = re.search(r"setup#token=(\S+)", self.log.read_text())[1]
        app = self.repository("app", Dockerfile="FROM debian:12\nRUN apt-get update\n")
        env = dict(self.env, SETUP_TOKEN=setup, REPOSITORY=str(app))
        script = "set -eu -o pipefail\n"
        for n, block in enumerate(blocks):
            block = block.replace("http://127.0.0.1:8080", self.url)
            script += f"echo; echo '== {n}'\n{block}\n"
        done = subprocess.run(["bash", "-c", script], env=env, cwd=self.cwd, capture_output=True,
                              text=True, timeout=240 if SANITIZED else 120, stdin=subprocess.DEVNULL)
        said = f"{done.stdout}\n{done.stderr}\n{self.log.read_text()[-3000:]}"
        self.assertEqual(done.returncode, 0, said)
        out = dict(re.findall(r"(?ms)^== (\d+)\n(.*?)(?=^== |\Z)", done.stdout))
        text = "".join(out.values())
        self.assertEqual(len(out), len(blocks))
        for word in ('"status": "completed"', '"ACCEPTED"', "queued", "created\nstatus\nassigned",
                     "failed\nthe image sets no user", "400\n/branch"):
            self.assertIn(word, text, said)
        self.assertIn(",IAC,", (self.cwd / "findings.csv").read_text())
        self.assertIn("<!doctype html>", (self.cwd / "findings.html").read_text())
        self.assertIn('"version"', (self.cwd / "report.sarif").read_text())


if __name__ == "__main__":
    unittest.main()
