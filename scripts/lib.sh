# shellcheck shell=bash
# Functions shared by the scripts in this folder. Sourced, never run; sets no shell options, so
# that sourcing it changes nothing for the caller.

sco_say()  { printf '%s\n' "$*"; }
sco_warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

# The folder that holds the installed scanners; secureops searches its bin/.
sco_tools_prefix()
{
    printf '%s\n' "${SECUREOPS_TOOLS:-${XDG_DATA_HOME:-$HOME/.local/share}/secureops/tools}"
}

# Prints those of the given Debian packages that are not installed, one a line.
sco_apt_missing()
{
    dpkg-query -W -f '${Package} ${db:Status-Status}\n' -- "$@" 2>/dev/null |
        awk -v wanted="$*" '
            $2 == "installed" { have[$1] = 1 }
            END {
                n = split(wanted, name, " ")
                for (i = 1; i <= n; i++)
                    if (!(name[i] in have))
                        print name[i]
            }'
}

# Installs the given Debian packages as far as they are missing. Silent when none is.
sco_apt_install()
{
    if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
        sco_warn "not a Debian system; install what corresponds to: $*"
        return 1
    fi

    local missing
    missing=$(sco_apt_missing "$@")
    [[ -n $missing ]] || return 0
    local -a packages
    mapfile -t packages <<<"$missing"

    local -a as_root=()
    if (( EUID != 0 )); then
        if ! command -v sudo >/dev/null; then
            sco_warn "not root and no sudo; as root, run: apt-get install ${packages[*]}"
            return 1
        fi
        as_root=(sudo)
    fi
    local -a apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive
                  apt-get -q -y -o DPkg::Lock::Timeout=300)

    sco_say "installing ${packages[*]}"
    # The lists are fetched only when they turn out to be missing or old.
    if "${apt[@]}" install --no-install-recommends "${packages[@]}" >/dev/null 2>&1; then
        return 0
    fi
    "${apt[@]}" update >/dev/null || sco_warn "apt-get update failed, trying with the lists at hand"
    if ! "${apt[@]}" install --no-install-recommends "${packages[@]}" >/dev/null; then
        sco_warn "could not install: ${packages[*]}"
        return 1
    fi
}
