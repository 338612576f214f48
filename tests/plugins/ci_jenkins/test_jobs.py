"""Jobs that are created: the same as jenkins-job-builder writes; and a real client judges the stand-in."""
import json
import os
import pathlib
import re
import shutil
import subprocess
import unittest
import xml.etree.ElementTree as ET

from world import Case

URL = "https://engine.example/webhook/jenkins"
MANAGED = re.compile("(<!-- Managed by Jenkins Job Builder -->|^Managed by SecureOps .*)$")

JJB = """
- job:
    name: job
    project-type: %(kind)s
    description: ''
%(scm)s
%(triggers)s
%(notifications)s
%(parameters)s
%(steps)s
"""


def indent(n, text):
    return "".join(" " * n + line + "\n" for line in text.strip("\n").splitlines())


def canonical(node):
    """Without what order and white space there is among properties."""
    children = [canonical(c) for c in node]
    if node.tag == "properties":
        children.sort()
    text = "" if children else MANAGED.sub("", node.text or "")
    return (node.tag, tuple(sorted(node.attrib.items())), text, tuple(children))


def quoted(text):
    return json.dumps(text)  # a JSON text is a YAML text


class Builder(Case):
    def builder(self, kind, branch="*/main", credentials=None, command=None, script="Jenkinsfile", poll=None, url=None,
                parameters=None):
        if not shutil.which("jenkins-jobs"):
            raise unittest.SkipTest("jenkins-jobs is not here (jenkins-job-builder)")
        git = "- git:\n    url: https://example.com/acme/widget.git\n    branches: [%s]\n" % quoted(branch)
        git += "    credentials-id: %s\n" % credentials if credentials else ""
        scm = "scm:\n" + indent(2, git)
        if kind == "pipeline":
            scm = "sandbox: true\npipeline-scm:\n" + indent(2, scm) + \
                "  script-path: %s\n  lightweight-checkout: true\n" % script
        steps = ""
        if kind == "freestyle":
            steps = "builders:\n  - shell: %s\npublishers:\n  - archive:\n      artifacts: '**/*.sarif'\n" \
                    "      allow-empty: true\n" % quoted(command)
        parts = {"kind": kind, "scm": indent(4, scm), "steps": indent(4, steps), "triggers": "", "notifications": "",
                 "parameters": ""}
        if poll:
            parts["triggers"] = indent(4, "triggers:\n  - pollscm:\n      cron: %s\n" % quoted(poll))
        if url:
            parts["notifications"] = indent(4, "notifications:\n  - http:\n      url: %s\n" % quoted(url))
        if parameters:
            parts["parameters"] = indent(4, "parameters:\n" + "".join(
                "  - string:\n      name: %s\n      default: %s\n      description: ''\n" % (k, quoted(v))
                for k, v in parameters.items()))
        place = pathlib.Path(self.dir.name)
        (place / "j.yaml").write_text(JJB % parts)
        shutil.rmtree(place / "out", ignore_errors=True)
        env = {**os.environ, "PATH": "/usr/bin:/bin", "HOME": str(place)}
        done = subprocess.run(["/usr/bin/jenkins-jobs" if os.path.exists("/usr/bin/jenkins-jobs") else "jenkins-jobs",
                               "test", str(place / "j.yaml"), "-o", str(place / "out")], env=env, capture_output=True,
                              timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return ET.fromstring((place / "out" / "job").read_bytes())

    def same(self, theirs, **request):
        r = self.good(self.call("configure", what="job", name="job", dry_run=True,
                                clone_url="https://example.com/acme/widget.git", **request))
        ours = ET.fromstring(r["file"]["content"].encode())
        self.assertEqual(canonical(ours), canonical(theirs))

    def test_freestyle(self):
        command = "echo 'a < b && c > d' \"$X\"\nsecond ]]> line"
        self.same(self.builder("freestyle", command=command), kind="freestyle", command=command)
        endpoint = "https://jenkins:notify-secret@engine.example/webhook/jenkins"
        self.same(self.builder("freestyle", "*/dev", "cred", command, poll="H/15 * * * *", url=endpoint,
                               parameters={"A": "1", "B": "x & y"}),
                  branch="dev", credentials_id="cred", command=command, poll_scm="H/15 * * * *", url=URL,
                  parameters={"A": "1", "B": "x & y"})

    def test_pipeline(self):
        self.same(self.builder("pipeline"), kind="pipeline")
        endpoint = "https://jenkins:notify-secret@engine.example/webhook/jenkins"
        self.same(self.builder("pipeline", "*/main", "cred", script="ci/Jenkinsfile", poll="H/15 * * * *", url=endpoint,
                               parameters={"A": "1"}),
                  kind="pipeline", credentials_id="cred", script_path="ci/Jenkinsfile", poll_scm="H/15 * * * *", url=URL,
                  parameters={"A": "1"})


class Configure(Case):
    ASK = {"what": "job", "name": "folder/scan", "clone_url": "https://example.com/x.git", "url": URL}

    def setUp(self):
        super().setUp()
        self.jk.job("folder/other")

    def test_job(self):
        r = self.good(self.call("configure", **self.ASK, dry_run=True))
        self.assertEqual((r["action"], "folder/scan" in self.jk.items), ("created", False))
        r = self.good(self.call("configure", **self.ASK))
        self.assertEqual((r["action"], r["id"]), ("created", "folder/scan"))
        self.assertNotIn("file", r)
        self.jk.build("folder/scan", 5)
        writes = len(self.jk.writes())
        self.assertEqual(self.good(self.call("configure", **self.ASK))["action"], "unchanged")
        self.assertEqual(len(self.jk.writes()), writes)
        r = self.good(self.call("configure", **{**self.ASK, "parameters": {"A": "1"}}))
        self.assertEqual((r["action"], self.jk.items["folder/scan"]["parameters"]), ("updated", ["A"]))
        self.assertIn(5, self.jk.items["folder/scan"]["builds"])

    def test_not_ours(self):
        answer = self.call("configure", **{**self.ASK, "name": "folder/other"})
        self.assertEqual(answer.name, "INVALID")
        self.assertEqual(self.jk.items["folder/other"]["xml"], b"<project/>")

    def test_lost_answers(self):
        for after in (False, True):
            for status in (502, 0):
                self.jk.items.pop("folder/scan", None)
                self.jk.fault("createItem", "POST", status, after=after)
                self.assertEqual(self.good(self.call("configure", **self.ASK))["action"], "created")

    def test_refused(self):
        self.jk.fault("createItem", "POST", 400, headers={"X-Error": "A job already exists with the name 'scan'"},
                      body=b"<html>long page</html>")
        answer = self.call("configure", **self.ASK)
        self.assertIn("A job already exists", answer.reason)
        for bad in ({"name": "a//b"}, {"kind": "cake"}, {"clone_url": None}, {"url": "ftp://x"}, {"what": "webhook"}):
            self.assertIn(self.call("configure", **{**self.ASK, **bad}).name, ("INVALID", "UNSUPPORTED"), bad)
        self.start(webhook_password=None)
        self.assertEqual(self.call("configure", **self.ASK).name, "INVALID")
        self.start(webhook_password=None, webhook_path=["s3/cret"])
        self.good(self.call("configure", **self.ASK))
        self.assertIn(b"/webhook/jenkins/s3%2Fcret</url>", self.jk.items["folder/scan"]["xml"])


CLIENT = """
import jenkins, sys
s = jenkins.Jenkins(sys.argv[1], "bot", "password")
s.create_job("newjob", open(sys.argv[2]).read())
assert s.job_exists("newjob") and not s.job_exists("nothing")
item = s.build_job("scan", {"A": "b c&d"})
assert s.get_queue_item(item)["id"] == item
info = s.get_build_info("folder/deep", 5)
assert info["result"] == "SUCCESS", info
assert s.get_build_console_output("folder/deep", 5) == "text\\n"
s.stop_build("folder/deep", 6)
print("judged")
"""


class Client(Case):
    def test_stand_in(self):
        """python-jenkins, with a password: crumb, session, folders."""
        if subprocess.run(["/usr/bin/python3", "-c", "import jenkins"], capture_output=True, check=False).returncode:
            raise unittest.SkipTest("python3-jenkins is not here")
        self.jk.job("scan", ["A"])
        self.jk.job("folder/deep")
        self.jk.build("folder/deep", 5, log=b"text\n")
        self.jk.build("folder/deep", 6, None)
        xml = self.good(self.call("configure", what="job", name="x", clone_url="https://x/y", dry_run=True))["file"]["content"]
        path = pathlib.Path(self.dir.name) / "config.xml"
        path.write_text(xml.split("\n", 1)[1])
        done = subprocess.run(["/usr/bin/python3", "-c", CLIENT, self.jk.url, path], capture_output=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, b"judged\n"), done.stderr.decode())


if __name__ == "__main__":
    unittest.main()
