#!/bin/bash
# Rules of the house that grep can see.
cd "$(dirname "$0")/../.." || exit 1
bad=0
complain() { echo "lint: $1"; bad=1; }
hits=$(grep -rnE '\((const )?struct (ip6_mh|ip6_mh_[a-z_]+|nd_[a-z_]+|icmp6_hdr|udphdr|ip6_hdr|iphdr) \*\)' src --include='*.c' | grep -v '^src/dataplane/bpf/')
[ -z "$hits" ] || complain "a struct is cast onto a packet buffer:
$hits"
hits=$(grep -rnE '\btime\(NULL\)|\bgettimeofday\(' src --include='*.[ch]')
[ -z "$hits" ] || complain "wall clock outside core/clock.c:
$hits"
hits=$(grep -rnE '\b(system|popen|strcpy|strcat|sprintf|gets|alloca)\(' src --include='*.[ch]')
[ -z "$hits" ] || complain "forbidden function:
$hits"
# no hidden state: a daemon is a value (ARCHITECTURE section 3)
hits=$(grep -rnE '^static [a-z_ ]+[ *][a-z_]+( =.*)?;' src --include='*.c' | grep -vE 'static const|static inline|src/ctl/|src/main\.c|src/dataplane/bpf/|\(')
[ -z "$hits" ] || complain "mutable static variable:
$hits"
hits=$(find src tests -name '*.[ch]' -exec awk 'FNR == 1 && !/SPDX-License-Identifier: / { print FILENAME }' {} +)
[ -z "$hits" ] || complain "no SPDX line: $hits"
exit $bad
