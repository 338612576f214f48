#!/usr/bin/env bash
# Installs, from Debian's packages, what is missing to build SecureOps. Silent when nothing is.
#
#   scripts/setup.sh            what the build and the tests need
#   scripts/setup.sh --dev      also compilers and checkers for developers
#   scripts/setup.sh --print    only print the package names
#
# It can be sourced as well: it then installs the build packages, ignoring the caller's arguments,
# and leaves the function sco_setup, which takes the options above.

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

sco_setup()
{
    local -a packages=(
        build-essential cmake ninja-build ccache pkg-config git python3 bandit
        libyaml-dev liblua5.4-dev libjansson-dev nettle-dev libevent-dev
        libcurl4-openssl-dev libsqlite3-dev libpq-dev libxml2-dev libcmocka-dev zlib1g-dev
        libssl-dev librdkafka-dev libwslay-dev tzdata
    )
    local print=false

    while (( $# > 0 )); do
        case $1 in
            --dev)
                packages+=(
                    clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev
                    cppcheck valgrind shellcheck jq postgresql openssh-server
                ) ;;
            --print) print=true ;;
            *)
                printf 'usage: setup.sh [--dev] [--print]\n' >&2
                return 2 ;;
        esac
        shift
    done

    if $print; then
        printf '%s\n' "${packages[@]}"
        return 0
    fi
    sco_apt_install "${packages[@]}"
}

if [[ ${BASH_SOURCE[0]} == "$0" ]]; then
    set -euo pipefail
    sco_setup "$@"
else
    sco_setup
fi
