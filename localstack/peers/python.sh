# shellcheck shell=bash
# Python: the clients of each broker under their OpenTelemetry instrumentation, and the propagators
# and tracers of others.

tools=(python3.11:python3.11-venv)
pins=(requirements.txt)

# The pins are complete and the code runs a few times: nothing to resolve, nothing to compile.
install_unit() {
  new_venv "$1" --no-deps --no-compile --requirement "$here/peers/python/requirements.txt"
}

check() {
  PYTHONDONTWRITEBYTECODE=1 "$1/bin/python" "$here/peers/check/main.py" \
    "$examples" "$here/peers/python" "$1/bin/python"
}
