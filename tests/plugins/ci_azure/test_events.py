"""Which deliveries are genuine, and what they mean."""
import datetime
import json
import unittest

from world import BUILD, PASSWORD, USER, Worker, corpus, headers

PUSH = {"id": "e1", "subscriptionId": "s1", "notificationId": 5, "eventType": "git.push", "createdDate": "2026-11-20T09:31:07Z",
        "resource": {"refUpdates": [{"name": "refs/heads/main", "oldObjectId": "0" * 40, "newObjectId": "a" * 40}],
                     "repository": {"id": "r", "name": "widget", "project": {"id": "p", "name": "Fabrikam"}}}}
BODY = json.dumps(PUSH).encode()
TIME = 1795167067000


def seconds(text):
    return text and int(datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp())


class Events(unittest.TestCase):
    options = {"webhook_user": USER, "webhook_password": [PASSWORD], "webhook_header": "X-SecureOps-Token"}

    def setUp(self):
        self.worker = Worker(BUILD, "azure-devops", self.options)
        self.addCleanup(self.worker.close)

    def refused(self, given, body, code="PERMISSION", **more):
        answer = self.worker.verify(given, body, **more)
        self.assertEqual(answer.name, code, answer)
        self.assertIsNone(answer.receipt)
        self.assertTrue(answer.reason)
        self.assertNotIn(PASSWORD, answer.reason)

    def events(self, envelope):
        body = json.dumps(envelope).encode()
        answer = self.worker.translate(headers(), body)
        self.assertEqual(answer.code, 0, answer)
        return answer.events

    def event(self, envelope):
        one, = self.events(envelope)
        return one


class Verify(Events):
    def test_a_good_one(self):
        answer = self.worker.verify(headers(), BODY)
        self.assertEqual(answer.receipt, {"id": "e1/s1/5", "native_event": "git.push", "ignored": False})
        other = json.dumps({**PUSH, "notificationId": 6}).encode()
        self.assertNotEqual(self.worker.verify(headers(), other).receipt["id"], "e1/s1/5")
        bare = json.dumps({"eventType": "git.push"}).encode()
        self.assertEqual(len(self.worker.verify(headers(), bare).receipt["id"]), 64)  # the host's digest

    def test_no_proof(self):
        good = headers()["Authorization"]
        for bad in (None, "", "Basic", "Basic ", good[:-4], good[:-1], good + "A", good[6:], "Bearer " + good[6:],
                    "Basic " + PASSWORD, "Basic \u00e4"):
            given = {} if bad is None else {"Authorization": bad}
            self.refused(given, BODY)
        for user, password in ((USER, ""), (USER, PASSWORD + " "), ("", PASSWORD), ("svc-hook:p@ss", "word-1x"),
                               (USER.upper(), PASSWORD)):
            self.refused(headers(user, password), BODY)
        self.refused({"X-SecureOps-Token": PASSWORD}, BODY)
        self.refused({"X-Hub-Signature-256": "sha256=" + "0" * 64, "X-Gitlab-Token": PASSWORD}, BODY)

    def test_forged_text_is_not_parsed(self):
        self.refused(headers(password="x"), b"{")
        for text in (b"{", b"", b"[]", b"{}", BODY + b"{}", b"[" * 10000 + b"]" * 10000, b"<html></html>",
                     b'{"eventType":"\\ud800"}'):
            self.refused(headers(), text, "PARSE")

    def test_own_header(self):
        only = {"webhook_secret": ["new", "old"], "webhook_header": "X-My-Token", "webhook_user": USER}
        with Worker(BUILD, "azure-devops", only) as w:
            for value, name in (("new", "ok"), ("old", "ok"), ("other", "PERMISSION"), ("", "PERMISSION")):
                self.assertEqual(w.verify({"x-my-token": value}, BODY).name, name)
        both = {**only, "webhook_password": [PASSWORD]}
        with Worker(BUILD, "azure-devops", both) as w:
            self.assertEqual(w.verify(headers(), BODY).name, "PERMISSION")
            self.assertEqual(w.verify({"X-My-Token": "new"}, BODY).name, "PERMISSION")
            self.assertEqual(w.verify(headers(**{"X-My-Token": "new"}), BODY).code, 0)

    def test_rotation(self):
        with Worker(BUILD, "azure-devops", {"webhook_user": USER, "webhook_password": ["new", PASSWORD]}) as w:
            for password, name in (("new", "ok"), (PASSWORD, "ok"), ("x", "PERMISSION")):
                self.assertEqual(w.verify(headers(password=password), BODY).name, name)

    def test_without_a_credential_nothing_is_taken(self):
        with Worker(BUILD, "azure-devops", {"token": "x", "webhook_user": USER}) as w:
            self.assertEqual(w.verify(headers(password=""), BODY).name, "PERMISSION")

    def test_age(self):
        with Worker(BUILD, "azure-devops", {**self.options, "max_age": 3600000}) as w:
            for later, name in ((0, "ok"), (3600000, "ok"), (3601000, "PERMISSION")):
                self.assertEqual(w.verify(headers(), BODY, received_ms=TIME + later).name, name)
            timeless = json.dumps({"eventType": "git.push"}).encode()
            self.assertEqual(w.verify(headers(), timeless, received_ms=TIME).name, "PERMISSION")

    def test_unused_events_are_genuine_and_ignored(self):
        answer = self.worker.verify(headers(), json.dumps({"id": "1", "eventType": "workitem.created"}).encode())
        self.assertTrue(answer.receipt["ignored"])


class Translate(Events):
    def test_several_refs(self):
        updates = [{"name": "refs/heads/a", "oldObjectId": "0" * 40, "newObjectId": "a" * 40},
                   {"name": "refs/tags/v1", "oldObjectId": "0" * 40, "newObjectId": "b" * 40},
                   {"name": "refs/heads/c", "oldObjectId": "c" * 40, "newObjectId": "0" * 40}]
        events = self.events({**PUSH, "resource": {**PUSH["resource"], "refUpdates": updates}})
        self.assertEqual([(e["event"], e["action"], e["branch"], e["tag"], e["is_delete"], e["commit_sha"]) for e in events],
                         [("push", "created", "a", None, False, "a" * 40), ("tag", "created", None, "v1", False, "b" * 40),
                          ("push", "deleted", "c", None, True, None)])
        self.assertEqual({e["repo_full_name"] for e in events}, {"Fabrikam/widget"})
        self.assertEqual(events[0]["context"], {"project_id": "p", "repository_id": "r"})

    def test_minimal_payloads(self):
        for kind in ("git.push", "git.pullrequest.updated", "build.complete", "ms.vss-pipelines.run-state-changed-event",
                     "ms.vss-pipelines.job-state-changed-event", "ms.vss-release.release-created-event",
                     "ms.vss-code.git-pullrequest-comment-event"):
            for resource in (None, {}, {"id": 5, "url": "https://dev.azure.com/x"}):
                ev = self.event({"eventType": kind, "resource": resource})
                self.assertIsNone(ev["repo_full_name"])
                self.assertIsNone(ev["commit_sha"])
                self.assertNotEqual(ev["event"], "ignored")

    def test_build_of_the_second_shape(self):
        build = {"id": 2 ** 53 + 1, "status": "completed", "result": "partiallySucceeded",
                 "queueTime": "2025-09-03T17:39:26.2111382Z", "startTime": "2025-09-03T17:39:27Z",
                 "finishTime": "2025-09-03T17:40:27Z", "sourceBranch": "refs/pull/12/merge", "sourceVersion": "e" * 40,
                 "definition": {"id": 7, "name": "CI"}, "project": {"id": "p", "name": "Fabrikam"},
                 "repository": {"id": "r", "type": "TfsGit", "name": "widget"}, "requestedFor": {"displayName": "Al"}}
        ev = self.event({"eventType": "build.complete", "resourceVersion": "2.0", "resource": build})
        self.assertEqual((ev["pipeline_id"], ev["status"], ev["pr_number"], ev["repo_full_name"], ev["actor"]),
                         (str(2 ** 53 + 1), "failure", 12, "Fabrikam/widget", "Al"))
        self.assertEqual((ev["details"]["duration_ms"], ev["details"]["queued_ms"]), (60000, 1000))
        for result, ours in ((None, "unknown"), ("none", "unknown"), ("canceled", "cancelled"), ("odd", "unknown")):
            ev = self.event({"eventType": "build.complete", "resource": {**build, "result": result}})
            self.assertEqual(ev["status"], ours)
        other = {**build, "repository": {"type": "GitHub", "name": "acme/widget"}}
        ev = self.event({"eventType": "build.complete", "resource": other})
        self.assertEqual(ev["repo_full_name"], "acme/widget")
        self.assertNotIn("repository_id", ev["context"])

    def test_pull_requests(self):
        pr = {"pullRequestId": 3, "status": "active", "sourceRefName": "refs/heads/x", "isDraft": True,
              "forkSource": {"repository": {"remoteUrl": "https://dev.azure.com/eve/_git/w"}},
              "lastMergeSourceCommit": {"commitId": "a" * 40}, "lastMergeCommit": {"commitId": "e" * 40}}
        ev = self.event({"eventType": "git.pullrequest.updated", "resource": pr})
        self.assertEqual((ev["is_fork"], ev["head_clone_url"], ev["commit_sha"], ev["details"]["needs_scan"]),
                         (True, "https://dev.azure.com/eve/_git/w", "a" * 40, True))
        for status, ours, scan in (("completed", "merged", False), ("abandoned", "closed", False), ("active", "open", True)):
            ev = self.event({"eventType": "git.pullrequest.updated", "resource": {**pr, "status": status}})
            self.assertEqual((ev["status"], ev["details"]["needs_scan"]), (ours, scan))

    def test_corpus(self):
        place = corpus()
        if not place:
            raise unittest.SkipTest("the corpus is not here: set SECUREOPS_CORPUS")
        rows = [json.loads(line) for line in (place / "index.jsonl").read_text().splitlines()]
        rows = [r for r in rows if r["file"].startswith("azure/")]
        wrong, fields = [], 0
        for row in rows:
            body = (place / row["file"]).read_bytes()
            receipt = self.worker.verify(row["headers"], body)
            self.assertEqual(receipt.code, 0, (row["file"], receipt))
            self.assertEqual(receipt.receipt["ignored"], row["event"] == "ignored", row["file"])
            flipped = {**row["headers"], "Authorization": row["headers"]["Authorization"][:-2] + "=="}
            self.assertEqual(self.worker.verify(flipped, body).name, "PERMISSION")
            event = self.worker.translate(row["headers"], body).events[0]
            for name, want in row["expect"].items():
                got = seconds(event[name]) if name.endswith("_at") else event[name]
                fields += 1
                if got != want:
                    wrong.append((row["file"], name, want, got))
        print(f"Azure DevOps: {fields - len(wrong)} of {fields} fields of {len(rows)} payloads agree")
        self.assertEqual(len(rows), 19)
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main()
