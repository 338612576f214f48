"""A secureopsd of a measurement's own: its folder, its administrator, tokens, what it takes."""
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent / "integration" / "store"))

from postgresql import Cluster  # noqa: E402

ADMIN, PASSWORD = "admin@example.com", "correct horse battery staple"
TICK = os.sysconf("SC_CLK_TCK")
# docs/store.md's advice for a machine of this size; fsync stays on
SETTINGS = ("shared_buffers=1GB", "max_wal_size=4GB", "checkpoint_timeout=15min",
            "max_connections=100")


def cluster():
    return Cluster(SETTINGS)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def machine_load():
    return os.getloadavg()[0]


class Daemon:
    """where: an SQLite file in its folder when None, else PostgreSQL's URL."""

    def __init__(self, build, root, where=None, settings=(), config=None):
        self.build, self.root = build, root
        root.mkdir(parents=True, exist_ok=True)
        self.folders = root / "work"
        self.folders.mkdir(exist_ok=True)
        self.log = root / "daemon.log"
        self.where, self.settings = where, settings
        self.config = config  # the text of a configuration file
        self.process = self.token = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """Seconds until systemd would have been told READY=1."""
        self.port = free_port()
        said = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        name = self.root / "notify"
        name.unlink(missing_ok=True)
        said.bind(str(name))
        said.settimeout(30)
        sets = [f"server.data={self.root / 'data'}", f"server.listen=127.0.0.1:{self.port}",
                f"checkout.folders={self.folders}", *self.settings]
        if self.where:
            sets.append(f"store.url={self.where}")
        command = [str(self.build / "bin" / "secureopsd")]
        if self.config:
            (self.root / "secureops.yaml").write_text(self.config)
            command += ["--config", str(self.root / "secureops.yaml")]
        for one in sets:
            command += ["--set", one]
        env = {"PATH": "/usr/bin:/bin", "HOME": str(self.root), "LANG": "C.UTF-8",
               "TMPDIR": str(self.root), "NOTIFY_SOCKET": str(name)}
        begun = time.monotonic()
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, cwd="/", start_new_session=True)
        try:
            while b"READY=1" not in said.recv(4096):
                pass
        except TimeoutError:
            self.stop()
            raise RuntimeError(f"secureopsd is not ready: {self.tail()}") from None
        finally:
            said.close()
        return time.monotonic() - begun

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def tail(self):
        return self.log.read_text(errors="replace")[-2000:]

    # ---- requests
    def connect(self):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        c.connect()
        c.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return c

    def ask(self, method, path, body=None, token=None):
        """(status, document) of one request."""
        headers = {"Authorization": f"Bearer {token or self.token}"} if token or self.token else {}
        if isinstance(body, dict):
            body = json.dumps(body)
            headers["Content-Type"] = "application/json"
        c = self.connect()
        try:
            c.request(method, "/api/v1" + path, body=body, headers=headers)
            r = c.getresponse()
            text = r.read()
        finally:
            c.close()
        return r.status, json.loads(text) if text[:1] in b"{[" else text

    def must(self, status, *args, **kw):
        got, document = self.ask(*args, **kw)
        if got != status:
            raise RuntimeError(f"{args[0]} {args[1]}: {got} {document}")
        return document

    def make_admin(self):
        setup = re.findall(r"setup#token=(\S+)", self.log.read_text())[0]
        self.must(201, "POST", "/auth/setup",
                  {"token": setup, "email": ADMIN, "password": PASSWORD})
        self.token = self.must(200, "POST", "/auth/login",
                               {"email": ADMIN, "password": PASSWORD})["access_token"]

    def make_token(self, name, roles, scopes, repositories=()):
        """A token of a user of its own, who never logs in."""
        user = self.must(201, "POST", "/users", {"email": f"{name}@example.com", "roles": roles,
                                                "repositories": list(repositories)})
        return self.must(201, "POST", f"/users/{user['id']}/tokens",
                         {"name": name, "scopes": scopes})["token"]

    def metrics(self):
        """{name with labels: value} of /metrics."""
        c = self.connect()
        try:
            c.request("GET", "/metrics")
            text = c.getresponse().read().decode()
        finally:
            c.close()
        return {k: float(v) for k, v in re.findall(r"(?m)^([a-z_]+(?:\{.*\})?) ([-+.\deE]+)$", text)}

    # ---- what it takes
    def status(self, name):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        return int(re.search(rf"(?m)^{name}:\s+(\d+)", text)[1])

    def memory(self):
        """(resident, proportional) KiB."""
        text = pathlib.Path(f"/proc/{self.process.pid}/smaps_rollup").read_text(encoding="ascii")
        return tuple(int(re.search(rf"(?m)^{k}:\s+(\d+)", text)[1]) for k in ("Rss", "Pss"))

    def switches(self):
        """Voluntary context switches of all its threads: each is a wait that ended."""
        n = 0
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            n += int(re.search(r"(?m)^voluntary_ctxt_switches:\s+(\d+)",
                               (task / "status").read_text(encoding="ascii"))[1])
        return n

    def cpu(self):
        """Seconds of (the daemon, its runners and theirs that have ended)."""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii", errors="replace") as f:
            v = f.read().rsplit(")", 1)[1].split()
        return (int(v[11]) + int(v[12])) / TICK, (int(v[13]) + int(v[14])) / TICK
