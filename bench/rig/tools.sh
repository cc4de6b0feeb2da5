#!/bin/sh
# Installs the ClickHouse engine (libchdb.so, from npm) that bench/rig loads, into .tools/clickhouse.
# Safe to run again; quick when it is there. Usage: bench/rig/tools.sh [PREFIX]
set -eu

here=$(cd "$(dirname "$0")" && pwd)
prefix=${1:-"$here/../../.tools/clickhouse"}

case "$(uname -s)/$(uname -m)" in
Linux/x86_64) platform=linux-x64-gnu ;;
Linux/aarch64 | Linux/arm64) platform=linux-arm64-gnu ;;
Darwin/arm64) platform=darwin-arm64 ;;
Darwin/x86_64) platform=darwin-x64 ;;
*)
	echo "tools: there is no ClickHouse engine for $(uname -s)/$(uname -m); point WAYBILL_CHDB at a libchdb.so of your own." >&2
	exit 1
	;;
esac

name=@chdb/lib-$platform
version=$(sed -n 's|.*"@chdb/lib-linux-x64-gnu": "\([^"]*\)".*|\1|p' "$here/clickhouse/package.json")
installed=$prefix/node_modules/$name

if [ -f "$installed/libchdb.so" ] && grep -q "\"version\": *\"$version\"" "$installed/package.json"; then
	echo "tools: $name $version is there already"
	exit 0
fi
if ! command -v npm >/dev/null 2>&1; then
	echo "tools: npm is missing: install Node.js (which brings npm) to fetch the ClickHouse engine, or point WAYBILL_CHDB at a libchdb.so." >&2
	exit 1
fi

echo "tools: fetching $name $version from npm (178 MB, 570 MB unpacked)"
mkdir -p "$prefix"
cp "$here/clickhouse/package.json" "$here/clickhouse/package-lock.json" "$prefix/"
quiet="--no-audit --no-fund --no-update-notifier --ignore-scripts --loglevel=error"
if [ "$platform" = linux-x64-gnu ]; then
	(cd "$prefix" && npm ci $quiet)
else
	# The lock file knows the checksum of linux-x64-gnu alone; the others are pinned by version.
	(cd "$prefix" && npm install --no-save --no-package-lock $quiet "$name@$version")
fi
if [ ! -f "$installed/libchdb.so" ]; then
	echo "tools: npm ended well but $installed/libchdb.so is not there; on Linux the engine needs glibc (musl will not do)." >&2
	exit 1
fi
rm -f "$installed/chdb_node.node" # the Node binding, of no use here
echo "tools: $name $version is in place, $(du -sh "$installed" | cut -f1)"
