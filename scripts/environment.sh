# Sourced by the other scripts: the virtual environment of this checkout, made when it is missing.
#
# It lies in .venv beside pyproject.toml and needs nothing but a Python 3.11 or later with `venv`.
# What is installed is written down in .venv/hyperloom.stamp (the extras asked for, and a sum of
# pyproject.toml): while that is still true, nothing is installed and nobody waits for pip.
#
#   . "$(dirname "${BASH_SOURCE[0]}")/environment.sh"
#   need_environment test     # afterwards $PYTHON is the environment's, and we stand in $ROOT
#
# LOOM_PYTHON names the Python to make it with, when several are there.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV=$ROOT/.venv
PYTHON=$VENV/bin/python
cd "$ROOT"

say() { printf '%s\n' "$*" >&2; }

# The first Python that is new enough and can make environments.
find_python() {
    local candidate
    for candidate in ${LOOM_PYTHON:-python3 python3.13 python3.12 python3.11 python3.14 python}; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
            >/dev/null 2>&1; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    say "No Python 3.11 or later with 'venv' was found${LOOM_PYTHON:+ as LOOM_PYTHON=$LOOM_PYTHON}."
    say "On Debian and Ubuntu:  apt-get install python3 python3-venv"
    say "On Fedora:             dnf install python3"
    say "Another one may be named:  LOOM_PYTHON=/path/to/python3.12 $0"
    return 1
}

# What the environment would hold: changes with pyproject.toml, the Python and the place.
stamp_for() {
    "$PYTHON" - "$ROOT" <<'END'
import hashlib, pathlib, sys
text = pathlib.Path("pyproject.toml").read_bytes()
print(hashlib.sha256(text).hexdigest()[:16], sys.version.split()[0], sys.argv[1])
END
}

# need_environment EXTRA...: an environment that has us and these extras.
need_environment() {
    # One at a time: two terminals that start at once would install into each other.
    if command -v flock >/dev/null; then
        exec 9<"$ROOT"
        flock 9
    fi
    install_missing "$@"
    exec 9<&-
}

install_missing() {
    local stamp=$VENV/hyperloom.stamp wanted have extra missing=()
    if ! "$PYTHON" -c '' >/dev/null 2>&1; then
        local base
        base=$(find_python)
        say "making .venv with $("$base" --version)"
        "$base" -m venv --clear "$VENV"
    fi
    wanted=$(stamp_for)
    have=$(cat "$stamp" 2>/dev/null || true)
    for extra in "$@"; do
        if [ "${have%%|*}" != "$wanted" ] || [[ " ${have#*|} " != *" $extra "* ]]; then
            missing+=("$extra")
        fi
    done
    if [ "${have%%|*}" = "$wanted" ] && [ ${#missing[@]} -eq 0 ]; then
        return
    fi
    # What was there stays: a run of scripts/demo does not take the tests' tools away.
    local extras=" ${have#*|} "
    case $have in *'|'*) ;; *) extras=" " ;; esac
    for extra in "${missing[@]}"; do
        case $extras in *" $extra "*) ;; *) extras="$extras$extra " ;; esac
    done
    extras=$(echo $extras) # one blank between, none around
    say "installing hyperloom${extras:+ with ${extras// /, }} into .venv (once)"
    rm -f "$stamp" # half an installation is none
    local target=$ROOT
    [ -z "$extras" ] || target="$ROOT[${extras// /,}]"
    # Quiet, but errors go to the terminal.  No input: pip must never wait for an answer.
    "$PYTHON" -m pip install --quiet --quiet --no-input --disable-pip-version-check \
        --editable "$target" </dev/null
    printf '%s|%s\n' "$wanted" "$extras" >"$stamp"
}
