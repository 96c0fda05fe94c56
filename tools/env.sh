#!/bin/sh
# Makes the Python environment of this checkout and prints its folder.
# The dependencies are installed once for each setup.cfg, into the cache; the checkout gets a thin environment on top of
# them with the project itself, so that two checkouts do not get in each other's way.
set -eu
cd "$(dirname "$0")/.."
cache="${XDG_CACHE_HOME:-$HOME/.cache}/kubectl-imagepull"
say() { echo "env: $*" >&2; }

python=
for candidate in python3 python3.14 python3.13 python3.12 python3.11 python3.10; do
    if command -v "$candidate" >/dev/null 2>&1 && "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 10))'; then
        python=$(command -v "$candidate")
        break
    fi
done
[ -n "$python" ] || { say "Python 3.10 or later is needed (python3 on PATH)"; exit 2; }
if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        say "installing python3-venv"
        apt-get update -q >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends python3-venv >/dev/null
    else
        say "Python's venv module is needed (Debian: apt-get install python3-venv)"
        exit 2
    fi
fi

key=$(cat setup.cfg pyproject.toml | cat - /dev/null | sha256sum | cut -c1-12)-$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
deps="$cache/python-$key"
mkdir -p "$cache"
if command -v flock >/dev/null 2>&1; then # two checkouts must not install into one folder at the same time
    exec 9>"$cache/env.lock"
    flock 9
fi
if [ ! -e "$deps/.complete" ]; then
    say "installing the dependencies into $deps (once)"
    rm -rf "$deps"
    mkdir -p "$cache"
    "$python" -m venv "$deps"
    "$deps/bin/python" -m pip install -q --disable-pip-version-check '.[dev]' >&2
    "$deps/bin/python" -m pip uninstall -q -y kubectl-imagepull >&2
    touch "$deps/.complete"
fi

# an editable install follows the sources by itself: it is made anew only when the packaging changes
own="$PWD/build/env"
stamp="$key-$(sha256sum setup.py | cut -c1-12)-$PWD"
if [ "$(cat "$own/.complete" 2>/dev/null)" != "$stamp" ] || [ ! -e kubectl_imagepull/node/vendor.zip ]; then
    rm -rf "$own"
    "$python" -m venv --without-pip "$own"
    "$deps/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
        >"$("$own/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/dependencies.pth"
    "$deps/bin/python" -m pip --python "$own/bin/python" install -q --disable-pip-version-check --no-deps -e . >&2
    echo "$stamp" >"$own/.complete"
fi
echo "$own"
