# shellcheck shell=bash
# RabbitMQ, as Debian packages it: AMQP 0-9-1.

port=${TRACEHOP_RABBITMQ_PORT:-5672}
port_variable=TRACEHOP_RABBITMQ_PORT
rabbitmq=/usr/lib/rabbitmq/bin
tools=("$rabbitmq/rabbitmq-server:rabbitmq-server" setpriv:util-linux)

# The package is all there is.
install_unit() { :; }

command_line() {
  # The one that the system has would be read otherwise.
  say "log.console.level = warning" >"$2/rabbitmq.conf"
  say "[]." >"$2/enabled_plugins"
  node_environment "$2"
  argv=(env "${environment[@]}" "$here/brokers/rabbitmq/serve" "$rabbitmq/rabbitmq-server")
}

# Sets the array environment: all that makes the server a node of its own, and that its command
# line tools find it by.
node_environment() {
  local epmd_port=$((port + 1)) dist_port=$((port + 2))
  environment=(
    "HOME=$1" "RABBITMQ_NODENAME=rabbit-$port@localhost"
    RABBITMQ_NODE_IP_ADDRESS=127.0.0.1 "RABBITMQ_NODE_PORT=$port"
    ERL_EPMD_ADDRESS=127.0.0.1 "ERL_EPMD_PORT=$epmd_port" "RABBITMQ_DIST_PORT=$dist_port"
    "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}"
    "RABBITMQ_CTL_ERL_ARGS=-kernel inet_dist_use_interface {127,0,0,1}"
    "RABBITMQ_CONF_ENV_FILE=$1/rabbitmq-env.conf" "RABBITMQ_CONFIG_FILE=$1/rabbitmq.conf"
    "RABBITMQ_ADVANCED_CONFIG_FILE=$1/advanced.config"
    "RABBITMQ_ENABLED_PLUGINS_FILE=$1/enabled_plugins"
    "RABBITMQ_MNESIA_BASE=$1/mnesia" "RABBITMQ_LOG_BASE=$1" RABBITMQ_LOGS=-
    "RABBITMQ_PID_FILE=$1/erlang.pid"
    # The server takes the place of its start script, and so of the process that is stopped.
    RUNNING_UNDER_SYSTEMD=true
  )
}

# Its greeting, to a header of AMQP 0-9-1: frame type 1, channel 0.
ready() {
  local greeting
  greeting=$(
    exec 2>/dev/null 3<>"/dev/tcp/127.0.0.1/$port" && printf 'AMQP\0\0\11\1' >&3 &&
      timeout 2 head --bytes=3 <&3 | od -An -tx1
  ) || return 1
  [[ $greeting == *"01 00 00"* ]]
}

variables() {
  say "AMQP_URL=amqp://guest:guest@127.0.0.1:$port/%2f"
  say "TRACEHOP_AMQP_URL=amqp://guest:guest@127.0.0.1:$port/%2f"
  say "$port_variable=$port"
}
