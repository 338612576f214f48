#!/usr/bin/env python3
"""Measures the built programs and prints one table: each figure beside what it is compared with in
the same run, and what it is meant to reach. For people: the exit status says only whether the
measurements could be made.

    run.py [--build DIR] [--large] [--quick] [--only NAME]...

--large adds the report of 1,000,000 results (1 GB, in TMPDIR). --quick takes a tenth of the sizes.
Names: import, large, fakes, version, empty, findings, worker.
"""
import argparse
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]


class Bench:
    def __init__(self, build, tmp, quick):
        self.build, self.tmp, self.quick = build, tmp, quick
        self.secureops = build / "bin" / "secureops"
        self.rows, self.failed = [], False
        (tmp / "tools" / "bin").mkdir(parents=True)
        (tmp / "empty").mkdir()
        self.env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp), "TMPDIR": str(tmp),
                    "XDG_CACHE_HOME": str(tmp / "cache"), "LANG": "C.UTF-8",
                    "SECUREOPS_TOOLS": str(tmp / "tools")}

    def row(self, what, measured, reach, ok):
        self.rows.append((what, measured, reach, {True: "yes", False: "NO", None: ""}[ok]))
        print(f"{what}: {measured}", file=sys.stderr)

    def fail(self, what, why):
        self.failed = True
        self.row(what, f"not measured: {why}", "", None)


# ---- time and memory of a process tree ----------------------------------------------------------

def tree_of(pid):
    """pid and its descendants, by /proc/PID/task/*/children."""
    pids, todo = [], [pid]
    while todo:
        p = todo.pop()
        pids.append(p)
        try:
            for task in os.listdir(f"/proc/{p}/task"):
                with open(f"/proc/{p}/task/{task}/children") as f:
                    todo += [int(c) for c in f.read().split()]
        except OSError:
            pass
    return pids


def memory_of(pid):
    """(peak resident, resident without file pages) in bytes."""
    high = anon = 0
    try:
        with open(f"/proc/{pid}/status") as f:
            for line in f:
                if line.startswith("VmHWM:"):
                    high = int(line.split()[1]) * 1024
                elif line.startswith("RssAnon:"):
                    anon = int(line.split()[1]) * 1024
    except OSError:
        pass
    return high, anon


class Sampler(threading.Thread):
    """Peak of the sum over all processes: of each one's own peak so far, and of private memory."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.high, self.anon, self.stop = pid, 0, 0, False

    def run(self):
        while not self.stop:
            both = [memory_of(p) for p in tree_of(self.pid)]
            self.high = max(self.high, sum(b[0] for b in both))
            self.anon = max(self.anon, sum(b[1] for b in both))
            time.sleep(0.005)


def run(args, env, cwd, sample=False, may_fail=False):
    """(seconds, sampler) of one run; its output is dropped."""
    start = time.perf_counter()
    p = subprocess.Popen(list(map(str, args)), env=env, cwd=cwd, stdin=subprocess.DEVNULL,
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    sampler = None
    if sample:
        sampler = Sampler(p.pid)
        sampler.start()
    err = p.stderr.read()
    p.wait()
    seconds = time.perf_counter() - start
    if sampler:
        sampler.stop = True
        sampler.join()
    if p.returncode not in (0, 1) and not may_fail:
        raise RuntimeError(f"{' '.join(map(str, args))}: exit status {p.returncode}: "
                           f"{err.decode(errors='replace')[-300:]}")
    return seconds, sampler


def best(n, f):
    return min(f() for _ in range(n))


def mib(n):
    return f"{n / (1 << 20):.0f} MiB"


# ---- the measurements ---------------------------------------------------------------------------

def generate(b, results):
    path = b.tmp / f"{results}.sarif"
    with open(path, "wb") as f:
        subprocess.run([sys.executable, HERE / "gen_sarif.py", str(results)], stdout=f, check=True)
    return path


def import_args(b, path):
    return [b.secureops, "import", "--format", f"json={b.tmp / 'out.json'}", "--fail-on", "none",
            "--no-progress", path]


def count_findings(path):
    """Findings in a JSON report, without loading it whole."""
    with open(path, "rb") as f:
        return sum(line.count(b'"fingerprint"') for line in f)


def bench_import(b):
    results = 10_000 if b.quick else 100_000
    path = generate(b, results)
    size = path.stat().st_size
    python = best(2, lambda: run([sys.executable, "-c",
                                  "import json,sys; json.loads(open(sys.argv[1],'rb').read())",
                                  path], b.env, b.tmp)[0])
    startup = best(3, lambda: run([sys.executable, "-c", "pass"], b.env, b.tmp)[0])
    scan = b.build / "tests" / "bench_json_scan"
    floor = None
    if scan.exists():
        out = subprocess.run([scan, path], capture_output=True, text=True, check=True).stdout
        floor = float(re.search(r"([\d.]+) ms", out)[1]) / 1000

    # A report that replaces one is the file system's work: ext4 writes it to the disk at once.
    def fresh_import(**options):
        (b.tmp / "out.json").unlink(missing_ok=True)
        return run(import_args(b, path), b.env, b.tmp, **options)

    ours = best(5, lambda: fresh_import()[0])
    _, sampler = fresh_import(sample=True)  # the sampler wants a core of its own
    python -= startup
    n = count_findings(b.tmp / "out.json")
    what = f"import of {size / 1e6:.0f} MB SARIF, {results:,} results"
    b.row(what, f"{ours:.2f} s, {n:,} findings", "", None)
    b.row("  against json.loads of Python alone", f"{python:.2f} s: {python / ours:.1f} x faster",
          ">= 4 x", python / ours >= 4)
    if floor:
        b.row("  against our tokenizer alone", f"{floor * 1000:.0f} ms: {ours / floor:.1f} x its time",
              "<= 8 x", ours / floor <= 8)
    else:
        b.fail("  against our tokenizer alone", "bench_json_scan is not built")
    b.row("  peak memory, all processes", f"{mib(sampler.high)} ({mib(sampler.anon)} private)",
          "<= 150 MiB", sampler.high <= 150 << 20)
    path.unlink()


def bench_large(b):
    results = 100_000 if b.quick else 1_000_000
    path = generate(b, results)
    size = path.stat().st_size
    ours, sampler = run(import_args(b, path), b.env, b.tmp, sample=True)
    b.row(f"import of {size / 1e9:.2f} GB SARIF, {results:,} results",
          f"{ours:.1f} s, {count_findings(b.tmp / 'out.json'):,} findings", "", None)
    b.row("  peak memory, all processes", f"{mib(sampler.high)} ({mib(sampler.anon)} private)",
          "<= 600 MiB", sampler.high <= 600 << 20)
    path.unlink()


def bench_fakes(b):
    """Eight scanners that take 0.2 s each: nothing may be added that is not parallel."""
    found = sorted((b.build / "tests" / "bench-plugins").glob("*.so"))
    if len(found) < 8:
        return b.fail("eight fake scanners of 0.2 s, 8 jobs", "the plugins are not built")
    names = ",".join(p.stem for p in found[:8])
    target = b.tmp / "target"
    target.mkdir()
    (target / "a.txt").write_text("x\n")
    args = [b.secureops, "scan", "--plugins", found[0].parent, "--scanners", names, "--jobs", "8",
            "--no-progress", "--format", f"json={b.tmp / 'fakes.json'}", target]

    def fresh_scan():
        (b.tmp / "fakes.json").unlink(missing_ok=True)  # see fresh_import
        return run(args, b.env, b.tmp)[0]

    times = [fresh_scan() for _ in range(7)]
    ran = json.loads((b.tmp / "fakes.json").read_text())["scanners"]
    if len([r for r in ran if r["status"] == "completed"]) != 8:
        return b.fail("eight fake scanners of 0.2 s, 8 jobs", f"not all completed: {ran}")
    t = statistics.median(times)
    b.row("eight fake scanners of 0.2 s, 8 jobs", f"{t:.3f} s (median of 7; best {min(times):.3f})",
          "<= 0.23 s", t <= 0.23)


def bench_version(b):
    times = [run([b.secureops, "version"], b.env, b.tmp)[0] for _ in range(50)]
    t = statistics.median(times) * 1000
    b.row("secureops version", f"{t:.1f} ms (median of 50)", "<= 10 ms", t <= 10)


def bench_empty(b):
    args = [b.secureops, "scan", "--no-progress", b.tmp / "empty"]
    times = [run(args, b.env, b.tmp)[0] for _ in range(20)]
    t = statistics.median(times) * 1000
    b.row("secureops scan of an empty folder", f"{t:.0f} ms (median of 20)", "<= 100 ms", t <= 100)


def bench_findings(b):
    """Its lines are "STEP SECONDS s RATE findings/s"; "both" is fingerprinting and correlation."""
    program = b.build / "tests" / "bench_findings"
    what = "fingerprinting and correlation"
    if not program.exists():
        return b.fail(what, "bench_findings is not built")
    out = subprocess.run([program], capture_output=True, text=True, timeout=300, check=True).stdout
    rates = {m[1]: int(m[2]) for m in re.finditer(r"(?m)^(\w+) +[\d.]+ s +(\d+) findings/s", out)}
    b.row(what, f"{rates['both']:,} findings a second", ">= 500,000", rates["both"] >= 500_000)
    others = ", ".join(f"{k} {v:,}" for k, v in rates.items() if k != "both")
    b.row("  each step, findings a second", others, "", None)


def bench_worker(b):
    """Its lines are "WHAT: MEASURED [reach: REACH: yes|NO]"."""
    program = b.build / "tests" / "bench_worker"
    if not program.exists():
        return b.fail("worker start to first message", "bench_worker is not built")
    out = subprocess.run([program], capture_output=True, text=True, timeout=300, check=True,
                         env=dict(b.env, SECUREOPS_BUILD=str(b.build))).stdout
    for line in out.splitlines():
        m = re.match(r"(.*?): (.*?)(?: *\[reach: (.*): (yes|NO)\])?$", line)
        b.row(m[1], m[2], m[3] or "", {"yes": True, "NO": False, None: None}[m[4]])


BENCHES = {
    "import": bench_import,
    "large": bench_large,
    "fakes": bench_fakes,
    "version": bench_version,
    "empty": bench_empty,
    "findings": bench_findings,
    "worker": bench_worker,
}


def main():
    p = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].strip())
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    p.add_argument("--large", action="store_true")
    p.add_argument("--quick", action="store_true")
    p.add_argument("--only", action="append", choices=BENCHES)
    args = p.parse_args()
    names = args.only or [n for n in BENCHES if n != "large" or args.large]

    tmp = pathlib.Path(tempfile.mkdtemp(prefix="sco-bench-"))
    b = Bench(args.build.resolve(), tmp, args.quick)
    try:
        for name in names:
            try:
                BENCHES[name](b)
            except (OSError, RuntimeError, subprocess.SubprocessError) as e:
                b.fail(name, str(e))
    finally:
        shutil.rmtree(tmp, ignore_errors=True)

    print("| what | measured | reach | reached |\n|---|---|---|---|")
    for r in b.rows:
        print("| " + " | ".join(r) + " |")
    return 1 if b.failed else 0


if __name__ == "__main__":
    sys.exit(main())
