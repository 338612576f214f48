"""The daemon's own OpenAPI document, turned against it: schemathesis makes requests that fit it and
requests that do not. No answer may be a failure of the server, and each is as the document says.

    pip install schemathesis        (4.x; $SCHEMATHESIS or the PATH names it; skipped without)
"""
import json
import os
import shutil
import subprocess
import unittest

from daemon import DaemonCase

TOOL = os.environ.get("SCHEMATHESIS") or shutil.which("schemathesis")
# A request of these ends what the others are made with: the token, its user, the server's settings.
ENDS = r"stream|/ws$|/reload|/auth/|/tokens|/users|/rotate"


@unittest.skipUnless(TOOL, "schemathesis is not installed")
class Fuzzed(DaemonCase):
    settings = ("server.rate=1000000", "server.burst=1000000", "queue.slots=0")

    def run_tool(self, *further):
        return subprocess.run(
            [TOOL, "run", f"{self.url}/api/v1/openapi.json", "-H", f"Authorization: Bearer {self.token}",
             "--checks", "not_a_server_error,status_code_conformance,response_schema_conformance,"
             "content_type_conformance", "--workers", "1", "--request-timeout", "30", "--seed", "4",
             "--generation-database", "none", "--no-color", *further],
            capture_output=True, text=True, timeout=280, cwd=self.root, env={**os.environ, "CI": "1"})

    def test_no_failure_of_the_server(self):
        done = self.run_tool("--max-examples", "10", "--exclude-path-regex", ENDS,
                             "--phases", "coverage,fuzzing")
        self.assertIn("Test cases:", done.stdout, done.stdout[-3000:] + done.stderr[-3000:])
        failures = [line for line in self.log.read_text().splitlines()
                    if '"module":"access"' in line and json.loads(line)["status"].startswith("5")
                    and json.loads(line)["status"] != "501"]  # what this server is not set up for
        self.assertEqual(failures, [], done.stdout[-6000:])
        self.assertNotIn("Response violates schema", done.stdout, done.stdout[-6000:])
        self.assertNotIn("Undocumented", done.stdout, done.stdout[-6000:])
        self.assertEqual(self.request("GET", "/ready", token=None).status, 200)


if __name__ == "__main__":
    unittest.main()
