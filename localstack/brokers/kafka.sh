# shellcheck shell=bash
# Apache Kafka: one node that is broker and controller, with both rebalance protocols.

port=${TRACEHOP_KAFKA_PORT:-9092}
port_variable=TRACEHOP_KAFKA_PORT
tools=(mvn:maven java:openjdk-17-jre-headless)
pins=(pom.xml)

install_unit() {
  mvn --quiet --batch-mode --no-transfer-progress -Dstyle.color=never \
    --file "$here/brokers/kafka/pom.xml" "-Dkafka.version=$KAFKA_VERSION" \
    dependency:copy-dependencies "-DoutputDirectory=$1" -DincludeScope=runtime
}

# Behind this port names and passwords are asked for.
guarded() { say $((port + 2)); }

# The folder is formatted here, because the server refuses one that is not; the cluster's id is
# any UUID.
command_line() {
  local controller=$((port + 1))
  sed "s|@port@|$port|; s|@controller@|$controller|; s|@guarded@|$(guarded)|; s|@state@|$2|" \
    "$here/brokers/kafka/server.properties" >"$2/server.properties"
  java "-Djava.io.tmpdir=$2" -cp "$1/*" kafka.tools.StorageTool format --ignore-formatted \
    --standalone --cluster-id dHJhY2Vob3AgYnJva2Vycw --config "$2/server.properties" \
    >"$2/format.log" 2>&1
  argv=(
    java -Xms128m -Xmx512m -XX:+UseSerialGC "-Djava.io.tmpdir=$2"
    -cp "$1/*" kafka.Kafka "$2/server.properties"
  )
}

# Asks for the versions of the protocol (ApiVersions, version 0, no client id): a port that
# accepts connections is no proof that somebody answers.
ready() {
  local answered
  answered=$(timeout 2 bash -c "
    exec 3<>/dev/tcp/127.0.0.1/$port || exit
    printf '\\0\\0\\0\\x0a\\0\\x12\\0\\0\\0\\0\\0\\0\\xff\\xff' >&3
    head --bytes 4 <&3 | wc --bytes" 2>/dev/null) || return 1
  [[ $answered == 4 ]]
}

variables() {
  say "KAFKA_BROKERS=127.0.0.1:$port"
  say "TRACEHOP_KAFKA_BROKERS=127.0.0.1:$port"
  say "TRACEHOP_KAFKA_GUARDED=127.0.0.1:$(guarded)"
}
