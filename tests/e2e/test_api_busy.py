"""Somebody else writes to the store for long (SQLite has one writer): whoever asks for a change is told
to come again, 503 with Retry-After, on every route; nobody is told that the server is broken, and
what only reads goes on."""
import http.client
import json
import re
import sqlite3
import unittest

import webhooks
from daemon import ADMIN, PASSWORD, DaemonCase, Reply

BAD = "FROM debian:12\nRUN apt-get update\n"
# What writes nothing, or not with what this test has.
NO_WRITE = {
    "POST /reload", "POST /iac/scan", "POST /auth/setup", "POST /auth/password/reset",
    "POST /auth/email/verify", "POST /auth/totp/confirm", "POST /pipelines/executions/{id}/refresh",
    "POST /pipelines/{id}/rollback", "POST /pipelines/executions/{id}/approve",
    "POST /pipelines/executions/{id}/reject", "POST /scans/{id}/retry", "POST /jobs/{id}/retry",
    "POST /webhook/{platform}/{integration}/{rest}", "POST /publications/{id}/retry",
    "POST /deliveries/{id}/retry", "POST /alerts/{id}/acknowledge", "POST /pipelines/executions/{id}/rerun",
    "DELETE /iac/policies/packs/{name}", "POST /iac/policies", "POST /auth/password/forgot", "POST /iac/compliance/attestations",
}


class Busy(DaemonCase):
    settings = ("store.wait=100ms", "pipelines.enabled=true", "queue.slots=1")

    @property
    def config(self):
        return webhooks.config(self.root)

    def setUp(self):
        super().setUp()
        repo = self.repository("app", Dockerfile=BAD)
        self.scan("iac", repo)
        self.target = {"target": {"location": str(repo)}}
        self.pipeline = {"name": "p", **self.target, "branch": "main",
                         "definition": "stages: [{name: a, approval: true, steps: [{run: 'true'}]}]"}
        self.stop_daemon()
        self.settings = (*self.settings[:-1], "queue.slots=0")  # what is asked for now stays
        self.start_daemon()
        self.session = self.ask(200, "POST", "/auth/login", {"email": ADMIN, "password": PASSWORD},
                                token=None).json()
        self.token = self.session["access_token"]

        def made(path, body, status=201):
            return self.ask(status, "POST", path, body).json().get("id")
        job = made("/scans/iac", {**self.target, "branch": "b"}, 202)
        user = made("/users", {"email": "kim@example.com", "roles": ["viewer"], "password": PASSWORD})
        made("/pipelines", self.pipeline)
        self.ids = {
            "users": user, "tokens": self.token_of("/tokens"), "scans": job, "jobs": job,
            "schedules": made("/schedules", {"name": "s", "interval": "1h", "scan": self.target}),
            "targets": made("/targets", {"name": "t", **self.target}), "pipelines": "p",
            "executions": made("/pipelines/p/execute", {}, 202), "secrets": "s",
            "vulnerabilities": self.get("/vulnerabilities?limit=1")["items"][0]["id"],
            "waivers": made("/waivers", {"policy": "docker-user-missing", "path": "a", "reason": "r"}),
            "user_token": self.token_of(f"/users/{user}/tokens"),
        }
        self.ask(204, "PUT", "/secrets/s", {"value": "x" * 20})

    def token_of(self, path):
        self.ask(201, "POST", path, {"name": "t"})
        return self.get(path)["items"][0]["id"]

    # ---- each route
    def bodies(self):
        scan, finding = {**self.target, "branch": "new"}, {"status": "FALSE_POSITIVE", "reason": "no"}
        new = "another " + PASSWORD
        return {
            **{f"POST /scans/{k}": scan for k in ("sast", "sca", "iac", "secrets", "all")},
            "POST /scans/dast": {"target": {"kind": "url", "location": "https://example.com"}},
            "POST /auth/login": {"email": ADMIN, "password": PASSWORD},
            "POST /auth/refresh": {"refresh_token": self.session["refresh_token"]},
            "POST /auth/logout": {"refresh_token": self.session["refresh_token"]},
            "POST /auth/password/forgot": {"email": ADMIN},
            "PUT /auth/password": {"current_password": PASSWORD, "new_password": new},
            "POST /auth/totp/remove": {"password": PASSWORD},
            "POST /tokens": {"name": "n"}, "POST /users/{id}/tokens": {"name": "n"},
            "POST /users": {"email": "a@example.com", "roles": ["viewer"], "password": PASSWORD},
            "PUT /users/{id}": {"name": "Kim"}, "PUT /secrets/{name}": {"value": "y" * 20},
            "PUT /vulnerabilities/{id}": finding,
            "POST /vulnerabilities/bulk": {"ids": [self.ids["vulnerabilities"]], **finding},
            "POST /pipelines": {**self.pipeline, "name": "q"}, "PUT /pipelines/{id}": self.pipeline,
            "POST /pipelines/{id}/execute": {},
            "POST /waivers": {"policy": "docker-user-missing", "path": "b", "reason": "r"},
            "POST /schedules": {"name": "n", "interval": "1h", "scan": self.target},
            "PUT /schedules/{id}": {"name": "s", "interval": "2h", "scan": self.target},
            "POST /targets": {"name": "n", **self.target}, "PUT /targets/{id}": {"name": "m", **self.target},
        }

    def path_of(self, path):
        parts = path.split("/")
        kind = next((p for p in reversed(parts[:-1]) if p in self.ids), "")
        path = path.replace("{id}", self.ids["users"] if parts[1] == "users" else self.ids.get(kind, "0"))
        path = path.replace("{token}", self.ids["user_token"]).replace("{name}", "s")
        return path

    def routes(self):
        for path, methods in self.get("/openapi.json", token=None)["paths"].items():
            for method in set(methods) - {"parameters"}:
                yield method.upper(), path.removeprefix("/api/v1")

    def ask_all(self):
        bodies, answers = self.bodies(), {}
        for method, path in self.routes():
            name = f"{method} {path}"
            if re.search("/stream$|/ws$", path):
                continue
            if path.startswith("/webhook"):
                body, headers = webhooks.signed(*webhooks.push(1))
                to = path.replace("{platform}", "github").replace("{integration}", "github")
                answers[name] = self.send(to, body, headers)
            elif path == "/imports":
                answers[name] = self.request("POST", "/imports?repository=r&scanner=sarif", "{}",
                                             headers={"Content-Type": "application/octet-stream"})
            else:
                answers[name] = self.request(method, self.path_of(path), bodies.get(name))
        return answers

    def send(self, path, body, headers):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            c.request("POST", path, body=body, headers=headers)
            return Reply(c.getresponse())
        finally:
            c.close()

    def test_every_route(self):
        db = sqlite3.connect(self.data / "store.db", timeout=60, isolation_level=None)
        self.addCleanup(db.close)
        db.execute("BEGIN IMMEDIATE")
        answers = self.ask_all()
        db.execute("ROLLBACK")
        broken = {k: str(v) for k, v in answers.items() if v.status == 500}
        self.assertEqual(broken, {})
        for name, reply in answers.items():
            if reply.status == 503:
                self.assertGreater(int(reply.headers["Retry-After"]), 0, name)
                self.assertEqual(json.loads(reply.text)["status"], 503, name)
        writes = {k for k in answers if not k.startswith("GET ")} - NO_WRITE
        self.assertEqual({k: f"{answers[k].status} {answers[k].text[:200]}" for k in writes
                          if answers[k].status != 503}, {})
        reads = {k: v.status for k, v in answers.items() if k.startswith("GET ") and v.status == 503}
        self.assertEqual(reads, {})
        # and afterwards all is as it was
        self.ask(202, "POST", "/scans/iac", {**self.target, "branch": "new"})
        self.assertEqual(self.get("/users")["items"][0]["email"], ADMIN)


if __name__ == "__main__":
    unittest.main()
