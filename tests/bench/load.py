#!/usr/bin/env python3
"""The day of a large company against a daemon: 10,000 scan results, 100 builds an hour and 1,000
users, all of it times 100, in real time. What was acknowledged is counted before and after: a job
that is not completed, a scan that is not there, a finding too few or an event that the live feed
did not tell is lost. For people: the exit status tells of losses, never of time.

    load.py [--build DIR] [--minutes N] [--factor N] [--reads N] [--users N] [--slots N]
            [--store sqlite|postgresql]...

A minute, 100 times, and both stores, unless told otherwise. Scan results are imports of SARIF
reports of 20 findings, of which each brings a new one and misses an old one; builds are scans of a
folder with a Dockerfile; the users' requests are a mix of lists, single findings and figures, each
with a token of its own. Requests have their time whether or not those before them are answered:
how long they take counts from that time. A build that a newer one of the same repository replaced
while it waited is counted as done: that is what the queue is for.
"""
import argparse
import collections
import contextlib
import datetime
import http.client
import json
import pathlib
import random
import re
import selectors
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse

import bench_daemon
from bench_daemon import ROOT, Daemon

SCANS_A_DAY, BUILDS_AN_HOUR, DAY_S = 10_000, 100, 86_400
REPOSITORIES, TEAMS, FINDINGS, FOLDERS, FEEDS = 200, 20, 20, 60, 20
READERS, WRITERS = 16, 4
DOCKERFILE = "FROM debian:12\nRUN apt-get update\n"
READS = (  # path, share
    ("/vulnerabilities?limit=50", 20), ("/vulnerabilities?severity=high&limit=50", 10),
    ("/vulnerabilities?repository={repository}&limit=50", 20), ("/vulnerabilities/{id}", 15),
    ("/scans?limit=20", 15), ("/scans/{id}", 8), ("/stats/severities", 4),
    ("/stats/trend", 4), ("/stats/repositories", 2), ("/events?limit=50", 2))


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * q))] if values else 0.0


def repository(i):
    return f"https://git.example.com/team{i % TEAMS}/app{i}"


def report(turn):
    """Findings turn .. turn + 19 of a repository."""
    rules = [{"id": f"R{i}", "shortDescription": {"text": f"Weakness of kind {i}"}} for i in range(8)]
    results = [{"ruleId": f"R{i % 8}", "level": ("error", "warning", "note")[i % 3],
                "message": {"text": f"A query is put together from user input {i}."},
                "locations": [{"physicalLocation": {
                    "artifactLocation": {"uri": f"src/orders/query_{i}.py"},
                    "region": {"startLine": 10 + i % 90,
                               "snippet": {"text": f"cursor.execute(query_{i} + name)"}}}}]}
               for i in range(turn, turn + FINDINGS)]
    return json.dumps({"version": "2.1.0", "runs": [
        {"tool": {"driver": {"name": "Example", "version": "1.2", "rules": rules}},
         "results": results}]})


class Client:
    """A connection that stays; a server that closes it is asked once more."""

    def __init__(self, daemon):
        self.daemon, self.connection = daemon, None

    def ask(self, method, path, body=None, token=None):
        for attempt in (0, 1):
            fresh = self.connection is None
            try:
                self.connection = self.connection or self.daemon.connect()
                self.connection.request(method, "/api/v1" + path, body=body,
                                        headers={"Authorization": f"Bearer {token}"})
                reply = self.connection.getresponse()
                return reply.status, reply.read()
            except (OSError, http.client.HTTPException):
                self.connection = None
                # a POST may have been taken: it is not repeated, but told as failed
                if fresh or attempt or method != "GET":
                    return 0, b""


class Pace:
    """Requests at a fixed rate, by as many threads as it takes."""

    def __init__(self, name, rate, threads, begin, end, act):
        self.name, self.rate, self.begin, self.end, self.act = name, rate, begin, end, act
        self.lock, self.next = threading.Lock(), 0
        self.times, self.failed = [], collections.Counter()
        self.threads = [threading.Thread(target=self.run, daemon=True) for _ in range(threads)]
        for t in self.threads:
            t.start()

    def run(self):
        state = {}
        while True:
            with self.lock:
                k = self.next
                due = self.begin + k / self.rate
                if due >= self.end:
                    return
                self.next += 1
            time.sleep(max(0, due - time.monotonic()))
            status = self.act(state, k)
            taken = time.monotonic() - due
            with self.lock:
                self.times.append(taken)
                if not 200 <= status < 300:
                    self.failed[status] += 1

    def join(self):
        for t in self.threads:
            t.join()

    def line(self):
        failed = sum(self.failed.values())
        print(f"  {self.name:<14} {len(self.times):>7,} ({len(self.times) / (self.end - self.begin):.1f}/s)"
              f"  p50 {quantile(self.times, .5) * 1000:.1f} ms, p95 {quantile(self.times, .95) * 1000:.1f},"
              f" p99 {quantile(self.times, .99) * 1000:.1f}, longest {max(self.times, default=0) * 1000:.0f}"
              f"{f', {failed} FAILED {dict(self.failed)}' if failed else ''}")


class Feeds(threading.Thread):
    """Followers of the live feed, which count the scans they are told of."""

    def __init__(self, daemon, token, n):
        super().__init__(daemon=True)
        self.counts, self.left, self.halt = [0] * n, [b""] * n, False
        self.selector, self.closed = selectors.DefaultSelector(), 0
        for i in range(n):
            s = socket.create_connection(("127.0.0.1", daemon.port))
            s.sendall(b"GET /api/v1/events/stream?type=security.scan.completed HTTP/1.1\r\nHost: x\r\n"
                      b"Authorization: Bearer " + token.encode() + b"\r\n\r\n")
            self.selector.register(s, selectors.EVENT_READ, i)

    def run(self):
        while not self.halt:
            for key, _ in self.selector.select(0.5):
                data, i = key.fileobj.recv(1 << 16), key.data
                if not data:
                    self.closed += 1
                    self.selector.unregister(key.fileobj)
                text = self.left[i] + data
                end = text.rfind(b"\n") + 1
                self.counts[i] += text[:end].count(b"event: security.scan.completed\n")
                self.left[i] = text[end:]


class Load:
    def __init__(self, daemon, args):
        self.daemon, self.args = daemon, args
        self.jobs, self.turns = {}, collections.Counter()
        self.lock = threading.Lock()
        self.kinds = collections.defaultdict(list)
        self.known = collections.defaultdict(lambda: {"/scans": [], "/vulnerabilities": []})

    def prepare(self):
        d = self.daemon
        d.make_admin()
        self.ci = d.make_token("ci", ["security_engineer"], [])
        self.users = [self.make_user(i) for i in range(self.args.users)]
        for i in range(FOLDERS):
            folder = d.folders / f"app{i}"
            folder.mkdir()
            (folder / "Dockerfile").write_text(DOCKERFILE)
            for command in (("init", "-q", "-b", "main"), ("add", "-A"), ("commit", "-qm", "change")):
                subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.com", *command],
                               cwd=folder, check=True)

    def make_user(self, i):
        """(token, team): every other one sees a team's repositories alone."""
        team = i // 2 % TEAMS if i % 2 else None
        sees = [f"https://git.example.com/team{team}/**"] if i % 2 else []
        return self.daemon.make_token(f"user{i}", ["manager"], [], sees), team

    # ---- requests
    def accept(self, kind, reply):
        status, text = reply
        if status == 202:
            with self.lock:
                self.jobs[json.loads(text)["id"]] = kind
        return status

    def add_report(self, state, k):
        client = state.setdefault("client", Client(self.daemon))
        i = k % REPOSITORIES
        with self.lock:
            turn = self.turns[i]
            self.turns[i] += 1
        query = urllib.parse.urlencode({"repository": repository(i), "branch": "main",
                                        "name": "report.sarif"})
        return self.accept("import", client.ask("POST", f"/imports?{query}", report(turn), self.ci))

    def build(self, state, k):
        client = state.setdefault("client", Client(self.daemon))
        body = json.dumps({"target": {"location": str(self.daemon.folders / f"app{k % FOLDERS}")}})
        connection = client.connection = client.connection or self.daemon.connect()
        try:
            connection.request("POST", "/api/v1/scans/iac", body=body,
                               headers={"Authorization": f"Bearer {self.ci}",
                                        "Content-Type": "application/json"})
            reply = connection.getresponse()
            return self.accept("scan", (reply.status, reply.read()))
        except (OSError, http.client.HTTPException):
            client.connection = None
            return 0

    def read(self, state, k):
        client = state.setdefault("client", Client(self.daemon))
        token, team = self.users[k % len(self.users)]
        known = self.known[team]
        path = random.choices([r[0] for r in READS], [r[1] for r in READS])[0]
        listed = path.partition("?")[0]
        if listed.endswith("/{id}"):
            of = listed[:-5]
            path = path.format(id=random.choice(known[of])) if known[of] else f"{of}?limit=50"
            listed = path.partition("?")[0]
        i = random.randrange(REPOSITORIES)
        i = i if team is None else i // TEAMS * TEAMS + team
        begun = time.monotonic()
        status, text = client.ask("GET", path.format(repository=urllib.parse.quote(repository(i), "")),
                                  token=token)
        self.kinds[re.sub(r"[0-9a-f-]{36}", "{id}", path)].append(time.monotonic() - begun)
        if status == 200 and listed in known:
            known[listed] = [item["id"] for item in json.loads(text)["items"]] or known[listed]
        return status

    # ---- all of it
    def run(self):
        d, a = self.daemon, self.args
        feeds = Feeds(d, d.make_token("dashboard", ["manager"], []), FEEDS)
        feeds.start()
        cpu, begin = d.cpu(), time.monotonic() + 0.5
        end = begin + a.minutes * 60
        paces = [Pace("scan results", SCANS_A_DAY / DAY_S * a.factor, WRITERS, begin, end, self.add_report),
                 Pace("builds", BUILDS_AN_HOUR / 3600 * a.factor, WRITERS, begin, end, self.build),
                 Pace("reads", a.reads, READERS, begin, end, self.read)]
        largest = 0
        while time.monotonic() < end:
            largest = max(largest, d.memory()[0])
            time.sleep(min(1, max(0.01, end - time.monotonic())))
        for p in paces:
            p.join()
        behind = time.monotonic() - end
        drained = self.drain()
        for p in paces:
            p.line()
        for kind, times in sorted(self.kinds.items(), key=lambda x: -quantile(x[1], .95))[:3]:
            print(f"    {kind}: p50 {quantile(times, .5) * 1000:.1f} ms, p95 {quantile(times, .95) * 1000:.1f}"
                  " from when it was sent")
        used = [b - c for b, c in zip(d.cpu(), cpu)]
        n = max(1, len(self.jobs))
        print(f"  CPU: daemon {used[0]:.1f} s, runners {used[1]:.1f} s = {used[1] * 1000 / n:.1f} ms a"
              f" job; the daemon's memory {largest / 1024:.0f} MiB at most")
        lost = self.count(feeds)
        lost += sum(sum(p.failed.values()) for p in paces)
        print(f"  the last requests ended {behind:.1f} s after their time, the queue was empty"
              f" {drained:.1f} s later")
        sustained = lost == 0 and behind < 2 and drained < 10
        print(f"  sustained: {'yes' if sustained else 'NO, it falls short'}")
        return lost

    def drain(self):
        """Seconds until no job waits or runs; as long as it takes, up to ten minutes."""
        begun = time.monotonic()
        while time.monotonic() - begun < 600:
            if not any(self.daemon.must(200, "GET", f"/jobs?state={s}&limit=1", token=self.ci)["items"]
                       for s in ("queued", "running")):
                break
            time.sleep(0.1)
        return time.monotonic() - begun

    def count(self, feeds):
        """What was acknowledged and is not there."""
        client, states, waits, whole, scans = Client(self.daemon), collections.Counter(), [], [], set()
        at, unwell = datetime.datetime.fromisoformat, 0
        for job in self.jobs:
            status, text = client.ask("GET", f"/jobs/{job}", token=self.ci)
            j = json.loads(text) if status == 200 else {"state": "gone"}
            states[j["state"]] += 1
            if j["state"] == "replaced" and self.jobs[job] == "scan":
                continue  # by a newer one of the same target, which is in the list as well
            if j["state"] != "completed":
                unwell += 1
                if unwell <= 3:
                    print(f"  {job}: {j.get('reason', j['state'])}")
                continue
            scans.add(j["scan_id"])
            waits.append((at(j["started_at"]) - at(j["created_at"])).total_seconds())
            whole.append((at(j["completed_at"]) - at(j["created_at"])).total_seconds())
        completed = states["completed"]
        until = time.monotonic() + 20
        while min(feeds.counts) < completed and time.monotonic() < until:
            time.sleep(0.2)
        feeds.halt = True
        print(f"  jobs: {len(self.jobs):,} acknowledged, {dict(states)}, {len(scans):,} scans; in the queue"
              f" p50 {quantile(waits, .5):.2f} s, p95 {quantile(waits, .95):.2f},"
              f" longest {max(waits, default=0):.2f};"
              f" to the end p95 {quantile(whole, .95):.2f}")
        print(f"  live feed, {FEEDS} followers: {min(feeds.counts):,} to {max(feeds.counts):,} scans told,"
              f" {feeds.closed} closed")
        wanted = len(self.jobs) - states["replaced"]
        self.wanted = {"scan_results": wanted, "vulnerabilities": sum(
            turn + FINDINGS - 1 for turn in self.turns.values() if turn)}
        return wanted - len(scans) + sum(abs(c - completed) for c in feeds.counts)


def count_rows(wanted, query):
    """What the store's own tables lack, asked past the daemon."""
    scans = query("SELECT count(*) FROM scan_results")
    findings = query("SELECT count(*) FROM vulnerabilities v JOIN branches b ON b.pk = "
                     "v.branch_pk WHERE b.repository LIKE 'https://git.example.com/%'")
    print(f"  the store: {scans:,} scans of {wanted['scan_results']:,}, {findings:,} imported findings"
          f" of {wanted['vulnerabilities']:,}")
    return abs(wanted["scan_results"] - scans) + abs(wanted["vulnerabilities"] - findings)


def run(store, args, tmp):
    with contextlib.ExitStack() as stack:
        cluster = stack.enter_context(bench_daemon.cluster()) if store == "postgresql" else None
        url = cluster.url if cluster else None
        settings = [f"queue.slots={args.slots}", "server.rate=1000", "server.burst=5000"]
        with Daemon(args.build.resolve(), tmp / store, url, settings) as daemon:
            load = Load(daemon, args)
            load.prepare()
            print(f"{store}: {args.minutes:g} minutes of the day x {args.factor:g}, {args.users} users, "
                  f"{args.slots} slots; load of the machine {bench_daemon.machine_load():.1f}", flush=True)
            lost = load.run()

        def of_sqlite(sql):
            with contextlib.closing(sqlite3.connect(tmp / store / "data" / "store.db")) as db:
                return db.execute(sql).fetchone()[0]

        def of_postgresql(sql):
            return int(subprocess.run(cluster.command("psql", "-XAtqc", sql, url), check=True,
                                      capture_output=True, text=True).stdout)
        lost += count_rows(load.wanted, of_postgresql if cluster else of_sqlite)
        print(f"  lost, or failed: {lost}; load of the machine {bench_daemon.machine_load():.1f}",
              flush=True)
    return lost


def main():
    p = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].strip())
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    p.add_argument("--minutes", type=float, default=1)
    p.add_argument("--factor", type=float, default=100)
    p.add_argument("--reads", type=float, default=150)
    p.add_argument("--users", type=int, default=1000)
    p.add_argument("--slots", type=int, default=2)
    p.add_argument("--store", action="append", choices=("sqlite", "postgresql"))
    args = p.parse_args()
    tmp, lost = pathlib.Path(tempfile.mkdtemp(prefix="sco-load-")), 0
    try:
        for store in args.store or ("sqlite", "postgresql"):
            try:
                lost += run(store, args, tmp)
            except FileNotFoundError as e:
                print(f"SKIP {store}: {e}")
    finally:
        shutil.rmtree(tmp, ignore_errors=True)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
