"""What secureopsd is seen by: its metrics, the rules and the dashboard over them, its traces."""
import http.server
import json
import re
import shutil
import subprocess
import threading
import unittest

from daemon import SOURCE, Case, wait_for

RULES = SOURCE / "deploy" / "prometheus" / "secureops.rules.yml"
DASHBOARD = SOURCE / "deploy" / "grafana" / "secureops.json"


def promtool(*args, text=None):
    if not shutil.which("promtool"):
        raise unittest.SkipTest("promtool is not installed (apt install prometheus)")
    done = subprocess.run(["promtool", *args], input=text, capture_output=True, text=True,
                          timeout=60)
    return done.returncode, done.stdout + done.stderr


class Metrics(Case):
    def page(self):
        d = self.start(f"events.jsonl={self.root}/events.jsonl")
        job = d.queue("add", "scanned")
        wait_for(lambda: d.job(job)[0] == "completed")
        wait_for(lambda: "secureops_audit_last_entry" in d.get("/metrics")[1])
        return wait_for(lambda: "secureops_job_duration_seconds_sum" in d.get("/metrics")[1] and
                        d.get("/metrics")[1])

    def test_what_there_is(self):
        page = self.page()
        for line in ('secureops_findings_open{severity="CRITICAL"} 0',
                     'secureops_event_reader_behind{reader="jsonl"} ',
                     'secureops_store_latency_seconds_count{operation="transaction"} ',
                     'secureops_store_latency_seconds_count{operation="commit"} ',
                     'secureops_store_latency_seconds_count{operation="statement"} ',
                     'secureops_scanner_runs_total{scanner="semgrep",status="completed"} 1',
                     'secureops_scanner_runs_total{scanner="trivy",status="failed"} 1',
                     'secureops_scanner_duration_seconds_sum{scanner="semgrep"} 1.5',
                     'secureops_store_operation_duration_seconds_count{operation="save_scan"} 1'):
            self.assertIn(line, page)

    def test_promtool(self):
        self.assertEqual(promtool("check", "metrics", text=self.page()), (0, ""))

    def test_rules_and_dashboard(self):
        """Nothing of them asks for a metric that there is not."""
        sources = "".join(p.read_text() for p in SOURCE.glob("core/*/*.c"))
        sources += "".join(p.read_text() for p in SOURCE.glob("core/app/daemon/*.c"))
        text = RULES.read_text() + DASHBOARD.read_text()
        json.loads(DASHBOARD.read_text())
        used = set(re.findall(r"\b((?:secureops|process)_[a-z_]+)\b", text))
        self.assertGreater(len(used), 12)
        for name in used:
            known = f'"{name}"' in sources or \
                f'"{re.sub("_(bucket|count|sum)$", "", name)}"' in sources
            self.assertTrue(known, name)
        self.assertEqual(promtool("check", "rules", str(RULES))[0], 0)


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


class Traces(Case):
    def test_one_trace(self):
        """The request's span came with the job: whatever is done for it is below."""
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
        server.spans = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        d = self.start(f"telemetry.otlp_endpoint=http://127.0.0.1:{server.server_port}/v1/traces")
        trace, parent = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
        d.get("/health", headers={"traceparent": f"00-{trace}-{parent}-01"})
        job = d.queue("add", "scanned")
        wait_for(lambda: d.job(job)[0] == "completed")

        def span(name):
            return next((s for s in server.spans if s["name"] == name), None)
        request = wait_for(lambda: span("GET /health"))
        self.assertEqual((request["traceId"], request["parentSpanId"]), (trace, parent))
        root = wait_for(lambda: span("job"))
        self.assertEqual((root["traceId"], root["parentSpanId"]), (trace, parent))  # queue_tool's
        for name in ("scanner semgrep", "scanner trivy", "store save_scan"):
            part = wait_for(lambda name=name: span(name))
            self.assertEqual(part["traceId"], root["traceId"])
            self.assertEqual(part["parentSpanId"], root["spanId"])
            self.assertNotEqual(part["spanId"], root["spanId"])
        self.assertEqual(span("scanner trivy")["status"]["code"], 2)
        self.assertEqual(int(span("scanner semgrep")["endTimeUnixNano"]) -
                         int(span("scanner semgrep")["startTimeUnixNano"]), 1500000000)
