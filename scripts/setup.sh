#!/usr/bin/env bash
# Creates ./.venv and installs exactly requirements.lock. Safe to repeat: only differences are installed. Packages are compiled once,
# here: where PYTHONDONTWRITEBYTECODE is set, every process would compile what it imports.
# Usage: scripts/setup.sh [python]
set -euo pipefail
cd "$(dirname "$0")/.."
python=${1:-python3}

if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
    echo "murmur needs Python 3.11 or newer; '$python' is $("$python" -V 2>&1). Run: make PYTHON=python3.12 setup" >&2
    exit 1
fi
if [ ! -x .venv/bin/python ]; then
    echo "creating ./.venv ($("$python" -V))"
    "$python" -m venv .venv
fi
uv_pin=$(grep -oE '^uv==[0-9.]+' requirements.lock)
if ! .venv/bin/uv --version 2>/dev/null | grep -q " ${uv_pin#uv==}\b"; then
    .venv/bin/python -m pip install --quiet --disable-pip-version-check "$uv_pin"
fi
echo "installing the locked packages (about a minute the first time)"
.venv/bin/uv pip sync --quiet --compile-bytecode --require-hashes --python .venv/bin/python requirements.lock
.venv/bin/uv pip install --quiet --no-deps --python .venv/bin/python --editable .
