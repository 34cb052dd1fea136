# shellcheck shell=bash
# JavaScript: the same on Node. Node itself comes from the Python registry, in the version that is
# pinned: Debian's is older than the libraries support, and its npm brings some 350 packages.

tools=(python3.11:python3.11-venv)
pins=(requirements.txt package.json package-lock.json)

install_unit() {
  new_venv "$1" --no-deps --requirement "$here/peers/javascript/requirements.txt"
  cp "$here"/peers/javascript/package{,-lock}.json "$1"
  # What is optional is profilers and the like, in machine code.
  PATH="$1/bin:$PATH" npm ci --prefix "$1" --omit optional --ignore-scripts \
    --no-audit --no-fund --loglevel error >/dev/null
}

# Node's warnings are about the libraries.
check() {
  PYTHONPYCACHEPREFIX="$1/bytecode" NODE_NO_WARNINGS=1 NODE_PATH="$1/node_modules" \
    "$1/bin/python" "$here/peers/check/main.py" "$examples" "$here/peers/javascript" "$1/bin/node"
}
