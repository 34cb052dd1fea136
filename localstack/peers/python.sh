# shellcheck shell=bash
# Python: the clients of each broker under their OpenTelemetry instrumentation, and the propagators
# and tracers of others.

tools=(python3.11:python3.11-venv)
pins=(requirements.txt)

install_unit() {
  new_venv "$1" --no-deps --requirement "$here/peers/python/requirements.txt"
}

# Bytecode is kept, but not in the source tree.
check() {
  PYTHONPYCACHEPREFIX="$1/bytecode" "$1/bin/python" "$here/peers/check/main.py" \
    "$examples" "$here/peers/python" "$1/bin/python"
}
