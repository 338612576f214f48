#!/usr/bin/env python3
"""Measures the daemon and prints one table: each figure beside the limit, or what it is compared
with in the same run, and what it is meant to reach. For people: the exit status says only whether
the measurements could be made.

    run_daemon.py [--build DIR] [--quick] [--huge] [--only NAME]...

--huge adds merges with 10,000,000 findings present (8 GB in TMPDIR and /tmp, some ten minutes).
--quick takes fewer rounds. Names: merge, huge, queue, api, feed, idle, kafka. The load of a day is
load.py's.
"""
import argparse
import contextlib
import pathlib
import re
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import bench_daemon
from bench_daemon import ROOT, Daemon

FEEDS, IDLE_S, STARTS = 5000, 30, 10


class Bench:
    def __init__(self, build, tmp, quick):
        self.build, self.tmp, self.quick = build, tmp, quick
        self.rows, self.failed = [], False

    def row(self, what, measured, beside, ratio, wanted, ok):
        self.rows.append((what, measured, beside, ratio, wanted, {True: "yes", False: "NO", None: ""}[ok],
                          f"{bench_daemon.machine_load():.1f}"))
        print(" | ".join(self.rows[-1]), file=sys.stderr)

    def fail(self, what, why):
        self.failed = True
        self.row(what, f"not measured: {why}", "", "", "", None)

    def run(self, program, *args):
        """Output of one of our programs; None when it is not built."""
        path = self.build / "tests" / program
        if not path.exists():
            raise FileNotFoundError(f"{program} is not built")
        done = subprocess.run([path, *map(str, args)], capture_output=True, text=True, timeout=3600,
                              check=False, env={"PATH": "/usr/bin:/bin", "TMPDIR": str(self.tmp)})
        if done.returncode:
            raise RuntimeError(f"{program}: exit status {done.returncode}: {done.stderr[-300:]}")
        return done.stdout


# ---- the store ----------------------------------------------------------------------------------

def merge_rows(b, driver, *where):
    """Lines: DRIVER WHAT merge MS ms RATE/s raw MS ms RATE/s ratio R [LEAST-MOST]"""
    wanted = {"PostgreSQL": ("new, plain", "seen before, plain"),
              "SQLite": ("new, tables", "seen before, plain")}[driver]
    out = b.run("bench_store", 100_000, 1 if b.quick else 5, *where)
    for m in re.finditer(r"(?m)^\S+ +(\w.*?) +merge +(\d+) ms +(\d+)/s +raw +(\d+) ms +(\d+)/s +"
                         r"ratio ([\d.]+) \[(.*)\]", out):
        ratio = float(m[6])
        named = m[1] in wanted
        b.row(f"{driver}: merge of 100,000, {m[1]}", f"{int(m[3]):,} findings/s",
              f"raw {int(m[5]):,}/s", f"{ratio:.2f} [{m[7]}]", ">= 0.60" if named else "",
              ratio >= 0.6 if named else None)


def bench_merge(b):
    merge_rows(b, "SQLite")
    with bench_daemon.cluster() as c:
        merge_rows(b, "PostgreSQL", c.url)


def huge_rows(b, driver, place):
    """place(NAME): where a store of its own can be."""
    times = {}
    for present in (100_000, 10_000_000):
        with place(str(present)) as where:
            out = b.run("bench_store", 100_000, 3, where, present)
        m = re.search(r"new (\d+) ms, seen before (\d+) ms", out)
        times[present] = int(m[1]), int(m[2])
    for i, what in enumerate(("new", "seen before")):
        few, many = times[100_000][i], times[10_000_000][i]
        b.row(f"{driver}: merge of 100,000 with 10,000,000 present, {what}", f"{many:,} ms",
              f"100,000 present: {few:,} ms", f"{many / few:.2f}", "<= 2", many <= 2 * few)


def bench_huge(b):
    @contextlib.contextmanager
    def file(name):
        path = b.tmp / f"{name}.db"
        yield str(path)
        for p in b.tmp.glob(f"{name}.db*"):
            p.unlink()

    @contextlib.contextmanager
    def server(_):
        with bench_daemon.cluster() as c:
            yield c.url
    huge_rows(b, "SQLite", file)
    huge_rows(b, "PostgreSQL", server)


def bench_queue(b):
    with bench_daemon.cluster() as c:
        for batch in (1, 10):
            out = b.run("bench_queue", 4, batch, 2 if b.quick else 3, 1 if b.quick else 5, c.url)
            rate = {m[1]: int(m[2]) for m in re.finditer(r"(?m)^(\w+, \w+) +(\d+) jobs/s", out)}
            for how, text in (("each", "completed each"), ("batch", "completed in one")):
                ratio = float(re.search(rf"(?m)^ratio, {how} +([\d.]+)", out)[1])
                each = how == "each"  # as runners do; nothing of ours ends several jobs at once
                b.row(f"PostgreSQL: 4 nodes claim {batch}, {text}", f"{rate[f'store, {how}']:,} jobs/s",
                      f"bare SKIP LOCKED {rate[f'bare, {how}']:,}/s", f"{ratio:.2f}",
                      ">= 0.60" if each else "", ratio >= 0.6 if each else None)


# ---- the API ------------------------------------------------------------------------------------

def bench_api(b):
    out = b.run("bench_api", 1 if b.quick else 3, 64, 1000)
    for n in (64, 1000):
        m = {k: re.search(rf"(?m)^{k} +{n} connections: +(\d+) requests/s .*p99 ([\d.]+) ms, CPU ([\d.]+)", out)
             for k in ("evhttp", "api")}
        ratio = int(m["api"][1]) / int(m["evhttp"][1])
        b.row(f"API: small reads, {n:,} connections", f"{int(m['api'][1]):,}/s, {m['api'][3]} us of CPU",
              f"evhttp's hello {int(m['evhttp'][1]):,}/s, {m['evhttp'][3]} us",
              f"{ratio:.2f} (CPU {float(m['evhttp'][3]) / float(m['api'][3]):.2f})", ">= 0.60", ratio >= 0.6)
    p99 = float(m["api"][2])
    b.row("API: p99 with 1,000 connections, each asking", f"{p99:.1f} ms", f"evhttp {m['evhttp'][2]} ms", "",
          "<= 50 ms", p99 <= 50)


def bench_feed(b):
    n = FEEDS // 10 if b.quick else FEEDS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < n + 200:
        return b.fail("live feed", f"no more than {hard} descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (n + 200, hard))  # the daemon gets it too
    sockets = []
    try:
        settings = ["server.rate=100000", "server.burst=100000"]  # it is one who follows so often
        with Daemon(b.build, b.tmp / "feed", settings=settings) as d:
            d.make_admin()
            time.sleep(2)
            before = d.memory()
            request = (b"GET /api/v1/events/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
                       + d.make_token("dashboard", ["manager"], []).encode() + b"\r\n\r\n")
            for i in range(n):
                s = socket.create_connection(("127.0.0.1", d.port), timeout=20)
                sockets.append(s)
                s.sendall(request)
                reply = s.recv(4096)
                if not reply.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(f"follower {i} is refused: {reply[:12].decode()} {reply[-200:]}")
            time.sleep(3)
            after = d.memory()
    finally:
        for s in sockets:
            s.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    mib = (after[0] - before[0]) / 1024
    b.row(f"API: {n:,} idle followers of the live feed", f"{mib:.1f} MiB more ({after[0] / 1024:.1f} in all)",
          f"{before[0] / 1024:.1f} MiB without", "", "<= 100 MB", mib * 1.048576 * FEEDS / n <= 100)


# ---- the daemon at rest -------------------------------------------------------------------------

def wakes(d, seconds):
    """(moments at which any of its threads woke, context switches), both a second."""
    begun = seen = d.switches()
    moments, woke, end = 0, False, time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(0.02)
        now = d.switches()
        moments += now != seen and not woke
        seen, woke = now, now != seen
    return moments / seconds, (seen - begun) / seconds


def bench_idle(b):
    seconds = 10 if b.quick else IDLE_S
    d, times = Daemon(b.build, b.tmp / "idle"), []
    with d:
        time.sleep(12)  # the first counts and care are done
        cpu = d.cpu()[0]
        moments, switches = wakes(d, seconds)
        cpu = d.cpu()[0] - cpu
        resident, proportional = d.memory()
    b.row("idle daemon on SQLite: memory", f"{resident / 1024:.1f} MiB resident",
          f"{proportional / 1024:.1f} MiB proportional", "", "<= 25 MB", resident * 1024 <= 25e6)
    b.row("idle daemon: wakes", f"{moments:.2f} a second", f"{switches:.1f} context switches, "
          f"{cpu * 1000 / seconds:.1f} ms of CPU a second", "", "<= 1 a second", moments <= 1)
    for _ in range(STARTS):
        times.append(d.start() * 1000)
        d.stop()
    t = statistics.median(times)
    b.row("daemon: ready", f"{t:.0f} ms (median of {STARTS})", f"{min(times):.0f} to {max(times):.0f} ms", "",
          "<= 150 ms", t <= 150)
    shutil.rmtree(d.root)
    first = Daemon(b.build, b.tmp / "first")
    t = first.start() * 1000
    first.stop()
    b.row("daemon: ready, the very first time", f"{t:.0f} ms", "the store is made", "", "", None)


def bench_kafka(b):
    out = b.run("bench_bus", 20_000 if b.quick else 100_000, 1 if b.quick else 5)
    rate = {m[1]: int(m[2]) for m in re.finditer(r"(?m)^(\w+) +(\d+) events/s", out)}
    ratio = float(re.search(r"(?m)^ratio +([\d.]+)", out)[1])
    b.row("Kafka: events of the outbox", f"{rate['bus']:,}/s", f"librdkafka {rate['librdkafka']:,}/s",
          f"{ratio:.2f}", ">= 0.50", ratio >= 0.5)


BENCHES = {"merge": bench_merge, "huge": bench_huge, "queue": bench_queue, "api": bench_api,
           "feed": bench_feed, "idle": bench_idle, "kafka": bench_kafka}


def main():
    p = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].strip())
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    p.add_argument("--huge", action="store_true")
    p.add_argument("--quick", action="store_true")
    p.add_argument("--only", action="append", choices=BENCHES)
    args = p.parse_args()
    names = args.only or [n for n in BENCHES if n != "huge" or args.huge]

    tmp = pathlib.Path(tempfile.mkdtemp(prefix="sco-bench-"))
    b = Bench(args.build.resolve(), tmp, args.quick)
    try:
        for name in names:
            try:
                BENCHES[name](b)
            except (OSError, RuntimeError, TypeError, subprocess.SubprocessError) as e:
                b.fail(name, str(e))
    finally:
        shutil.rmtree(tmp, ignore_errors=True)

    print("| what | measured | beside | ratio | wanted | reached | load |\n|---|---|---|---|---|---|---|")
    for r in b.rows:
        print("| " + " | ".join(r) + " |")
    return 1 if b.failed else 0


if __name__ == "__main__":
    sys.exit(main())
