# shellcheck shell=bash
# LocalStack: SQS, SNS and EventBridge, in host mode, with no account and no Docker.

port=${TRACEHOP_LOCALSTACK_PORT:-4566}
port_variable=TRACEHOP_LOCALSTACK_PORT
tools=(python3.11:python3.11-venv)
pins=(constraints.txt)

install_unit() {
  # The last two are what EventBridge needs beyond the base runtime.
  new_venv "$1" "localstack-core[base-runtime]==$LOCALSTACK_VERSION" moto-ext crontab \
    --constraint "$here/brokers/localstack/constraints.txt"
}

# An empty environment, because LocalStack reads some hundred variables.
command_line() {
  local hooks=$2/root/etc/localstack/init/start.d
  mkdir -p "$hooks"
  ln --symbolic --force "$here/brokers/localstack/strict.py" "$hooks/strict.py"
  # shellcheck disable=SC2054 # SERVICES holds a comma
  argv=(
    env -i "PATH=$1/bin:/usr/bin:/bin" "HOME=$2" "FILESYSTEM_ROOT=$2/root"
    # Even on a machine that is itself a container: else it writes to /var/lib/localstack.
    OVERRIDE_IN_DOCKER=0
    # Plain 127.0.0.1 listens on every interface; the IPv4-mapped form does not.
    "GATEWAY_LISTEN=[::ffff:127.0.0.1]:$port" "LOCALSTACK_HOST=127.0.0.1:$port"
    # Queue URLs that need no name server.
    SQS_ENDPOINT_STRATEGY=path
    # The provider of SNS that is none of moto's.
    SERVICES=sqs,sns,events PROVIDER_OVERRIDE_SNS=v2 STRICT_SERVICE_LOADING=1 EAGER_SERVICE_LOADING=1
    # No telemetry, no certificate from the network, no name server of its own.
    DISABLE_EVENTS=1 SKIP_SSL_CERT_DOWNLOAD=1 DNS_ADDRESS=0
    LS_LOG=warning
    "$1/bin/python" -m localstack.runtime.main
  )
}

# It answers before its services run; the last request proves that strict.py was loaded.
ready() {
  local health
  health=$(curl --silent --fail --max-time 2 "http://127.0.0.1:$port/_localstack/health") || return 1
  [[ $health == *'"sns": "running"'* && $health == *'"sqs": "running"'* &&
    $health == *'"events": "running"'* ]] &&
    curl --silent --fail --max-time 2 "http://127.0.0.1:$port/_tracehop/strict" >/dev/null
}

variables() {
  say "AWS_ENDPOINT_URL=http://127.0.0.1:$port"
  say "TRACEHOP_LOCALSTACK_URL=http://127.0.0.1:$port"
}
