"""secureops audit: over a chain that this file makes itself: SHA-256 of length-prefixed fields, with the
hash of the row before among them."""
import hashlib
import json
import sqlite3
import struct
import unittest

from daemon import PASSWORD, DaemonCase
from harness import GATE, PASSED, USAGE, Case


def field(value):
    if value is None:
        return b"\xff\xff\xff\xff"
    raw = value if isinstance(value, bytes) else value.encode()
    return struct.pack(">I", len(raw)) + raw


def digest(before, row):
    h = hashlib.sha256(field("secureops audit 1") + field(before))
    for number in row[:2]:
        h.update(field(struct.pack(">q", number)))
    for text in row[2:]:
        h.update(field(text))
    return h.digest()


class Audit(Case):
    def setUp(self):
        super().setUp()
        self.db = self.root / "audit.db"
        self.run_it("db", "migrate", f"--store={self.db}", code=PASSED)

    def fill(self, n, actor="ada@example.com"):
        """Writes n rows, and the head, as the daemon does."""
        with sqlite3.connect(self.db) as db:
            seq, before = db.execute("SELECT seq, hash FROM audit_head").fetchone()
            for i in range(seq + 1, seq + n + 1):
                row = (i, 1800000000000 + i, actor, "user.create", f"user:{i}", "success", None,
                       "192.0.2.1", '{"n":1}')
                before = digest(before, row)
                db.execute("INSERT INTO audit_log VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                           (*row, before))
                db.execute("UPDATE audit_head SET seq = ?, hash = ?", (i, before))
        return before

    def audit(self, *args, code):
        return self.run_it("audit", *args, f"--store={self.db}", code=code)

    def test_verify(self):
        self.assertIn("whole, 0 rows", self.audit("verify", code=PASSED).out)
        head = self.fill(5)
        out = self.audit("verify", code=PASSED).out
        self.assertIn("whole, 5 rows", out)
        note = out.splitlines()[-1]
        self.assertEqual(note, f"5:{head.hex()}")
        self.fill(3)
        self.audit("verify", note, code=PASSED)
        self.audit("verify", "5:x", code=USAGE)
        with sqlite3.connect(self.db) as db:
            with self.assertRaises(sqlite3.IntegrityError):
                db.execute("UPDATE audit_log SET actor = 'eve' WHERE seq = 3")
            db.execute("DROP TRIGGER audit_log_unchanged")
            db.execute("UPDATE audit_log SET actor = 'eve' WHERE seq = 3")
        self.assertIn("row 3 is not what was written", self.audit("verify", code=GATE).err)

    def test_a_chain_that_was_written_anew(self):
        self.fill(5)
        note = self.audit("verify", code=PASSED).out.splitlines()[-1]
        with sqlite3.connect(self.db) as db:
            for name in ("audit_log_kept", "audit_head_forward"):
                db.execute(f"DROP TRIGGER {name}")
            db.execute("DELETE FROM audit_log")
            db.execute("UPDATE audit_head SET seq = 0, hash = zeroblob(32)")
        self.fill(5, actor="eve")
        self.audit("verify", code=PASSED)
        self.assertIn("row 5 of the audit log is another one",
                      self.audit("verify", note, code=GATE).err)

    def test_list(self):
        self.fill(3)
        self.fill(2, actor="eve\x1b[31m")
        page = json.loads(self.audit("list", "--format", "json", "--limit", "2", code=PASSED).out)
        self.assertEqual([e["seq"] for e in page["entries"]], [5, 4])
        rest = json.loads(self.audit("list", "-f", "json", "--cursor", page["cursor"],
                                     code=PASSED).out)
        self.assertEqual([e["seq"] for e in rest["entries"]], [3, 2, 1])
        self.assertEqual(rest["entries"][0]["details"], {"n": 1})
        out = self.audit("list", "--object", "user:2", code=PASSED).out
        self.assertEqual(len(out.splitlines()), 1)
        self.assertNotIn("\x1b", self.audit("list", code=PASSED).out)
        self.assertEqual(self.audit("list", "--action", "token.", code=PASSED).out, "")
        self.audit("show", code=USAGE)



class Whole(DaemonCase):
    """A change and its row are one: when the row cannot be written, nothing has changed."""
    settings = ("queue.slots=0",)

    def setUp(self):
        super().setUp()
        self.repo = self.repository("r", Dockerfile="FROM debian:latest\n")
        self.scan_body = {"target": {"location": f"file://{self.repo}"}}
        self.job = self.ask(202, "POST", "/scans/iac", self.scan_body).json()["id"]
        self.waiver = self.waive(201, "one")["id"]

    def sql(self, text):
        with sqlite3.connect(self.data / "store.db", timeout=30) as db:
            return db.execute(text).fetchall()

    def waive(self, status, policy):
        return self.ask(status, "POST", "/waivers", {"policy": policy, "reason": "r"}).json()

    def state(self):
        return ([j["state"] for j in self.get("/jobs")["items"]],
                [(s["name"], s["enabled"]) for s in self.get("/schedules")["items"]],
                [t["name"] for t in self.get("/targets")["items"]],
                [w["policy"] for w in self.get("/waivers")["items"]],
                [u["email"] for u in self.get("/users")["items"]])

    def test_no_row_no_change(self):
        schedule = {"name": "s", "cron": "0 3 * * *", "scan": self.scan_body}
        changes = (
            ("POST", "/scans/all", {**self.scan_body, "branch": "x"}, 202, {}),
            ("POST", "/scans/all", {**self.scan_body, "branch": "y"}, 202, {"Idempotency-Key": "k"}),
            ("POST", "/imports?repository=x", "{}", 202, {"Content-Type": "application/octet-stream"}),
            ("POST", f"/scans/{self.job}/cancel", None, 200, {}),
            ("POST", "/schedules", schedule, 201, {}),
            ("POST", "/targets", {"name": "t", **self.scan_body}, 201, {}),
            ("POST", "/waivers", {"policy": "two", "reason": "r"}, 201, {}),
            ("DELETE", f"/waivers/{self.waiver}", None, 204, {}),
            ("POST", "/users", {"email": "b@example.com", "name": "b", "password": PASSWORD,
                                "roles": ["viewer"]}, 201, {}),
        )
        before = self.state()
        rows = self.sql("SELECT count(*) FROM audit_log")
        self.sql("CREATE TRIGGER full BEFORE INSERT ON audit_log BEGIN SELECT RAISE(ABORT, 'full'); END")
        for method, path, body, _, headers in changes:
            reply = self.request(method, path, body, headers=headers)
            self.assertGreaterEqual(reply.status, 500, f"{method} {path}: {reply}")
        self.assertEqual(self.state(), before)
        self.assertEqual(list(self.data.glob("spool/*")), [])
        self.sql("DROP TRIGGER full")
        self.assertEqual(self.sql("SELECT count(*) FROM audit_log"), rows)
        for method, path, body, status, headers in changes:
            self.ask(status, method, path, body, headers=headers)
        self.assertEqual(self.sql("SELECT count(*) FROM audit_log")[0][0], rows[0][0] + len(changes))
        self.assertNotEqual(self.state(), before)

    def test_rows_that_fail_are_told(self):
        self.ask(404, "POST", "/scans/00000000-0000-4000-8000-000000000000/cancel")
        self.ask(404, "DELETE", "/waivers/0123456789abcdef")
        last = self.sql("SELECT action, outcome FROM audit_log ORDER BY seq DESC LIMIT 2")
        self.assertEqual(last, [("DELETE /api/v1/waivers/{id}", "failure"),
                                ("POST /api/v1/scans/{id}/cancel", "failure")])


if __name__ == "__main__":
    unittest.main()
