#!/bin/sh
# Prints the command for a Python of this name: the name itself if it runs, or the path of one that pyenv or uv has
# installed. A shim of pyenv has the name of each Python that it knows, and runs only the versions that are switched on.
#
#   sh tools/find_python.sh python3.13
#
# python3.14t is the build of 3.14 without the GIL; python3.14 never is.
#
# If there is none, the name is printed as it is: tools/doctor.sh says what to do then.
set -u

main() {
    if runs "$1"; then
        echo "$1"
        return
    fi
    version=${1#python}
    case $version in
        3.[0-9]*) ;;
        *)
            echo "$1"
            return
            ;;
    esac
    # The newest release of the version comes first.
    found=$(installed "$version" | sort -V -r | while read -r python; do
        if runs "$python"; then
            echo "$python"
            break
        fi
    done)
    echo "${found:-$1}"
}

runs() {
    "$1" -c '' >/dev/null 2>&1
}

# The names of pyenv's folders are versions (3.13.1, 3.14.1t), those of uv's have a kind in front (cpython-3.13.1-linux-…,
# cpython-3.14.1+freethreaded-linux-…). A folder without the GIL also has a command of the plain name, which is not meant.
installed() {
    pyenv=${PYENV_ROOT:-${HOME-}/.pyenv}/versions
    uv=${UV_PYTHON_INSTALL_DIR:-${XDG_DATA_HOME:-${HOME-}/.local/share}/uv/python}
    number=${1%t}
    for folder in "$pyenv/$1" "$pyenv/$number"[.t-]* "$uv/cpython-$number"[.+-]*; do
        name=${folder##*/}
        case $1:${name%-dev} in
            *t:*t | *t:cpython-*+freethreaded*) ;;
            *t:* | *:cpython-*+freethreaded*) continue ;;
            *:cpython-*) ;;
            *:*t) continue ;;
        esac
        if [ -x "$folder/bin/python$1" ]; then
            echo "$folder/bin/python$1"
        fi
    done
}

main "$@"
