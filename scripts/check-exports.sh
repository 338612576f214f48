#!/usr/bin/env bash
# A plugin exports one symbol, sco_plugin_v1; the rest of it stays its own.
#
#   scripts/check-exports.sh [BUILD-DIR]       exit status 1: one exports more, or none
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

rc=0
shopt -s nullglob
build=${1:-build}
plugins=("$build"/lib/secureops/plugins/*.so)
if (( ${#plugins[@]} == 0 )); then
    printf 'no plugins in %s\n' "$build/lib/secureops/plugins"
    exit 1
fi
for so in "${plugins[@]}"; do
    symbols=$(nm -D --defined-only "$so" | awk '{ print $3 }' | paste -sd ' ')
    if [[ $symbols != sco_plugin_v1 ]]; then
        printf '%s exports: %s\n' "$so" "${symbols:-nothing}"
        rc=1
    fi
done
exit "$rc"
