#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# tests/netns/dataplane.sh [HA-BACKEND PMA-BACKEND | opening]
#
# The data plane alone, driven by dptool, between seven network namespaces:
#
#                         mn2 ----+
#     cn ---- ha ---- core ---- pma ---- mn
#                       \------ pma2 ---/
#
# Backends: ip6tnl, bpf; hand (PMA only): an `ip -6 tunnel` made by hand, to
# show that we interoperate.  Without arguments: all pairs this kernel can do.
# Judged by ping, tcpdump and ip, never by dptool's word.
# shellcheck disable=SC1010,SC1083,SC2046,SC2093
set -u
cd "$(dirname "$0")/../.." || exit 1
# a BPF file system of our own: nothing of ours is ever seen outside
if [ -z "${DATAPLANE_UNSHARED:-}" ]; then
	DATAPLANE_UNSHARED=1 exec unshare -m --propagation private "$0" "$@"
fi
mount -t bpf bpf /sys/fs/bpf || exit 1
TOOL=${DPTOOL:-${BUILD:-build}/tests/netns/dptool}
P=dp
HOSTS="cn ha core pma pma2 mn mn2"
HAA=2001:db8:a::1 COA=2001:db8:b::1 COA2=2001:db8:b2::1
HOP=2001:db8:1:1::/64 MN6=2001:db8:1:1::100 MN4=10.9.0.100
NODE2=2001:db8:1:9::1 NODE24=10.9.0.101 HAA2=2001:db8:a::2
VIS=2001:db8:77:1::5 VIS4=10.77.0.5
CN6=2001:db8:c::2 CN4=192.0.2.2 COVER="2001:db8:1::/48 10.9.0.0/16"
MAC=02:00:00:00:00:01
SETTLE=0.3 # seconds until tcpdump has seen what came
[ -z "${IN_KERNEL:-}" ] || SETTLE=1
dir=$(mktemp -d -t dataplane.XXXXXX)
passed=0 failed=0 skipped=0

N() { local n=$1; shift; ip netns exec $P-$n "$@"; }
I() { local n=$1; shift; ip -n $P-$n "$@"; }
say() { echo "$*"; }
ok() { passed=$((passed + 1)); say "  ok    $1"; }
fail() { failed=$((failed + 1)); say "  FAIL  $1${2:+: $2}"; }
skip() { skipped=$((skipped + 1)); say "  skip  $1: $2"; }
# check NAME CMD...
check() { local n=$1; shift; if "$@" >"$dir/out" 2>&1; then ok "$n"; else fail "$n" "$(tail -n 3 "$dir/out" | tr '\n' '|')"; fi; }
refute() { local n=$1; shift; if "$@" >"$dir/out" 2>&1; then fail "$n" "$(tail -n 3 "$dir/out" | tr '\n' '|')"; else ok "$n"; fi; }
# until SECONDS CMD...: try until it succeeds
until_ok() {
	local end=$((SECONDS + $1)); shift
	until "$@" >/dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.05
	done
}

# --- the topology -----------------------------------------------------------
down() { local n; for n in $HOSTS; do ip netns del $P-$n 2>/dev/null; done; }
link() { # NS IF NS IF
	I "$1" link add "$2" type veth peer name "$4" netns "$P-$3"
	I "$1" link set "$2" up; I "$3" link set "$4" up
}
up() {
	local n
	down
	for n in $HOSTS; do
		ip netns add $P-$n
		N $n sysctl -qw net.ipv6.conf.{all,default}.accept_dad=0 \
			net.ipv6.conf.default.accept_ra=0 \
			net.ipv4.conf.{all,default}.rp_filter=0
		I $n link set lo up
	done
	link cn eth0 ha cn0; link ha up0 core ha0
	link core pma0 pma up0; link core pma20 pma2 up0
	link pma acc0 mn eth0; link pma2 acc0 mn eth1; link pma acc1 mn2 eth0
	N core sysctl -qw net.ipv6.conf.all.forwarding=1
	I mn link set eth0 address $MAC; I mn link set eth1 address $MAC
	A() { I $1 addr add $3 dev $2 $([[ $3 = *:* ]] && echo nodad); }
	A cn eth0 $CN6/64; A ha cn0 2001:db8:c::1/64
	A ha up0 $HAA/64; A core ha0 2001:db8:a::fe/64
	A pma up0 $COA/64; A core pma0 2001:db8:b::fe/64
	A pma2 up0 $COA2/64; A core pma20 2001:db8:b2::fe/64
	A mn eth0 $MN6/128; A mn eth1 $MN6/128; A pma acc0 fe80::1/64; A pma2 acc0 fe80::1/64
	A cn eth0 $CN4/24; A ha cn0 192.0.2.1/24; A mn lo $MN4/32
	A pma acc0 10.9.0.1/32; A pma2 acc0 10.9.0.1/32
	I cn route add ::/0 via 2001:db8:c::1; I cn route add 0.0.0.0/0 via 192.0.2.1
	I mn route add ::/0 via fe80::1 dev eth0
	I mn route add 10.9.0.1/32 dev eth0 src $MN4; I mn route add 0.0.0.0/0 via 10.9.0.1 src $MN4
	A mn2 eth0 $NODE2/128; A pma acc1 fe80::1/64; I mn2 route add ::/0 via fe80::1 dev eth0
	A mn2 lo $NODE24/32; A pma acc1 10.9.0.1/32
	I mn2 route add 10.9.0.1/32 dev eth0 src $NODE24; I mn2 route add 0.0.0.0/0 via 10.9.0.1 src $NODE24
	I ha route add ::/0 via 2001:db8:a::fe; I core route add 2001:db8:c::/64 via $HAA
	I pma route add ::/0 via 2001:db8:b::fe; I pma2 route add ::/0 via 2001:db8:b2::fe
}

# --- dptool -----------------------------------------------------------------
declare -A IN OUT PID
start() { # HOST COMMAND...: start and run the commands
	local h=$1; shift
	rm -f "$dir/$h.in" "$dir/$h.out"; mkfifo "$dir/$h.in" "$dir/$h.out"
	# not `ip netns exec`, which would hide the BPF file system
	nsenter --net=/run/netns/$P-$h "$TOOL" <"$dir/$h.in" >"$dir/$h.out" 2>>"$dir/$h.log" &
	PID[$h]=$!
	exec {fd}>"$dir/$h.in"; IN[$h]=$fd
	exec {fd}<"$dir/$h.out"; OUT[$h]=$fd
	for c in "$@"; do ask $h $c || return 1; done
}
# ask HOST COMMAND...: its answer in $REPLY; news go to $dir/HOST.news
ask() {
	local h=$1; shift
	echo "$*" >&"${IN[$h]}"
	while read -r -t 20 REPLY <&"${OUT[$h]}"; do
		case $REPLY in
		ok*) return 0;;
		err*) echo "$h: $*: $REPLY"; return 1;;
		*) echo "$REPLY" >>"$dir/$h.news";;
		esac
	done
	echo "$h: $*: no answer"; return 1
}
stop() { # HOST [quit|keep|kill]
	local h=$1 how=${2:-quit}
	[ -n "${PID[$h]:-}" ] || return 0
	if [ $how = kill ]; then kill -KILL ${PID[$h]}; else echo $how >&"${IN[$h]}"; fi
	wait ${PID[$h]} 2>/dev/null
	local r=$?
	exec {IN[$h]}>&- {OUT[$h]}<&-
	unset "PID[$h]"
	[ $how = kill ] || return $r
}
cleanup() {
	for h in "${!PID[@]}"; do stop $h kill; done 2>/dev/null
	down; rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

# --- probes -----------------------------------------------------------------
# ping_ok NS "[-I SOURCE] DESTINATION"
ping_ok() { N "$1" ping -nq -c1 -W1 $2; }
# capture NS IF FILTER [OPTION]: stop it with captured, which prints the packets
capture() {
	# the last one's must not be taken for this one's
	rm -f "$dir/pcap" "$dir/tcpdump"
	# not N: the process to end must be tcpdump's own
	ip netns exec $P-$1 timeout 30 tcpdump -i $2 ${4:-} --immediate-mode -Unn -w "$dir/pcap" "$3" 2>"$dir/tcpdump" &
	CAP=$!
	until_ok 5 grep -q 'listening on' "$dir/tcpdump"
}
captured() {
	# until nothing more comes, and tcpdump sleeps: it has read everything
	local a=-1 b=0 dump; dump=$(pgrep -P $CAP)
	while [ $a != $b ] || grep -q '^State:.[^S]' "/proc/$dump/status"; do
		a=$b; sleep $SETTLE; b=$(stat -c %s "$dir/pcap")
	done
	kill -TERM $CAP; wait $CAP 2>/dev/null
	tcpdump -nnr "$dir/pcap" -v 2>/dev/null
}
# raw NS IF PYTHON: send a packet or frame made from the expression
raw() {
	N "$1" /usr/bin/python3 - "$2" "$3" <<'PY'
import socket, struct, sys
def n6(a): return socket.inet_pton(socket.AF_INET6, a)
def n4(a): return socket.inet_aton(a)
def csum(b):
    s = sum(struct.unpack("!%dH" % (len(b) // 2), b))
    while s >> 16: s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff
def udp(data=b"spoofed!", dport=9): return struct.pack("!4H", 9, dport, 8 + len(data), 0) + data
def ip6(s, d, nh, p, tc=0): return struct.pack("!IHBB", 6 << 28 | tc << 20, len(p), nh, 64) + n6(s) + n6(d) + p
def ip4(s, d, pr, p, tos=0):
    h = struct.pack("!BBHHHBBH", 0x45, tos, 20 + len(p), 1, 0, 64, pr, 0) + n4(s) + n4(d)
    return h[:10] + struct.pack("!H", csum(h)) + h[12:] + p
def u6(s, d, data=b"spoofed!", tc=0):
    p = udp(data)
    c = csum(n6(s) + n6(d) + struct.pack("!II", len(p), 17) + p)
    return ip6(s, d, 17, p[:6] + struct.pack("!H", c or 0xffff) + p[8:], tc)
def mac(m): return bytes.fromhex(m.replace(":", ""))
def eth(dst, src, p, t=0x86dd): return mac(dst) + mac(src) + struct.pack("!H", t) + p
def hoti(s, d):
    m = bytes.fromhex("3b01010000000000") + b"cookie12"
    c = csum(n6(s) + n6(d) + struct.pack("!II", len(m), 135) + m)
    return m[:4] + struct.pack("!H", c) + m[6:]
if sys.argv[1] == "-":      # an IPv6 packet of our own, routed
    p = eval(sys.argv[2])
    s = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
    s.sendto(p, (socket.inet_ntop(socket.AF_INET6, p[24:40]), 0))
else:
    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    s.bind((sys.argv[1], 0))
    s.send(eval(sys.argv[2]))
PY
}
# counter HOST NAME
counter() { ask $1 show >/dev/null; echo "$REPLY" | grep -o "\"$2\":[0-9]*" | head -n 1 | cut -d: -f2; }
# grows HOST NAME CMD...: the counter goes up
grows() {
	local h=$1 c=$2 before after; shift 2
	before=$(counter $h $c); "$@"; after=$(counter $h $c)
	[ "${after:-0}" -gt "${before:-0}" ] || { echo "$h $c: $before -> $after"; return 1; }
}
flush() { local n; for n in cn mn ha pma pma2 core; do N $n ip -6 route flush cache; N $n ip -4 route flush cache; done; }
# too_big NS DST SIZE: the MTU of the Packet Too Big that an inner packet of
# SIZE octets meets
too_big() {
	local head=48; [[ $2 = *:* ]] || head=28
	N $1 ping -n -M do -c2 -i0.3 -W1 -s $(($3 - head)) $2 2>&1 |
		grep -oE 'mtu[ =:]+[0-9]+' | head -n 1 | grep -oE '[0-9]+'
}
is() { [ "$1" = "$2" ] || { echo "got '$1', want '$2'"; return 1; }; }
ours() { # HOST: everything of ours in its kernel
	I $1 -6 route show table all proto 213; I $1 -4 route show table all proto 213
	I $1 -6 rule show | grep 5213; I $1 -4 rule show | grep 5213
	I $1 nexthop show 2>/dev/null | grep 'proto 213'
	I $1 neigh show nud permanent
	I $1 -d link show | grep -E 'pmt[0-9]|pmip[0-9]|alias pmipd'
	for d in $(I $1 -br link | cut -d@ -f1 | cut -d' ' -f1); do
		N $1 tc filter show dev $d ingress 2>/dev/null | grep pmip_
		N $1 tc filter show dev $d egress 2>/dev/null | grep pmip_
	done
	true
}
nothing_left() { local x; x=$(ours $1); [ -z "$x" ] || { echo "$x"; return 1; }; }
acc_mac() { N $1 cat /sys/class/net/acc0/address; }

# --- the scenes -------------------------------------------------------------
pma_start() { # HOST LOCAL BACKEND
	if [ $3 = hand ]; then
		I $1 link add hand0 type ip6tnl local $2 remote $HAA mode any encaplimit none ttl 64
		I $1 link set hand0 up
		I $1 -6 route add default dev hand0 table 77; I $1 -4 route add default dev hand0 table 77
		I $1 -6 rule add iif acc0 lookup 77; I $1 -4 rule add iif acc0 lookup 77
		I $1 route add $HOP dev acc0; I $1 route add $MN4/32 dev acc0
		N $1 sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv4.ip_forward=1
		return
	fi
	start $1 "backend $3" "pma $2" "access acc0"
}
host_all() { # HOST
	ask $1 host $HOP $HAA acc0 $MAC && ask $1 host $MN4/32 $HAA acc0 $MAC
}
ha_start() {
	start ha "backend $1" "ha $HAA cover $COVER"
}
# A program that counts datagrams while others are sent.
lossless() { # CMD...: while 3000 datagrams go from cn to mn, run CMD
	rm -f "$dir/count"
	N mn timeout 20 /usr/bin/python3 - >"$dir/count" 2>&1 <<'PY' &
import socket
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.bind(("::", 5000)); s.settimeout(3)
s.setsockopt(socket.SOL_SOCKET, 33, 1 << 22)
print("ready", flush=True); n = 0
try:
    while True:
        if s.recv(100) == b"end": break
        n += 1
except TimeoutError: pass
print("got", n)
PY
	local rx=$!
	until_ok 30 grep -q ready "$dir/count"
	N cn /usr/bin/python3 - $MN6 <<'PY' &
import socket, sys, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
for i in range(3000):
    s.sendto(b"x", (sys.argv[1], 5000)); time.sleep(0.0003)
for i in range(3): s.sendto(b"end", (sys.argv[1], 5000))
PY
	local tx=$!
	"$@"
	wait $tx; wait $rx
	grep -q 'got 3000' "$dir/count" || { cat "$dir/count"; return 1; }
}
swap() { for _ in 1 2 3 4 5 6 7 8 9 10; do ask ha path $HOP $COA2 && ask ha path $HOP $COA; done; }

scene() { # HA-BACKEND PMA-BACKEND
	local hb=$1 pb=$2 out dev
	say "--- home agent $hb, access router $pb"
	up
	check "home agent opens" ha_start $hb || return
	check "access router opens" pma_start pma $COA $pb
	[ -n "${PID[ha]:-}" ] || { fail "start" "$(tail -n 3 "$dir/ha.log")"; return; }
	local managed=1; [ $pb = hand ] && managed=

	# before any path
	refute "unbound prefix is not reachable" ping_ok cn $MN6
	if [ $managed ]; then
		capture core pma0 "ip6 proto 41 or host $CN6"
		N mn ping -nq -c2 -i0.2 -W1 $CN6 >/dev/null
		check "nothing of an unbound node leaves the router" is "$(captured)" ""
		check "access router hosts the prefix" host_all pma
	fi
	check "home agent binds the prefix" ask ha path $HOP $COA
	check "home agent binds the IPv4 address" ask ha path $MN4/32 $COA

	# D5.3-4..7, D6.7-7..10
	capture core pma0 "ip6 proto 41 or ip6 proto 4 or icmp6"
	# (the node may have given up on its router for a second)
	check "cn -> mn, IPv6" until_ok 5 ping_ok cn $MN6
	check "mn -> cn, IPv6" ping_ok mn "-I$MN6 $CN6"
	check "cn -> mn, IPv4" ping_ok cn $MN4
	check "mn -> cn, IPv4" ping_ok mn "-I$MN4 $CN4"
	out=$(captured)
	check "outer header is 41, addresses are the ends" grep -qE "next-header IPv6 \(41\).*\) $HAA > $COA: .*$CN6 > $MN6" <<<"$(tr '\n' ' ' <<<"$out" | sed 's/IP6 (/\nIP6 (/g' | tr -d '\n')"
	check "outer hop limit is 64" grep -qE "hlim 64, next-header IPv6 \(41\)" <<<"$out"
	check "IPv4 in IPv6 is next header 4" grep -qE "next-header IPIP \(4\)" <<<"$out"
	refute "no extension header" grep -qiE "DSTOPT|HBH|\(60\)" <<<"$out"
	refute "no redirects" grep -qi redirect <<<"$out"
	if [ $hb = ip6tnl ]; then
		check "route has protocol and nexthop" sh -c "ip -n $P-ha -6 route show $HOP | grep -E 'nhid.*proto 213'"
	else
		check "covering route has protocol" sh -c "ip -n $P-ha -6 route show 2001:db8:1::/48 | grep -E 'dev pmip[0-9].*proto 213'"
	fi
	for n in ha core pma; do for d in $(I $n -br link | cut -d@ -f1 | cut -d' ' -f1); do I $n neigh flush dev $d; done; done
	check "what waits for a neighbour is not lost" N cn ping -nq -c1 -W3 $MN6
	check "ha itself reaches the node" ping_ok ha $MN6
	check "another address of the prefix is tunnelled too" sh -c "
		ip -n $P-mn addr add 2001:db8:1:1::7/128 dev eth0 nodad
		ip netns exec $P-cn ping -nq -c1 -W2 2001:db8:1:1::7"
	refute "an unbound prefix of the cover goes nowhere" ping_ok cn 2001:db8:1:2::1
	check "TCP, both directions" tcp_both

	# ECN
	capture core pma0 "ip6 proto 41"
	raw cn - "u6('$CN6', '$MN6', tc=0xb9)"	# AF46-like, ECT(1)
	out=$(captured)
	check "traffic class is copied out" grep -qE "class 0xb9.*IPv6 \(41\)" <<<"$out"

	if [ $managed ]; then spoof_access; fi
	spoof_tunnel
	[ $managed ] && spoof_pma
	ecn_in
	mtu_plain
	mtu_shrink $hb $pb
	if [ $managed ]; then hairpin; second_agent $pb; visitor; refusals; renamed; handover $pb; heal $hb $pb; fi
	leftovers $hb $pb
}

# tcp_one NS ADDR FROM-NS FROM-ADDR: four megabytes
tcp_one() {
	rm -f "$dir/tcp"
	N $1 timeout 60 /usr/bin/python3 -c '
import socket,sys
f=socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s=socket.socket(f); s.setsockopt(1,2,1); s.bind((sys.argv[1],5001)); s.listen(1); print("ready",flush=True)
c,_=s.accept(); n=0
while (d:=c.recv(65536)): n+=len(d)
print("got",n)' $2 >"$dir/tcp" 2>&1 &
	local rx=$!
	until_ok 30 grep -q ready "$dir/tcp"
	N $3 timeout 30 /usr/bin/python3 -c '
import socket,sys
f=socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET
s=socket.socket(f); s.bind((sys.argv[2],0))
s.connect((sys.argv[1],5001)); s.sendall(bytes(4000000))' $2 $4
	wait $rx
	grep -q 'got 4000000' "$dir/tcp" || { echo "$*: $(cat "$dir/tcp")"; return 1; }
}
tcp_both() {
	tcp_one mn $MN6 cn $CN6 && tcp_one cn $CN6 mn $MN6 &&
		tcp_one mn $MN4 cn $CN4 && tcp_one cn $CN4 mn $MN4
}

# Seen in a capture: a packet of ours?
seen() { grep -q 'spoofed' < <(tcpdump -nnAr "$dir/pcap" 2>/dev/null); }
# leaks NAME: what `raw` arguments send shows up at the capture
from_mn() { # SRC [MAC] [DST]
	local m; m=$(acc_mac pma)
	capture core pma0 "ip6"
	raw mn eth0 "eth('$m', '${2:-$MAC}', u6('$1', '${3:-$CN6}'))"
	ping_ok mn "-I$MN6 $CN6" >/dev/null
	captured >/dev/null
	seen
}
spoof_access() {
	check "router: own address passes" from_mn $MN6
	refute "router: foreign source is dropped" from_mn 2001:db8:1:2::1
	refute "router: the correspondent's source is dropped" from_mn $CN6
	refute "router: own source, foreign MAC is dropped" from_mn $MN6 02:00:00:00:00:99
	refute "router: link-local source is not forwarded" from_mn fe80::1234
	refute "router: unspecified source is not forwarded" from_mn ::
	check "router counts spoofed sources" grows pma access-spoof from_mn_quiet 2001:db8:1:2::1
	check "router counts link-local sources" grows pma access-link-local from_mn_quiet fe80::1234
	check "node reaches the router's link-local address" ping_ok mn "-I eth0 fe80::1"
	capture pma acc0 "udp port 67"
	local before after
	before=$(counter pma access-spoof)$(counter pma access-link-local)
	raw mn eth0 "eth('ff:ff:ff:ff:ff:ff', '$MAC', ip4('0.0.0.0', '255.255.255.255', 17, udp(b'dhcp', 67)), 0x800)"
	after=$(counter pma access-spoof)$(counter pma access-link-local)
	captured >/dev/null
	check "DHCP without an address passes" is "$after" "$before"
}
from_mn_quiet() { raw mn eth0 "eth('$(acc_mac pma)', '$MAC', u6('$1', '$CN6'))"; }

# into_ha OUTER-SRC INNER: does it come out at cn?
into_ha() {
	local m; m=$(N ha cat /sys/class/net/up0/address)
	capture cn eth0 "ip6 or ip"
	raw core ha0 "eth('$m', '02:00:00:00:00:77', ip6('$1', '$HAA', 41, $2))"
	ping_ok mn "-I$MN6 $CN6" >/dev/null
	captured >/dev/null
	seen || tcpdump -nnr "$dir/pcap" 2>/dev/null | grep -qi mobility
}
into_ha_quiet() { raw core ha0 "eth('$(N ha cat /sys/class/net/up0/address)', '02:00:00:00:00:77', ip6('$1', '$HAA', 41, $2))"; }
spoof_tunnel() {
	check "home agent: bound source passes" into_ha $COA "u6('$MN6', '$CN6')"
	refute "home agent: unbound source is dropped" into_ha $COA "u6('2001:db8:1:2::1', '$CN6')"
	refute "home agent: a foreign source is dropped" into_ha $COA "u6('$HAA', '$CN6')"
	refute "home agent: bound source from another peer is dropped" into_ha $COA2 "u6('$MN6', '$CN6')"
	refute "home agent: Home Test Init is dropped" into_ha $COA "ip6('$MN6', '$CN6', 135, hoti('$MN6', '$CN6'))"
	refute "home agent: HoTI behind an option header too" into_ha $COA "ip6('$MN6', '$CN6', 60, bytes([135,0,1,4,0,0,0,0]) + hoti('$MN6', '$CN6'))"
	refute "home agent: a tunnel in the tunnel goes nowhere" into_ha $COA "ip6('$MN6', '$HAA', 41, u6('$MN6', '$CN6'))"
	check "home agent counts spoofed packets" grows ha tunnel-spoof into_ha_quiet $COA "u6('2001:db8:1:2::1', '$CN6')"
	check "home agent counts HoTI" grows ha hoti into_ha_quiet $COA "ip6('$MN6', '$CN6', 135, hoti('$MN6', '$CN6'))"
	refute "home agent: IPv4 of another is dropped" into_ha4 $COA "ip4('10.9.0.101', '$CN4', 17, udp())"
	check "home agent: IPv4 of the node passes" into_ha4 $COA "ip4('$MN4', '$CN4', 17, udp())"
}
into_ha4() {
	local m; m=$(N ha cat /sys/class/net/up0/address)
	capture cn eth0 "ip6 or ip"
	raw core ha0 "eth('$m', '02:00:00:00:00:77', ip6('$1', '$HAA', 4, $2))"
	ping_ok mn "-I$MN6 $CN6" >/dev/null
	captured >/dev/null
	seen
}
# At the router: only to hosted prefixes, only from the home agent.
into_pma() { # OUTER-SRC INNER-DST: does it leave again?
	local m; m=$(N pma cat /sys/class/net/up0/address)
	capture pma any "udp" -Qout
	raw core pma0 "eth('$m', '02:00:00:00:00:77', ip6('$1', '$COA', 41, u6('$CN6', '$2')))"
	ping_ok cn $MN6 >/dev/null
	captured >/dev/null
	seen
}
spoof_pma() {
	check "router: hosted destination passes" into_pma $HAA $MN6
	refute "router: foreign destination is dropped" into_pma $HAA 2001:db8:1:2::1
	refute "router: back to the core is dropped" into_pma $HAA $CN6
	refute "router: nothing from strangers" into_pma $COA2 $MN6
	check "router counts what it does not host" grows pma not-hosted into_pma_quiet 2001:db8:1:2::1
}
into_pma_quiet() { # INNER-DST [OUTER-SRC]
	raw core pma0 "eth('$(N pma cat /sys/class/net/up0/address)', '02:00:00:00:00:77', ip6('${2:-$HAA}', '$COA', 41, u6('$CN6', '$1')))"
}

ecn_in() { # a CE mark of the core is carried in when the inner packet is ECT
	local m; m=$(N ha cat /sys/class/net/up0/address)
	capture cn eth0 "ip6 or ip"
	raw core ha0 "eth('$m', '02:00:00:00:00:77', ip6('$COA', '$HAA', 41, u6('$MN6', '$CN6', b'spoofed1', 2), 3))"
	raw core ha0 "eth('$m', '02:00:00:00:00:77', ip6('$COA', '$HAA', 4, ip4('$MN4', '$CN4', 17, udp(b'spoofed2'), 2), 3))"
	ping_ok mn "-I$MN6 $CN6" >/dev/null
	local out; out=$(captured)
	check "CE is carried in, IPv6" grep -qE "class 0x03.*UDP" <<<"$out"
	check "CE is carried in, IPv4, checksum right" sh -c 'grep -q "tos 0x3,CE" && ! grep -q "bad cksum"' <<<"$out"
}

mtu_plain() {
	flush; check "what fits passes, cn -> mn" ping_do cn $MN6 1460
	flush; check "Packet Too Big, cn -> mn" is "$(too_big cn $MN6 1500)" 1460
	flush; check "Packet Too Big, mn -> cn" is "$(too_big mn "-I$MN6 $CN6" 1500)" 1460
	flush; check "fragmentation needed, cn -> mn" is "$(too_big cn $MN4 1500)" 1460
	flush; check "fragmentation needed, mn -> cn" is "$(too_big mn "-I$MN4 $CN4" 1500)" 1460
	flush; check "IPv4 without DF is fragmented" sh -c "ip netns exec $P-cn ping -nq -M dont -c1 -W2 -s 1472 $MN4"
	flush; check "hop limit: the home agent answers" sh -c "ip netns exec $P-cn ping -n -t1 -c1 -W2 $MN6 | grep -i 'time exceeded'"
	if [ $managed ]; then
		check "hop limit: the router answers" sh -c "ip netns exec $P-cn ping -n -t2 -c1 -W2 $MN6 | grep -i 'time exceeded'"
	fi
	flush
}
ping_do() { N $1 ping -nq -M do -c1 -W2 -s $(($3 - 48)) $2; }
# news HOST: the tunnel's MTU as the tool was told
news_mtu() { ask $1 show >/dev/null; grep -q "\"mtu\":$2" <<<"$REPLY"; }
set_core_mtu() { # HOST MTU: both ends of the link in front of it
	case $1 in
	pma) I core link set pma0 mtu $2;;
	ha) I core link set ha0 mtu $2;;
	esac
}
mtu_shrink() {
	local hb=$1 pb=$2
	# RFC 8201 5.3: forgotten after so many seconds
	N ha sysctl -qw net.ipv6.route.mtu_expires=10
	# The core's own link is smaller; nobody at the ends is told by its kernel.
	set_core_mtu pma 1400
	flush
	check "core shrinks: cn hears of 1360" until_ok 10 cn_hears $MN6
	flush_but_ha
	check "core shrinks: cn hears of 1360 for IPv4" until_ok 10 cn_hears $MN4
	check "core shrinks: home agent knows" until_ok 5 news_mtu ha 1360
	check "core shrinks: what fits 1360 passes" ping_do cn $MN6 1360
	set_core_mtu pma 1500
	if [ $managed ]; then
		set_core_mtu ha 1400
		check "core shrinks: mn hears of 1360" until_ok 10 mn_hears $CN6 $MN6
		flush_but_ha
		check "core shrinks: mn hears of 1360 for IPv4" until_ok 10 mn_hears $CN4 $MN4
		check "core shrinks: router knows" until_ok 5 news_mtu pma 1360
		set_core_mtu ha 1500
	fi
	check "forgotten in time" until_ok 20 news_mtu ha 1460
	flush; check "and large packets pass again" until_ok 5 ping_do cn $MN6 1460
}
flush_but_ha() { local n; for n in cn mn; do N $n ip -6 route flush cache; N $n ip -4 route flush cache; done; }
cn_hears() { [ "$(too_big cn $1 1460)" = 1360 ]; }
mn_hears() { flush_but_ha; [ "$(too_big mn "-I$2 $1" 1460)" = 1360 ]; }

hairpin() { # D6.7-8: node to node of one router, through the home agent
	check "router takes a second link" ask pma access acc1
	check "router hosts a second node" ask pma host 2001:db8:1:9::/64 $HAA acc1 "$(N mn2 cat /sys/class/net/eth0/address)"
	check "and its IPv4" ask pma host $NODE24/32 $HAA acc1 "$(N mn2 cat /sys/class/net/eth0/address)"
	check "home agent binds it" ask ha path 2001:db8:1:9::/64 $COA
	check "home agent binds its IPv4" ask ha path $NODE24/32 $COA
	capture core ha0 "ip6 proto 41 or icmp6"
	check "node to node" until_ok 5 ping_ok mn "-I$MN6 $NODE2"
	local out; out=$(captured)
	check "by way of the home agent, both times" is "$(grep -cE "$MN6 > $NODE2.*echo request" <<<"$out")" 2
	refute "without redirects" grep -qi redirect <<<"$out"
	refute "a node cannot send as the other" from_mn $NODE2
	check "node to node, IPv4" until_ok 5 ping_ok mn "-I$MN4 $NODE24"
	check "node to node, TCP" tcp_one mn2 $NODE2 mn $MN6
	check "node to node, TCP over IPv4" tcp_one mn2 $NODE24 mn $MN4
	check "unhost its IPv4" ask pma unhost $NODE24/32
	check "unbind its IPv4" ask ha del $NODE24/32
	check "unhost it" ask pma unhost 2001:db8:1:9::/64
	check "unbind it" ask ha del 2001:db8:1:9::/64
	refute "its route is gone" grep -q . < <(I pma route show 2001:db8:1:9::/64)
}
# IPv4 towards two home agents: who is whose is told by the source alone.
second_agent() { # PMA-BACKEND
	local m; m=$(N mn2 cat /sys/class/net/eth0/address)
	I ha addr add $HAA2/64 dev up0 nodad
	check "router hosts a node of another home agent" ask pma host $NODE24/32 $HAA2 acc1 $m
	check "which binds it" ask ha path $NODE24/32 $COA $HAA2
	capture core pma0 "ip6 proto 4"
	check "its IPv4, up and down" until_ok 5 ping_ok mn2 "-I$NODE24 $CN4"
	check "and the first one's" until_ok 5 ping_ok mn "-I$MN4 $CN4"
	local out; out=$(captured | tr '\n' ' ' | sed 's/IP6 (/\nIP6 (/g')
	check "to its own agent" grep -qE "$COA > $HAA2: .*$NODE24 > $CN4" <<<"$out"
	check "from its own agent" grep -qE "$HAA2 > $COA: .*$CN4 > $NODE24" <<<"$out"
	check "the first to the first agent" grep -qE "$COA > $HAA: .*$MN4 > $CN4" <<<"$out"
	refute "none to another's" grep -qE "$COA > $HAA: .*$NODE24 >|$COA > $HAA2: .*$MN4 >" <<<"$out"
	# D6.6-1..3: the first agent's IPv4 goes, the second's stays
	check "unhost the first one's IPv4" ask pma unhost $MN4/32
	check "the second goes on" ping_ok mn2 "-I$NODE24 $CN4"
	refute "the first does not" ping_ok mn "-I$MN4 $CN4"
	check "host it again" ask pma host $MN4/32 $HAA acc0 $MAC
	check "it works again" until_ok 5 ping_ok mn "-I$MN4 $CN4"
	if [ $1 = ip6tnl ]; then
		check "no rule per node" is "$(I pma -4 rule show | grep -c 'lookup 52')" 3
		stop pma kill
		pma_start pma $COA $1 >/dev/null
		check "restarted, the second first" ask pma host $NODE24/32 $HAA2 acc1 $m
		check "takes the second link again" ask pma access acc1
		check "and the rest" host_all pma
		check "sweep" ask pma sweep
		check "both work after a restart" until_ok 5 ping_ok mn2 "-I$NODE24 $CN4"
		check "both work after a restart" until_ok 5 ping_ok mn "-I$MN4 $CN4"
	fi
	refute "hosted, but out of the other agent's tunnel" into_pma $HAA2 $MN6
	check "which is counted" grows pma not-hosted into_pma_quiet $MN6 $HAA2
	check "unhost the node of the other agent" ask pma unhost $NODE24/32
	check "unbind it" ask ha del $NODE24/32
	check "no table or rule of it is left" is "$(I pma -4 rule show | grep -c 'fwmark 0x[1-9]')" 0
	check "the first still works" until_ok 5 ping_ok mn "-I$MN4 $CN4"
	I ha addr del $HAA2/64 dev up0
}
# 6.9: hosted without a tunnel
visitor() {
	local m; m=$(N mn2 cat /sys/class/net/eth0/address)
	I core route add 2001:db8:77::/48 via $COA
	I core addr add 10.88.0.254/24 dev pma0; I pma addr add 10.88.0.1/24 dev up0
	I core route add $VIS4/32 via 10.88.0.1
	I mn2 addr add $VIS/128 dev eth0 nodad; I mn2 addr add $VIS4/32 dev lo
	refute "a visitor without a prefix goes nowhere" ping_ok mn2 "-I$VIS 2001:db8:b::fe"
	check "router hosts a visitor" ask pma host 2001:db8:77:1::/64 - acc1 $m
	check "router hosts a visitor, IPv4" ask pma host $VIS4/32 - acc1 $m
	capture core pma0 "ip6 or ip"
	check "visitor up and down" until_ok 5 ping_ok mn2 "-I$VIS 2001:db8:b::fe"
	check "visitor up and down, IPv4" until_ok 5 ping_ok mn2 "-I$VIS4 10.88.0.254"
	local out; out=$(captured)
	check "natively" grep -qE "ICMPv6 \(58\).*\) $VIS > 2001:db8:b::fe: .*echo request" <<<"$out"
	refute "in no tunnel" grep -qE "IPv6 \(41\)|IPIP \(4\)" <<<"$out"
	check "router counts it" grows pma native ping_ok mn2 "-I$VIS 2001:db8:b::fe"
	refute "a visitor cannot send as the node" vis_from $MN6 $m
	refute "nor from a foreign address" vis_from 2001:db8:77:2::1 $m
	refute "nor another as the visitor" vis_from $VIS 02:00:00:00:00:99
	refute "nor from its link-local address" vis_from fe80::77 $m
	refute "nothing reaches it out of a tunnel" into_pma $HAA $VIS
	check "the node is tunnelled as ever" ping_ok mn "-I$MN6 $CN6"
	check "a visitor gets a binding, in place" ask pma host 2001:db8:77:1::/64 $HAA acc1 $m
	capture core pma0 "ip6"
	ping_ok mn2 "-I$VIS $CN6"
	out=$(captured)
	check "and is tunnelled" grep -qE "IPv6 \(41\)" <<<"$out"
	refute "and not native" grep -q "$VIS > $CN6" < <(grep -v '(41)' <<<"$out")
	check "and back" ask pma host 2001:db8:77:1::/64 - acc1 $m
	check "is native again" until_ok 5 ping_ok mn2 "-I$VIS 2001:db8:b::fe"
	check "unhost the visitor" ask pma unhost 2001:db8:77:1::/64
	check "unhost the visitor, IPv4" ask pma unhost $VIS4/32
	refute "it goes nowhere" ping_ok mn2 "-I$VIS 2001:db8:b::fe"
	refute "no route is left" grep -q . < <(I pma route show 2001:db8:77:1::/64)
	refute "no neighbour is left" grep -q PERMANENT < <(I pma neigh show $VIS4)
	I pma addr del 10.88.0.1/24 dev up0
}
vis_from() { # SOURCE MAC: does it come out on the core, in any form?
	capture core pma0 "ip6"
	raw mn2 eth0 "eth('$(N pma cat /sys/class/net/acc1/address)', '$2', u6('$1', '2001:db8:b::fe'))"
	ping_ok mn "-I$MN6 $CN6" >/dev/null
	captured >/dev/null
	seen
}
renamed() { # D6-3: rules go by name
	check "router takes a second link" ask pma access acc1
	I pma link set acc1 down; I pma link set acc1 name acc9; I pma link set acc9 up
	check "which gets another name" ask pma access acc9
	check "its rules have it" is "$(I pma -6 rule show | grep -c 'iif acc9')$(I pma -4 rule show | grep -c 'iif acc9')" 11
	refute "and none the old one" grep acc1 < <(I pma -6 rule show; I pma -4 rule show)
	check "one filter" is "$(N pma tc filter show dev acc9 ingress | grep -c 'pmip_access.*direct-action')" 1
	check "router gives it up" ask pma noaccess acc9
	refute "no rule is left" grep acc9 < <(I pma -6 rule show; I pma -4 rule show)
	I pma link set acc9 down; I pma link set acc9 name acc1; I pma link set acc1 up
	A pma acc1 fe80::1/64
}
refusals() { # what the kernel refuses leaves no trace
	I pma link set acc1 down
	refute "a path over a link that is down is refused" ask pma host 2001:db8:1:9::/64 $HAA acc1
	I pma link set acc1 up
	refute "and leaves no route" grep -q 2001:db8:1:9 < <(I pma -6 route show table all proto 213)
	check "the same, once the link is up" ask pma host 2001:db8:1:9::/64 $HAA acc1
	I pma link set acc1 down
	refute "moving $HOP there is refused" ask pma host $HOP $HAA acc1 $MAC
	check "and the old path is still there" ping_ok cn $MN6
	check "unhost it again" ask pma unhost 2001:db8:1:9::/64
	check "router gives up the second link" ask pma noaccess acc1
	refute "its rule is gone" grep -q acc1 < <(I pma -6 rule show)
}
handover() {
	check "second router opens" pma_start pma2 $COA2 $1
	check "second router hosts the prefix" host_all pma2
	check "first move" ask ha path $HOP $COA2
	check "traffic goes to the second router" grows_at pma2
	check "and back" ask ha path $HOP $COA
	check "twenty moves lose nothing of 3000 packets" lossless swap
	stop pma2
	check "second router leaves nothing" nothing_left pma2
}
# the node hears what comes from cn behind that router
grows_at() {
	capture $1 acc0 "udp"
	raw cn - "u6('$CN6', '$MN6')"
	until_ok 2 seen; captured >/dev/null; seen
}

heal() { # HA-BACKEND PMA-BACKEND
	local dev
	for h in ha pma; do
		dev=$(I $h -br link | grep -oE '^(pmt|pmip)[0-9]+' | head -n 1)
		I $h link del $dev
		check "$h: deleted $dev comes back" until_ok 5 ping_ok cn $MN6
		dev=$(I $h -br link | grep -oE '^(pmt|pmip)[0-9]+' | head -n 1)
		I $h link set $dev down
		check "$h: $dev set down comes back" until_ok 5 ping_ok cn $MN6
		check "$h: IPv4 as well" until_ok 5 ping_ok cn $MN4
	done
	dev=acc0; N pma tc qdisc del dev $dev clsact
	check "pma: deleted clsact of $dev comes back" until_ok 5 sh -c "ip netns exec $P-pma tc filter show dev $dev ingress | grep pmip_access"
	dev=up0; [ $1 = bpf ] || dev=$(I ha -br link | grep -oE '^pmt[0-9]+' | head -n 1)
	N ha tc qdisc del dev $dev clsact
	check "ha: deleted clsact of $dev comes back" until_ok 5 sh -c "ip netns exec $P-ha tc filter show dev $dev ingress | grep pmip_"
	check "all is well after healing" until_ok 5 ping_ok cn $MN6
	if [ $1 = bpf ]; then
		# the way to the peer changes
		I core addr add 2001:db8:a::fd/64 dev ha0 nodad
		I ha route replace ::/0 via 2001:db8:a::fd
		check "ha: next hop follows the route" until_ok 5 next_hop 2001:db8:a::fd
		check "and traffic goes on" until_ok 5 ping_ok cn $MN6
		I ha route replace ::/0 via 2001:db8:a::fe
		I ha link set up0 down; I ha link set up0 up
		I ha addr add $HAA/64 dev up0 nodad; I ha route add ::/0 via 2001:db8:a::fe
		check "ha: uplink flap" until_ok 5 ping_ok cn $MN6
	fi
}
next_hop() { ask ha show; grep -q "\"next-hop\":\"$1\"" <<<"$REPLY"; }

leftovers() {
	local hb=$1 pb=$2
	check "home agent unbinds" ask ha del $HOP
	refute "unbound again: not reachable" ping_ok cn $MN6
	check "IPv4 still is" ping_ok cn $MN4
	check "home agent unbinds IPv4" ask ha del $MN4/32
	if [ $hb = ip6tnl ]; then
		refute "the last user took the device" grep -q pmt < <(I ha -br link)
	fi
	check "binds anew" ask ha path $HOP $COA
	check "reachable again" until_ok 5 ping_ok cn $MN6
	stop ha kill
	if [ $hb = ip6tnl ]; then
		check "killed: traffic goes on" ping_ok cn $MN6
	fi
	ha_start $hb >/dev/null
	if [ $hb = ip6tnl ]; then
		check "adopted while starting" ask ha path $HOP $COA
		check "and never interrupted" ping_ok cn $MN6
		check "sweep spares it" ask ha sweep
		check "still there" ping_ok cn $MN6
		check "one device, not two" is "$(I ha -br link | grep -c '^pmt')" 1
		stop ha kill; ha_start $hb >/dev/null
	fi
	check "sweep" ask ha sweep
	refute "nobody asked for it: swept" ping_ok cn $MN6
	refute "no tunnel device left" grep -q '^pmt' < <(I ha -br link)
	check "set once more" ask ha path $HOP $COA
	check "works once more" until_ok 5 ping_ok cn $MN6
	check "stop, keeping it" stop ha keep
	check "kept: traffic goes on" ping_ok cn $MN6
	ha_start $hb >/dev/null
	check "taken over" ask ha path $HOP $COA
	check "sweep after taking over" ask ha sweep
	check "reachable after taking over" ping_ok cn $MN6
	check "home agent stops" stop ha
	check "home agent leaves nothing" nothing_left ha
	if [ $pb != hand ]; then
		stop pma kill
		start pma "backend $pb" "pma $COA" >/dev/null
		check "router: sweep after a kill" ask pma sweep
		refute "router: no route of the node left" grep -q . < <(I pma route show $HOP)
		refute "router: no rule left" grep -q 5213 < <(I pma -6 rule show)
		refute "router: no filter left on the access link" grep -q pmip_ < <(N pma tc filter show dev acc0 ingress)
		check "router stops" stop pma
		check "router leaves nothing" nothing_left pma
	fi
}

has_ip6tnl() { modprobe ip6_tunnel 2>/dev/null; ip link add dpprobe type ip6tnl local ::1 remote ::2 2>/dev/null && ip link del dpprobe; }

# A kernel, or a daemon, that may have tunnel devices but no programs.
no_filters() {
	mkfifo "$dir/bare.in"
	nsenter --net=/run/netns/$P-pma setpriv --bounding-set -sys_admin,-bpf,-perfmon --inh-caps -all \
		"$TOOL" <"$dir/bare.in" >"$dir/bare" 2>"$dir/bare.log" &
	local tool=$!
	exec {fd}>"$dir/bare.in"
	printf '%s\n' "backend ip6tnl" "pma $COA" "access acc0" show "host $HOP - acc0 $MAC" \
		"host $MN4/32 $HAA acc0 $MAC" "host $NODE24/32 $HAA2 acc0 $MAC" quit >&"$fd"
	exec {fd}>&-
	wait $tool
	check "no filters: said so" grep -qE '"filters":\{"state":"missing","why":"packet programs: .*CAP_BPF' "$dir/bare"
	check "no filters: warned" grep -q "lvl=warn .*ev=no-filters" "$dir/bare.log"
	check "no filters: no visitors; IPv4 towards one agent" is "$(grep -c 'err EOPNOTSUPP' "$dir/bare")" 2
	check "no filters: nothing left" nothing_left pma
	nsenter --net=/run/netns/$P-ha setpriv --bounding-set -sys_admin,-bpf,-perfmon --inh-caps -all \
		"$TOOL" >"$dir/bare" 2>>"$dir/bare.log" < <(printf '%s\n' "backend ip6tnl" "ha $HAA cover $COVER" \
		"path $HOP $COA" "path $MN4/32 $COA" "path $HOP $COA2" sweep show "del $MN4/32" "del $HOP" show; sleep 2)
	check "no filters: home agent keeps its paths" grep -q '"paths":2' "$dir/bare"
	check "no filters: each over its device" is "$(grep -o '"paths":[0-9]' "$dir/bare" | tr '\n' ' ')" \
		'"paths":2 "paths":1 "paths":1 "paths":0 "paths":0 "paths":0 '
	refute "no filters: home agent refuses nothing" grep -q "^err" "$dir/bare"
	check "no filters: home agent leaves nothing" nothing_left ha
}

# Less memory than the home agent's paths are to have: BACKEND, whose programs
# (none: without).
no_memory() {
	local with=()
	[ $2 = bpf ] || with=(setpriv --bounding-set "-sys_admin,-bpf,-perfmon" --inh-caps -all)
	printf '%s\n' "backend $1" "max 4000000" "ha $HAA" |
		nsenter --net=/run/netns/$P-ha "${with[@]}" prlimit --as=134217728 "$TOOL" >"$dir/said" 2>/dev/null
	check "no memory: $1 says so" grep -q "^err ENOMEM .*Cannot allocate memory (fewer max-paths" "$dir/said"
	check "no memory: $1 leaves nothing" nothing_left ha
}

# What the operator is told when it cannot work.
complaints() {
	say "--- opening"
	up
	N ha sysctl -qw net.ipv6.conf.all.forwarding=0
	start ha "sysctls no"
	ask ha ha $HAA >"$dir/said"
	check "a missing sysctl is named" grep -q "sysctl net.ipv6.conf.all.forwarding must be 1" "$dir/said"
	check "and not touched" is "$(N ha sysctl -n net.ipv6.conf.all.forwarding)" 0
	stop ha >/dev/null
	start ha "max 2" "ha $HAA cover $COVER"
	check "set when allowed" is "$(N ha sysctl -n net.ipv6.conf.all.forwarding)" 1
	check "first of two paths" ask ha path $HOP $COA
	check "second of two paths" ask ha path $MN4/32 $COA
	ask ha path 2001:db8:1:7::/64 $COA >"$dir/said"
	check "a third is refused" grep -q ENOSPC "$dir/said"
	check "but one of two can move" ask ha path $HOP $COA2
	ask ha path 2001:db8:1::/56 $COA >"$dir/said"
	check "an odd length is refused" grep -q EINVAL "$dir/said"
	stop ha
	check "stopped, nothing left" nothing_left ha
	has_ip6tnl || {
		start ha "backend ip6tnl"
		ask ha ha $HAA >"$dir/said"
		check "no ip6_tunnel: said so" grep -q "kernel has no ip6_tunnel" "$dir/said"
		stop ha >/dev/null
	}
	start ha "both $HAA cover $COVER"
	check "both roles: home agent" ask ha path $HOP $COA
	check "both roles: router" ask ha access cn0
	check "both roles: hosts" ask ha host 2001:db8:1:3::/64 $COA2 cn0
	stop ha
	check "both roles stopped, nothing left" nothing_left ha
	N ha sysctl -qw net.ipv4.conf.all.rp_filter=1
	start ha "pma $HAA"
	check "rp_filter for all is named" grep -q "ev=sysctl-wanted name=net.ipv4.conf.all.rp_filter value=0" "$dir/ha.log"
	stop ha
	N ha sysctl -qw net.ipv4.conf.all.rp_filter=0
	start ha "backend bpf" "max 20000" "ha $HAA cover $COVER"
	check "nine thousand paths" ask ha many 2001:db8:1:100::/64 9000 $COA
	check "kept" stop ha keep
	start ha "backend bpf" "max 20000" "ha $HAA cover $COVER"
	check "one of them is set again" ask ha path 2001:db8:1:101::/64 $COA
	check "sweep" ask ha sweep
	check "removes all others" grep -q "ev=swept.*paths=8999" "$dir/ha.log"
	check "and not this one" is "$(ask ha show; grep -o '"paths":[0-9]*' <<<"$REPLY" | head -n 1)" '"paths":1'
	stop ha
	check "stopped, nothing left" nothing_left ha
	has_ip6tnl && no_filters
	nsenter --net=/run/netns/$P-ha setpriv --bounding-set -net_admin,-sys_admin,-bpf,-perfmon --inh-caps -all \
		"$TOOL" <<<"ha $HAA" >"$dir/said" 2>/dev/null
	check "no privilege: said so" grep -q "CAP_NET_ADMIN is needed" "$dir/said"
	no_memory bpf bpf
	! has_ip6tnl || no_memory ip6tnl none
}

[ "$(id -u)" -eq 0 ] || { echo "needs root"; exit 1; }
[ -x "$TOOL" ] || { echo "no $TOOL"; exit 1; }
if [ "$*" = opening ] || [ $# -eq 0 ]; then complaints; fi
if [ "$*" = opening ]; then
	:
elif [ $# -eq 2 ]; then
	scene $1 $2
elif has_ip6tnl; then
	for pair in "ip6tnl ip6tnl" "bpf bpf" "ip6tnl bpf" "bpf ip6tnl" "bpf hand" "ip6tnl hand"; do
		scene $pair
		for h in "${!PID[@]}"; do stop $h kill; done 2>/dev/null
	done
else
	scene bpf bpf
	skip "ip6tnl" "this kernel has no ip6_tunnel; runs in the stock one"
fi
[ $failed -eq 0 ] || { echo "--- logs"; tail -n 15 "$dir"/*.log; }
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
