"""Which webhooks are genuine, and what they mean."""
import datetime
import hashlib
import hmac
import json
import os
import pathlib
import subprocess
import tempfile
import unittest
import urllib.parse

from world import BUILD, E, SECRET, Worker, corpus, headers

PUSH = json.dumps({"ref": "refs/heads/main", "before": "0" * 40, "after": "a" * 40,
                   "repository": {"full_name": "acme/widget"}}).encode()


def seconds(text):
    return text and int(datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp())


class Events(unittest.TestCase):
    options = {"webhook_secret": [SECRET]}

    def setUp(self):
        self.worker = Worker(BUILD, "github", self.options)
        self.addCleanup(self.worker.close)

    def refused(self, given, body, code="PERMISSION"):
        answer = self.worker.verify(given, body)
        self.assertEqual(answer.name, code, answer)
        self.assertIsNone(answer.receipt)
        self.assertTrue(answer.reason)
        return answer.reason

    def event(self, native, payload):
        body = json.dumps(payload).encode()
        answer = self.worker.translate(headers(native, body), body)
        self.assertEqual((answer.code, len(answer.events)), (0, 1), answer)
        return answer.events[0]


class Verify(Events):
    def test_published_vector(self):
        good = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
        given = {"X-GitHub-Event": "push", "X-Hub-Signature-256": f"sha256={good}"}
        # genuine, and then no document
        self.refused(given, b"Hello, World!", "PARSE")
        self.refused(given, b"Hello, World?")

    def test_a_good_one(self):
        answer = self.worker.verify(headers("push", PUSH), PUSH)
        self.assertEqual(answer.receipt, {"id": "guid-1", "native_event": "push", "ignored": False})
        upper = headers("push", PUSH)
        upper["X-Hub-Signature-256"] = "sha256=" + upper["X-Hub-Signature-256"][7:].upper()
        self.assertEqual(self.worker.verify(upper, PUSH).code, 0)

    def test_no_proof(self):
        good = headers("push", PUSH)
        mac = good["X-Hub-Signature-256"]
        sha1 = "sha1=" + hmac.new(SECRET.encode(), PUSH, hashlib.sha1).hexdigest()
        for bad in (None, "", "sha256=", mac[:-1], mac + "0", mac[7:], "sha512=" + mac[7:], sha1, "sha256=" + "g" * 64,
                    "SHA256=" + mac[7:], " " + mac):
            given = {k: v for k, v in good.items() if k != "X-Hub-Signature-256"}
            if bad is not None:
                given["X-Hub-Signature-256"] = bad
            self.refused(given, PUSH)
        given = {k: v for k, v in good.items() if k != "X-Hub-Signature-256"}
        self.assertIn("SHA-1", self.refused({**given, "X-Hub-Signature": sha1}, PUSH))
        self.refused({"X-Gitlab-Token": SECRET, "X-Gitlab-Event": "Push Hook"}, PUSH)
        self.refused({**given, "Authorization": "Basic " + SECRET}, PUSH)

    def test_every_flipped_byte(self):
        good = headers("push", PUSH)
        for i in range(len(PUSH)):
            self.refused(good, PUSH[:i] + bytes([PUSH[i] ^ 1]) + PUSH[i + 1:])

    def test_forged_text_is_not_parsed(self):
        self.refused({**headers("push", PUSH)}, b"{")
        for text in (b"{", b"", b"[]", b"{} {}", b"[" * 10000 + b"]" * 10000, b'{"a":' * 10000 + b"1" + b"}" * 10000):
            self.refused(headers("push", text), text, "PARSE")

    def test_a_form_within_a_document(self):
        """Content-Type is not signed: what somebody else wrote into a commit's message is no payload."""
        forged = json.dumps({"ref": "refs/heads/main", "after": "f" * 40, "repository": {"full_name": "acme/other"}})
        body = json.dumps({"head_commit": {"message": f"x&payload={urllib.parse.quote(forged)}&y"}}).encode()
        given = headers("push", body)
        given["Content-Type"] = "application/x-www-form-urlencoded"
        self.refused(given, body, "PARSE")
        self.assertEqual(self.worker.translate(given, body).events, [])

    def test_form(self):
        body = ("payload=" + urllib.parse.quote_plus(PUSH.decode())).encode()
        given = headers("push", body)
        given["Content-Type"] = "application/x-www-form-urlencoded"
        self.assertEqual(self.worker.verify(given, body).code, 0)
        self.assertEqual(self.worker.translate(given, body).events[0]["branch"], "main")
        for bad in (b"", b"other=1", b"payload=", b"payload=%7B"):
            self.refused({**headers("push", bad), "Content-Type": given["Content-Type"]}, bad, "PARSE")

    def test_odd_text(self):
        lone = b'{"action":"\\ud800"}'
        self.assertIn("surrogate", self.refused(headers("push", lone), lone, "PARSE"))
        for text in (b'{"action":"a","action":"b"}', b'{"action":"\\u0000"}'):
            given = headers("push", text)
            self.assertEqual(self.worker.verify(given, text).code, 0)
            self.assertEqual(len(self.worker.translate(given, text).events), 1)

    def test_unused_events_are_genuine_and_ignored(self):
        answer = self.worker.verify(headers("star", PUSH), PUSH)
        self.assertEqual((answer.code, answer.receipt["ignored"]), (0, True))
        self.refused({k: v for k, v in headers("star", PUSH).items() if k != "X-GitHub-Event"}, PUSH, "PARSE")

    def test_rotation(self):
        with Worker(BUILD, "github", {"webhook_secret": ["old", "new"]}) as w:
            for secret, code in (("old", 0), ("new", 0), ("other", E["PERMISSION"]), ("", E["PERMISSION"])):
                self.assertEqual(w.verify(headers("push", PUSH, secret), PUSH).code, code)

    def test_without_a_secret_nothing_is_taken(self):
        with Worker(BUILD, "github", {"token": "x"}) as w:
            self.assertEqual(w.verify(headers("push", PUSH, ""), PUSH).name, "PERMISSION")


class Translate(Events):
    def test_a_fork_that_is_gone(self):
        ev = self.event("pull_request", {"action": "opened", "pull_request": {
            "number": 3, "head": {"sha": "a" * 40, "ref": "x", "repo": None},
            "base": {"sha": "b" * 40, "ref": "main", "repo": {"full_name": "acme/widget"}}}})
        self.assertEqual((ev["is_fork"], ev["head_clone_url"], ev["commit_sha"]), (True, None, "a" * 40))
        self.assertTrue(ev["details"]["needs_scan"])

    def test_a_fork(self):
        ev = self.event("pull_request", {"action": "labeled", "installation": {"id": 12}, "pull_request": {
            "number": 3, "head": {"sha": "a" * 40, "repo": {"full_name": "eve/widget", "clone_url": "https://e/w"}},
            "base": {"repo": {"full_name": "acme/widget"}}}})
        self.assertEqual((ev["is_fork"], ev["head_clone_url"]), (True, "https://e/w"))
        self.assertEqual(ev["context"]["installation_id"], "12")
        self.assertFalse(ev["details"]["needs_scan"])

    def test_large_ids_are_text(self):
        ev = self.event("workflow_run", {"workflow_run": {"id": 2 ** 53 + 1, "conclusion": "timed_out",
                                                          "status": "completed"}})
        self.assertEqual((ev["pipeline_id"], ev["status"]), (str(2 ** 53 + 1), "timed_out"))

    def test_a_conclusion_decides(self):
        for status, conclusion, ours in (("completed", "stale", "cancelled"), ("queued", "success", "success"),
                                         ("in_progress", None, "running"), ("completed", None, "unknown"),
                                         ("odd", None, "unknown"), ("completed", "startup_failure", "failure")):
            ev = self.event("workflow_job", {"action": "queued", "workflow_job": {"status": status,
                                                                                  "conclusion": conclusion}})
            self.assertEqual(ev["status"], ours)

    def test_files_of_a_push(self):
        commits = [{"id": "1" * 40, "message": "one\n\nmore", "added": ["a", "b"], "modified": ["m"], "removed": ["r"]},
                   {"id": "2" * 40, "message": "two", "added": ["r"], "modified": ["a"], "removed": ["b", "m"]}]
        push = {"ref": "refs/heads/main", "before": "b" * 40, "after": "a" * 40, "commits": commits}
        details = self.event("push", push)["details"]
        self.assertEqual(details["files"], {"added": ["a"], "modified": ["r"], "removed": ["m"]})
        self.assertEqual([c["message"] for c in details["commits"]], ["one", "two"])
        self.assertNotIn("files", self.event("push", {**push, "forced": True})["details"])

    def test_times(self):
        for text, expected in (("2025-09-03T17:39:26.2111382Z", 1756921166), ("2016-08-12T15:23:28+02:00", 1471008208),
                               ("2016-08-12 15:23:28 UTC", 1471015408), ("2016-08-12 15:23:28 +0200", 1471008208),
                               (1471015408, 1471015408), (1471015408000, 1471015408), ("2016-02-30T00:00:00Z", None),
                               ("yesterday", None), (-1, None), ("2016-08-12T25:00:00Z", None), (True, None)):
            ev = self.event("release", {"release": {"tag_name": "v1", "created_at": text}})
            self.assertEqual(seconds(ev["created_at"]), expected, text)

    def test_nothing_at_all(self):
        for native in ("push", "pull_request", "create", "delete", "release", "workflow_run", "workflow_job",
                       "check_run", "check_suite", "status", "workflow_dispatch", "merge_group", "issue_comment",
                       "pull_request_review", "ping", "unheard_of"):
            for payload in ({}, {native: None}, {native: 3, "repository": [], "sender": "x"}, {"pull_request": {}}):
                self.event(native, payload)

    def test_long_comment_is_cut_between_characters(self):
        ev = self.event("issue_comment", {"comment": {"body": "x" * 9999 + "\U0001F600"}})
        self.assertEqual(ev["details"]["body"], "x" * 9999)


class Corpus(Events):
    """Every payload of the corpus gives the expected fields."""

    def setUp(self):
        self.place = corpus()
        if not self.place:
            self.skipTest("the corpus is not here: set SECUREOPS_CORPUS")
        self.secrets = json.loads((self.place / "secrets.json").read_text())
        self.options = {"webhook_secret": [self.secrets["github_secret"]]}
        super().setUp()
        rows = [json.loads(line) for line in (self.place / "index.jsonl").read_text().splitlines()]
        self.rows = [r for r in rows if r["file"].startswith("github/")]
        self.assertGreater(len(self.rows), 100)

    def test_agreement(self):
        wrong, n = [], 0
        for row in self.rows:
            body = (self.place / row["file"]).read_bytes()
            self.assertEqual(self.worker.verify(row["headers"], body).code, 0, row["file"])
            events = self.worker.translate(row["headers"], body).events
            self.assertEqual(len(events), 1, row["file"])
            for field in self.secrets["fields"]:
                got = seconds(events[0][field]) if field.endswith("_at") else events[0][field]
                n += 1
                if got != row["expect"][field]:
                    wrong.append((row["file"], field, got, row["expect"][field]))
        print(f"{n - len(wrong)} of {n} fields of {len(self.rows)} payloads agree")
        self.assertEqual(wrong, [])

    def test_the_engine_takes_them(self):
        """Forms of shas, refs, URLs, names: what is odd would lose the event."""
        program = BUILD / "bin" / "secureops"
        if not program.exists():
            self.skipTest("secureops is not built")
        with tempfile.TemporaryDirectory() as folder:
            config, given = pathlib.Path(folder) / "s.yaml", pathlib.Path(folder) / "headers"
            config.write_text("integrations:\n  github:\n    webhook_secret: env:SECRET\n")
            for row in self.rows:
                if row["expect"]["event"] == "ignored":
                    continue
                given.write_text("".join(f"{k}: {v}\n" for k, v in row["headers"].items()))
                done = subprocess.run([program, "integration", "translate", "github", self.place / row["file"],
                                       "--headers", given, "--config", config], capture_output=True, check=False,
                                      env={**os.environ, "SECRET": SECRET, "HOME": folder}, timeout=60)
                self.assertEqual(done.returncode, 0, (row["file"], done.stderr))

    def test_what_is_ignored_says_so_when_verified(self):
        for row in self.rows:
            body = (self.place / row["file"]).read_bytes()
            self.assertEqual(self.worker.verify(row["headers"], body).receipt["ignored"],
                             row["expect"]["event"] == "ignored", row["file"])

    def test_forgeries(self):
        for row in self.rows:
            body = (self.place / row["file"]).read_bytes()
            half = len(body) // 2
            self.refused(row["headers"], body[:half] + bytes([body[half] ^ 0x20]) + body[half + 1:])
            self.refused(row["headers"], body + b" ")
            only_old = {k: v for k, v in row["headers"].items() if k != "X-Hub-Signature-256"}
            self.refused(only_old, body)


if __name__ == "__main__":
    unittest.main()
