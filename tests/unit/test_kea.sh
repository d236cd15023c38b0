#!/bin/bash
# The example configurations of DHCP servers are good: Kea says so, in a network
# namespace that has the interface and the addresses that they name.
set -eu
cd "$(dirname "$0")/../.."
skip() { echo "SKIP: test_kea: $1"; exit 0; }
for p in kea-dhcp4 kea-dhcp6 ip unshare; do
	command -v $p > /dev/null || [ -x /usr/sbin/$p ] ||
		skip "$p is not installed"
done
PATH=$PATH:/usr/sbin:/sbin
enter=(unshare -n)
[ "$(id -u)" -eq 0 ] || enter=(unshare -rn)
"${enter[@]}" true 2> /dev/null || skip "no network namespace"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
export KEA_PIDFILE_DIR=$tmp KEA_LOCKFILE_DIR=none KEA_LOGGER_DESTINATION=stdout

# a copy, which no AppArmor profile of the distribution applies to
for family in 4 6; do
	cp "$(command -v kea-dhcp$family)" "$tmp/kea$family"
done
# shellcheck disable=SC2016
"${enter[@]}" bash -eu -c '
	ip link add eth0 type veth peer name other || exit 77
	ip link set other up
	ip addr add 198.51.100.5/24 dev eth0
	ip addr add 2001:db8:d::5/64 dev eth0 nodad
	ip link set eth0 up
	for family in 4 6; do
		"$1/kea$family" -t etc/kea-dhcp$family.conf
	done' sh "$tmp" > "$tmp/out" 2>&1 || {
	[ $? -ne 77 ] || skip "no virtual cable"
	cat "$tmp/out"
	exit 1
}
# and they are about the nodes of the example policy
sed -n 's/^ *home-\(prefix\|subnet\): *\([^ ]*\).*/\2/p' etc/policy.yaml |
	grep -e "^2001:db8:1:[14]:" -e "^10" | while read -r net; do
	grep -q "\"subnet\": \"$net\"" etc/kea-dhcp[46].conf || {
		echo "no subnet $net of etc/policy.yaml in etc/kea-dhcp*.conf"
		exit 1
	}
done
