# SPDX-License-Identifier: BSD-2-Clause
"""The home agent's side of the address models and of IPv4, asked by hand: what
its kernel routes where, and what comes out of the tunnel at the other end."""
import socket

import pytest

from lib import kernel
from lib.capture import packets
from lib.domain import policy
from lib.mip6 import OptHNP, OptIp4
from lib.ns import until
from lib.topology import (ADDR, CN4, COA, HA, MAC, NAI, PREFIX, ROUTER4,
                          SUBNET4)
from lib.traffic import Pinger, Pinger4, send_raw

SHARED = "2001:db8:1:5::/64"
HOA, OTHER = "2001:db8:1:5::a1", "2001:db8:1:5::a2"
HOA4 = "10.1.1.10"
LAB = COA["lab"]
MARK = b"through the tunnel"


def mixed():
    """mn1 has a prefix of its own and IPv4, mn2 and lab share a prefix."""
    p = policy()
    for node in p["mobile-nodes"]:
        if node["nai"] == NAI["mn1"]:
            node["ipv4"] = {"home-subnet": SUBNET4["mn1"],
                            "router": ROUTER4["mn1"]}
        else:
            node.update({"home-prefix": SHARED, "model": "shared-prefix"})
    return p


DOMAIN = {"policy": mixed}


@pytest.fixture
def hand(d):
    h = d.hand_pma()
    yield h
    for nai in NAI.values():
        h.register(nai, lifetime_s=0)
    until(lambda: not kernel.tunnels(d.ha), 5, "nothing is left")


def accepted(ba):
    assert ba.status == 0, f"status {ba.status}"
    return ba


def with_ip4(hand, otype=29, addr=HOA4):
    return accepted(hand.register(NAI["mn1"], PREFIX["mn1"],
                                  extra=[OptIp4(otype=otype, addr=addr)]))


def tunnelled(d, dst):
    """What an echo from the correspondent becomes on the lab's link."""
    seen = d.capture("core", "lab", "ip6 proto 41 or ip6 proto 4")
    pinger = Pinger if ":" in dst else Pinger4
    p = pinger(d["cn"], dst, interval=0.01)
    until(lambda: len(p.sent) >= 5, 3, "five echoes are sent")
    p.stop(linger=0)
    seen.stop()
    return {(q.src, q.dst, q.nh, q.payload.dst) for _, q, _ in
            packets(seen.path)}


def test_each_node_in_its_model(d, hand):
    """D5-6, D5.9-3, D5.9-12, D5.3-2: one profile means the whole /64, the
    others one address of a common prefix each; D3-1."""
    accepted(hand.register(NAI["mn1"], PREFIX["mn1"]))
    accepted(hand.register(NAI["mn2"], f"{HOA}/128"))
    assert kernel.paths(d.ha) == {PREFIX["mn1"]: LAB, f"{HOA}/128": LAB}
    accepted(hand.register(NAI["lab"], f"{OTHER}/128"))
    assert kernel.paths(d.ha) == {PREFIX["mn1"]: LAB, f"{HOA}/128": LAB,
                                  f"{OTHER}/128": LAB}


def test_others_of_the_shared_prefix_are_not_tunnelled(d, hand):
    """D5.3-2: the bound address is, its neighbours are not."""
    accepted(hand.register(NAI["mn2"], f"{HOA}/128"))
    assert tunnelled(d, HOA) == {(HA, LAB, 41, HOA)}
    assert tunnelled(d, OTHER) == set()


def test_address_of_another(hand):
    """D6.4-3: bound to another identity it is refused, and stays."""
    accepted(hand.register(NAI["mn2"], f"{HOA}/128"))
    assert hand.register(NAI["lab"], f"{HOA}/128").status == 134
    ba = accepted(hand.register(NAI["mn2"]))
    assert [o.prefix for o in hand.option(ba, 22)] == [HOA]


def test_without_an_address(hand):
    """D5.9-6, D6.10-15: nothing known is 147; a binding answers for itself."""
    assert hand.register(NAI["mn2"]).status == 147
    accepted(hand.register(NAI["mn2"], f"{HOA}/128"))
    ba = accepted(hand.register(NAI["mn2"]))
    assert [(o.prefix, o.plen) for o in hand.option(ba, 22)] == [(HOA, 128)]


@pytest.mark.parametrize("otype,answer", [(29, 30), (36, 37)])
def test_ip4_home_address(d, hand, otype, answer):
    """D5.3-3, D5.1-5, D5.6-5: accepted in kind, a /32 into the tunnel."""
    ba = with_ip4(hand, otype)
    assert [(o.status, o.addr, o.plen) for o in hand.option(ba, answer)] == \
        [(0, HOA4, 24)]
    assert [o.addr for o in hand.option(ba, 38)] == \
        ([ROUTER4["mn1"]] if otype == 36 else [])
    assert kernel.paths(d.ha) == {PREFIX["mn1"]: LAB, f"{HOA4}/32": LAB}
    assert d.ha.binding(NAI["mn1"])["hoa4"] == HOA4


def test_ip4_goes_through_the_tunnel(d, hand):
    """D5.3-4, D5.6-6: IPv4 in IPv6, outer next header 4; both families in one
    tunnel; no other address of the subnet."""
    with_ip4(hand)
    assert kernel.tunnels(d.ha) == {LAB}
    assert tunnelled(d, HOA4) == {(HA, LAB, 4, HOA4)}
    assert tunnelled(d, ADDR["mn1"]) == {(HA, LAB, 41, ADDR["mn1"])}
    assert tunnelled(d, "10.1.1.11") == set()


def inject4(d, src):
    """An IPv4 datagram out of the lab's tunnel; does it reach cn?"""
    from scapy.layers.inet import IP, UDP
    from scapy.layers.inet6 import IPv6
    inner = bytes(IP(src=src, dst=CN4) / UDP(sport=9, dport=9) / MARK)
    with d["cn"].socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind((CN4, 9))
        send_raw(d["lab"], bytes(IPv6(src=LAB, dst=HA, nh=4,
                                      plen=len(inner))) + inner)
        s.settimeout(0.5)
        try:
            return s.recvfrom(2048)[1][0]
        except TimeoutError:
            return None


def test_ip4_comes_out_of_the_tunnel(d, hand):
    """D5.6-6, D5.3-7, D5.3-8: decapsulated and routed, from the bound address
    only."""
    with_ip4(hand)
    assert inject4(d, HOA4) == HOA4
    assert inject4(d, "10.1.1.11") is None
    assert inject4(d, ROUTER4["mn2"]) is None


def test_ip4_is_lost_and_gained(d, hand):
    """D5.6-1: without the option IPv4 ends, IPv6 stays."""
    with_ip4(hand)
    accepted(hand.register(NAI["mn1"], PREFIX["mn1"]))
    until(lambda: kernel.paths(d.ha) == {PREFIX["mn1"]: LAB}, 5, "IPv4 is gone")
    with_ip4(hand)
    assert kernel.paths(d.ha) == {PREFIX["mn1"]: LAB, f"{HOA4}/32": LAB}


def solicited(d, host, ifname, target):
    """Ask for an address on a link; who answers?"""
    from scapy.layers.inet6 import (ICMPv6ND_NS, ICMPv6NDOptSrcLLAddr, IPv6)
    from scapy.layers.l2 import Ether
    from scapy.utils import PcapReader
    last = socket.inet_pton(socket.AF_INET6, target)[-3:]
    group = socket.inet_ntop(socket.AF_INET6, socket.inet_pton(
        socket.AF_INET6, "ff02::1:ff00:0")[:-3] + last)
    src = next(a for a in d[host].addresses(ifname) if a.startswith("fe80"))
    na = d.capture(host, ifname, "icmp6 and ip6[40] == 136", evidence=False)
    frame = Ether(src=MAC["mn2"], dst="33:33:ff:" + ":".join(
        f"{b:02x}" for b in last)) / IPv6(src=src, dst=group, hlim=255) / \
        ICMPv6ND_NS(tgt=target) / ICMPv6NDOptSrcLLAddr(lladdr=MAC["mn2"])
    d[host].send_frame(ifname, bytes(frame))
    p = Pinger(d["cn"], "2001:db8:c::1", interval=0.01)
    until(lambda: len(p.rtt) > 20, 3, "it has had the time to answer")
    p.stop(linger=0)
    na.stop()
    with PcapReader(na.path) as r:
        return [x for x in r if IPv6 in x and
                bytes(x[IPv6].payload)[8:24] ==
                socket.inet_pton(socket.AF_INET6, target)]


@pytest.mark.parametrize("host,ifname,own", [("cn", "eth0", "2001:db8:c::1"),
                                             ("core", "ha0", HA)])
def test_no_neighbour_discovery_for_a_prefix_of_its_own(d, hand, host, ifname,
                                                        own):
    """D5-8, D5.9-10: the home agent answers for its own address, never for a
    node's, which is on no link of it."""
    accepted(hand.register(NAI["mn1"], PREFIX["mn1"]))
    accepted(hand.register(NAI["mn1"], f"{ADDR['mn1']}/128"))
    assert solicited(d, host, ifname, own)
    assert not solicited(d, host, ifname, ADDR["mn1"])


def test_prefix_solicitation_is_not_answered(d, hand):
    """D5.8-1: no Mobile Prefix Discovery, for nobody."""
    from scapy.layers.inet6 import ICMPv6MPSol, IPv6
    accepted(hand.register(NAI["mn1"], PREFIX["mn1"]))
    seen = d.capture("core", "ha0", "icmp6 and ip6[40] == 147")
    for src in (LAB, "2001:db8:b9::77"):
        send_raw(d["lab"], bytes(IPv6(src=src, dst=HA) / ICMPv6MPSol(id=7)))
    inner = bytes(IPv6(src=ADDR["mn1"], dst=HA) / ICMPv6MPSol(id=7))
    send_raw(d["lab"], bytes(IPv6(src=LAB, dst=HA, nh=41,
                                  plen=len(inner))) + inner)
    p = Pinger(d["cn"], HA, interval=0.01)
    until(lambda: len(p.rtt) > 20, 3, "it has had the time to answer")
    p.stop(linger=0)
    seen.stop()
    assert packets(seen.path) == []


def test_prefix_and_address_together(d, hand):
    """A20: a /64 and a /128 inside it; the whole prefix is routed."""
    extra = [OptHNP(prefix=ADDR["mn1"], plen=128)]
    accepted(hand.register(NAI["mn1"], PREFIX["mn1"], extra=extra))
    assert kernel.paths(d.ha) == {PREFIX["mn1"]: LAB}
