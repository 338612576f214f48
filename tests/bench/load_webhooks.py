#!/usr/bin/env python3
"""Signed webhooks at a rate against a daemon that is killed in between: what was acknowledged is
counted and must be in the store, whatever happened.

    load_webhooks.py [--build DIR] [--rate N] [--seconds N] [--connections N] [--body BYTES]
                     [--store sqlite|postgresql]... [--no-kill]

For people: the exit status tells of losses, never of time. Sender, daemon, its worker and the
database share the machine.
"""
import argparse
import contextlib
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

import bench_daemon
from bench_daemon import ROOT, Daemon

sys.path.insert(0, str(ROOT / "tests" / "e2e"))
import webhooks  # noqa: E402

SETTINGS = ("log.level=warning",)
DRAIN_S = 600


def payload(size):
    """A push of ordinary size: what GitHub sends for one commit is 7 to 9 KB."""
    event, push = webhooks.push(1)
    push["padding"] = ""
    push["padding"] = "x" * max(0, size - len(json.dumps(push)))
    return webhooks.signed(event, push)


class Sender:
    def __init__(self, build, root, body, signature):
        self.program, self.root, self.signature = build / "tests" / "load_webhooks", root, signature
        self.body, self.log = root / "body", root / "acknowledged"
        self.body.write_bytes(body)
        self.log.write_text("")
        self.first = 0

    def send(self, port, rate, seconds, connections):
        out = subprocess.run(
            [str(x) for x in (self.program, port, rate, seconds, connections, self.body,
                              self.signature, self.first, self.log)],
            check=True, stdout=subprocess.PIPE, text=True).stdout.split()
        self.first += 100_000_000
        names = ("sent", "accepted", "refused", "failed", "p50", "p99", "max", "seconds")
        return dict(zip(names, map(float, out)))

    def acknowledged(self):
        return set(self.log.read_text().split())


def show(name, r):
    print(f"{name}: {r['accepted'] / r['seconds']:.0f}/s accepted of {r['sent'] / r['seconds']:.0f}"
          f"/s sent; refused {r['refused']:.0f}, failed {r['failed']:.0f}; "
          f"p50 {r['p50']:.1f} ms, p99 {r['p99']:.1f} ms, max {r['max']:.1f} ms", flush=True)


def processor(pid):
    """Seconds of processor time of a process and all below it."""
    below, seconds = {}, {}
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        below.setdefault(int(fields[1]), []).append(int(stat.parent.name))
        seconds[int(stat.parent.name)] = sum(map(int, fields[11:15])) / bench_daemon.TICK
    waiting, total = [pid], 0.0
    while waiting:
        one = waiting.pop()
        total += seconds.get(one, 0)
        waiting += below.get(one, [])
    return total


def rows(cluster, path):
    if cluster:
        out = subprocess.run([str(cluster.bin / "psql"), "-At", "-F", " ", cluster.url, "-c",
                              "SELECT key, state FROM webhook_deliveries"], check=True,
                             stdout=subprocess.PIPE, text=True).stdout
        return dict(line.split(" ") for line in out.splitlines())
    with contextlib.closing(sqlite3.connect(path)) as db:
        return dict(db.execute("SELECT key, state FROM webhook_deliveries"))


def run(args, store, cluster, root):
    body, headers = payload(args.body)
    sender = Sender(args.build, root, body, headers["X-Hub-Signature-256"])
    daemon = Daemon(args.build, root, cluster.url if cluster else None, SETTINGS,
                    webhooks.config(root))
    path = root / "data" / "store.db"
    daemon.start()
    try:
        sender.send(daemon.port, 50, 1, 4)  # the worker starts
        watched = {"daemon and worker": daemon.process.pid}
        if cluster:
            watched["database"] = cluster.server.pid
        before = {name: processor(pid) for name, pid in watched.items()}
        r = sender.send(daemon.port, args.rate, args.seconds, args.connections)
        show(f"{store}, {args.rate}/s for {args.seconds} s", r)
        print("processor time for each accepted one: " + ", ".join(
            f"{name} {(processor(pid) - before[name]) / max(r['accepted'], 1) * 1e6:.0f} us"
            for name, pid in watched.items())
            + f"; load of the machine {bench_daemon.machine_load():.1f}", flush=True)
        if not args.no_kill:
            killer = threading.Timer(2, daemon.process.kill)
            killer.start()
            show("killed after 2 s", sender.send(daemon.port, args.rate, 4, args.connections))
            killer.join()
            daemon.process.wait()
            daemon.start()
        there, known = rows(cluster, path), sender.acknowledged()
        lost = known - set(there)
        print(f"acknowledged {len(known)}, stored {len(there)}, lost {len(lost)}", flush=True)
        begun, left = time.monotonic(), sum(s == "received" for s in there.values())
        total = left
        while left and time.monotonic() - begun < args.drain:
            time.sleep(1)
            left = sum(s == "received" for s in rows(cluster, path).values())
        took = time.monotonic() - begun
        print(f"acted upon: {(total - left) / max(took, 0.001):.0f}/s, {left} left", flush=True)
    finally:
        daemon.stop()
    if lost:
        print(daemon.tail())
    return len(lost)


def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    p.add_argument("--rate", type=int, default=2000)
    p.add_argument("--seconds", type=int, default=30)
    p.add_argument("--connections", type=int, default=64)
    p.add_argument("--body", type=int, default=8192)
    p.add_argument("--drain", type=int, default=DRAIN_S, help="seconds to watch them acted upon")
    p.add_argument("--store", action="append", choices=("sqlite", "postgresql"))
    p.add_argument("--no-kill", action="store_true")
    args = p.parse_args()
    args.build = args.build.resolve()
    lost = 0
    for store in args.store or ("postgresql", "sqlite"):
        with contextlib.ExitStack() as stack:
            root = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sco-hook-")))
            cluster = stack.enter_context(bench_daemon.cluster()) if store == "postgresql" else None
            lost += run(args, store, cluster, root)
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
