#!/bin/sh
# Make the virtual environment that `make` uses, from the first Python that really runs and is new enough.
set -eu
venv=${1:-.venv}

# A name alone proves nothing: version managers leave shims on the path that only print an error.
fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null
}

can_make_environments() {
    "$1" -c 'import ensurepip, venv' 2>/dev/null
}

find_python() {
    for candidate in python3 python3.13 python3.12 python3.11; do
        if fits "$candidate" && can_make_environments "$candidate"; then
            echo "$candidate"
            return
        fi
    done
}

say_what_is_missing() {
    for candidate in python3 python3.13 python3.12 python3.11; do
        if fits "$candidate"; then
            echo "setup: $("$candidate" --version) lacks the modules venv and ensurepip." >&2
            echo "       Install them (Debian and Ubuntu: apt-get install python3-venv), then run make again." >&2
            return
        fi
    done
    found=$(python3 --version 2>/dev/null || echo "no python3")
    echo "setup: nbdeploy needs Python 3.11, 3.12 or 3.13, and there is $found." >&2
    echo "       Install one of them, so that python3, python3.13, python3.12 or python3.11 starts it; then run make again." >&2
}

if ! fits "$venv/bin/python"; then
    python=$(find_python)
    if [ -z "$python" ]; then
        say_what_is_missing
        exit 1
    fi
    echo "setup: making $venv with $("$python" --version)"
    "$python" -m venv --clear "$venv"
fi

echo "setup: installing nbdeploy and its tools into $venv (some minutes the first time)"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -c constraints.txt uv
# Where Python is told to write no bytecode, every start of every process would compile all that it imports: a deploy takes
# three times as long then. So it is compiled here, once.
compile=${PYTHONDONTWRITEBYTECODE:+--compile-bytecode}
if ! "$venv/bin/uv" pip install --quiet $compile --python "$venv/bin/python" -c constraints.txt --group dev -e .; then
    # uv reads no settings of pip, and those may be the only way to packages here.
    echo "setup: uv can't install them; trying pip, which is slower"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
    "$venv/bin/python" -m pip install --quiet -c constraints.txt --group dev -e .
fi
