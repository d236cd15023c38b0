# SPDX-License-Identifier: BSD-2-Clause
"""Source checks: a node sends from its own addresses only (at the access
router), a tunnel carries its own nodes' packets only (at the home agent)."""
import socket

import pytest

from lib.capture import packets
from lib.topology import ADDR, CN, COA, HA, LLA, MAC, NAI, PREFIX
from lib.traffic import reachable, send_raw

MARK = b"spoofed packet"


@pytest.fixture
def both(d):
    d.attach("mn1", "ar1")
    d.attach("mn2", "ar1")
    assert reachable(d["cn"], ADDR["mn1"]) and reachable(d["cn"], ADDR["mn2"])
    with d["cn"].socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
        s.bind(("::", 9))           # what arrives provokes no ICMPv6 error
        yield d


def udp(src, dst=CN):
    from scapy.layers.inet import UDP
    from scapy.layers.inet6 import IPv6
    return bytes(IPv6(src=src, dst=dst) / UDP(sport=9, dport=9) / MARK)


def marked(path):
    return [p for _, p, _ in packets(path) if MARK in bytes(p)]


def from_node(d, node, src, dst=CN, mac=None, packet=None):
    """Send as `node` with any source; what of it left the access router."""
    core = d.capture("core", "ar1", "ip6 proto 41 or udp or ip6 proto 135",
                     evidence=False)
    frame = bytes.fromhex((MAC["ar1"] + (mac or MAC[node])).replace(":", ""))
    d[node].send_frame("eth0", frame + b"\x86\xdd" + (packet or udp(src, dst)))
    # an honest packet behind it shows when it is over
    assert reachable(d["mn2"], CN)
    core.stop()
    return marked(core.path)


def counted(daemon, before):
    """Names of the counters that grew."""
    return {k for k, v in daemon.counters().items() if v > before.get(k, 0)}


def test_own_address_passes(both):
    assert len(from_node(both, "mn1", ADDR["mn1"])) == 1


@pytest.mark.parametrize("src", [ADDR["mn2"], "2001:db8:1:5::1", CN,
                                 "2001:db8:ffff::1", COA["ar1"]],
                         ids=["neighbour", "unbound", "correspondent",
                              "foreign", "router"])
def test_foreign_source_at_the_router(both, src):
    """10.4: only from the node's own prefix."""
    assert from_node(both, "mn1", src) == []


def test_foreign_mac_at_the_router(both):
    """The neighbour's address from another MAC than the neighbour's."""
    assert from_node(both, "mn1", ADDR["mn1"], mac=MAC["mn2"]) == []


def test_link_local_source_is_not_forwarded(both):
    """D6.7-9."""
    # D6.7-9
    assert from_node(both, "mn1", LLA["mn1"]) == []


def test_router_counts_what_it_drops(both):
    before = both.ar1.counters()
    status = both.ar1.show("status")[0]
    from_node(both, "mn1", ADDR["mn2"])
    after = both.ar1.show("status")[0]
    assert counted(both.ar1, before) or status["dataplane"] != after["dataplane"]


def through_tunnel(d, outer_src, inner_src, inner_dst=CN, payload=None):
    """A tunnelled packet at the home agent; what of it reaches the other
    side."""
    from scapy.layers.inet6 import IPv6
    seen = d.capture("cn", "eth0", "ip6", evidence=False)
    inner = payload or udp(inner_src, inner_dst)
    send_raw(d["lab"], bytes(IPv6(src=outer_src, dst=HA, nh=41,
                                  plen=len(inner))) + inner)
    assert reachable(d["mn2"], CN)
    seen.stop()
    return marked(seen.path)


@pytest.fixture
def lab(both):
    """A third access router, by hand, with a node of its own."""
    hand = both.hand_pma()
    assert hand.register(NAI["lab"], PREFIX["lab"]).status == 0
    yield both
    hand.register(NAI["lab"], PREFIX["lab"], lifetime_s=0)


def test_own_node_passes_at_the_home_agent(lab):
    assert len(through_tunnel(lab, COA["lab"], "2001:db8:1:9::1")) == 1


@pytest.mark.parametrize("src", [ADDR["mn1"], "2001:db8:1:5::1", CN, HA],
                         ids=["node-elsewhere", "unbound", "correspondent",
                              "home-agent"])
def test_foreign_source_at_the_home_agent(lab, src):
    """10.4: the inner source must have a binding with that tunnel's peer."""
    # D5.3-8
    assert through_tunnel(lab, COA["lab"], src) == []


def test_unknown_tunnel_end_at_the_home_agent(lab):
    """The outer source must be a peer with a tunnel."""
    lab["lab"].ip("addr replace 2001:db8:b9::2/64 dev core0 nodad")
    assert through_tunnel(lab, "2001:db8:b9::2", "2001:db8:1:9::1") == []
    assert through_tunnel(lab, "2001:db8:b9::2", ADDR["mn1"]) == []


def test_home_test_init_is_dropped(both):
    """D5.7-2: HoTI from a proxy-registered home address goes nowhere."""
    # D5.7-2
    from scapy.layers.inet6 import IPv6
    from lib.mip6 import checksum
    hoti = bytes.fromhex("3b01010000000000") + b"cookie12"
    p = checksum(bytes(IPv6(src=ADDR["mn1"], dst=CN, nh=135,
                            plen=len(hoti))) + hoti)
    seen = both.capture("cn", "eth0", "ip6 proto 135", evidence=False)
    from_node(both, "mn1", None, packet=p)
    seen.stop()
    assert packets(seen.path) == []
