#!/bin/bash
# The DHCP sections of the examples are good when their comment marks are taken
# away, and mistakes in such sections are told.
set -eu
cd "$(dirname "$0")/../.."
pmipd=${TEST_BUILD:-build}/pmipd
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

# uncomment ROLE SECTION: the example with that section in force
uncomment() {
	sed -e "s#/etc/pmipd/policy.yaml#$PWD/etc/policy.yaml#" \
	    -e "/^  # $2:/,/^ *\$/s/^  # /  /" "etc/pmipd-$1.yaml"
}
good() { "$pmipd" --role="$1" --test --config "$2" > "$tmp/out" ||
	{ echo "$1: refused"; cat "$2"; exit 1; }; }
# bad ROLE FILE MESSAGE
bad() {
	if "$pmipd" --role="$1" --test --config "$2" 2> "$tmp/err"; then
		echo "accepted without: $3"; exit 1
	fi
	grep -q "^$2:[0-9]*:[0-9]*: error: .*$3" "$tmp/err" ||
		{ echo "not told: $3"; cat "$tmp/err"; exit 1; }
}

uncomment pma dhcpv6 > "$tmp/pma.yaml"
grep -q '^  dhcpv4:' "$tmp/pma.yaml"
good pma "$tmp/pma.yaml"
sed 's/^    mode: link-selection/    mode: gateway/' "$tmp/pma.yaml" \
	> "$tmp/both.yaml"
bad pma "$tmp/both.yaml" "address: only for mode: link-selection"
bad pma "$tmp/both.yaml" "servers: only for mode: link-selection"
sed -e '/^    address:/d' -e '/servers: \[198/d' "$tmp/both.yaml" \
	> "$tmp/gateway.yaml"
good pma "$tmp/gateway.yaml"
sed '/^    address:/d' "$tmp/pma.yaml" > "$tmp/bad.yaml"
bad pma "$tmp/bad.yaml" "mode link-selection needs address:"
sed '/servers: \[198/d' "$tmp/pma.yaml" > "$tmp/bad.yaml"
bad pma "$tmp/bad.yaml" "mode link-selection needs servers:"
sed '/servers: \[2001/d' "$tmp/pma.yaml" > "$tmp/bad.yaml"
bad pma "$tmp/bad.yaml" "servers"

uncomment ha dhcpv4-gateway > "$tmp/ha.yaml"
grep -q '^  dhcpv4-gateway:' "$tmp/ha.yaml"
good ha "$tmp/ha.yaml"
sed 's/addresses: \[10.1.0.1\]/addresses: [10.99.0.1]/' "$tmp/ha.yaml" \
	> "$tmp/bad.yaml"
bad ha "$tmp/bad.yaml" "10.99.0.1 is in none of the IPv4 home-prefixes"
