# SPDX-License-Identifier: BSD-2-Clause
"""The filters: each forbidden packet is sent, looked for on the other side, and
found in the filter's own counter; honest traffic of both families goes on."""
import contextlib
import socket

import pytest

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import (ICMPv6EchoReply, ICMPv6EchoRequest,
                                ICMPv6ND_NA, ICMPv6ND_RA, ICMPv6ND_Redirect,
                                ICMPv6NDOptDstLLAddr, IPv6,
                                IPv6ExtHdrDestOpt, IPv6ExtHdrFragment)
from scapy.layers.l2 import ARP, Dot1Q, Ether

from lib.capture import frames, packets
from lib.domain import policy
from lib.mip6 import OptIp4, checksum
from lib.ns import until
from lib.topology import (ADDR, CN, CN4, COA, HA, LLA, MAC, NAI, PREFIX,
                          ROUTER4, SUBNET4)
from lib.traffic import reachable, send_raw

MARK = b"forbidden packet"
ADDR4 = {"mn1": "10.1.1.10", "mn2": "10.1.2.10", "lab": "10.1.9.10"}
LAB = COA["lab"]
LAB6 = "2001:db8:1:9::1"
UNBOUND, UNBOUND4 = "2001:db8:1:5::1", "10.1.5.1"


def with_ipv4():
    p = policy()
    for node in p["mobile-nodes"]:
        name = next(n for n in NAI if NAI[n] == node["nai"])
        node["ipv4"] = {"home-subnet": SUBNET4.get(name, "10.1.9.0/24"),
                        "router": ROUTER4.get(name, "10.1.9.1"),
                        "home-address": ADDR4[name]}
    return p


DOMAIN = {"policy": with_ipv4,
          "ha": {"ha": {"home-prefixes": ["2001:db8:1::/48", "10.1.0.0/16"]}}}


def dual_stack(d, node):
    """Its fixed IPv4 address, and the router that every link has."""
    d[node].ip(f"addr replace {ADDR4[node]}/24 dev eth0",
               f"route replace 0.0.0.0/0 via {ROUTER4[node]}")


def honest(d, node):
    return reachable(d["cn"], ADDR[node]) and reachable(d["cn"], ADDR4[node]) \
        and reachable(d[node], CN) and reachable(d[node], CN4)


@pytest.fixture
def both(d):
    for node in ("mn1", "mn2"):
        d.attach(node, "ar1")
        dual_stack(d, node)
        assert honest(d, node)
    with contextlib.ExitStack() as stack:   # what arrives provokes no error
        for host in ("cn", "mn1", "mn2"):
            s = stack.enter_context(d[host].socket(socket.AF_INET6,
                                                   socket.SOCK_DGRAM))
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            s.bind(("::", 9))
        yield d
    for node in ("mn1", "mn2"):
        d[node].ip(f"addr del {ADDR4[node]}/24 dev eth0")


@pytest.fixture
def lab(both):
    """A third access router, by hand, with a node of its own."""
    hand = both.hand_pma()
    assert hand.register(NAI["lab"], PREFIX["lab"], extra=[
        OptIp4(otype=29, addr=ADDR4["lab"])]).status == 0
    yield both
    hand.register(NAI["lab"], PREFIX["lab"], lifetime_s=0)


def filters(daemon):
    return daemon.show("status")[0]["dataplane"]["filters"]


@contextlib.contextmanager
def dropped(daemon, name, n=1):
    """The filter of that name drops n packets at least."""
    before = filters(daemon)["dropped"][name]
    yield
    assert filters(daemon)["dropped"][name] - before >= n, name


def udp(src, dst):
    """A datagram; source and destination say which family."""
    head = IPv6(src=src, dst=dst) if ":" in dst else IP(src=src, dst=dst)
    return head / UDP(sport=9, dport=9) / MARK


def marked(capture):
    """Our datagrams in it, tunnelled or not."""
    capture.stop()
    return [p.payload for _, p in frames(capture.path)
            if bytes(p).endswith(MARK)]


def from_node(d, node, packet, mac=None, dst_mac=None):
    """Send a frame as `node`; what of it left the access router."""
    core = d.capture("core", "ar1", "ip6 or ip", evidence=False)
    d[node].send_frame("eth0", bytes(Ether(
        src=mac or MAC[node], dst=dst_mac or MAC["ar1"]) / packet))
    # an honest packet behind it shows when it is over
    assert reachable(d["mn2"], CN) and reachable(d["mn2"], CN4)
    return marked(core)


# --- access links -------------------------------------------------------------

def test_filters_are_on(d):
    """show status says so, and names each filter."""
    assert filters(d.ha)["state"] == "on"
    assert filters(d.ar1)["state"] == "on"
    names = set(filters(d.ar1)["dropped"])
    assert names == {"tunnel-spoof", "hoti", "not-hosted", "access-spoof",
                     "access-mac", "access-link-local", "access-ra",
                     "access-neighbour"}


@pytest.mark.parametrize("src,dst", [(ADDR, CN), (ADDR4, CN4)],
                         ids=["v6", "v4"])
def test_own_address_passes(both, src, dst):
    """D6.7-8: into the tunnel, both families."""
    sent = from_node(both, "mn1", udp(src["mn1"], dst))
    assert [(p.src, p.dst, p.nh) for p in sent] == \
        [(COA["ar1"], HA, 41 if ":" in dst else 4)]


def sends_none_of(d, node, counter, sources, dst):
    for src in sources:
        with dropped(d.ar1, counter):
            assert from_node(d, node, udp(src, dst)) == [], src


def test_foreign_source_at_the_router(both):
    """10.4: neither unbound, nor the correspondent's, nor the router's."""
    sends_none_of(both, "mn1", "access-spoof",
                  [UNBOUND, CN, "2001:db8:ffff::1", COA["ar1"]], CN)
    sends_none_of(both, "mn1", "access-spoof",
                  [UNBOUND4, CN4, "10.1.1.11", ROUTER4["mn1"]], CN4)
    assert honest(both, "mn1")


def test_source_of_another_node_at_the_router(both):
    """10.4: bound, but to somebody else on the same link."""
    sends_none_of(both, "mn1", "access-mac",
                  [ADDR["mn2"], ADDR["mn1"].replace(":1:1:", ":1:2:")], CN)
    sends_none_of(both, "mn1", "access-mac", [ADDR4["mn2"]], CN4)
    assert honest(both, "mn1") and honest(both, "mn2")


@pytest.mark.parametrize("src,dst", [(ADDR, CN), (ADDR4, CN4)],
                         ids=["v6", "v4"])
def test_foreign_mac_at_the_router(both, src, dst):
    """A node's address from another MAC than the node's."""
    with dropped(both.ar1, "access-mac"):
        assert from_node(both, "mn1", udp(src["mn1"], dst),
                         mac=MAC["mn2"]) == []
    before = both.ar1.counters().get("dataplane.access-mac", 0)
    with dropped(both.ar1, "access-mac"):
        assert from_node(both, "mn1", udp(src["mn1"], dst),
                         mac="02:00:00:00:00:99") == []
    until(lambda: both.ar1.counters()["dataplane.access-mac"] > before, 5,
          "show counters has it, too")
    assert honest(both, "mn1") and honest(both, "mn2")


def test_link_local_source_is_not_forwarded(both):
    """D6.7-9: neither into the tunnel nor to the next node."""
    access = both.capture("mn2", "eth0", "ip6 or ip", evidence=False)
    for dst in (CN, ADDR["mn2"]):
        sends_none_of(both, "mn1", "access-link-local", [LLA["mn1"], "::"], dst)
    for dst in (CN4, ADDR4["mn2"]):
        sends_none_of(both, "mn1", "access-link-local",
                      ["169.254.1.1", "0.0.0.0"], dst)
    assert marked(access) == []


def test_link_local_traffic_that_ends_at_the_router(both):
    """It is heard: both kinds of addresses that the router has answer."""
    for dst in (LLA["ar1"], COA["ar1"]):
        seen = both.capture("mn1", "eth0", "icmp6", evidence=False)
        both["mn1"].send_frame("eth0", bytes(
            Ether(src=MAC["mn1"], dst=MAC["ar1"]) /
            IPv6(src=LLA["mn1"], dst=dst) / ICMPv6EchoRequest(id=77)))
        assert reachable(both["mn1"], CN)
        seen.stop()
        assert [p.src for _, p, _ in packets(seen.path)
                if ICMPv6EchoReply in p and p[ICMPv6EchoReply].id == 77] == \
            [dst]


def test_tags_hide_nothing(both):
    """A frame with VLAN tags and a foreign source gets nowhere; a priority
    tag on an honest one does no harm."""
    for tags in ([0], [0, 0], [5, 0], [5]):
        frame = udp(ADDR["mn2"], CN)
        for t in reversed(tags):
            frame = Dot1Q(vlan=t) / frame
        assert from_node(both, "mn1", frame) == [], tags
    assert len(from_node(both, "mn1",
                         Dot1Q(vlan=0, prio=5) / udp(ADDR["mn1"], CN))) == 1


# What a router says, from the link-local address of a node.
def ra(node):
    return IPv6(src=LLA[node], dst="ff02::1", hlim=255) / \
        ICMPv6ND_RA(routerlifetime=1800)


def default_routes(ns, via):
    return [r for r in ns.ip_json("-6", "route", "show")
            if r["dst"] == "default" and r.get("gateway") == via]


@pytest.fixture
def gullible(both):
    """An access router that believes what others advertise, on both sides."""
    for ifname in ("acc0", "core0"):
        both["ar1"].sysctl(f"net.ipv6.conf.{ifname}.accept_ra", 2)
    yield both
    for ifname in ("acc0", "core0"):
        both["ar1"].sysctl(f"net.ipv6.conf.{ifname}.accept_ra", 0)
    for r in both["ar1"].ip_json("-6", "route", "show"):
        if r.get("protocol") == "ra":
            both["ar1"].ip(f"route del {r['dst'].replace('default', '::/0')} "
                           f"dev {r['dev']} proto ra")


def test_router_advertisement_of_a_node(gullible):
    """10.4: RA guard; the same words from the core are believed."""
    d = gullible
    core = "fe80::5:6:7:8"
    frame = bytes(Ether(src=MAC["mn2"], dst="33:33:00:00:00:01") / ra("mn1"))
    with dropped(d.ar1, "access-ra"):
        d["mn1"].send_frame("eth0", frame)
        assert reachable(d["mn1"], CN)
    assert not default_routes(d["ar1"], LLA["mn1"])
    p = ra("mn1")
    p[IPv6].src = core
    d["core"].send_frame("ar1", bytes(
        Ether(src="02:00:00:00:00:77", dst="33:33:00:00:00:01") / p))
    until(lambda: default_routes(d["ar1"], core), 5, "what the core says")


HIDING = [
    IPv6(src=LLA["mn1"], dst="ff02::1", hlim=255, nh=60) / IPv6ExtHdrDestOpt() /
    ICMPv6ND_RA(routerlifetime=1800),
    IPv6(src=LLA["mn1"], dst="ff02::1", hlim=255) / IPv6ExtHdrFragment(m=1) /
    IPv6ExtHdrDestOpt() / ICMPv6ND_RA(routerlifetime=1800),
    IPv6(src=LLA["mn1"], dst="ff02::1", hlim=255) / IPv6ExtHdrFragment(m=1, nh=60),
    IPv6(src=LLA["mn1"], dst=LLA["ar1"], hlim=255) /
    ICMPv6ND_Redirect(tgt=LLA["mn1"], dst=CN)]


def test_router_words_behind_other_headers(both):
    """RFC 7112, RFC 7113: what hides is treated as what it may be; a
    Redirect (10.4) as well."""
    for packet in HIDING:
        with dropped(both.ar1, "access-ra"):
            both["mn1"].send_frame("eth0", bytes(
                Ether(src=MAC["mn1"], dst=MAC["ar1"]) / packet))
            assert reachable(both["mn1"], CN)


def neighbour(d, addr):
    return {n.get("lladdr") for n in d["ar1"].ip_json("neigh", "show", addr)}


def test_claim_of_another_nodes_address(both):
    """A Neighbour Advertisement, or ARP, that another node's address were
    here: the router's table does not change."""
    d = both
    na = IPv6(src=LLA["mn2"], dst="ff02::1", hlim=255) / \
        ICMPv6ND_NA(tgt=ADDR["mn1"], R=0, S=0, O=1) / \
        ICMPv6NDOptDstLLAddr(lladdr=MAC["mn2"])
    arp = ARP(op=1, psrc=ADDR4["mn1"], pdst=ADDR4["mn1"], hwsrc=MAC["mn2"])
    reply = ARP(op=2, psrc=ADDR4["mn1"], pdst=ROUTER4["mn2"],
                hwsrc=MAC["mn1"])
    assert reachable(d["cn"], ADDR["mn1"])
    assert neighbour(d, ADDR["mn1"]) == {MAC["mn1"]}
    assert neighbour(d, ADDR4["mn1"]) == {MAC["mn1"]}
    with dropped(d.ar1, "access-neighbour", 3):
        for p in (na, arp, reply):
            d["mn2"].send_frame("eth0", bytes(
                Ether(src=MAC["mn2"], dst="33:33:00:00:00:01") / p))
        assert reachable(d["mn2"], CN)
    assert neighbour(d, ADDR["mn1"]) == {MAC["mn1"]}
    assert neighbour(d, ADDR4["mn1"]) == {MAC["mn1"]}
    assert honest(d, "mn1")


# --- nobody's traffic ---------------------------------------------------------

def sends_nothing(d):
    sends_none_of(d, "mn1", "access-spoof", [ADDR["mn1"]], CN)
    sends_none_of(d, "mn1", "access-spoof", [ADDR4["mn1"]], CN4)


def test_traffic_before_registration_goes_nowhere(both):
    """10.4: the home agent does not answer, so the node is not served."""
    d = both
    d.detach("mn1")
    d.ha.proc.send_signal(19)           # SIGSTOP: bound is only who was
    try:
        d.plug("mn1", "ar1")
        until(lambda: d.ar1.binding(NAI["mn1"]), 5, "the router knows of it")
        sends_nothing(d)
    finally:
        d.ha.proc.send_signal(18)
    until(lambda: d.attached("mn1", "ar1"), 20, "served")
    dual_stack(d, "mn1")
    assert honest(d, "mn1")


def test_traffic_of_a_denied_node_goes_nowhere(both):
    """D6.10-18, D10-7: refused by the home agent."""
    d = both
    d.detach("mn1")
    with d.changed_policy("mn1", d.ha, allowed_pmas=[COA["ar2"]]):
        with d.ar1.watch() as w:
            d.plug("mn1", "ar1")
            w.wait("denied", nai=NAI["mn1"])
        sends_nothing(d)


def test_traffic_of_a_departed_node_goes_nowhere(both):
    """D6.10-19: it has left, but its packets still come."""
    d = both
    d.detach("mn1")
    for src, dst in ((ADDR["mn1"], CN), (ADDR4["mn1"], CN4)):
        with dropped(d.ar1, "access-spoof"):
            assert from_node(d, "mn2", udp(src, dst), mac=MAC["mn1"]) == []


# --- the router's end of the tunnel -------------------------------------------

def out_of_tunnel(d, inner, src=HA):
    """As from the home agent; what leaves the router again, on either side."""
    seen = [d.capture(host, ifname, "udp or ip6 proto 41 or ip6 proto 4",
                      evidence=False)
            for host, ifname in (("ar1", "acc0"), ("core", "ar1"))]
    data = bytes(inner)
    send_raw(d["ha"], bytes(IPv6(
        src=src, dst=COA["ar1"], nh=41 if data[0] >> 4 == 6 else 4,
        plen=len(data))) + data)
    assert reachable(d["cn"], ADDR["mn2"]) and reachable(d["cn"], ADDR4["mn2"])
    left = [[p for p in marked(c) if p.src != src] for c in seen]
    return left[0], left[1]


@pytest.mark.parametrize("src,dst", [(CN, ADDR["mn1"]), (CN4, ADDR4["mn1"])],
                         ids=["v6", "v4"])
def test_from_the_tunnel_to_the_node(both, src, dst):
    """D6.7-10."""
    access, core = out_of_tunnel(both, udp(src, dst))
    assert [(p.src, p.dst) for p in access] == [(src, dst)] and core == []


def test_from_the_tunnel_to_nobody_here(both):
    """RFC 5213 6.10.5: never back to the core, nor into a tunnel again (10.4),
    whatever the source."""
    for src, dst in ((CN, UNBOUND), (ADDR["mn1"], CN), (CN, HA),
                     (CN4, UNBOUND4), (ADDR4["mn1"], CN4)):
        with dropped(both.ar1, "not-hosted"):
            assert out_of_tunnel(both, udp(src, dst)) == ([], []), (src, dst)


def test_tunnel_in_the_tunnel_at_the_router(both):
    """10.4: no nested decapsulation."""
    inner = IPv6(src=HA, dst=COA["ar1"]) / udp(CN, ADDR["mn1"])
    with dropped(both.ar1, "not-hosted"):
        assert out_of_tunnel(both, inner) == ([], [])


def test_stranger_at_the_router(both):
    """Only the home agent's tunnel leads to a node."""
    both["ha"].ip("addr replace 2001:db8:a::99/64 dev core0 nodad")
    try:
        assert out_of_tunnel(both, udp(CN, ADDR["mn1"]),
                             src="2001:db8:a::99") == ([], [])
    finally:
        both["ha"].ip("addr del 2001:db8:a::99/64 dev core0")


# --- the home agent's end -----------------------------------------------------

def through_tunnel(d, outer_src, inner):
    """A tunnelled packet at the home agent; what of it reaches the other
    side."""
    seen = d.capture("cn", "eth0", "ip6 or ip", evidence=False)
    data = bytes(inner)
    send_raw(d["lab"], bytes(IPv6(
        src=outer_src, dst=HA, nh=41 if data[0] >> 4 == 6 else 4,
        plen=len(data))) + data)
    assert reachable(d["mn2"], CN)
    return marked(seen)


@pytest.mark.parametrize("src,dst", [(LAB6, CN), (ADDR4["lab"], CN4)],
                         ids=["v6", "v4"])
def test_own_node_passes_at_the_home_agent(lab, src, dst):
    """D5.3-7: decapsulated, routed by the inner destination."""
    assert [(p.src, p.dst) for p in through_tunnel(lab, LAB, udp(src, dst))] \
        == [(src, dst)]


def test_foreign_source_at_the_home_agent(lab):
    """D5.3-8, 10.4: the inner source must have a binding with that tunnel's
    peer: a node elsewhere, nobody, the other end, ourselves have not."""
    for sources, dst in (
            ([ADDR["mn1"], UNBOUND, CN, HA, LLA["mn1"]], CN),
            ([ADDR4["mn1"], UNBOUND4, "10.1.9.11", CN4], CN4)):
        for src in sources:
            with dropped(lab.ha, "tunnel-spoof"):
                assert through_tunnel(lab, LAB, udp(src, dst)) == [], src
    assert honest(lab, "mn1")


def test_unknown_tunnel_end_at_the_home_agent(lab):
    """The outer source must be a peer with a tunnel."""
    lab["lab"].ip("addr replace 2001:db8:b9::2/64 dev core0 nodad")
    for src in (LAB6, ADDR["mn1"]):
        assert through_tunnel(lab, "2001:db8:b9::2", udp(src, CN)) == []


def test_any_address_of_the_prefix(lab):
    """D5.3-6: as a source as well."""
    src = "2001:db8:1:9:1234:5678:9abc:def0"
    assert len(through_tunnel(lab, LAB, udp(src, CN))) == 1


def mobility(src, mtype, *before):
    """A Mobility Header message of 16 octets behind other headers."""
    mh = bytes.fromhex(f"3b01{mtype:02x}0000000000") + b"cookie12"
    base = checksum(bytes(IPv6(src=src, dst=CN, nh=135, plen=len(mh))) + mh)
    if not before:
        return base
    p = before[0]
    for b in before[1:]:
        p = p / b
    raw = bytearray(bytes(IPv6(src=src, dst=CN) / p / base[40:]))
    # the last of the headers announces the Mobility Header
    raw[len(raw) - len(mh) - len(before[-1])] = 135
    return bytes(raw)


HOTI, COTI, HOT = 1, 2, 3
OPTIONS = [IPv6ExtHdrDestOpt() for _ in range(8)]


def mobility_at_cn(d, packet, node=None):
    """Through the tunnel of the lab's or a real node; what reaches cn."""
    seen = d.capture("cn", "eth0", f"ip6 src host {packet_source(packet)}",
                     evidence=False)
    if node is None:
        send_raw(d["lab"], bytes(IPv6(src=LAB, dst=HA, nh=41,
                                      plen=len(packet))) + packet)
    else:
        d[node].send_frame("eth0", bytes(Ether(
            src=MAC[node], dst=MAC["ar1"], type=0x86dd)) + packet)
    assert reachable(d["mn2"], CN)
    seen.stop()
    return [p for _, p, _ in packets(seen.path) if b"cookie12" in bytes(p)]


def packet_source(packet):
    return socket.inet_ntop(socket.AF_INET6, packet[8:24])


def test_home_test_init_is_dropped(both):
    """D5.7-2: HoTI from a proxy-registered home address goes nowhere."""
    with dropped(both.ha, "hoti"):
        assert mobility_at_cn(both, mobility(ADDR["mn1"], HOTI), "mn1") == []
    assert honest(both, "mn1")


def test_home_test_init_behind_other_headers(lab):
    """D5.7-2: nothing hides it; who piles up headers is not heard."""
    for before in (OPTIONS[:1], OPTIONS[:2], [IPv6ExtHdrFragment(m=1)],
                   [IPv6ExtHdrDestOpt(), IPv6ExtHdrFragment(m=1)], OPTIONS):
        with dropped(lab.ha, "hoti"):
            assert mobility_at_cn(lab, mobility(LAB6, HOTI, *before)) == []


def test_other_mobility_headers_pass(lab):
    """D5.7-2: only HoTI is singled out."""
    for mtype, before in ((COTI, []), (HOT, []), (COTI, OPTIONS[:1])):
        assert len(mobility_at_cn(lab, mobility(LAB6, mtype, *before))) == 1


def test_home_test_init_of_others_passes(both):
    """From an address without a proxy binding it is routed as ever."""
    p = mobility(LAB, HOTI)
    seen = both.capture("cn", "eth0", f"ip6 src host {LAB}", evidence=False)
    send_raw(both["lab"], p)
    assert reachable(both["lab"], CN)
    seen.stop()
    assert [p for _, p, _ in packets(seen.path) if b"cookie12" in bytes(p)]
