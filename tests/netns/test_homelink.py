# SPDX-License-Identifier: BSD-2-Clause
"""A shared home prefix on a real link of the home agent (cn0), with a host on
it (cn): duplicates are found, the bound node's address is answered for and
defended there, and what the host sends goes into the tunnel."""
import socket
import subprocess

import pytest

from lib import kernel
from lib.capture import packets
from lib.domain import policy
from lib.ns import until
from lib.topology import COA, HA, NAI
from lib.traffic import Pinger

SHARED = "2001:db8:1:5::/64"
ROUTER, HOST = "2001:db8:1:5::1", "2001:db8:1:5::c"
HOA, OTHER = "2001:db8:1:5::a1", "2001:db8:1:5::a2"
LAB = COA["lab"]


def shared():
    p = policy()
    for node in p["mobile-nodes"]:
        node.update({"home-prefix": SHARED, "model": "shared-prefix"})
    return p


def prepare(topology):
    topology["ha"].ip(f"addr add {ROUTER}/64 dev cn0 nodad")
    topology["cn"].ip(f"addr add {HOST}/64 dev eth0 nodad")


DOMAIN = {"policy": shared, "prepare": prepare, "ha": {
    "ha": {"home-links": [{"prefix": SHARED, "interface": "cn0"}]}}}


@pytest.fixture
def hand(d):
    h = d.hand_pma()
    yield h
    for nai in NAI.values():
        h.register(nai, lifetime_s=0)
    until(lambda: not kernel.tunnels(d.ha), 5, "nothing is left")
    d["cn"].run("ip", "neigh", "flush", "dev", "eth0")


def register(hand, addr, nai="lab", **kw):
    return hand.register(NAI[nai], f"{addr}/128", **kw).status


def count(d, name):
    return d.ha.counters().get(f"ha.{name}", 0)


def mac_of(ns, ifname):
    return next(l["address"] for l in ns.ip_json("link", "show", ifname))


def neighbour(d, addr):
    """What the host's kernel knows: (state, MAC address)."""
    for n in d["cn"].ip_json("-6", "neigh", "show", "dev", "eth0"):
        if n["dst"] == addr:
            return n["state"][0], n.get("lladdr")
    return None, None


def tries(d, addr):
    """The host tests an address for duplicates: does it get it?"""
    cn = d["cn"]
    for scope in ("all", "eth0"):
        cn.sysctl(f"net.ipv6.conf.{scope}.accept_dad", 1)
    try:
        cn.ip(f"addr add {addr}/64 dev eth0")

        def verdict():
            for i in cn.ip_json("-6", "addr", "show", "dev", "eth0"):
                for a in i.get("addr_info", []):
                    if a.get("local") == addr and a.get("dadfailed"):
                        return "taken"
                    if a.get("local") == addr and not a.get("tentative"):
                        return "free"
            return None
        return until(verdict, 10, "the host has made up its mind")
    finally:
        cn.ip(f"addr del {addr}/64 dev eth0")
        for scope in ("all", "eth0"):
            cn.sysctl(f"net.ipv6.conf.{scope}.accept_dad", 0)


def groups(ns, ifname):
    """The multicast groups that its kernel listens to."""
    return ns.run("ip", "-6", "maddr", "show", "dev", ifname).stdout.split()


def test_duplicate_on_the_link(d, hand):
    """A38, D6.4-3: who has the address keeps it: 134 and nothing in the
    kernel; an address of the home agent's own likewise."""
    d["cn"].ip(f"addr add {OTHER}/64 dev eth0 nodad")
    try:
        # a work queue of the kernel joins it, later
        until(lambda: "ff02::1:ff00:a2" in groups(d["cn"], "eth0"), 10,
              "somebody who defends the address")
        assert register(hand, OTHER) == 134
    finally:
        d["cn"].ip(f"addr del {OTHER}/64 dev eth0")
    assert register(hand, ROUTER) == 134
    assert not kernel.paths(d.ha) and not kernel.tunnels(d.ha)
    assert register(hand, OTHER) == 0
    assert kernel.paths(d.ha) == {f"{OTHER}/128": LAB}


def test_asked_then_announced(d, hand):
    """D5.1-4, A38: one solicitation from the unspecified address before the
    acknowledgement, then advertisements with Override and without Router."""
    from scapy.layers.inet6 import (ICMPv6ND_NA, ICMPv6ND_NS,
                                    ICMPv6NDOptDstLLAddr)
    mac = mac_of(d["ha"], "cn0")
    link = d.capture("cn", "eth0", "icmp6")
    core = d.capture("core", "lab", "ip6")
    before = count(d, "home-advertisements")
    assert register(hand, HOA) == 0
    until(lambda: count(d, "home-advertisements") >= before + 3, 10,
          "three advertisements")
    assert "ff02::1:ff00:a1" in groups(d["ha"], "cn0")
    link.stop()
    core.stop()
    seen = [(t, p) for t, p, _ in packets(link.path)]
    asked = [(t, p) for t, p in seen if ICMPv6ND_NS in p and
             p[ICMPv6ND_NS].tgt == HOA]
    told = [(t, p) for t, p in seen if ICMPv6ND_NA in p and
            p[ICMPv6ND_NA].tgt == HOA]
    assert len(asked) == 1 and asked[0][1].src == "::"
    assert asked[0][1].dst == "ff02::1:ff00:a1"
    answer = next(t for t, p, _ in packets(core.path) if p.src == HA and
                  p.nh in (135, 50))
    assert answer - asked[0][0] >= 0.99
    for t, p in told:
        na = p[ICMPv6ND_NA]
        assert (na.R, na.S, na.O) == (0, 0, 1) and p.dst == "ff02::1"
        assert p[ICMPv6NDOptDstLLAddr].lladdr == mac and p.hlim == 255
    assert len(told) >= 3 and told[0][0] > asked[0][0] + 0.99


def test_hosts_reach_the_node(d, hand):
    """D5.1-4, D5.3-2, D5.3-5: the link's host sends to the home agent's MAC
    address, and from there it goes into the tunnel, not back to the link."""
    assert register(hand, HOA) == 0
    seen = d.capture("core", "lab", "ip6 proto 41")
    p = Pinger(d["cn"], HOA, interval=0.02)
    until(lambda: neighbour(d, HOA)[0] in ("REACHABLE", "DELAY", "STALE",
                                           "PROBE"), 5, "it was answered")
    until(lambda: len(p.sent) > 20, 5, "some echoes are sent")
    p.stop(linger=0)
    seen.stop()
    assert neighbour(d, HOA)[1] == mac_of(d["ha"], "cn0")
    inner = {(q.src, q.dst, q.payload.src, q.payload.dst)
             for _, q, _ in packets(seen.path)}
    assert (HA, LAB, HOST, HOA) in inner
    assert kernel.paths(d.ha) == {f"{HOA}/128": LAB}
    # the rest of the prefix is on the link as ever
    other = Pinger(d["ha"], HOST, interval=0.02)
    until(lambda: other.rtt, 5, "the host answers")
    other.stop(linger=0)


def test_defended(d, hand):
    """D5.1-4, RFC 6275 10.4.1: a host that tests the address finds it taken,
    as long as the node is bound."""
    assert register(hand, HOA) == 0
    assert tries(d, HOA) == "taken"
    assert count(d, "home-defended") >= 1
    assert register(hand, HOA, lifetime_s=0) == 0
    assert tries(d, HOA) == "free"


def test_handover_and_refresh_keep_it(d, hand):
    """D5.1-4, A40: nothing is said or asked when the node moves on."""
    before = count(d, "home-advertisements")
    assert register(hand, HOA) == 0
    until(lambda: count(d, "home-advertisements") >= before + 3, 10,
          "three advertisements")
    before = [count(d, n) for n in ("home-checked", "home-advertisements")]
    assert register(hand, HOA) == 0
    assert before == [count(d, n) for n in ("home-checked",
                                            "home-advertisements")]
    assert tries(d, HOA) == "taken"


def test_withdrawn(d, hand):
    """D5.1-4: after the end of the binding nobody answers any more."""
    assert register(hand, HOA) == 0
    assert register(hand, HOA, lifetime_s=0) == 0
    before = count(d, "home-advertisements")
    p = Pinger(d["cn"], HOA, interval=0.05)
    until(lambda: neighbour(d, HOA)[0] in ("FAILED", "INCOMPLETE"), 10,
          "nobody answers")
    p.stop(linger=0)
    assert count(d, "home-advertisements") == before
    assert "ff02::1:ff00:a1" not in groups(d["ha"], "cn0")
    assert HOA not in subprocess.run(
        ["ip", "-n", d["ha"].name, "-6", "route"], text=True, check=True,
        stdout=subprocess.PIPE).stdout


def test_resumed_after_restart(d, hand):
    """D5.1-4, D7.1-7: the home agent dies, comes back, the node registers
    again and is answered for again."""
    assert register(hand, HOA) == 0
    d.ha.kill()
    d.ha.start()
    assert tries(d, HOA) == "free"
    assert register(hand, HOA) == 0
    assert kernel.paths(d.ha) == {f"{HOA}/128": LAB}
    assert tries(d, HOA) == "taken"


def test_link_that_is_down(d, hand):
    """A38: a link that cannot be asked: 130, and no trace."""
    d["ha"].set_up("cn0", False)
    try:
        until(lambda: register(hand, HOA) == 130, 5, "the link is down")
        assert not kernel.paths(d.ha)
    finally:
        d["ha"].set_up("cn0", True)
        prepare({"ha": d["ha"], "cn": Nothing()})
        d["ha"].ip("addr add 2001:db8:c::1/64 dev cn0 nodad")
    until(lambda: register(hand, HOA) == 0, 10, "the link is up")
    assert tries(d, HOA) == "taken"


class Nothing:
    """A host that has kept what it had."""

    def ip(self, *lines):
        pass


def test_anycast_on_the_link(d):
    """D5.4-3: a router on the link finds the home agent behind the prefix's
    home-agents anycast address."""
    addr = "2001:db8:1:5:fdff:ffff:ffff:fffe"
    s = d["cn"].socket(socket.AF_INET6, socket.SOCK_DGRAM)
    with s:
        s.sendto(b"x", (addr, 9))
    until(lambda: neighbour(d, addr)[1] == mac_of(d["ha"], "cn0"), 5,
          "it is answered")


def test_route_comes_back(d, hand):
    """D5.3-2, D5.9-9: somebody removes the tunnel's device: the node's own
    route, which must win over the link's, comes back with it."""
    assert register(hand, HOA) == 0

    def device():
        return next((r["dev"] for r in d["ha"].ip_json("-6", "route", "show")
                     if r["dst"] == HOA and "dev" in r), None)
    before = until(device, 5, "it has a route of its own")
    d["ha"].ip(f"link del {before}")
    until(device, 10, "the route is back")
    seen = d.capture("core", "lab", "ip6 proto 41")
    p = Pinger(d["cn"], HOA, interval=0.02)
    until(lambda: len(p.sent) > 20, 5, "some echoes are sent")
    p.stop(linger=0)
    seen.stop()
    assert [q for _, q, _ in packets(seen.path) if q.payload.dst == HOA]
