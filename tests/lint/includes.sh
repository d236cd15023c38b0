#!/bin/bash
# The direction of dependencies (ARCHITECTURE: roles -> services -> core ->
# libraries) and the fences around each library, by looking at the #includes.
cd "$(dirname "$0")/../.." || exit 1
bad=0
complain() { echo "lint: $1"; bad=1; }
# forbid WHERE WHAT WHY: no file below WHERE includes anything matching WHAT
forbid() {
	local hits
	hits=$(grep -rnE "^[[:space:]]*#[[:space:]]*include[[:space:]]*[<\"]($2)" $1 --include='*.[ch]' 2>/dev/null)
	[ -z "$hits" ] || complain "$3:
$hits"
}
services='mh|nd|dhcp|esp|dataplane|policy|attach'
forbid src/core "($services|roles|ctl)/" "core includes something above it"
for s in ${services//|/ }; do
	[ -d src/$s ] || continue
	forbid src/$s "roles/" "service $s includes a role"
	others=$(echo "$services" | tr '|' '\n' | grep -vx "$s" | paste -sd'|')
	forbid src/$s "($others)/[a-z0-9_]*_(priv|int)\.h" "service $s includes a private header of another"
done
forbid src/roles/ha "roles/pma/" "role ha includes role pma"
forbid src/roles/pma "roles/ha/" "role pma includes role ha"
forbid src/ctl "($services|roles)/" "pmipctl includes the daemon"
# fence HEADER-REGEX ALLOWED-FILES-REGEX
fence() {
	local hits
	hits=$(grep -rlE "#[[:space:]]*include[[:space:]]*<$1" src | grep -vE "^($2)$")
	[ -z "$hits" ] || complain "<$1> is fenced into $2, but used in: $hits"
}
fence 'event2/' 'src/core/loop\.c'
fence 'yaml\.h' 'src/core/yaml\.c'
fence 'sodium\.h' 'src/core/crypto\.c'
fence 'jansson\.h' 'src/core/json\.c'
fence 'netlink/' 'src/core/netlink\.c|src/core/netlink\.h|src/dataplane/[a-z0-9_]*\.c|src/attach/[a-z0-9_]*\.c|src/esp/xfrm[a-z_]*\.c'
fence 'bpf/(libbpf|bpf)\.h' 'src/dataplane/bpf_[a-z]*\.c'
exit $bad
