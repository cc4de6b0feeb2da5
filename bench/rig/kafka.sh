#!/bin/sh
# Copies Apache Kafka and what it needs (from Maven Central) into .tools/kafka/lib, for the tests on the real broker. They are
# optional: without a JDK and Maven this says so and ends well, and those tests are skipped. Safe to run again.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
prefix=${1:-"$here/../../.tools/kafka"}
version=$(sed -n 's|.*<version>\(4[^<]*\)</version>.*|\1|p' "$here/kafka/pom.xml")

if [ -f "$prefix/lib/kafka_2.13-$version.jar" ]; then
	echo "tools: Apache Kafka $version is there already"
	exit 0
fi
for tool in java mvn; do
	if ! command -v "$tool" >/dev/null 2>&1; then
		echo "tools: $tool is missing, so Apache Kafka is not fetched and its tests (rung 5) will be skipped: install a JDK 17 and Maven for them."
		exit 0
	fi
done
echo "tools: fetching Apache Kafka $version from Maven Central (44 MB)"
rm -rf "$prefix/lib" "$prefix/part"
mkdir -p "$prefix"
mvn -q -B -Dstyle.color=never -f "$here/kafka/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$(cd "$prefix" && pwd)/part"
mv "$prefix/part" "$prefix/lib"
echo "tools: Apache Kafka $version is in place"
