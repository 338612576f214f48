"""One function for each set of the corpus: what a peer expects, row by row, and what we say.

Each yields Row objects. A row is a statement of a peer about one file (Checkov, Trivy, Pod
Security) or one resource (KICS); its check is covered when a policy carries it as alias.
"""
import collections
import dataclasses
import json
import os
import re


@dataclasses.dataclass
class Row:
    check: str
    file: str
    resource: str = ""
    covered: bool = True
    agrees: bool = True
    expected: str = ""
    got: str = ""


@dataclasses.dataclass
class Outcome:
    rows: list
    absent: int = 0
    checks: int = 0  # distinct checks of the set, and those with an alias
    checks_covered: int = 0
    notes: tuple = ()


def read_rows(engine, path):
    with open(os.path.join(engine.corpus, path), encoding="utf-8") as f:
        return [json.loads(line) for line in f if line.strip()]


def present(engine, rows, folder):
    kept = [r for r in rows if engine.exists(os.path.join(folder, r["file"]))]
    return kept, len(rows) - len(kept)


def fails(results, policies):
    return [r for r in results if r["policy"] in policies and r["verdict"] == "fail"]


def troubles(results, policies):
    """Verdicts that are no answer."""
    return [r for r in results if r["verdict"] == "error" and
            (r["policy"] in policies or r["policy"] == "(document)")]


def describe(results):
    seen = ["%s at %s:%s" % (r["policy"], r["resource"], r["line_number"]) for r in results[:4]]
    return ", ".join(seen) + (" ..." if len(results) > 4 else "") or "nothing"


def count_checks(rows):
    checks = {r.check for r in rows}
    return len(checks), len({r.check for r in rows if r.covered})


# ---- Pod Security ------------------------------------------------------------------------------

def psa(engine):
    rows, absent = present(engine, read_rows(engine, "psa/expected.jsonl"), "psa")
    groups = collections.defaultdict(list)
    for r in rows:
        groups[(r["level"], r["version"].lstrip("v"))].append(r)
    wanted = [{"paths": ["psa/" + r["file"] for r in rows],
               "framework": "pod-security-%s@%s" % key} for key, rows in groups.items()]
    out = []
    for (level, _), found in zip(groups, engine.eval_many(wanted)):
        for r in groups[(level, _)]:
            results = found["psa/" + r["file"]]
            bad = [x for x in results if x["verdict"] not in ("pass", "not_applicable")]
            if r["expect"] == "pass":
                agrees = bool(results) and not bad
            else:
                named = [x for x in bad if "PSA:" + r["control"] in x["aliases"]]
                agrees = any(x["verdict"] == "fail" for x in named)
            out.append(Row(r["control"], r["file"], agrees=agrees, expected=r["expect"],
                           got=describe(bad) if results else "no verdict"))
    return Outcome(out, absent, *count_checks(out))


# ---- Checkov -----------------------------------------------------------------------------------

# same_...(name, result): whether a finding is at the resource that Checkov names.

def same_kubernetes(name, result):
    if result["resource"] == name:
        return True
    # a pod template is a resource of its own to Checkov: Pod.default.OWNER.LABELS
    kind, _, rest = name.partition(".")
    ours = result["resource"].split(".", 2)
    return kind == "Pod" and len(ours) == 3 and ours[0] != "Pod" and \
        rest.split(".", 1)[-1].split(".")[0] == ours[2].split(".")[0]


def same_dockerfile(name, result):
    # Dockerfile.FROM: an instruction, but not which; what is missing is ours at a stage or the file
    word = name.partition(".")[2]
    return not word or "[" not in result["resource"] or \
        ".%s[" % word in "." + result["resource"]


def same_workflow(name, result):
    if name.startswith("on"):  # on(workflow name): the file
        return True
    plain = re.sub(r"^((?:jobs\([^)]*\))(?:\.steps\[\d+\])?).*$", r"\1", name)
    return result["resource"] == plain


def same_address(name, result):
    return result["resource"] == name


def inside(result, lines):
    return lines[0] <= (result["line_number"] or 0) <= lines[1]


def checkov(folder, source, same, custom=(), usable=lambda r: True):
    def run(engine):
        rows = [r for r in read_rows(engine, source)
                if r["check"] not in custom and usable(r)]
        rows, absent = present(engine, rows, folder)
        covered = set().union(*(engine.covering(r["check"]) for r in rows)) if rows else set()
        found = engine.eval_files([os.path.join(folder, r["file"]) for r in rows], covered) \
            if covered else {}
        out = []
        for r in rows:
            policies = engine.covering(r["check"])
            row = Row(r["check"], r["file"], covered=bool(policies))
            out.append(row)
            if policies:
                compare(row, r, found[os.path.join(folder, r["file"])], policies)
        return Outcome(out, absent, *count_checks(out))

    def compare(row, r, results, policies):
        bad = fails(results, policies)
        wrong = [("an answer", describe(troubles(results, policies)))] \
            if troubles(results, policies) else []
        names = collections.Counter(x["resource"] for k in ("passed", "failed", "skipped")
                                    for x in r[k])
        for verdict in ("passed", "failed", "skipped"):
            for x in r[verdict]:
                twice = names[x["resource"]] > 1  # objects of one name: told by their lines
                hits = [b for b in bad if same(x["resource"], b) and
                        (not twice or inside(b, x["lines"]))]
                if bool(hits) != (verdict == "failed"):
                    wrong.append(("%s %s" % (x["resource"], verdict), describe(hits)))
        row.agrees = not wrong
        row.expected = "; ".join(w[0] for w in wrong[:4])
        row.got = "; ".join(w[1] for w in wrong[:4])
    return run


# ---- Trivy -------------------------------------------------------------------------------------

def trivy(kind):
    def run(engine):
        rows = [r for r in read_rows(engine, "trivy-examples/expected.jsonl") if r["kind"] == kind]
        rows, absent = present(engine, rows, "trivy-examples")
        covered = set().union(*(engine.covering(r["check"]) for r in rows))
        found = engine.eval_files(["trivy-examples/" + r["file"] for r in rows], covered) \
            if covered else {}
        out = []
        for r in rows:
            policies = engine.covering(r["check"])
            row = Row(r["check"], r["file"], covered=bool(policies), expected=r["expect"])
            out.append(row)
            if policies:
                results = found["trivy-examples/" + r["file"]]
                bad, lost = fails(results, policies), troubles(results, policies)
                row.agrees = bool(bad) == (r["expect"] == "fail") and not lost
                row.got = describe(bad + lost)
        return Outcome(out, absent, *count_checks(out))
    return run


# ---- KICS --------------------------------------------------------------------------------------

def unit_kubernetes(resource):
    return tuple(part.lower() for part in (resource.split(".", 1)[0], resource.split(".", 2)[-1]))


def unit_compose(resource):
    return ("", resource.split(".", 1)[1].lower()) if resource.startswith("services.") else ("", "")


def unit_job(resource):
    m = re.match(r"jobs\(([^)]*)\)", resource)
    return ("", m.group(1).lower()) if m else ("", "")


def unit_file(resource):
    return ("", "")


def matches(expected, unit):
    """Kind and name, as far as the corpus gives them."""
    return all(not want or want == got for want, got in zip(expected, unit))


def kics(platform, unit_of, provider=""):
    def run(engine):
        rows = [r for r in read_rows(engine, "kics-manifest.jsonl") if r["platform"] == platform
                and r["query"].startswith(provider) and r["polarity"] != "support"]
        rows, absent = present(engine, rows, "kics")
        named = collections.defaultdict(set)
        for e in read_rows(engine, "kics-expected-by-resource.jsonl"):
            if e["platform"] == platform:
                named[e["file"]].add(((e.get("kind") or "").lower(), (e.get("name") or "").lower()))
        groups = collections.defaultdict(list)
        for r in rows:
            groups[(r["query"], r["id"], r["polarity"])].append(r)
        wanted = {k: v for k, v in groups.items() if engine.covering("kics:" + k[1])}
        found = dict(zip(wanted, engine.eval_many(
            [{"paths": ["kics/" + r["file"] for r in v],
              "policies": engine.covering("kics:" + k[1])} for k, v in wanted.items()])))
        out, lines, lines_met = [], 0, 0
        for key, group in groups.items():
            query, policies = key[0], engine.covering("kics:" + key[1])
            for r in group:
                if not policies:
                    out.append(Row(query, r["file"], covered=False))
                    continue
                results = found[key]["kics/" + r["file"]]
                out += compare(query, r, named[r["file"]], results, policies, unit_of)
                for e in r["expected"]:
                    lines += 1
                    lines_met += any(b["line_number"] <= e["line"] <= max(b["line_number"],
                                     b["end_line"] or 0) for b in fails(results, policies))
        checks, covered = count_checks(out)
        note = "expected lines within what we report: %d of %d" % (lines_met, lines)
        return Outcome(out, absent, checks, covered, (note,))

    def compare(query, r, expected, results, policies, unit_of):
        bad, lost = fails(results, policies), troubles(results, policies)
        if lost:
            yield Row(query, r["file"], "", agrees=False, expected="an answer", got=describe(lost))
        units = collections.defaultdict(list)
        for b in bad:
            units[unit_of(b["resource"])].append(b)
        if r["polarity"] == "negative":
            for unit, hits in units.items():
                yield Row(query, r["file"], ".".join(unit), agrees=False, expected="nothing",
                          got=describe(hits))
            if not units:
                yield Row(query, r["file"], expected="nothing")
            return
        if not expected and r["expected"]:
            expected = {("", "")}
        for e in sorted(expected):
            hits = [b for u, bs in units.items() if matches(e, u) for b in bs]
            yield Row(query, r["file"], ".".join(e), agrees=bool(hits), expected="a finding",
                      got=describe(hits))
        for unit, hits in units.items():
            if not any(matches(e, unit) for e in expected):
                yield Row(query, r["file"], ".".join(unit), agrees=False, expected="nothing",
                          got=describe(hits))
    return run
