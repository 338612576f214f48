#!/usr/bin/env python3
"""The ZAP plugin in the real worker against a loopback server that answers like ZAP's API."""
import json

from web_test import Standin, WebTest, run

KEY = "0123456789abcdef"


def alert(i, kind=1, risk="Medium"):
    return {"id": str(i), "pluginId": str(10000 + kind), "alertRef": "%d-1" % (10000 + kind),
            "name": "Kind %d" % kind, "alert": "Kind %d" % kind, "risk": risk,
            "confidence": "High", "url": "http://127.0.0.1:9/page%d?session=%d" % (i, i),
            "method": "GET", "param": "p", "attack": "", "evidence": "token-%d" % i,
            "description": "Text.", "solution": "Repair.", "reference": "https://example.com/1",
            "cweid": "79", "wascid": "8"}


def answers(**changed):
    routes = {
        "/JSON/core/view/version/": [{"json": {"version": "2.16.1"}}],
        "/JSON/core/action/accessUrl/": [{"json": {"accessUrl": []}}],
        "/JSON/spider/action/scan/": [{"json": {"scan": "3"}}],
        "/JSON/spider/view/status/": [{"json": {"status": "10"}}, {"json": {"status": "100"}}],
        "/JSON/pscan/view/recordsToScan/": [{"json": {"recordsToScan": "4"}},
                                            {"json": {"recordsToScan": "0"}}],
        "/JSON/ascan/action/scan/": [{"json": {"scan": "0"}}],
        "/JSON/ascan/view/status/": [{"json": {"status": "100"}}],
        "/JSON/alert/view/numberOfAlerts/": [{"json": {"numberOfAlerts": "3"}}],
        "/JSON/alert/view/alerts/": [{"json": {"alerts": [alert(1), alert(2), alert(3, 2, "Low")]}}],
    }
    routes.update({"/JSON/" + k.replace("__", "/") + "/": v for k, v in changed.items()})
    return [{"path": p, "answers": a} for p, a in routes.items()]


class Zap(WebTest):
    plugin = "zap"
    target = "http://127.0.0.1:9/"
    target_kind = "url"

    def options(self, server, **more):
        return {"url": server.url, "api_key": KEY, "poll_interval": 10, "rate": 0.0, **more}

    def test_scan(self):
        with Standin(answers()) as server:
            result = self.scan(self.options(server))
            requests = server.requests
        self.assertEqual(result.status, "completed", result)
        self.assertEqual((result.tool, result.version), ("ZAP", "2.16.1"))
        self.assertEqual([(f["rule_id"], f["severity"], len(f["locations"]))
                          for f in result.findings],
                         [("10001-1", "MEDIUM", 2), ("10002-1", "LOW", 1)])
        self.assertEqual(result.findings[0]["resource"], "http://127.0.0.1:9")
        self.assertTrue(all(r["headers"]["x-zap-api-key"] == KEY for r in requests))
        self.assertNotIn(KEY, json.dumps([[r["path"], r["query"]] for r in requests]))
        self.assertNotIn("token-", json.dumps(result.findings))
        self.assertNotIn("/JSON/ascan/action/scan/", [r["path"] for r in requests])

    def test_busy_server_is_asked_again(self):
        rules = answers(core__view__version=[{"status": 503, "headers": {"Retry-After": "0"}},
                                             {"json": {"version": "2.16.1"}}])
        with Standin(rules) as server:
            result = self.scan(self.options(server))
        self.assertEqual(result.status, "completed", result)

    def test_wrong_key(self):
        rules = [{"path": "~.*", "answers": [{"status": 401, "json": {
            "code": "bad_api_key", "message": "Provided API key is incorrect or missing"}}]}]
        with Standin(rules) as server:
            result = self.scan(self.options(server))
        self.assertEqual(result.status, "failed")
        self.assertReason(result, "API key is incorrect")
        self.assertNotIn(KEY, str(result.reason) + str(result.logs))

    def test_half_an_answer_is_not_clean(self):
        for mode in ("cut", "chunked-cut"):
            rules = answers(alert__view__alerts=[{"json": {"alerts": [alert(1)]}, "mode": mode}])
            with Standin(rules) as server:
                result = self.scan(self.options(server), timeout_ms=20000)
            self.assertEqual(result.status, "failed", mode)
            self.assertEqual(result.findings, [])

    def test_answer_that_is_no_json(self):
        for body in ("", "<html>login</html>", "[]", '{"alerts":7}', '{"alerts":[1'):
            rules = answers(alert__view__alerts=[{"body": body}])
            with Standin(rules) as server:
                result = self.scan(self.options(server))
            self.assertEqual((result.status, result.findings), ("failed", []), body)

    def test_active_scan_that_does_not_end(self):
        rules = answers(ascan__view__status=[{"json": {"status": "43"}}])
        with Standin(rules) as server:
            result = self.scan(self.options(server, active=True, max_duration=200))
            asked = [r["path"] for r in server.requests]
        self.assertEqual(result.status, "incomplete")
        self.assertReason(result, "active scan was stopped")
        self.assertEqual(len(result.findings), 2)
        self.assertIn("/JSON/ascan/action/stop/", asked)

    def test_deadline_leaves_time_for_the_alerts(self):
        rules = answers(spider__view__status=[{"json": {"status": "1"}}])
        with Standin(rules) as server:
            result = self.scan(self.options(server), timeout_ms=3000)
        self.assertEqual(result.status, "incomplete", result)
        self.assertEqual(len(result.findings), 2)

    def test_offline(self):
        with Standin(answers()) as server:
            result = self.scan(self.options(server), target="http://192.0.2.1/")
            self.assertEqual((result.status, server.requests), ("skipped", []))
        result = self.scan({"url": "http://192.0.2.1:8090", "poll_interval": 10})
        self.assertEqual(result.status, "failed")
        self.assertReason(result, "offline")

    def test_nobody_listens(self):
        result = self.scan({"url": "http://127.0.0.1:1", "poll_interval": 10}, timeout_ms=3000)
        self.assertIn(result.status, ("failed", "timeout"))
        self.assertEqual(result.findings, [])


if __name__ == "__main__":
    run("zap")
