#!/usr/bin/env python3
"""Agreement with other tools: runs the built program over their own samples, row by row.

    run.py [SET...] [--program PATH] [--policies DIR] [--show all|undocumented]
           [--update-docs] [--deliberate FILE] [--jobs N]

Prints a table and every disagreement by name, those of deliberate.json with their reason. Exit 1:
a disagreement that nobody gave a reason for, a reason that no longer applies, or a goal missed;
77: no corpus (at $SECUREOPS_CORPUS/policy, or ../shared/corpus/policy beside the checkout).
"""
import argparse
import dataclasses
import fnmatch
import json
import os
import pathlib
import shlex
import sys
import time

import engine as engines
import sets

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = pathlib.Path(os.environ.get("SECUREOPS_SOURCE", HERE.parents[1]))
BUILD = pathlib.Path(os.environ.get("SECUREOPS_BUILD", SOURCE / "build"))
SKIPPED = 77


@dataclasses.dataclass
class Goal:
    run: object
    agree: float  # of covered rows
    covered: float = 1.0  # of the checks that the set has samples of


GOALS = {
    "psa": Goal(sets.psa, 1.0),
    "checkov-k8s": Goal(sets.checkov("checkov-k8s", "checkov-k8s/expected.jsonl",
                                     sets.same_kubernetes), 0.97),
    "checkov-docker": Goal(sets.checkov("checkov-docker", "checkov-docker/expected.jsonl",
                                        sets.same_dockerfile, custom={"MY_CUSTOM_CHECK"}), 0.97),
    "checkov-gha": Goal(sets.checkov("checkov-gha", "checkov-gha/expected.jsonl",
                                     sets.same_workflow), 0.97),
    "kics-k8s": Goal(sets.kics("k8s", sets.unit_kubernetes), 0.95, 0.75),
    "kics-dockerfile": Goal(sets.kics("dockerfile", sets.unit_file), 0.95, 0.75),
    "kics-compose": Goal(sets.kics("dockerCompose", sets.unit_compose), 0.95, 0.75),
    "kics-github": Goal(sets.kics("cicd", sets.unit_job, "github__"), 0.95, 0.75),
    "trivy-kubernetes": Goal(sets.trivy("kubernetes"), 0.97, 0.9),
    "trivy-dockerfile": Goal(sets.trivy("dockerfile"), 0.97, 0.9),
    "tfplan": Goal(sets.checkov("tfplan", "tfplan/expected-checkov-tests.jsonl",
                                sets.same_address, usable=lambda r: r["reliable"]), 0.95, 0.0),
}
CHECKOV_K8S_MIN = 100  # checks by alias, samples or not


def corpus_dir():
    root = os.environ.get("SECUREOPS_CORPUS") or SOURCE.parent / "shared" / "corpus"
    return pathlib.Path(root) / "policy"


class Deliberate:
    """Disagreements with a reason: {"set": [{"check", "file", "resource", "reason"}]}; file and
    resource may be left out, and are globs."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as f:
            self.entries = json.load(f)
        self.used = set()

    def reason(self, name, row):
        for i, e in enumerate(self.entries.get(name, [])):
            if e["check"] == row.check and fnmatch.fnmatch(row.file, e.get("file", "*")) \
                    and fnmatch.fnmatch(row.resource, e.get("resource", "*")):
                self.used.add((name, i))
                return e["reason"]
        return None

    def stale(self, names):
        return [(name, e) for name in names for i, e in enumerate(self.entries.get(name, []))
                if (name, i) not in self.used]


def percent(part, whole):
    return 100.0 if not whole else 100.0 * part / whole


def judge(name, goal, outcome, engine):
    covered = [r for r in outcome.rows if r.covered]
    agree = sum(r.agrees for r in covered)
    misses = []
    if not covered:
        misses.append("no row is covered")
    if percent(agree, len(covered)) < 100 * goal.agree:
        misses.append("%.1f %% of covered rows agree, wanted %g %%"
                      % (percent(agree, len(covered)), 100 * goal.agree))
    if outcome.checks_covered < goal.covered * outcome.checks:
        misses.append("%d of %d checks covered, wanted %g %%"
                      % (outcome.checks_covered, outcome.checks, 100 * goal.covered))
    notes = list(outcome.notes)
    if name == "checkov-k8s":
        known = json.loads((corpus_dir() / "checkov-check-names.json").read_text("utf-8"))
        ours = [a for a in engine.by_alias if a in known and "_K8S_" in a]
        notes.append("%d Kubernetes checks of Checkov carried as alias" % len(ours))
        if len(ours) < CHECKOV_K8S_MIN:
            misses.append("%d checks by alias, wanted %d" % (len(ours), CHECKOV_K8S_MIN))
    return {"name": name, "rows": len(outcome.rows), "covered": len(covered), "agree": agree,
            "checks": outcome.checks, "checks_covered": outcome.checks_covered,
            "absent": outcome.absent, "misses": misses, "notes": notes,
            "reach": "%g %% of rows%s" % (100 * goal.agree, ", %g %% of checks"
                                          % (100 * goal.covered) if goal.covered else "")}


def table_of(lines):
    head = ["set", "rows", "covered", "agree", "%", "checks covered", "absent", "reach", "met"]
    table = [head] + [[v["name"], str(v["rows"]), str(v["covered"]), str(v["agree"]),
                       "%.1f" % percent(v["agree"], v["covered"]),
                       "%d of %d" % (v["checks_covered"], v["checks"]), str(v["absent"]),
                       v["reach"], "no" if v["misses"] else "yes"] for v in lines]
    return table


def print_table(table):
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    for row in table:
        print("  ".join(cell.ljust(w) for cell, w in zip(row, widths)).rstrip())


def update_docs(table, reasons):
    """Rewrites what stands between the markers of the page."""
    page = SOURCE / "docs" / "policy-agreement.md"
    text = page.read_text("utf-8")
    rows = ["| " + " | ".join(row) + " |" for row in table]
    rows.insert(1, "|" + " --- |" * len(table[0]))
    found = ["* `%s` %s, `%s`%s: %s" % (name, row.check, row.file,
                                        " (%s)" % row.resource if row.resource else "", reason)
             for name, row, reason in reasons]
    for marker, lines in (("table", rows), ("differences", found or ["None."])):
        begin, end = "<!-- %s -->\n" % marker, "<!-- end of %s -->" % marker
        before, rest = text.split(begin)
        text = before + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1]
    page.write_text(text, "utf-8")


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("sets", nargs="*", metavar="SET", help=" ".join(GOALS))
    arguments.add_argument("--program", default=str(BUILD / "bin" / "secureops"))
    arguments.add_argument("--policies", help="a further pack")
    arguments.add_argument("--show", choices=("all", "undocumented"), default="all")
    arguments.add_argument("--update-docs", action="store_true",
                           help="rewrite the table and the list of docs/policy-agreement.md")
    arguments.add_argument("--deliberate", default=HERE / "deliberate.json")
    arguments.add_argument("--jobs", type=int, default=2)
    args = arguments.parse_args()
    names = args.sets or list(GOALS)
    for name in names:
        if name not in GOALS:
            arguments.error("no set %r: %s" % (name, " ".join(GOALS)))
    corpus = corpus_dir()
    if not corpus.is_dir():
        print("skipped: no corpus at %s (set SECUREOPS_CORPUS)" % corpus)
        return SKIPPED

    started = time.monotonic()
    engine = engines.Engine(shlex.split(args.program), str(corpus), args.policies, args.jobs)
    deliberate = Deliberate(args.deliberate)
    lines, reasons, undocumented = [], [], 0
    for name in names:
        outcome = GOALS[name].run(engine)
        lines.append(judge(name, GOALS[name], outcome, engine))
        for row in outcome.rows:
            if row.agrees:
                continue
            reason = deliberate.reason(name, row)
            undocumented += reason is None
            if reason is not None:
                reasons.append((name, row, reason))
            if reason is None or args.show == "all":
                print("%s: %s %s %s: expected %s, got %s%s" % (
                    name, row.check, row.file, row.resource, row.expected, row.got,
                    "\n    deliberate: " + reason if reason else ""))
    stale = deliberate.stale(names)
    for name, entry in stale:
        print("%s: nothing disagrees any more as deliberate.json says: %s" % (name, entry))
    print()
    print_table(table_of(lines))
    if args.update_docs:
        update_docs(table_of(lines), reasons)
    for line in lines:
        for text in line["misses"] + line["notes"]:
            print("%s: %s" % (line["name"], text))
    print("%d undocumented, %d calls of the program, %.1f s"
          % (undocumented, engine.calls, time.monotonic() - started))
    return 1 if undocumented or stale or any(v["misses"] for v in lines) else 0


if __name__ == "__main__":
    sys.exit(main())
