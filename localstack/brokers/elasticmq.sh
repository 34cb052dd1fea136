# shellcheck shell=bash
# ElasticMQ: a second SQS server, ten times faster, which refuses what LocalStack lets pass.

port=${TRACEHOP_ELASTICMQ_PORT:-9324}
port_variable=TRACEHOP_ELASTICMQ_PORT
tools=(mvn:maven java:openjdk-17-jre-headless)
pins=(pom.xml)

install_unit() {
  mvn --quiet --batch-mode --no-transfer-progress -Dstyle.color=never \
    --file "$here/brokers/elasticmq/pom.xml" "-Delasticmq.version=$ELASTICMQ_VERSION" \
    dependency:copy-dependencies "-DoutputDirectory=$1" -DincludeScope=runtime
}

command_line() {
  argv=(
    env "ELASTICMQ_PORT=$port" java -Xmx1g "-Djava.io.tmpdir=$2"
    "-Dconfig.file=$here/brokers/elasticmq/elasticmq.conf" -cp "$1/*" org.elasticmq.server.Main
  )
}

# Any answer will do: a GET of the root is no SQS request.
ready() { curl --silent --max-time 2 --output /dev/null "http://127.0.0.1:$port/"; }

variables() { say "TRACEHOP_ELASTICMQ_URL=http://127.0.0.1:$port"; }
