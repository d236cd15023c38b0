#!/bin/bash
# What the documents promise: the manual lists every option of the schema
# tables, and the example configurations are good.
set -eu
cd "$(dirname "$0")/../.."
pmipd=${TEST_BUILD:-build}/pmipd
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

man/generate "$pmipd" > "$tmp/page"
diff -u man/pmipd.yaml.5 "$tmp/page" ||
	{ echo "man/pmipd.yaml.5 is not what the tables say: make man"; exit 1; }

for role in ha pma; do
	sed "s#/etc/pmipd/policy.yaml#$PWD/etc/policy.yaml#" \
	    "etc/pmipd-$role.yaml" > "$tmp/$role.yaml"
	"$pmipd" --role=$role --test --config "$tmp/$role.yaml"
	# what it prints is what it reads
	"$pmipd" --role=$role -t -v --config "$tmp/$role.yaml" > "$tmp/full.yaml"
	"$pmipd" --role=$role -t -v --config "$tmp/full.yaml" |
		diff -u "$tmp/full.yaml" -
done
# a section that is missing is told
if "$pmipd" --role=ha --test --config "$tmp/pma.yaml" 2> "$tmp/err"; then
	echo "role ha without a section ha: was accepted"; exit 1
fi
grep -q ':1:1: error: role ha needs a section "ha:"' "$tmp/err"
