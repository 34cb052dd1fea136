# shellcheck shell=bash
# boto3 with the OpenTelemetry boto3sqs instrumentation, on both ends of a queue.

tools=(python3.11:python3.11-venv)
pins=(requirements.txt)

install_unit() { new_venv "$1" --requirement "$here/peers/python/requirements.txt"; }

# Python writes no bytecode into the source tree.
check() {
  PYTHONDONTWRITEBYTECODE=1 "$1/bin/python" "$here/peers/python/check.py" \
    --worker "$examples/sqs_worker" --sender "$examples/sqs_send"
}
