#!/usr/bin/env bash
# clang-tidy with the checks of .clang-tidy over core/ and plugins/.
#
#   scripts/check-tidy.sh [BUILD-DIR] [FILE...]      exit status 1: a warning
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
build=${1:-build}
shift || true

files=("$@")
if (( ${#files[@]} == 0 )); then
    # Only what the build knows: a file that is not compiled yet has no flags.
    mapfile -t files < <(python3 -c 'import json, os, sys
for entry in json.load(open(sys.argv[1])):
    path = os.path.relpath(entry["file"])
    if path.startswith(("core/", "plugins/")) and os.path.exists(path):
        print(path)' "$build/compile_commands.json" | sort -u)
fi
# One process for a few files: starting is cheap, and a file's findings are shown as they come.
run_some()
{
    local rc=0 out
    out=$(clang-tidy-14 -p "$build" --quiet --warnings-as-errors='*' \
        --extra-arg=-Wno-unknown-warning-option "$@" 2>/dev/null) || rc=1
    printf '%s\n' "$out" | grep -E -A 3 ': (warning|error): '
    return "$rc"
}
export -f run_some
export build

# shellcheck disable=SC2016  # the inner bash expands it
printf '%s\0' "${files[@]}" | xargs -0 -P 2 -n 4 bash -c 'run_some "$@"' _ || exit 1
