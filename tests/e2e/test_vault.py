"""Secrets of the daemon that are kept elsewhere: in HashiCorp Vault (a stand-in), in its store."""
import http.server
import json
import threading
import urllib.error
import urllib.request

from daemon import DaemonCase


class Vault(http.server.BaseHTTPRequestHandler):
    """The key-value engine, version 2, with one secret."""
    secret, seen = {"token": "from-vault"}, []

    def do_GET(self):
        Vault.seen.append((self.path, self.headers.get("X-Vault-Namespace")))
        status, answer = 200, {"data": {"data": Vault.secret, "metadata": {"version": 1}}}
        if self.headers.get("X-Vault-Token") != "hvs.stand-in":
            status, answer = 403, {"errors": ["permission denied"]}
        elif self.path != "/v1/secret/data/secureops/metrics":
            status, answer = 404, {"errors": []}
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Secrets(DaemonCase):
    def setUp(self):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vault)
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        Vault.seen = []
        self.token_file = None
        super().setUp()

    @property
    def settings(self):
        if not self.token_file:
            self.token_file = self.root / "vault-token"
            self.token_file.write_text("hvs.stand-in\n", encoding="utf-8")
        return (f"vault.address=http://127.0.0.1:{self.server.server_port}", "vault.namespace=ops",
                f"vault.token=file:{self.token_file}", f"server.metrics_token={self.reference}")

    reference = "vault:secret/secureops/metrics#token"

    def metrics(self, token):
        request = urllib.request.Request(f"{self.url}/metrics",
                                         headers={"Authorization": f"Bearer {token}"})
        try:
            with urllib.request.urlopen(request, timeout=10) as reply:
                return reply.status
        except urllib.error.HTTPError as e:
            e.close()
            return e.code

    def test_vault_then_the_store(self):
        self.assertEqual(Vault.seen, [("/v1/secret/data/secureops/metrics", "ops")])
        self.assertEqual(self.metrics("from-vault"), 200)
        self.assertNotEqual(self.metrics("hvs.stand-in"), 200)
        put = self.request("PUT", "/api/v1/secrets/metrics", {"value": "from-store"})
        self.assertEqual(put.status, 204, put)
        self.stop_daemon()
        self.reference = "store:metrics"
        self.start_daemon()
        self.assertEqual(self.metrics("from-store"), 200)
        self.assertNotEqual(self.metrics("from-vault"), 200)
        log = self.log.read_text(encoding="utf-8")
        for secret in ("from-vault", "from-store", "hvs.stand-in"):
            self.assertNotIn(secret, log)
