"""What people see of a daemon from outside: alerts, the trace of a request, when its certificate ends."""
import email.utils
import http.client
import http.server
import json
import pathlib
import signal
import ssl
import subprocess
import sys
import threading
import time
import unittest

from daemon import JOB_S, DaemonCase, Reply
from test_events import Stream

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "integration" / "checkout"))
from git_server import make_certificate  # noqa: E402

CRITICAL = {"version": "2.1.0", "runs": [{
    "tool": {"driver": {"name": "t", "version": "1", "rules": [
        {"id": "r1", "properties": {"security-severity": "9.8"}}]}},
    "results": [{"ruleId": "r1", "message": {"text": "injection"}, "locations": [{"physicalLocation": {
        "artifactLocation": {"uri": "a.py"}, "region": {"startLine": 3}}}]}]}]}


def wait_for(what):
    end = time.monotonic() + JOB_S
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError("what was waited for has not come")


class Alerts(DaemonCase):
    def start_daemon(self):
        self.file = self.root / "events.jsonl"
        self.settings = (f"events.jsonl={self.file}", "events.environment=test")
        super().start_daemon()

    def lines(self, kind):
        events = [json.loads(line) for line in self.file.read_text().splitlines()] \
            if self.file.exists() else []
        return [e for e in events if e["event_type"] == kind]

    def test_a_new_critical_finding_is_told_everywhere(self):
        stream = Stream(self, "?type=notification.alert")
        repository = "https://git.example.com/app"
        job = self.import_report(CRITICAL, repository)
        alert, = self.get("/alerts")["items"]
        self.assertEqual((alert["kind"], alert["severity"], alert["repository"], alert["object"]),
                         ("critical_findings", "CRITICAL", repository, job["scan_id"]))
        self.assertIn("1 new CRITICAL finding", alert["title"])
        _, live = stream.next()
        written, = wait_for(lambda: self.lines("notification.alert"))
        self.assertEqual(live, written)
        self.assertEqual(live["metadata"]["environment"], "test")
        self.assertEqual(live["data"]["title"], alert["title"])
        self.import_report(CRITICAL, repository)  # known by now
        self.assertEqual(len(self.get("/alerts")["items"]), 1)

        self.ask(200, "POST", f"/alerts/{alert['id']}/acknowledge")
        seen, = self.get("/alerts")["items"]
        self.assertTrue(seen["acknowledged_by"])
        # an unbound viewer of another repository sees nothing of it
        other = self.make_user("b@example.com", ["security_analyst"], ["https://git.example.com/other"])
        self.assertEqual(self.get("/alerts", token=other)["items"], [])


class Collector(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for resource in body["resourceSpans"]:
            for scope in resource["scopeSpans"]:
                self.server.spans += scope["spans"]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass


class Traces(DaemonCase):
    collector = None

    def start_daemon(self):
        self.collector = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
        self.collector.spans = []
        threading.Thread(target=self.collector.serve_forever, daemon=True).start()
        self.addCleanup(self.collector.server_close)
        self.addCleanup(self.collector.shutdown)
        port = self.collector.server_port
        self.settings = (f"telemetry.otlp_endpoint=http://127.0.0.1:{port}/v1/traces",)
        super().start_daemon()

    def test_from_the_request_to_the_store(self):
        repo = self.repository("r", Dockerfile="FROM debian:latest\n")
        trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
        job = self.ask(202, "POST", "/scans/iac",
                       {"target": {"location": f"file://{repo}"}, "scanners": ["policies"]},
                       headers={"traceparent": f"00-{trace}-{parent}-01"}).json()
        self.wait(job)

        def span(name):
            return wait_for(lambda: next((s for s in self.collector.spans if s["name"] == name and
                                          s["traceId"] == trace), None))
        request = span("POST /api/v1/scans/iac")
        self.assertEqual(request["parentSpanId"], parent)
        work = span("job")
        self.assertEqual(work["parentSpanId"], request["spanId"])
        for name in ("scanner policies", "store save_scan"):
            self.assertEqual(span(name)["parentSpanId"], work["spanId"], name)
        self.assertEqual(len({s["spanId"] for s in self.collector.spans}), len(self.collector.spans))
        self.assertLessEqual(int(work["startTimeUnixNano"]), int(span("scanner policies")["startTimeUnixNano"]))


class Memory(DaemonCase):
    def test_of_a_job(self):
        repo = self.repository("r", Dockerfile="FROM debian:latest\n")
        self.scan("iac", f"file://{repo}", scanners=["policies"])
        name = "secureops_job_peak_memory_bytes"

        def values():
            lines = self.request("GET", "/metrics").text.splitlines()
            return {x.split("{")[0]: float(x.split()[-1]) for x in lines
                    if x.startswith((name + "_sum", name + "_count"))}
        seen = wait_for(values)
        self.assertEqual(seen[name + "_count"], 1)
        self.assertGreater(seen[name + "_sum"], 4 << 20)
        self.assertLess(seen[name + "_sum"], 2 << 30)
        self.assertRegex(self.log.read_text(), r"ends: completed \(at most [1-9]\d* MiB in one process\)")


class Certificate(DaemonCase):
    tls = None

    def start_daemon(self):
        self.tls = self.root / "tls"
        self.tls.mkdir()
        key, certificate = make_certificate(self.tls)
        self.settings = (f"server.tls_cert={certificate}", f"server.tls_key={key}",
                         f"server.public_url=https://localhost:{self.port}")
        super().start_daemon()

    def request(self, method, path, body=None, token="", headers=None, port=None):
        send = {"Content-Type": "application/json", **(headers or {})}
        token = self.token if token == "" else token
        if token:
            send["Authorization"] = f"Bearer {token}"
        if not path.startswith(("/api", "/ready", "/metrics")):
            path = "/api/v1" + path
        context = ssl.create_default_context(cafile=self.tls / "cert.pem")
        connection = http.client.HTTPSConnection("localhost", port or self.port, timeout=60, context=context)
        try:
            connection.request(method, path, body=json.dumps(body) if body else None, headers=send)
            return Reply(connection.getresponse())
        finally:
            connection.close()

    def metric(self):
        name = "secureops_tls_certificate_expiry_timestamp_seconds "
        line, = [x for x in self.request("GET", "/metrics").text.splitlines() if x.startswith(name)]
        return float(line.removeprefix(name))

    def ends(self, certificate):
        done = subprocess.run(["openssl", "x509", "-noout", "-enddate", "-in", certificate],
                              capture_output=True, text=True, check=True)
        month, rest = done.stdout.strip().removeprefix("notAfter=").split(" ", 1)
        day, clock, year, _ = rest.split()
        text = f"{day} {month} {year} {clock} +0000"
        return email.utils.parsedate_to_datetime(text).timestamp()

    def test_when_it_ends(self):
        before = self.ends(self.tls / "cert.pem")
        self.assertEqual(self.metric(), before)
        aside = self.root / "new"
        aside.mkdir()
        time.sleep(1.1)  # the certificate's times are whole seconds
        make_certificate(aside)
        for name in ("key.pem", "cert.pem"):
            (aside / name).replace(self.tls / name)
        after = self.ends(self.tls / "cert.pem")
        self.assertGreater(after, before)
        self.daemon.send_signal(signal.SIGHUP)

        def renewed():
            try:
                return self.metric() == after
            except ssl.SSLError:  # still the one before, which nobody knows any more
                return False
        wait_for(renewed)


if __name__ == "__main__":
    unittest.main()
