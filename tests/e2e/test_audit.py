"""secureops audit: over a chain that this file makes itself: SHA-256 of length-prefixed fields, with the
hash of the row before among them."""
import hashlib
import json
import sqlite3
import struct
import unittest

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


if __name__ == "__main__":
    unittest.main()
