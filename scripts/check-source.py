#!/usr/bin/env python3
"""Checks of the C source that no compiler makes.

    check-source.py banned|size|lua|all [FILE...]      without FILE: every *.c and *.h of the project

banned  functions that the style does not allow; exit() outside core/app and tests
size    files over 1,000 lines and functions over 100 fail; over 600 and 60 are noted
lua     core/policy: a function that a Lua error may leave owns no memory of C

Exit status: 0 nothing found, 1 something found.
"""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

BANNED = {
    "strcpy": "sco_buf, or snprintf",
    "strcat": "sco_buf",
    "sprintf": "sco_buf_addf, or snprintf",
    "vsprintf": "sco_buf_addvf, or vsnprintf",
    "strncpy": "memcpy of a known length",
    "strtok": "sco_str_split",
    "atoi": "sco_parse_i64",
    "atol": "sco_parse_i64",
    "atoll": "sco_parse_i64",
    "atof": "sco_parse_real",
    "gets": "sco_buf",
    "rand": "getrandom",
    "srand": "getrandom",
    "alloca": "sco_arena",
    "system": "sco_exec_run, or posix_spawn",
    "popen": "sco_exec_run, or posix_spawn",
    "assert": "SCO_BUG_ON",
}
CALL = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
EXIT = re.compile(r"(?<![\w.>])exit\s*\(")
MAY_EXIT = ("core/app/", "tests/")

# Input for scanners: weak on purpose.
NOT_OURS = re.compile(r"(^|/)testdata/|^examples/weak-repo/|^tests/fuzz/corpus/")

FILE_MAX, FILE_NOTE = 1000, 600
FUNCTION_MAX, FUNCTION_NOTE = 100, 60

TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", re.MULTILINE)


def blank(m):
    return re.sub(r"[^\n]", " ", m[0])


def strip(text):
    """The source with comments and literals blanked, every line where it was."""
    return TOKEN.sub(blank, text)


def banned(name, text):
    code = strip(text)
    for m in CALL.finditer(code):
        line = code.count("\n", 0, m.start()) + 1
        yield True, f"{name}:{line}: {m[1]}() is banned: use {BANNED[m[1]]}"
    if not name.startswith(MAY_EXIT):
        for m in EXIT.finditer(code):
            line = code.count("\n", 0, m.start()) + 1
            yield True, f"{name}:{line}: exit() belongs to core/app: return an error"


def functions(text):
    """(name, first line, number of lines) of each function body."""
    code = DIRECTIVE.sub(blank, strip(text))
    depth, start, head = 0, 0, 0
    for m in re.finditer(r"[{};]", code):
        at, c = m.start(), m[0]
        if c == "{":
            if depth == 0:
                start = at
            depth += 1
        elif c == "}":
            depth -= 1
            if depth == 0:
                before = code[head:start].strip()
                # `extern "C" {` and initialisers have no parameter list before the brace.
                found = re.search(r"(\w+)\s*\([^()]*(?:\([^()]*\)[^()]*)*\)[^=()]*$", before)
                if found and "=" not in before:
                    first = code.count("\n", 0, start) + 1
                    yield found[1], first, code.count("\n", start, at) + 1
                head = at + 1
        elif depth == 0:
            head = at + 1


def size(name, text):
    lines = text.count("\n")
    if lines > FILE_NOTE:
        over = lines > FILE_MAX
        yield over, f"{name}: {lines} lines" + (f", more than {FILE_MAX}" if over else "")
    for function, line, n in functions(text):
        if n > FUNCTION_NOTE:
            over = n > FUNCTION_MAX
            yield over, (f"{name}:{line}: {function}() has {n} lines"
                         + (f", more than {FUNCTION_MAX}" if over else ""))


# Lua errors longjmp: cleanup attributes do not run, and what malloc gave is lost.
OWNS = re.compile(r"\b(SCO_AUTO|sco_alloc|sco_grow|sco_strdup|malloc|calloc|strdup)\s*\(")
RAISES = re.compile(r"\b(luaL?_\w+|pl_work|pl_stop|pl_push|pl_node|pl_path|pl_item|pl_inside|"
                    r"pl_run_alloc|pl_run_str|pl_env_new|pl_write_json)\s*\(")
NEVER_RAISES = {"lua_newstate", "lua_close", "lua_gettop", "lua_type", "lua_pushcfunction",
                "lua_pushlightuserdata", "lua_getextraspace", "lua_sethook", "lua_getstack",
                "lua_pcall", "lua_settop", "lua_gc"}


def lua(name, text):
    if not name.startswith("core/policy/"):
        return
    lines = strip(text).split("\n")
    for function, first, n in functions(text):
        body = "\n".join(lines[first - 1:first - 1 + n])
        raises = [m[1] for m in RAISES.finditer(body) if m[1] not in NEVER_RAISES]
        owns = OWNS.search(body)
        if raises and owns:
            yield True, (f"{name}:{first}: {function}() owns memory ({owns[1]}) and calls "
                         f"{raises[0]}(), which may not return: use the run's arena or userdata")


def project_files():
    out = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard",
                          "*.c", "*.h"], cwd=ROOT, capture_output=True, check=True).stdout
    return sorted(f for f in out.decode().split("\0")
                  if f and not NOT_OURS.search(f) and (ROOT / f).is_file())


def main(args):
    checks = {"banned": [banned], "size": [size], "lua": [lua],
              "all": [banned, size, lua]}.get(args[0] if args else "")
    if not checks:
        sys.exit(__doc__.split("\n\n")[1])
    failed = False
    for name in args[1:] or project_files():
        path = Path(name) if args[1:] else ROOT / name
        text = path.read_text(encoding="utf-8", errors="replace")
        for check in checks:
            for bad, message in check(name, text):
                print(message if bad else f"note: {message}")
                failed |= bad
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
