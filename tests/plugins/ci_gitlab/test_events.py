"""Which webhooks are genuine, and what they mean."""
import base64
import datetime
import json
import unittest

from world import AT, BUILD, E, SIGNING, TOKEN, Worker, corpus, mac, plain, signed

PUSH = json.dumps({"object_kind": "push", "ref": "refs/heads/main", "before": "0" * 40, "after": "a" * 40,
                   "project": {"id": 1, "path_with_namespace": "acme/widget"}}).encode()
OTHER = "whsec_" + base64.b64encode(b"another key of thirty-two bytes.").decode()


def seconds(text):
    return text and int(datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp())


class Events(unittest.TestCase):
    options = {"webhook_secret": [TOKEN]}
    at = AT

    def setUp(self):
        self.worker = Worker(BUILD, "gitlab", self.options)
        self.addCleanup(self.worker.close)

    def verify(self, given, body, at=None):
        return self.worker.verify(given, body, received_ms=(at or self.at) * 1000)

    def refused(self, given, body, code="PERMISSION", at=None):
        answer = self.verify(given, body, at)
        self.assertEqual(answer.name, code, answer)
        self.assertIsNone(answer.receipt)
        self.assertTrue(answer.reason)
        return answer.reason

    def event(self, payload, headers=None):
        body = json.dumps(payload).encode()
        answer = self.worker.translate(headers or plain(), body)
        self.assertEqual((answer.code, len(answer.events)), (0, 1), answer)
        return answer.events[0]


class Signed(Events):
    """With a signing token there is no other way in."""
    options = {"webhook_secret": [TOKEN], "signing_token": [SIGNING]}

    def test_published_vector(self):
        given = {"webhook-id": "evt-1", "webhook-timestamp": "1700000000", "X-Gitlab-Event": "Push Hook",
                 "webhook-signature": "v1,OK9tSrzqOj1KQrvyjbtw7TE7Xabo3/UxIt2LGXFULcM="}
        answer = self.verify(given, b'{"object_kind":"push"}')
        self.assertEqual(answer.receipt, {"id": "evt-1", "native_event": "push", "ignored": False})
        self.refused(given, b'{"object_kind":"pusH"}')

    def test_every_flipped_byte(self):
        given = signed(PUSH)
        for i in range(len(PUSH)):
            self.refused(given, PUSH[:i] + bytes([PUSH[i] ^ 1]) + PUSH[i + 1:])

    def test_replay(self):
        given = signed(PUSH)
        for away, code in ((0, 0), (300, 0), (-300, 0), (301, E["PERMISSION"]), (-301, E["PERMISSION"])):
            self.assertEqual(self.verify(given, PUSH, AT + away).code, code, away)
        self.assertIn("301 s", self.refused(given, PUSH, at=AT - 301))

    def test_parts_that_are_signed(self):
        good = signed(PUSH)
        for name, value in (("webhook-id", "evt-2"), ("webhook-id", ""), ("webhook-timestamp", str(AT + 1)),
                            ("webhook-timestamp", ""), ("webhook-timestamp", f" {AT}"), ("webhook-timestamp", f"{AT}.0"),
                            ("webhook-timestamp", f"-{AT}"), ("webhook-timestamp", "9" * 30), ("webhook-id", "x" * 300)):
            self.refused({**good, name: value}, PUSH)
            self.refused({k: v for k, v in good.items() if k != name}, PUSH)

    def test_signatures_that_are_none(self):
        good = signed(PUSH)["webhook-signature"]
        for bad in (None, "", "v1,", "v1", good[3:], good[:-1], good[:-4], good + "=", good.replace("v1,", "v2,"),
                    good.replace("v1,", "V1,"), "v1," + "A" * 43 + "=", ",".join([good, good]), "v1a," + good[3:]):
            given = {k: v for k, v in signed(PUSH).items() if k != "webhook-signature"}
            if bad is not None:
                given["webhook-signature"] = bad
            self.refused(given, PUSH)

    def test_one_of_several_is_enough(self):
        good = signed(PUSH)["webhook-signature"]
        wrong = mac(OTHER, "evt-1", AT, PUSH)
        for text in (f"{wrong} {good}", f"v2,xyz {good}", f"{good} {wrong}", f"v1,%%% {good}", f"  {good} "):
            self.assertEqual(self.verify({**signed(PUSH), "webhook-signature": text}, PUSH).code, 0, text)
        self.refused({**signed(PUSH), "webhook-signature": " ".join([wrong] * 20 + [good])}, PUSH)

    def test_never_falls_back_to_the_token(self):
        unsigned = {k: v for k, v in signed(PUSH, **{"X-Gitlab-Token": TOKEN}).items() if k != "webhook-signature"}
        self.refused(unsigned, PUSH)
        self.refused({**unsigned, "webhook-signature": mac(OTHER, "evt-1", AT, PUSH)}, PUSH)
        self.refused(plain(), PUSH)

    def test_forged_text_is_not_parsed(self):
        given = signed(PUSH)
        self.refused(given, b"{")
        for text in (b"{", b"", b"[]", b"{} {}", b'{"object_kind":"push"} x', b"[" * 10000 + b"]" * 10000,
                     b'{"a":' * 10000 + b"1" + b"}" * 10000):
            self.refused(signed(text), text, "PARSE")

    def test_rotation(self):
        with Worker(BUILD, "gitlab", {"signing_token": [SIGNING, OTHER]}) as w:
            for key, code in ((SIGNING, 0), (OTHER, 0), ("whsec_" + base64.b64encode(b"z" * 32).decode(), E["PERMISSION"])):
                self.assertEqual(w.verify(signed(PUSH, key), PUSH, received_ms=AT * 1000).code, code)

    def test_keys_that_are_none(self):
        for bad in ("", "whsec_", "whsec_%%%", SIGNING[6:], "whsec_" + base64.b64encode(b"short").decode()):
            with self.assertRaises(Exception, msg=bad) as caught:
                with Worker(BUILD, "gitlab", {"signing_token": [bad]}) as w:
                    w.verify(signed(PUSH), PUSH, received_ms=AT * 1000)
            self.assertIn("signing_token", str(caught.exception))


class Token(Events):
    def test_a_good_one(self):
        given = plain(**{"Idempotency-Key": "key-1", "X-Gitlab-Event-UUID": "u"})
        self.assertEqual(self.verify(given, PUSH).receipt, {"id": "key-1", "native_event": "push", "ignored": False})

    def test_no_proof(self):
        for bad in (None, "", TOKEN[:-1], TOKEN + "x", TOKEN.upper(), " " + TOKEN):
            given = plain(token=bad) if bad is not None else {"X-Gitlab-Event": "Push Hook"}
            self.refused(given, PUSH)
        self.refused({"X-Hub-Signature-256": "sha256=" + "0" * 64, "X-GitHub-Event": "push"}, PUSH)
        self.refused({**plain(token="no")}, b"{")  # not parsed

    def test_webhook_id_is_no_signature(self):
        """Newer servers send id and time with every delivery."""
        given = plain(**{"webhook-id": "evt-9", "webhook-timestamp": "1"})
        self.assertEqual(self.verify(given, PUSH).receipt["id"], "evt-9")

    def test_rotation(self):
        with Worker(BUILD, "gitlab", {"webhook_secret": ["old", "new"]}) as w:
            for token, code in (("old", 0), ("new", 0), ("other", E["PERMISSION"]), ("", E["PERMISSION"])):
                self.assertEqual(w.verify(plain(token=token), PUSH).code, code)

    def test_without_a_secret_nothing_is_taken(self):
        with Worker(BUILD, "gitlab", {"token": "x"}) as w:
            for token in ("", "x"):
                self.assertEqual(w.verify(plain(token=token), PUSH).name, "PERMISSION")
            self.assertEqual(w.verify(signed(PUSH), PUSH, received_ms=AT * 1000).name, "PERMISSION")

    def test_servers_without_a_key_of_the_delivery(self):
        def receipt(body, uuid="u-1"):
            return self.verify(plain(**{"X-Gitlab-Event-UUID": uuid}), body).receipt["id"]
        other = PUSH.replace(b"main", b"next")
        self.assertEqual(receipt(PUSH), receipt(PUSH))
        self.assertEqual(len({receipt(PUSH), receipt(other), receipt(PUSH, "u-2")}), 3)

    def test_unused_events_are_genuine_and_ignored(self):
        for body in ({"object_kind": "issue"}, {"event_name": "user_create"}, {"x": 1}):
            answer = self.verify(plain(), json.dumps(body).encode())
            self.assertEqual((answer.code, answer.receipt["ignored"]), (0, True))
        self.refused({"X-Gitlab-Token": TOKEN}, b"{}", "PARSE")

    def test_odd_text(self):
        lone = b'{"object_kind":"\\ud800"}'
        self.refused(plain(), lone, "PARSE")
        for text in (b'{"object_kind":"push","object_kind":"b"}', b'{"object_kind":"push","ref":"\\u0000"}'):
            self.assertEqual(self.verify(plain(), text).code, 0)
            self.assertEqual(len(self.worker.translate(plain(), text).events), 1)


class Translate(Events):
    def test_merge_request_of_a_fork(self):
        ev = self.event({"object_kind": "merge_request", "project": {"id": 1, "path_with_namespace": "acme/widget"},
                         "object_attributes": {"id": 99, "iid": 3, "action": "open", "state": "opened",
                                               "source_project_id": 3, "target_project_id": 1, "merge_commit_sha": "c" * 40,
                                               "source": {"git_http_url": "https://e/w.git"},
                                               "last_commit": {"id": "a" * 40}}})
        self.assertEqual((ev["is_fork"], ev["head_clone_url"], ev["pr_number"], ev["commit_sha"]),
                         (True, "https://e/w.git", 3, "a" * 40))
        self.assertEqual(ev["context"], {"project_id": "1"})
        self.assertTrue(ev["details"]["needs_scan"])

    def test_which_updates_need_a_scan(self):
        for action, more, scan in (("open", {}, True), ("reopen", {}, True), ("update", {}, False), ("merge", {}, False),
                                   ("update", {"oldrev": "b" * 40}, True), ("update", {"oldrev": "0" * 40}, False),
                                   ("approved", {}, False), ("unapproval", {}, False), ("close", {}, False),
                                   (None, {"state": "opened"}, True), (None, {"state": "merged"}, False)):
            ev = self.event({"object_kind": "merge_request", "object_attributes": {"iid": 1, "action": action, **more}})
            self.assertEqual(ev["details"]["needs_scan"], scan, (action, more))
        ev = self.event({"object_kind": "merge_request", "object_attributes": {"iid": 1, "action": "update"},
                         "changes": {"target_branch": {"previous": "main", "current": "next"}}})
        self.assertTrue(ev["details"]["needs_scan"])

    def test_system_hook(self):
        ev = self.event({"event_name": "push", "ref": "refs/heads/x", "before": "b" * 40, "after": "a" * 40,
                         "user_name": "J", "project": {"path_with_namespace": "g/s/p"}}, {"X-Gitlab-Event": "System Hook"})
        self.assertEqual((ev["event"], ev["native_event"], ev["repo_full_name"], ev["branch"], ev["actor"]),
                         ("push", "push", "g/s/p", "x", "J"))

    def test_large_ids_are_text(self):
        ev = self.event({"object_kind": "pipeline", "object_attributes": {"id": 2 ** 53 + 1, "status": "success"}})
        self.assertEqual(ev["pipeline_id"], str(2 ** 53 + 1))

    def test_statuses(self):
        for word, ours in (("created", "queued"), ("waiting_for_resource", "queued"), ("preparing", "queued"),
                           ("waiting_for_callback", "queued"), ("pending", "queued"), ("scheduled", "queued"),
                           ("manual", "queued"), ("running", "running"), ("canceling", "running"), ("success", "success"),
                           ("failed", "failure"), ("canceled", "cancelled"), ("skipped", "skipped"), ("odd", "unknown"),
                           (None, None)):
            self.assertEqual(self.event({"object_kind": "build", "build_status": word})["status"], ours)
        for word, ours in (("opened", "open"), ("locked", "open"), ("closed", "closed"), ("merged", "merged")):
            ev = self.event({"object_kind": "merge_request", "object_attributes": {"state": word}})
            self.assertEqual(ev["status"], ours)

    def test_refs(self):
        for ref, tag, full, branch, name in (("main", False, "refs/heads/main", "main", None),
                                             ("v1", True, "refs/tags/v1", None, "v1"),
                                             ("refs/merge-requests/3/head", False, "refs/merge-requests/3/head", None, None)):
            ev = self.event({"object_kind": "build", "ref": ref, "tag": tag})
            self.assertEqual((ev["ref"], ev["branch"], ev["tag"]), (full, branch, name))

    def test_old_job_below_a_path(self):
        old = {"object_kind": "build", "project_name": "A / B",
               "repository": {"homepage": "https://git.example/gitlab/group/sub/name"}}
        self.assertEqual(self.event(old)["repo_full_name"], "gitlab/group/sub/name")
        with Worker(BUILD, "gitlab", {**self.options, "url": "https://git.example/gitlab/"}) as w:
            ev = w.translate(plain(), json.dumps(old).encode()).events[0]
        self.assertEqual(ev["repo_full_name"], "group/sub/name")

    def test_push_of_many_commits(self):
        commits = [{"id": f"{i:040x}", "message": f"m{i}\n\nmore", "timestamp": "2026-01-01T00:00:00Z",
                    "added": ["a"]} for i in range(1, 21)]
        details = self.event({"object_kind": "push", "ref": "refs/heads/main", "before": "b" * 40, "after": "a" * 40,
                              "commits": commits, "total_commits_count": 25})["details"]
        self.assertEqual((len(details["commits"]), details["commits_total"]), (20, 25))
        self.assertNotIn("files", details)  # nobody knows them all

    def test_whose_code_a_pipeline_runs(self):
        for source, ref, mr, fork in (
                ("push", "main", None, False), ("schedule", "main", None, False), ("web", "v1", None, False),
                ("merge_request_event", "refs/merge-requests/3/head", {"source_project_id": 3, "target_project_id": 1}, True),
                ("merge_request_event", "x", {"source_project_id": 1, "target_project_id": 1}, False),
                ("merge_request_event", "x", None, None), ("external_pull_request_event", "main", None, None),
                ("parent_pipeline", "main", None, None), ("push", "refs/merge-requests/3/head", None, None),
                (None, "main", None, None), ("push", None, None, None)):
            ev = self.event({"object_kind": "pipeline", "object_attributes": {"id": 1, "ref": ref, "source": source},
                             "merge_request": mr})
            self.assertIs(ev["is_fork"], fork, (source, ref, mr))
        self.assertIsNone(self.event({"object_kind": "build", "ref": "main"})["is_fork"])  # not said of jobs

    def test_pipeline_details(self):
        ev = self.event({"object_kind": "pipeline", "object_attributes": {
            "id": 1, "status": "success", "duration": 63, "queued_duration": 1.5, "finished_at": "2026-01-01 00:00:00 UTC"},
            "commit": {"message": "one\ntwo"},
            "builds": [{"id": 5, "name": "deploy", "stage": "deploy", "status": "success",
                        "environment": {"name": "production", "action": "start"}},
                       {"id": 6, "name": "stop", "status": "success", "environment": {"name": "review", "action": "stop"}},
                       {"id": 7, "name": "later", "status": "manual", "environment": {"name": "staging"}}]})
        d = ev["details"]
        self.assertEqual((d["duration_ms"], d["queued_ms"], d["environment"], d["head_message"]),
                         (63000, 1500, "production", "one"))
        self.assertEqual([(s["job_id"], s["status"]) for s in d["stages"]],
                         [("5", "success"), ("6", "success"), ("7", "queued")])

    def test_nothing_at_all(self):
        for kind in ("push", "tag_push", "merge_request", "pipeline", "build", "job", "release", "note", "unheard_of"):
            for more in ({}, {"object_attributes": None}, {"object_attributes": 3, "project": [], "user": "x"},
                         {"commits": {}, "builds": 1, "merge_request": {}}):
                self.event({"object_kind": kind, **more})

    def test_texts_for_people(self):
        ev = self.event({"object_kind": "release", "tag": "v1", "name": "a\nb" + "c" * 2000, "url": "javascript:x"})
        self.assertEqual((ev["name"][:5], len(ev["name"]), ev["url"]), ("a bcc", 255, None))

    def test_long_note_is_cut_between_characters(self):
        ev = self.event({"object_kind": "note", "object_attributes": {"note": "x" * 9999 + "\U0001F600"}})
        self.assertEqual(ev["details"]["body"], "x" * 9999)


class Corpus(Events):
    """Every payload of the corpus gives the expected fields, signed and with the token."""

    def setUp(self):
        self.place = corpus()
        if not self.place:
            self.skipTest("the corpus is not here: set SECUREOPS_CORPUS")
        self.secrets = json.loads((self.place / "secrets.json").read_text())
        self.options = {"signing_token": [self.secrets["gitlab_signing_token"]]}
        super().setUp()
        rows = [json.loads(line) for line in (self.place / "index.jsonl").read_text().splitlines()]
        self.rows = [r for r in rows if r["file"].startswith("gitlab/")]
        self.assertGreater(len(self.rows), 60)

    def test_agreement(self):
        wrong, n = [], 0
        for row in self.rows:
            body = (self.place / row["file"]).read_bytes()
            answer = self.verify(row["headers"], body)
            self.assertEqual(answer.code, 0, row["file"])
            self.assertEqual(answer.receipt["id"], row["headers"]["Idempotency-Key"])
            self.assertEqual(answer.receipt["native_event"], row["native_event"])
            self.assertEqual(answer.receipt["ignored"], row["expect"]["event"] == "ignored", row["file"])
            events = self.worker.translate(row["headers"], body).events
            self.assertEqual(len(events), 1, row["file"])
            for field in self.secrets["fields"]:
                got = seconds(events[0][field]) if field.endswith("_at") else events[0][field]
                n += 1
                if got != row["expect"][field]:
                    wrong.append((row["file"], field, got, row["expect"][field]))
        print(f"{n - len(wrong)} of {n} fields of {len(self.rows)} payloads agree")
        self.assertEqual(wrong, [])

    def test_token(self):
        with Worker(BUILD, "gitlab", {"webhook_secret": [self.secrets["gitlab_token"]]}) as w:
            for row in self.rows:
                body = (self.place / row["file"]).read_bytes()
                self.assertEqual(w.verify(row["headers"], body).code, 0, row["file"])
                bad = {**row["headers"], "X-Gitlab-Token": self.secrets["gitlab_token"][:-1]}
                self.assertEqual(w.verify(bad, body).name, "PERMISSION")

    def test_forgeries(self):
        for row in self.rows:
            body = (self.place / row["file"]).read_bytes()
            half = len(body) // 2
            self.refused(row["headers"], body[:half] + bytes([body[half] ^ 0x20]) + body[half + 1:])
            self.refused(row["headers"], body + b" ")
            self.refused({k: v for k, v in row["headers"].items() if k != "webhook-signature"}, body)
            self.refused(row["headers"], body, at=AT + 301)


if __name__ == "__main__":
    unittest.main()
