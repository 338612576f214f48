#!/usr/bin/env python3
"""Measures the policies: a plan of 60 MB, 10,000 Kubernetes manifests, a single file. Prints one
table, with conftest, OPA and Checkov beside it where they are on the PATH. For people: the exit
status says only whether the measurements could be made.

    run_policies.py [--build DIR] [--quick] [--only NAME]...

--quick takes a tenth of the sizes. Names: plan, synthetic, manifests, single, peers.
"""
import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from run import HERE, ROOT, Bench, mib, run

RESOURCES = 15000
RULES = 160
MANIFESTS = 10000

# Arguments of the generated plan that the synthetic rules ask for: (argument, value that is wrong).
ASKED = [("tags.Owner", "nobody"), ("description", "TODO"), ("name", "forbidden"),
         ("region", "us-gov-east-1"), ("engine", "mssql"), ("instance_type", "t1.micro"),
         ("acl", "public-read-write"), ("protocol", "telnet")]


def lua_rule(i):
    path, value = ASKED[i % len(ASKED)]
    return f"""  {{
    id = "synthetic-{i:03}",
    title = "Rule {i}",
    severity = "LOW",
    applies_to = "terraform:resource",
    remediation = "None.",
    check = function(r)
      if r.values.{path} == "{value}-{i}" then
        fail(r, "values.{path}", "rule {i}")
      end
    end,
  }},
"""


def rego_rule(i):
    path, value = ASKED[i % len(ASKED)]
    return f"""
deny contains msg if {{
    some r in input.resource_changes
    r.change.after.{path} == "{value}-{i}"
    msg := sprintf("%s: rule {i}", [r.address])
}}
"""


def write_rules(b):
    lua = b.tmp / "synthetic"
    lua.mkdir(exist_ok=True)
    (lua / "rules.lua").write_text("return {\n" + "".join(map(lua_rule, range(RULES))) + "}\n")
    rego = b.tmp / "rego"
    rego.mkdir(exist_ok=True)
    (rego / "rules.rego").write_text("package main\n\nimport rego.v1\n"
                                     + "".join(map(rego_rule, range(RULES))))
    return lua, rego


def write_plan(b, resources):
    path = b.tmp / f"plan-{resources}" / "tfplan.json"
    if not path.exists():
        path.parent.mkdir()
        with open(path, "wb") as f:
            subprocess.run([sys.executable, HERE / "gen_plan.py", str(resources)], stdout=f,
                           check=True)
    return path


def one_core(args):
    return ["taskset", "-c", "0", *args] if shutil.which("taskset") else list(args)


def scan(b, target, *more, sample=False):
    """(seconds, sampler, report) of a scan with nothing but the policies, on one core."""
    out = b.tmp / "report.json"
    out.unlink(missing_ok=True)
    seconds, sampler = run(one_core([b.secureops, "scan", "--scanners", "policies", "--no-progress",
                                     "--fail-on", "none", "--format", f"json={out}", *more, target]),
                           b.env, b.tmp, sample=sample, may_fail=True)
    report = json.loads(out.read_text())
    ran = report["scanners"][0]
    if ran["status"] not in ("completed", "incomplete"):
        raise RuntimeError(f"the scan is {ran['status']}: {ran['reason']}")
    return seconds, sampler, report


def plan_rows(b, what, plan, *more):
    times, high = [], 0
    for _ in range(5):
        seconds, sampler, report = scan(b, plan, *more, sample=True)
        times.append(seconds)
        high = max(high, sampler.high)
    size = plan.stat().st_size
    t = statistics.median(times)
    n = report["policies"].get("evaluations", 0)
    b.row(f"{what}, {size / 1e6:.0f} MB, one core",
          f"{t:.2f} s (median of 5; best {min(times):.2f}), {n:,} evaluations", "<= 1.5 s", t <= 1.5)
    b.row("  peak memory, all processes", f"{mib(high)}, {high / size:.1f} x the file", "<= 5 x",
          high <= 5 * size)
    return t


def bench_plan(b):
    resources = RESOURCES // 10 if b.quick else RESOURCES
    plan_rows(b, f"plan of {resources:,} resources, the plan policies", write_plan(b, resources))


def bench_synthetic(b):
    resources = RESOURCES // 10 if b.quick else RESOURCES
    lua, rego = write_rules(b)
    plan = write_plan(b, resources)
    ours = plan_rows(b, f"plan of {resources:,} resources, {RULES} synthetic policies", plan,
                     "--policies", lua, "--set", "scanners.policies.policies=synthetic-*")
    for name, args in (("conftest", ["conftest", "test", "-p", rego, plan]),
                       ("OPA", ["opa", "eval", "-d", rego, "-i", plan, "data.main.deny"])):
        if not shutil.which(args[0]):
            b.row(f"  against {name}", "not installed", ">= 10 x", None)
            continue
        theirs, _ = run(one_core([shutil.which(args[0]), *args[1:]]), b.env, b.tmp, may_fail=True)
        b.row(f"  against {name}, the same rules in Rego, one core",
              f"{theirs:.1f} s: {theirs / ours:.0f} x faster", ">= 10 x", theirs >= 10 * ours)


def bench_peers(b):
    """Checkov's own checks against our plan policies, on a plan that it can finish."""
    checkov = shutil.which("checkov")
    if not checkov:
        return b.row("Checkov on a plan", "not installed", ">= 100 x", None)
    plan = write_plan(b, 150 if b.quick else 500)
    ours = statistics.median(scan(b, plan)[0] for _ in range(5))
    env = dict(b.env, CHECKOV_RUN_SCA_PACKAGE_SCAN="false")
    theirs, _ = run(one_core([checkov, "-f", plan, "--framework", "terraform_plan", "--quiet",
                              "--compact", "--skip-download"]), env, b.tmp, may_fail=True)
    b.row(f"Checkov on a plan of {plan.stat().st_size / 1e6:.1f} MB, one core",
          f"{theirs:.1f} s against {ours:.3f} s: {theirs / ours:.0f} x faster", ">= 100 x",
          theirs >= 100 * ours)


MANIFEST = """apiVersion: apps/v1
kind: Deployment
metadata:
  name: web-{i}
  namespace: team-{t}
  labels: {{app: web-{i}, team: team-{t}}}
spec:
  replicas: {r}
  selector: {{matchLabels: {{app: web-{i}}}}}
  template:
    metadata:
      labels: {{app: web-{i}}}
    spec:
      serviceAccountName: web
      automountServiceAccountToken: false
      securityContext:
        runAsNonRoot: true
        seccompProfile: {{type: RuntimeDefault}}
      containers:
        - name: web
          image: registry.example/team-{t}/web:{t}.{r}.{i}
          imagePullPolicy: Always
          ports:
            - containerPort: 8080
          env:
            - name: MODE
              value: production
            - name: PASSWORD
              valueFrom: {{secretKeyRef: {{name: web, key: password}}}}
          resources:
            requests: {{cpu: 100m, memory: 128Mi}}
            limits: {{cpu: 500m, memory: 256Mi}}
          livenessProbe: {{httpGet: {{path: /healthz, port: 8080}}}}
          readinessProbe: {{httpGet: {{path: /ready, port: 8080}}}}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: {ro}
            runAsUser: 10001
            capabilities: {{drop: [ALL]}}
"""


def bench_manifests(b):
    n = MANIFESTS // 10 if b.quick else MANIFESTS
    target = b.tmp / "manifests"
    for i in range(n):
        d = target / f"{i // 500:02}"
        d.mkdir(parents=True, exist_ok=True)
        (d / f"web-{i}.yaml").write_text(
            MANIFEST.format(i=i, t=i % 17, r=i % 5 + 1, ro="true" if i % 9 else "false"))
    times = []
    for _ in range(3):
        seconds, _, report = scan(b, target)
        times.append(seconds)
    t, count = statistics.median(times), report["policies"]["evaluations"]
    b.row(f"{n:,} Kubernetes manifests x the whole pack, one core",
          f"{t:.2f} s: {count:,} evaluations, {count / t:,.0f} a second", ">= 200,000 a second",
          count / t >= 200_000)
    start = time.perf_counter()
    subprocess.run([b.secureops, "scan", "--scanners", "policies", "--no-progress", "--fail-on",
                    "none", "--quiet", target], env=b.env, cwd=b.tmp, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL)
    all_cores = time.perf_counter() - start
    b.row("  on all cores", f"{all_cores:.2f} s: {t / all_cores:.1f} x", "", None)


def bench_single(b):
    target = b.tmp / "single"
    target.mkdir()
    (target / "web.yaml").write_text(MANIFEST.format(i=1, t=1, r=1, ro="true"))
    times = [scan(b, target)[0] * 1000 for _ in range(15)]
    t = statistics.median(times)
    b.row("scan of one manifest, all packs loaded, one core", f"{t:.0f} ms (median of 15)",
          "<= 60 ms", t <= 60)


BENCHES = {
    "single": bench_single,
    "manifests": bench_manifests,
    "plan": bench_plan,
    "synthetic": bench_synthetic,
    "peers": bench_peers,
}


def main():
    p = argparse.ArgumentParser(usage=__doc__.split("\n\n")[1].strip())
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build")
    p.add_argument("--quick", action="store_true")
    p.add_argument("--only", action="append", choices=BENCHES)
    args = p.parse_args()

    tmp = pathlib.Path(tempfile.mkdtemp(prefix="sco-bench-"))
    b = Bench(args.build.resolve(), tmp, args.quick)
    try:
        for name in args.only or BENCHES:
            try:
                BENCHES[name](b)
            except (OSError, RuntimeError, KeyError, ValueError, subprocess.SubprocessError) as e:
                b.fail(name, repr(e))
    finally:
        shutil.rmtree(tmp, ignore_errors=True)

    print("| what | measured | reach | reached |\n|---|---|---|---|")
    for r in b.rows:
        print("| " + " | ".join(r) + " |")
    return 1 if b.failed else 0


if __name__ == "__main__":
    sys.exit(main())
