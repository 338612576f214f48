#!/usr/bin/env python3
"""Runs every report of the shared corpus through the built programs and compares the outcome with
what the peer's own tests assert: how many findings, and the asserted fields of single ones.

usage: run.py [--parser NAME]... [--verbose] [--markdown]

A family is a folder of the corpus. It fails below 97 % of the asserted counts or 95 % of the asserted
fields, and on any file that crashes or hangs the worker or silently gives nothing. Differences that
are meant are listed, with their reason, in deliberate.json; they are counted in a column of their
own. Exit status 0, 1 (a family fails), 77 (no corpus, or nothing built)."""
import argparse
import fnmatch
import json
import os
import subprocess
import sys
import tempfile

import compare
import sonar_api
from worker import Hang, Worker, build_dir, corpus_dir, plugin_path

COUNTS_LEAST, ASSERTS_LEAST = 0.97, 0.95

# Which plugin reads which folder of the corpus; others run as soon as a plugin of their name exists.
PLUGINS = {"semgrep_pro": "semgrep", "dependency_check": "dependency-check",
           "api_sonarqube": "sonarqube", "npm_audit_7_plus": "npm-audit"}
FAMILIES = ["trivy", "semgrep", "semgrep_pro", "gitleaks", "checkov", "dependency_check", "zap",
            "sonarqube", "api_sonarqube", "sarif", "bandit"]


# ---- merging ----------------------------------------------------------------------------------------
# Some expectations are counted after the peer merged items of one report. The keys are the ones that
# the rows' notes name; a plain count of reported items agrees too.

def first(finding, *names):
    return tuple(str(finding.get(n)) for n in names)


def digest(finding):
    return str(compare.meta(finding).get("secret_digest"))


MERGE_KEYS = {
    "semgrep": lambda f: first(f, "title", "file_path", "line_number"),
    "semgrep_pro": lambda f: (str(compare.meta(f).get("match_fingerprint")),),
    "gitleaks": lambda f: first(f, "title", "file_path", "line_number") + (digest(f),),
    "dependency_check": lambda f: (str(f.get("cve_id") or f.get("rule_id")),
                                   str(f.get("cwe_ids")), str(f.get("file_path")).lower(),
                                   str((f.get("package") or {}).get("name")),
                                   str(bool(f.get("suppressions")))),
    "sonarqube": lambda f: first(f, "cwe_ids", "title", "description", "file_path"),
}


def merged(family, row, findings):
    key = MERGE_KEYS.get(family)
    if (not key or "merge" not in row["note"] or row.get("mode") == "detailed"
            or "findings_over_api" in row["file"]):  # "REST API JSON/ZIP: no merge"
        return findings
    seen = {}
    for f in findings:
        k = key(f)
        if k in seen:
            seen[k]["occurrences"] = seen[k].get("occurrences", 1) + 1
        else:
            seen[k] = dict(f)
    if family == "sonarqube":  # "line dropped"
        return [{**f, "line_number": None} for f in seen.values()]
    return list(seen.values())


def items(family, row, findings):
    """Findings as the peer counts them: SARIF has one for each location of a result."""
    if "result x location" not in row["note"]:
        return merged(family, row, findings)
    out = []
    for f in findings:
        out.append(f)
        for place in f.get("locations") or []:
            out.append({**f, "line_number": place.get("line_number"),
                        "file_path": place.get("file_path", f.get("file_path"))})
    return out


# ---- one row ------------------------------------------------------------------------------------------
class Family:
    def __init__(self, name):
        self.name = name
        self.files = self.counted = self.counts_agree = self.peer_counts = self.peer_agree = 0
        self.tally = {compare.AGREE: 0, compare.DIFFER: 0, compare.NOT_APPLICABLE: 0,
                      "deliberate": 0}
        self.differences, self.faults, self.counts_deliberate = [], [], 0
        self.detectable = self.detected = 0

    @property
    def plugin(self):
        return PLUGINS.get(self.name, self.name.replace("_", "-"))

    def asserted(self):
        return self.tally[compare.AGREE] + self.tally[compare.DIFFER] + self.tally["deliberate"]

    def counts_ok(self):
        good = self.counts_agree + self.counts_deliberate
        return not self.counted or good / self.counted >= COUNTS_LEAST

    def asserts_ok(self):
        n = self.asserted()
        return not n or 1 - self.tally[compare.DIFFER] / n >= ASSERTS_LEAST


def reason_for(deliberate, row, field):
    for d in deliberate:
        if (d["parser"] == row["parser"] and fnmatch.fnmatch(row["file"], d.get("file", "*"))
                and fnmatch.fnmatch(field, d["field"])
                and d.get("mode", row.get("mode")) == row.get("mode")):
            return d["reason"]
    return None


def check_count(family, row, result, ours, deliberate):
    expected = row["expected_count"]
    want = expected if expected is not None else row["peer_count"]
    agree = want in (len(ours), len(result.findings))
    if expected is None:
        family.peer_counts += 1
        family.peer_agree += agree
    else:
        family.counted += 1
        family.counts_agree += agree
    if not agree:
        why = reason_for(deliberate, row, "count")
        if expected is not None:
            family.counts_deliberate += why is not None
        family.differences.append((row, "count", "eq", want, len(ours), why))


def pick(ours, index):
    if index == "*":
        return ours
    if index is None:
        return None
    return [ours[index]] if -len(ours) <= index < len(ours) else []


def check_list(row, result, ours, check):
    """An assertion about the list itself."""
    if check["field"] in ("len(@)", "len(findings)"):
        return compare.AGREE if compare.OPS[check["op"]](len(ours), check["value"]) \
            else compare.DIFFER, len(ours)
    if check["field"] == "type":
        return (compare.AGREE if check["value"] in result.tools else compare.DIFFER), result.tools
    return compare.NOT_APPLICABLE, None


def check_assert(family, row, result, ours, check, deliberate):
    chosen = pick(ours, check["index"])
    if chosen is None:
        verdict, value = check_list(row, result, ours, check)
    else:
        verdict, value = (compare.DIFFER, "no such finding") if not chosen else (None, None)
        for f in chosen:
            v, value = compare.compare(f, check)
            verdict = v if verdict in (None, compare.AGREE) else verdict
            if verdict == compare.DIFFER:
                break
    if verdict == compare.DIFFER:
        why = reason_for(deliberate, row, check["field"])
        family.differences.append((row, "[%s] %s" % (check["index"], check["field"]), check["op"],
                                   check.get("value"), value, why))
        verdict = "deliberate" if why else verdict
    family.tally[verdict] += 1


def check_detection(worker, family, row, path, plugins):
    """Which plugin takes the file when none is named: the right one, or none, never another."""
    family.detectable += 1
    chosen = worker.detect(path, plugins).chosen
    family.detected += chosen == family.plugin
    if chosen not in (None, family.plugin):
        family.faults.append("%s: taken for a report of %s" % (row["file"], chosen))


def check_row(worker, family, row, root, deliberate, plugins):
    family.files += 1
    files = row["file"].split("+")
    path = os.path.join(root, files[0])
    try:
        if family.name == "api_sonarqube":
            result = sonar_api.scan(worker, root, files)
        else:
            result = worker.parse(path, family.plugin)
            check_detection(worker, family, row, path, plugins)
    except Hang as e:
        family.faults.append("%s: hangs: %s" % (row["file"], e))
        return
    if result.signal or result.status == "crashed":
        family.faults.append("%s: crashed (signal %s)" % (row["file"], result.signal))
        return
    if row["expect_error"]:
        if result.status != "failed":
            family.faults.append("%s: was not refused: %s" % (row["file"], result))
        return
    want = row["expected_count"] if row["expected_count"] is not None else row["peer_count"]
    if want and not result.findings and result.status == "completed":
        family.faults.append("%s: silently nothing" % row["file"])
    if result.status == "failed":
        family.faults.append("%s: %s" % (row["file"], result))
    ours = items(family.name, row, result.findings)
    check_count(family, row, result, ours, deliberate)
    for check in row["asserts"]:
        try:
            check_assert(family, row, result, ours, check, deliberate)
        except compare.Unknown as e:
            family.faults.append("%s: the runner does not know the field %s" % (row["file"], e))


# ---- the command line ---------------------------------------------------------------------------------
def check_cli(families, rows, root):
    """Every file once more through `secureops import`: the same number of reported items."""
    program = os.path.join(build_dir(), "bin", "secureops")
    if not os.path.exists(program):
        return 0
    n = 0
    with Worker() as worker, tempfile.TemporaryDirectory() as tmp:
        out = os.path.join(tmp, "out.json")
        env = {**os.environ, "HOME": tmp, "XDG_CACHE_HOME": tmp, "XDG_STATE_HOME": tmp}
        for row in rows:
            family = families[row["parser"]]
            plugin = family.plugin
            if "+" in row["file"]:
                continue
            path = os.path.join(root, row["file"])
            r = subprocess.run([program, "import", "--scanner", plugin, "--format", "json", "-o",
                                out, path], stdin=subprocess.DEVNULL, capture_output=True,
                               timeout=120, env=env, check=False)
            if r.returncode not in (0, 1, 3):
                family.faults.append("%s: secureops import exits with %d: %s" % (
                    row["file"], r.returncode, r.stderr.decode(errors="replace")[-300:]))
                continue
            with open(out, encoding="utf-8") as f:
                run = json.load(f)["scanners"][0]
            direct = worker.parse(path, plugin)
            if run.get("reported") != len(direct.findings) or run["status"] != direct.status:
                family.faults.append("%s: secureops import says %s, %s; the worker %r" % (
                    row["file"], run["status"], run.get("reported"), direct))
            n += 1
    return n


# ---- report ---------------------------------------------------------------------------------------------
def share(part, whole):
    return "%d/%d" % (part, whole) if whole else "-"


def rate(family):
    n = family.asserted()
    return "%.1f %%" % (100 * family.tally[compare.AGREE] / n) if n else "-"


def table(families, markdown):
    head = ["parser", "files", "detected", "counts", "peer counts", "asserts", "agree",
            "deliberate", "n.a.", "differ"]
    rows = [[f.name, str(f.files), share(f.detected, f.detectable),
             share(f.counts_agree, f.counted), share(f.peer_agree, f.peer_counts), share(f.tally[compare.AGREE], f.asserted()),
             rate(f), str(f.tally["deliberate"] + f.counts_deliberate),
             str(f.tally[compare.NOT_APPLICABLE]), str(f.tally[compare.DIFFER])] for f in families]
    if markdown:
        return "\n".join("| %s |" % " | ".join(r) for r in
                         [head, ["---"] * len(head)] + rows)
    widths = [max(len(r[i]) for r in rows + [head]) for i in range(len(head))]
    return "\n".join("  ".join(c.ljust(w) for c, w in zip(r, widths)).rstrip()
                     for r in [head] + rows)


def report(families, args):
    print(table(families, args.markdown))
    for f in families:
        for row, what, op, theirs, ours, why in f.differences:
            if why and not args.verbose:
                continue
            print("\n%s %s%s\n  %s %s %s\n  ours: %s%s" % (
                f.name, row["file"], " (%s)" % row["mode"] if row.get("mode") else "", what, op,
                compare.show(theirs), compare.show(ours), "\n  deliberate: " + why if why else ""))
        for fault in f.faults:
            print("\n%s FAULT %s" % (f.name, fault))
    bad = [f.name for f in families if f.faults or not f.counts_ok() or not f.asserts_ok()]
    print("\n%s" % ("families below the mark: " + ", ".join(bad) if bad else
                    "every family is above the mark"))
    return 1 if bad else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--parser", action="append")
    parser.add_argument("--verbose", action="store_true", help="deliberate differences too")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--no-cli", action="store_true")
    args = parser.parse_args()
    root = os.path.join(corpus_dir(), "scans")
    if not os.path.exists(os.path.join(root, "expected.jsonl")):
        print("skipped: no corpus at %s (set SECUREOPS_CORPUS)" % corpus_dir())
        return 77
    with open(os.path.join(root, "expected.jsonl"), encoding="utf-8") as f:
        rows = [json.loads(line) for line in f]
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "deliberate.json"), encoding="utf-8") as f:
        deliberate = json.load(f)
    families, used = {}, []
    for row in rows:
        name = row["parser"]
        plugin = PLUGINS.get(name, name.replace("_", "-"))
        if (args.parser and name not in args.parser) or not os.path.exists(plugin_path(plugin)):
            continue
        families.setdefault(name, Family(name))
        used.append(row)
    if not families:
        print("skipped: no plugin is built in %s" % build_dir())
        return 77
    missing = [n for n in FAMILIES if n not in families and not args.parser]
    plugins = sorted(p[:-3] for p in os.listdir(os.path.dirname(plugin_path("x")))
                     if p.endswith(".so"))
    with Worker() as worker:
        for row in used:
            check_row(worker, families[row["parser"]], row, root, deliberate, plugins)
    n = 0 if args.no_cli else check_cli(families, used, root)
    result = report(list(families.values()), args)
    print("%d files through secureops import" % n)
    if missing:
        print("not built: " + ", ".join(missing))
    return result


if __name__ == "__main__":
    sys.exit(main())
