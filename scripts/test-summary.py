#!/usr/bin/env python3
"""Sums up a JUnit file of ctest.

A test of ctest is one program; the cases in it are counted one by one when its output shows them
(cmocka, Python's unittest with -v), so that a case that was skipped inside a program is seen. A
program that failed without a failing case counts as one failure. A program may also print lines
"SKIP name: reason" for parts that it left out.

    test-summary.py JUNIT [LOG]     the last line is "N passed, N failed, N skipped"

LOG is what ctest printed: it knows how a program ended, which the JUnit file does not.

Exit status: 0 all passed, 1 one failed, none ran or a file could not be read.
"""
import re
import sys
import xml.etree.ElementTree as ET

CMOCKA = re.compile(r"^\[ +(RUN|OK|FAILED|SKIPPED) +\] (\S+)$")
UNITTEST = re.compile(r"^(test\w*) \(([\w.]+)\).*?\.\.\. (.*)$")
SKIP = re.compile(r"^SKIP (\S+): (.*)$")


class Case:
    def __init__(self, name, result, reason=""):
        self.name, self.result, self.reason = name, result, reason


def cmocka_cases(lines):
    """The result follows the lines that the case printed; cmocka repeats failures at the end."""
    running, said, cases = None, [], []
    for line in lines:
        m = CMOCKA.match(line)
        if not m:
            said.append(line)
        elif m[1] == "RUN":
            running, said = m[2], []
        elif m[2] == running:
            result = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}[m[1]]
            cases.append(Case(m[2], result, " ".join(s.strip() for s in said if s.strip())))
            running = None
    return cases


def unittest_cases(lines):
    cases, pending = [], None
    for line in lines:
        m = UNITTEST.match(line)
        if m:
            pending, verdict = m[1], m[3]
        elif re.match(r"^test\w* \([\w.]+\)$", line):
            pending = line.split()[0]      # a docstring follows, with the verdict
            continue
        elif pending and " ... " in line:
            verdict = line.rsplit(" ... ", 1)[1]
        elif pending and line in ("ok", "FAIL", "ERROR"):
            verdict = line
        else:
            continue
        verdict = verdict.strip()
        if verdict.endswith("ok"):
            cases.append(Case(pending, "passed"))
        elif "skipped" in verdict:
            cases.append(Case(pending, "skipped", verdict.split("skipped", 1)[1].strip(" '\"")))
        elif verdict.endswith(("FAIL", "ERROR")):
            cases.append(Case(pending, "failed"))
        else:
            continue                        # it printed something first: the verdict follows
        pending = None
    return cases


def cases_of(test):
    name, status = test.get("name"), test.get("status")
    output = test.findtext("system-out") or ""
    lines = output.splitlines()
    skipped, failure = test.find("skipped"), test.find("failure")
    if skipped is not None or status in ("notrun", "disabled"):
        said = [s for s in lines if s.strip()]
        reason = said[-1].strip() if said else ""
        if not reason and skipped is not None:
            reason = skipped.get("message", "")
        # A program that is not there is no test that may be left out.
        missing = "Unable to find" in reason or "Required Files" in reason
        return [Case(name, "failed" if missing else "skipped", reason)]

    cases = cmocka_cases(lines) or unittest_cases(lines)
    bad = failure is not None or status == "fail"
    if bad and not any(c.result == "failed" for c in cases):
        cases.append(Case("", "failed"))
    elif not cases:
        cases.append(Case("", "passed"))
    cases += [Case(m[1], "skipped", m[2]) for m in map(SKIP.match, lines) if m]
    for c in cases:
        c.name = f"{name}: {c.name}" if c.name else name
    return cases


def endings(path):
    """{test: "SegFault"} out of ctest's lines "1/8 Test #1: name ....***Exception: SegFault 1 sec"."""
    try:
        with open(path, errors="replace") as f:
            return dict(re.findall(r"Test +#\d+: (\S+) \.*\*\*\*(.*?) +[\d.]+ sec", f.read()))
    except OSError:
        return {}


def main(junit, log=""):
    count = {"passed": 0, "failed": 0, "skipped": 0}
    skipped = []
    ended = endings(log)
    try:
        tests = list(ET.parse(junit).getroot().iter("testcase"))
    except (OSError, ET.ParseError) as e:
        print(f"no test results: {e}")
        tests = []
        count["failed"] += 1
    for test in tests:
        name = test.get("name")
        cases = cases_of(test)
        for c in cases:
            count[c.result] += 1
        skipped += [c for c in cases if c.result == "skipped"]
        failed = [c.name for c in cases if c.result == "failed"]
        if failed:
            seconds = float(test.get("time") or 0)
            print(f"---- {', '.join(failed)}: {ended.get(name, 'Failed')} after {seconds:.1f} s")
            print((test.findtext("system-out") or "").rstrip())
    for c in skipped:
        print(f"skipped: {c.name}: {c.reason or 'no reason given'}")
    if not count["passed"] and not count["failed"]:
        print("no test ran")
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    return 1 if count["failed"] or not count["passed"] else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
