#!/usr/bin/env bash
# A Kafka broker for tests: one process (KRaft), on 127.0.0.1 alone. Its jars come from Maven.
#
#   kafka.sh jars             fetches them, when they are not there; says where they are
#   kafka.sh have             whether they are there, and Java
#   kafka.sh start DIR PORT   in the foreground, its data in DIR; PORT and PORT+1 are used
#
# Exit status 77: it cannot be had here (no Java, no Maven, no network); says which.
set -euo pipefail

# shellcheck source=scripts/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

version=3.9.1
scala=2.13
skipped=77

jars_dir() { printf '%s\n' "${XDG_CACHE_HOME:-$HOME/.cache}/secureops/kafka-$version"; }

missing()
{
    sco_warn "skipped: $*"
    exit "$skipped"
}

fetch()
{
    local dir work
    dir=$(jars_dir)
    [[ -e $dir/.complete ]] && return
    command -v java >/dev/null || missing "there is no java (17 or later)"
    command -v mvn >/dev/null || missing "there is no mvn to fetch Kafka with"
    work=$(mktemp -d)
    cat >"$work/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>local</groupId><artifactId>broker</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_$scala</artifactId><version>$version</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency>
  </dependencies>
</project>
POM
    if ! timeout 300 mvn -q -B -f "$work/pom.xml" dependency:copy-dependencies \
        -DoutputDirectory="$dir" >"$work/log" 2>&1; then
        rm -rf "$work"
        missing "Kafka's jars cannot be fetched with mvn"
    fi
    rm -rf "$work"
    touch "$dir/.complete"
}

java_run() { java -Xmx384m -XX:TieredStopAtLevel=1 -cp "$(jars_dir)/*" "$@"; }

start()
{
    local dir=$1 port=$2
    fetch
    mkdir -p "$dir"
    cat >"$dir/server.properties" <<CONF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$((port + 1))
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
log.dirs=$dir/data
num.partitions=4
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
CONF
    [[ -e $dir/data/meta.properties ]] ||
        java_run kafka.tools.StorageTool format -t 4L6g3nShT-eMCtK--X86sw \
            -c "$dir/server.properties" >"$dir/format.log"
    exec java -Xmx384m -XX:TieredStopAtLevel=1 -cp "$(jars_dir)/*" kafka.Kafka \
        "$dir/server.properties"
}

case ${1-} in
jars)
    fetch
    jars_dir
    ;;
have)
    command -v java >/dev/null || missing "there is no java (17 or later)"
    [[ -e $(jars_dir)/.complete ]] || missing "Kafka's jars are not there (scripts/kafka.sh jars)"
    ;;
start)
    [[ $# == 3 ]] || { sco_warn "usage: kafka.sh start DIR PORT"; exit 2; }
    start "$2" "$3"
    ;;
*)
    sco_warn "usage: kafka.sh jars | have | start DIR PORT"
    exit 2
    ;;
esac
