"""Compares one assertion of the peer's own tests with a finding of ours.

The peer's field names and conventions are translated here, in one place; what is translated how is
explained in docs/conformance.md. Each comparison ends in AGREE, DIFFER or NOT_APPLICABLE (a field
that we do not carry on purpose, such as "verified")."""
import html
import json
import re
from urllib.parse import urlsplit

AGREE, DIFFER, NOT_APPLICABLE = "agree", "differ", "n.a."

# Workflow of the peer, dates of the run, and stored traffic: no part of our finding.
NOT_CARRIED = {"verified", "duplicate", "out_of_scope", "date", "date.date()", "scanner_confidence",
               "sonarqube_issue", "req_resp", "len(req_resp)", "thread_id", "len(tests)",
               "fix_version"}
TEXTS = {"description", "mitigation", "references", "impact", "steps_to_reproduce"}
SEVERITIES = {"CRITICAL": "Critical", "HIGH": "High", "MEDIUM": "Medium", "LOW": "Low",
              "INFO": "Info"}
CONFIDENCE = {"HIGH": "Certain", "MEDIUM": "Firm", "LOW": "Tentative"}


class Unknown(Exception):
    """A field that this file does not know: the runner reports it, it never passes."""


def meta(finding):
    return finding.get("metadata") or {}


def norm_path(path):
    if isinstance(path, str):
        path = re.sub(r"^file:/*", "/", path)
        while path.startswith(("/", "./")):
            path = path[1:] if path[0] == "/" else path[2:]
    return path or None


def cwe_numbers(finding):
    return [int(c.split("-")[1]) for c in finding.get("cwe_ids") or []]


def ids(finding):
    found = [finding["cve_id"]] if finding.get("cve_id") else []
    return found + list(finding.get("aliases") or [])


def suppressed(finding):
    return bool(finding.get("suppressions"))


def closed(finding):
    return suppressed(finding) or finding.get("status", "OPEN") != "OPEN"


def places(finding):
    """URLs of a dynamic finding, the first one included, unless that is only the site of the rest."""
    first = finding.get("resource") or finding.get("file_path") or ""
    rest = [p.get("resource") or p.get("file_path") or "" for p in finding.get("locations") or []]
    if rest and re.fullmatch(r"https?://[^/]+", first):
        first = ""
    return [re.sub(r"^[A-Z]+ ", "", u) for u in [first] + rest if u]


def place_part(finding, index, part):
    urls = places(finding)
    if index >= len(urls):
        return None
    url = urlsplit(urls[index])
    if part == "host":
        return url.hostname
    if part == "port":
        return url.port or {"http": 80, "https": 443}.get(url.scheme)
    if part == "protocol":
        return url.scheme
    if part == "path":
        return url.path.lstrip("/")
    raise Unknown("locations[].%s" % part)


def component(finding):
    package = finding.get("package") or {}
    return package.get("name") or finding.get("resource")


def tags(finding):
    found = [t.strip() for t in re.split("[,;]", str(meta(finding).get("tags", ""))) if t.strip()]
    return found + suppression_tags(finding)


def suppression_tags(finding):
    """The peer tags what is suppressed, and once more when nobody said why."""
    if not suppressed(finding):
        return []
    said = any(s.get("reason") for s in finding["suppressions"])
    return ["suppressed"] + ([] if said else ["no_suppression_document"])


def unique_ids(finding):
    return [str(v) for v in meta(finding).values()]


VALUES = {
    "title": lambda f: f.get("title"),
    "severity": lambda f: SEVERITIES[f["severity"]],
    "file_path": lambda f: norm_path(f.get("file_path")),
    "line": lambda f: f.get("line_number"),
    "cwe": lambda f: (cwe_numbers(f) or [0])[0],
    "cwes": cwe_numbers,
    "vulnerability_ids": ids,
    "component_name": component,
    "component_version": lambda f: (f.get("package") or {}).get("version"),
    "cvssv3": lambda f: f.get("cvss_vector"),
    "cvssv3_score": lambda f: f.get("cvss_score"),
    "cvssv4": lambda f: f.get("cvss_vector"),
    "cvssv4_score": lambda f: f.get("cvss_score"),
    "vuln_id_from_tool": lambda f: f.get("rule_id"),
    "unique_id_from_tool": unique_ids,
    "tags": tags,
    "nb_occurences": lambda f: f.get("occurrences", 1),
    "static_finding": lambda f: f["vulnerability_type"] != "DAST",
    "dynamic_finding": lambda f: f["vulnerability_type"] == "DAST",
    "active": lambda f: not closed(f),
    "is_mitigated": closed,
    "false_p": lambda f: f.get("status") == "FALSE_POSITIVE",
    "fix_available": lambda f: bool((f.get("package") or {}).get("fixed_version")),
    "epss_score": lambda f: f.get("epss"),
    "known_exploited": lambda f: bool(f.get("kev")),
    "scanner_confidence_text": lambda f: CONFIDENCE.get(str(meta(f).get("confidence")).upper()),
}


def value_of(finding, field):
    match = re.fullmatch(r"len\((.*)\)", field)
    if match:
        if match.group(1) == "locations":
            return len(places(finding))
        inner = value_of(finding, match.group(1))
        return len(inner) if inner is not None else 0
    match = re.fullmatch(r"locations\[(\d+)\]\.(\w+)", field)
    if match:
        return place_part(finding, int(match.group(1)), match.group(2))
    match = re.fullmatch(r"(\w+)\[(\d+)\]", field)
    if match:
        inner, i = value_of(finding, match.group(1)) or [], int(match.group(2))
        return inner[i] if i < len(inner) else None
    if field in VALUES:
        return VALUES[field](finding)
    raise Unknown(field)


# ---- texts ---------------------------------------------------------------------------------------
# The peer builds Markdown out of several fields, with headings. What is compared is the content:
# every word of each line, without markup and heading, has to be somewhere in our finding. Source code
# is left out, which we do not store.

def plain(text):
    text = html.unescape(text)
    text = re.sub(r"\[([^\]]*)\]\(\d+\)", r"\1", text)  # a link to a place in the report
    text = re.sub(r"\[([^\]]*)\]\(([^)]*)\)", r"\1 \2", text)
    text = re.sub(r"[*`\\\"']|^\s*[-#>]+\s", "", text, flags=re.M)
    text = re.sub(r"[^\w./:@%+-]+", " ", text).strip().casefold()
    return re.sub(r"(?:^|(?<= ))/+", "", text)  # a path is the same with and without its slash


# Sentences that the peer puts into every finding of a kind: no content of the report.
PEER_PHRASES = re.compile(r"Update .+ to at least the version recommended in the description"
                          r"|Document on why we are suppressing this vulnerability is missing!")


def words(text):
    return {w.strip(".") for w in re.split(r"[\s/:]+", plain(text))} - {""}


def content_lines(value):
    inside_code = False
    for line in str(value).split("\n"):
        if line.strip().startswith("```"):
            inside_code = not inside_code
            continue
        if inside_code:
            continue
        line = PEER_PHRASES.sub("", line)
        line = re.sub(r"^\s*\**[A-Z][A-Za-z /-]{0,60}:\**\s*", "", line)
        if re.search("[^\\W\\d_]", plain(line)):  # the peer's tables of line numbers are no content
            yield line


def everything(finding):
    parts = [finding.get(k) or "" for k in ("title", "description", "remediation", "rule_id",
                                            "resource", "parameter", "cvss_vector", "severity",
                                            "file_path")]
    parts += [p.get("file_path") or "" for p in finding.get("locations") or []]
    parts += [s.get("reason") or "" for s in finding.get("suppressions") or []]
    parts += finding.get("references") or []
    parts += [c + ":" for c in finding.get("cwe_ids") or []]
    parts += ids(finding)
    parts += [t.get("name") or "" for t in finding.get("tools") or []]
    parts += [str(v) for v in meta(finding).values()]
    parts += [str(v) for v in (finding.get("package") or {}).values()]
    return plain(" ".join(parts))


def text_agrees(finding, op, value):
    if op in ("not_null", "truthy"):
        return AGREE if everything(finding) else DIFFER
    if op == "eq" and not value:
        return AGREE
    lines = list(content_lines(value))
    if not lines:
        return NOT_APPLICABLE  # only a heading of the peer's Markdown
    have = words(everything(finding))
    has = all(words(line) <= have for line in lines)
    return AGREE if has == (op != "not_contains") else DIFFER


def title_agrees(ours, value):
    """Every word of the peer's title is in ours; a title that it cut ends in [...]."""
    return words(str(value).replace("[...]", "")) <= words(str(ours))


# ---- one assertion ---------------------------------------------------------------------------------
def same(a, b):
    """Numbers may be texts; nothing, 0 and an empty list are the same nothing."""
    if a in (None, 0, "", []) and b in (None, 0, "", []):
        return True
    if isinstance(a, bool) or isinstance(b, bool):
        return a == b
    try:
        return abs(float(a) - float(b)) < 1e-6
    except (TypeError, ValueError):
        return a == b


OPS = {
    "eq": same,
    "ne": lambda a, b: not same(a, b),
    "contains": lambda a, b: b in (a or []),
    "not_contains": lambda a, b: b not in (a or []),
    "not_null": lambda a, b: a not in (None, "", []),
    "truthy": lambda a, b: bool(a),
    "falsy": lambda a, b: not a,
    "gt": lambda a, b: a is not None and a > b,
    "ge": lambda a, b: a is not None and a >= b,
    "lt": lambda a, b: a is not None and a < b,
    "le": lambda a, b: a is not None and a <= b,
    "set_eq": lambda a, b: set(a or []) == set(b or []),
    "matches": lambda a, b: re.search(b, a or "") is not None,
}


def compare(finding, check):
    """The verdict and our value."""
    field, op, value = check["field"], check["op"], check.get("value")
    if field in NOT_CARRIED or field.startswith("req_resp"):
        return NOT_APPLICABLE, None
    if field in TEXTS or field.startswith("references."):
        if field.startswith("references."):
            return NOT_APPLICABLE, None  # how many lines the peer's Markdown has
        return text_agrees(finding, op, value), finding.get(
            {"mitigation": "remediation"}.get(field, field))
    ours = value_of(finding, field)
    if value == "<any valid severity>":
        return (AGREE if ours in SEVERITIES.values() else DIFFER), ours
    if field == "file_path":
        value = norm_path(value)
    if field == "title" and op == "eq":
        ours = finding.get("title") or ""
        if value == "%s_%s" % (finding["rule_id"], meta(finding).get("key")):
            return AGREE, ours  # SonarQube: the peer's title is rule and key, fields of ours
        whole = ours + " " + " ".join(str(v) for v in (finding.get("package") or {}).values())
        return (AGREE if title_agrees(whole, value) else DIFFER), ours
    if field == "file_path" and value and str(value).endswith(":" + str(ours)):
        return AGREE, ours  # SonarQube's component: project key, colon, path
    if field == "file_path" and value and not ours:
        ours = finding.get("resource")  # a component that is no file
    if field == "file_path" and value and meta(finding).get("file_name"):
        ours = ours if ours == value else norm_path(meta(finding)["file_name"])
    if field == "cwe" and op == "eq" and value:
        return (AGREE if int(value) in cwe_numbers(finding) else DIFFER), cwe_numbers(finding)
    if field == "tags" and op == "eq":
        op = "set_eq"
    if field == "unique_id_from_tool" and op == "eq":
        # The tool's own id goes into our fingerprint; some plugins keep it in the metadata too.
        return (AGREE if any(str(value) in u for u in ours) else NOT_APPLICABLE), ours
    if field == "vuln_id_from_tool" and isinstance(value, str) and ":" in value:
        name, _, number = value.partition(":")  # Bandit: "try_except_pass:B110"
        if meta(finding).get("test_name") == name:
            value = number
    if field in ("cvssv3", "cvssv3_score") and value is None and not str(
            finding.get("cvss_vector")).startswith("CVSS:3"):
        ours = None  # a score of version 2 or 4 is no version 3 one
    if op == "in_set":
        return (AGREE if ours in value else DIFFER), ours
    if op == "not_in_set":
        return (AGREE if ours not in value else DIFFER), ours
    if op not in OPS:
        raise Unknown("op " + op)
    return (AGREE if OPS[op](ours, value) else DIFFER), ours


def show(value):
    text = value if isinstance(value, str) else json.dumps(value)
    text = text.replace("\n", "\\n")
    return text if len(text) <= 100 else text[:97] + "..."
