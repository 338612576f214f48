#!/usr/bin/env bash
# Runs `secureops ARGS` out of this folder: installs what is missing, builds what changed. What it
# has to say itself goes to the standard error.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
# shellcheck source=scripts/lib.sh
. "$root/scripts/lib.sh"

# A package that cannot be had (no root, not Debian) may still be there in another form.
"$root/scripts/setup.sh" >&2 || sco_warn 'going on with what is installed'
sco_build "$root" '' programs || exit 4
exec "$root/build/bin/secureops" "$@"
