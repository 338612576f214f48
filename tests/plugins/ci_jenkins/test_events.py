"""Which notifications are genuine, and what they mean."""
import datetime
import hashlib
import hmac
import json
import unittest

from world import BUILD, PASSWORD, USER, Worker, corpus, headers

NOTE = {"name": "scan", "url": "job/scan/", "build": {
    "full_url": "https://jenkins.example/job/scan/42/", "number": 42, "phase": "FINALIZED", "status": "SUCCESS",
    "url": "job/scan/42/", "timestamp": 1700000061500, "duration": 60000, "scm": {
        "url": "https://github.com/acme/widget.git", "branch": "origin/main", "commit": "a" * 40}}}
BODY = json.dumps(NOTE).encode()
HEADER = "X-SecureOps-Signature-256"


def sign(body, key="key-1"):
    return {HEADER: "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}


def seconds(text):
    return text and int(datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp())


class Events(unittest.TestCase):
    options = {"webhook_user": USER, "webhook_password": [PASSWORD], "webhook_header": HEADER}

    def setUp(self):
        self.worker = Worker(BUILD, "jenkins", self.options)
        self.addCleanup(self.worker.close)

    def refused(self, given, body=BODY, code="PERMISSION", **more):
        answer = self.worker.verify(given, body, **more)
        self.assertEqual(answer.name, code, answer)
        self.assertIsNone(answer.receipt)
        self.assertTrue(answer.reason)

    def event(self, **build):
        body = json.dumps({**NOTE, "build": {**NOTE["build"], **build}}).encode()
        answer = self.worker.translate(headers(), body)
        self.assertEqual((answer.code, len(answer.events)), (0, 1), answer)
        return answer.events[0]


class Verify(Events):
    def test_a_good_one(self):
        receipt = self.worker.verify(headers(), BODY).receipt
        self.assertEqual(receipt, {"id": "https://jenkins.example/job/scan/42/|42|FINALIZED|SUCCESS",
                                   "native_event": "FINALIZED", "ignored": False})
        other = BODY.replace(b"FINALIZED", b"COMPLETED")
        self.assertNotEqual(self.worker.verify(headers(), other).receipt["id"], receipt["id"])

    def test_no_proof(self):
        good = headers()["Authorization"]
        for bad in (None, "", "Basic ", good[:-4], good[6:], "Bearer " + good[6:], "Basic \u00e4"):
            self.refused({} if bad is None else {"Authorization": bad})
        for user, password in ((USER, ""), (USER, PASSWORD + "x"), ("", PASSWORD)):
            self.refused(headers(user, password))
        self.refused(sign(BODY))  # no key is configured
        self.refused({}, path=PASSWORD)
        self.refused({"X-Hub-Signature-256": sign(BODY)[HEADER], "X-Gitlab-Token": PASSWORD})

    def test_forged_text_is_not_parsed(self):
        self.refused(headers(password="x"), b"{")
        for text in (b"{", b"", b"[]", BODY + b"1", b"<job/>", b"[" * 10000 + b"]" * 10000):
            self.refused(headers(), text, "PARSE")

    def test_path(self):
        with Worker(BUILD, "jenkins", {"webhook_path": ["old", "new"], "webhook_header": HEADER}) as w:
            for path, name in (("old", "ok"), ("/new", "ok"), ("new/", "ok"), ("ne", "PERMISSION"), ("newx", "PERMISSION"),
                               ("", "PERMISSION"), ("/", "PERMISSION")):
                self.assertEqual(w.verify({}, BODY, path=path).name, name, path)

    def test_signature(self):
        with Worker(BUILD, "jenkins", {**self.options, "webhook_secret": ["key-2", "key-1"]}) as w:
            self.assertEqual(w.verify(sign(BODY), BODY).code, 0)
            self.assertEqual(w.verify(headers(), BODY).code, 0)
            for i in range(0, len(BODY), 7):
                self.assertEqual(w.verify(sign(BODY), BODY[:i] + bytes([BODY[i] ^ 1]) + BODY[i + 1:]).name, "PERMISSION")
            mac = sign(BODY)[HEADER]
            for bad in ("", mac[7:], mac[:-1], mac + "0", "sha1=" + mac[7:], "sha256=" + "g" * 64):
                self.assertEqual(w.verify({**headers(), HEADER: bad}, BODY).name, "PERMISSION", bad)

    def test_without_a_credential_nothing_is_taken(self):
        with Worker(BUILD, "jenkins", {"webhook_user": USER}) as w:
            self.assertEqual(w.verify(headers(password=""), BODY).name, "PERMISSION")

    def test_what_is_not_used(self):
        for payload in ({"build": {"phase": "NONE"}}, {}, {"event": "else"}, {"build": {}}):
            body = json.dumps(payload).encode()
            self.assertTrue(self.worker.verify(headers(), body).receipt["ignored"])
            self.assertEqual(self.worker.translate(headers(), body).events[0]["event"], "ignored")


class Translate(Events):
    def test_phases(self):
        for phase, status, ours, at in (("QUEUED", None, "queued", "created_at"), ("STARTED", None, "running", "started_at"),
                                        ("COMPLETED", "UNSTABLE", "failure", "finished_at"),
                                        ("FINALIZED", None, "unknown", "finished_at"),
                                        ("FINALIZED", "NOT_BUILT", "skipped", "finished_at"),
                                        ("FINALIZED", "ABORTED", "cancelled", "finished_at")):
            ev = self.event(phase=phase, status=status)
            self.assertEqual((ev["status"], ev["action"], [k for k in ("created_at", "started_at", "finished_at") if ev[k]]),
                             (ours, phase.lower(), [at]))

    def test_repositories(self):
        for url, name in (("git@host:a/b/c.git", "a/b/c"), ("ssh://git@host:22/a/b.git/", "a/b"), ("https://h/a/b", "a/b"),
                          ("/srv/git/x.git", None), ("", None), ("https://host", None), ("C:\\x", "\\x")):
            self.assertEqual(self.event(scm={"url": url})["repo_full_name"], name, url)

    def test_branches(self):
        for branch, ref in (("origin/feature/x", "refs/heads/feature/x"), ("refs/remotes/origin/a", "refs/heads/a"),
                            ("refs/heads/a", "refs/heads/a"), ("refs/tags/v1", "refs/tags/v1"), ("detached", None)):
            self.assertEqual(self.event(scm={"branch": branch})["ref"], ref)
        self.assertIsNone(self.event(scm={"commit": "4"})["commit_sha"])

    def test_details(self):
        ev = self.event(test_summary={"total": 9, "failed": 2, "passed": 6, "skipped": 1, "failed_tests": []})
        self.assertEqual(ev["details"], {"duration_ms": 60000,
                                         "tests": {"total": 9, "passed": 6, "failed": 2, "skipped": 1}})
        self.assertEqual(self.event(duration=0, test_summary={})["details"], {})

    def test_encoded_names(self):
        ev = self.event(url="job/My%20Team/job/widget/job/feature%252Flogin/3/", number=3)
        self.assertEqual((ev["pipeline_id"], ev["context"]["job"]),
                         ("My Team/widget/feature%2Flogin#3", "My Team/widget/feature%2Flogin"))

    def test_pull_request_by_its_job(self):
        ev = self.event(url="job/acme/job/widget/job/PR-17/3/", number=3)
        self.assertEqual((ev["pr_number"], ev["pr_source_branch"]), (17, None))

    def test_whose_code_it_is(self):
        """A branch of a multibranch project is the repository's own; what may be a change is not known."""
        for job, branch, parameters, fork in (
                ("job/acme/job/widget/job/main/3/", "origin/main", {}, False),
                ("job/acme/job/widget/job/feature%252Flogin/3/", "feature/login", {}, False),
                ("job/acme/job/widget/job/PR-17/3/", "PR-17", {}, None),
                ("job/acme/job/widget/job/PR-17/3/", "PR-17", {"CHANGE_ID": "17", "CHANGE_FORK": "mallory"}, True),
                ("job/acme/job/widget/job/PR-17/3/", "PR-17", {"CHANGE_ID": "17", "CHANGE_FORK": ""}, False),
                ("job/acme/job/widget/job/PR-17/3/", "PR-17", {"CHANGE_ID": "17"}, None),
                ("job/acme/job/widget/job/MR-4/3/", "MR-4", {}, None),
                ("job/acme/job/widget/job/45%252F345%252F2/3/", "45/345/2", {}, None),
                ("job/main/3/", "origin/main", {}, None), ("job/acme/job/widget/3/", "origin/pr/3/merge", {}, None),
                ("job/acme/job/widget/job/main/3/", "detached", {}, None)):
            ev = self.event(url=job, scm={"branch": branch}, parameters=parameters)
            self.assertIs(ev["is_fork"], fork, (job, branch, parameters))

    def test_corpus(self):
        place = corpus()
        if not place:
            raise unittest.SkipTest("the corpus is not here: set SECUREOPS_CORPUS")
        rows = [json.loads(line) for line in (place / "index.jsonl").read_text().splitlines()]
        rows = [r for r in rows if r["file"].startswith("jenkins/")]
        wrong, fields = [], 0
        for row in rows:
            body = (place / row["file"]).read_bytes()
            self.assertEqual(self.worker.verify(row["headers"], body).code, 0, row["file"])
            event = self.worker.translate(row["headers"], body).events[0]
            for name, want in row["expect"].items():
                got = seconds(event[name]) if name.endswith("_at") else event[name]
                fields += 1
                if got != want:
                    wrong.append((row["file"], name, want, got))
        print(f"Jenkins: {fields - len(wrong)} of {fields} fields of {len(rows)} payloads agree")
        self.assertEqual(len(rows), 9)
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main()
