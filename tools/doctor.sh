#!/bin/sh
# Reports what this machine lacks to build vitok and how to get it, one line each; prints nothing if nothing is missing.
#
#   sh tools/doctor.sh PYTHON     what a build needs; fails if anything is missing
#   sh tools/doctor.sh --tests    what some tests need besides; never fails, since those tests then skip themselves
#   sh tools/doctor.sh --fuzz PYTHON    what the fuzz targets need: no virtual environment, but a compiler of C++
#
# Packages from crates.io and PyPI are not checked: cargo and pip report what they cannot get.
set -u

main() {
    lacking=0
    if [ "${1-}" = --tests ]; then
        check_test_tools
        exit 0
    fi
    if [ "${1-}" = --fuzz ]; then
        check_rust
        check_linker
        check_cplusplus
        check_interpreter "${2:-python3}"
        exit "$lacking"
    fi
    check_rust
    check_linker
    check_python "${1:-python3}"
    exit "$lacking"
}

say() {
    printf 'vitok: %s\n' "$1" >&2
    lacking=1
}

check_rust() {
    wanted=$(sed -n 's/^rust-version = "\(.*\)"/\1/p' Cargo.toml)
    if ! command -v cargo >/dev/null 2>&1; then
        say "cargo is missing: install Rust $wanted or newer by rustup (https://rustup.rs)"
        return
    fi
    found=$(rustc --version 2>/dev/null | sed 's/^rustc \([0-9.]*\).*/\1/')
    oldest=$(printf '%s\n%s\n' "$wanted" "$found" | sort -t. -k1,1n -k2,2n | head -n 1)
    if [ "$oldest" != "$wanted" ]; then
        say "rustc is ${found:-not usable}, $wanted or newer is needed: rustup update stable"
    fi
}

# rustc does not link by itself: it calls the C compiler's driver, which a machine with only rustup may not have.
check_linker() {
    command -v cc >/dev/null 2>&1 ||
        say "cc is missing, which rustc needs to link: install gcc (Debian: apt install gcc libc6-dev)"
}

# The fuzzing engine is written in C++, and is compiled from its source.
check_cplusplus() {
    command -v "${CXX:-c++}" >/dev/null 2>&1 ||
        say "${CXX:-c++} is missing, which compiles the fuzzing engine: install g++ (Debian: apt install g++)"
}

check_interpreter() {
    if ! "$1" -c '' >/dev/null 2>&1; then
        case $1 in
            python3.*) say "$1 does not run, nor do pyenv and uv have it: pyenv install ${1#python}, or uv python install ${1#python}" ;;
            *) say "$1 does not run: install Python 3.11 or newer, or name one: make ... PYTHON=python3.13" ;;
        esac
        return 1
    fi
    if ! "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        found=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        say "$1 is Python $found, 3.11 or newer is needed: install one, or name one: make ... PYTHON=python3.13"
        return 1
    fi
}

check_python() {
    check_interpreter "$1" || return
    # Debian's python3 has a venv module that cannot make anything until ensurepip is installed too.
    if ! "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; then
        found=$("$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        say "$1 cannot make virtual environments: install its venv module (Debian: apt install python$found-venv)"
    fi
}

check_test_tools() {
    for tool in strace curl openssl redis-server chromium; do
        command -v "$tool" >/dev/null 2>&1 || say_skipped "$tool" "$tool"
    done
    # Debian does not have the commands of PostgreSQL's server in the path.
    command -v postgres >/dev/null 2>&1 || ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 ||
        say_skipped postgres postgresql
}

say_skipped() {
    say "$1 is missing, so the tests that need it are skipped (Debian: apt install $2)"
}

main "$@"
