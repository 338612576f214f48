#!/usr/bin/env bash
# Installs what is missing, builds what changed, runs every test. Shows the output of tests that
# fail, the names of those that were skipped with the reason, and as its last line
# "N passed, N failed, N skipped". Exit status: 0 all passed, 1 a test failed or none ran.
#
#   scripts/test.sh [--preset NAME] [--label REGEX] [--tests REGEX] [--jobs N] [--retry]
#
# NAME is one of CMakePresets.json, by default dev. REGEX selects by ctest's labels or names.
# N at once: by default twice as many as there are processors (tests/order has what each takes).
# --retry: a program that fails is run once more, and named when it passes then.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

preset=''
jobs=$(( $(nproc) * 2 ))   # most of the long ones wait
select=()
while (( $# > 0 )); do
    case $1 in
        --preset) preset=${2:?}; shift ;;
        --label) select+=(-L "${2:?}"); shift ;;
        --tests) select+=(-R "${2:?}"); shift ;;
        --jobs) jobs=${2:?}; shift ;;
        --retry) select+=(--repeat until-pass:2) ;;
        *) sed -n 's/^#   /usage: /p' "${BASH_SOURCE[0]}" >&2; exit 2 ;;
    esac
    shift
done

"$root/scripts/setup.sh" >&2 || sco_warn 'going on with what is installed'
if ! sco_build "$root" "$preset"; then
    printf '0 passed, 1 failed, 0 skipped\n'
    exit 1
fi

dir=$(sco_build_dir "$root" "${preset:-dev}")
junit=$dir/tests.xml
rm -f "$junit"
# The folder of the tests' temporary files is our own, so that what a test left behind shows.
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
TMPDIR=$tmp ctest --test-dir "$dir" --parallel "$jobs" --timeout 300 --output-junit "$junit" \
    --test-output-size-passed 4000000 --test-output-size-failed 4000000 \
    "${select[@]}" </dev/null >"$dir/tests.log" 2>&1 || true
awk '/Test +#[0-9]+: / { name = $0; sub(/.*Test +#[0-9]+: /, "", name); sub(/ .*/, "", name)
         if (/[*][*][*]/) failed[name] = 1
         else if (/Passed/ && failed[name]) print "passed at the second try: " name }' "$dir/tests.log"
python3 "$root/scripts/test-summary.py" "$junit" "$dir/tests.log"
