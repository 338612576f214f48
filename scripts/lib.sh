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

# The folder that a preset of CMakePresets.json builds in.
sco_build_dir()
{
    local root=$1 preset=$2
    case $preset in
        dev | ci) printf '%s\n' "$root/build" ;;
        *) printf '%s\n' "$root/build-$preset" ;;
    esac
}

# sco_build ROOT PRESET [TARGET...]: configures when that has not been done, builds what changed.
# Preset "" takes the folder build/ as it is, or configures it for dev. Shows the output only of a
# build that fails. Two at once wait for each other: ninja itself does not.
sco_build()
{
    local root=$1 preset=$2 dir configured log rc=0
    shift 2
    dir=$(sco_build_dir "$root" "${preset:-dev}")
    log=$dir/build.log
    mkdir -p "$dir" || return 1
    exec {sco_build_lock}>"$dir/.build-lock"
    flock "$sco_build_lock"

    configured=$(cat "$dir/.preset" 2>/dev/null)
    if [[ ! -f $dir/build.ninja || ( -n $preset && $preset != "$configured" ) ]]; then
        sco_warn "configuring and building in ${dir#"$root/"}/, which may take some minutes"
        preset=${preset:-dev}
        if (cd "$root" && cmake --preset "$preset") >"$log" 2>&1; then
            printf '%s\n' "$preset" >"$dir/.preset"
        else
            rc=1
        fi
    fi
    if (( rc == 0 )); then
        ninja -C "$dir" "$@" >"$log" 2>&1 || rc=1
    fi
    exec {sco_build_lock}>&-

    if (( rc != 0 )); then
        # Of a build that goes on after an error, only what failed is of interest.
        sed -E '/^\[[0-9]+\/[0-9]+\] /d' "$log" >&2
        sco_warn "the build failed; the whole output is in $log"
    fi
    return "$rc"
}
