# SPDX-License-Identifier: BSD-2-Clause
"""Nodes with an IPv4 home address of their own besides their IPv6 prefix; no
DHCP anywhere: the address stands in the profile and on the node."""
import itertools
import socket

import pytest

from lib import kernel
from lib.capture import frames, messages, packets
from lib.domain import policy
from lib.ns import until
from lib.topology import (ADDR, CN, CN4, COA, HA, MAC, NAI, PREFIX, ROUTER4,
                          SUBNET4)
from lib.traffic import Pinger, Pinger4, TcpStream, reachable

HOA4 = {"mn1": "10.1.1.10", "mn2": "10.1.2.10"}
BROADCAST = "ff:ff:ff:ff:ff:ff"
MOVES = 3


def static():
    p = policy()
    for node in p["mobile-nodes"]:
        for n in HOA4:
            if node["nai"] == NAI[n]:
                node["ipv4"] = {"home-subnet": SUBNET4[n],
                                "router": ROUTER4[n], "home-address": HOA4[n]}
    return p


DOMAIN = {"policy": static}


def configure(d, node):
    """What the operator of the node has set up once."""
    d[node].ip(f"addr replace {HOA4[node]}/24 dev eth0",
               f"route replace default via {ROUTER4[node]} dev eth0")


def in_service(d, node, router):
    return d.ha.binding(NAI[node]).get("hoa4") == HOA4[node] and \
        d.ha.binding(NAI[node]).get("coa") == COA[router] and \
        f"{HOA4[node]}/32" in kernel.paths(d.daemons[router])


def attach(d, node, router):
    when = d.attach(node, router)
    configure(d, node)
    until(lambda: in_service(d, node, router), 5, "IPv4 in service")
    return when


@pytest.fixture
def at_ar1(d):
    attach(d, "mn1", "ar1")
    return d


# --- registration and paths ------------------------------------------------------

def test_registered_with_its_address(d):
    """D5.6-4, D6.10-8, D5.1-5: option 29 in the first PBU, 30 in the answer;
    D6.11-5 to -7: address, prefix length and router in the list."""
    core = d.capture("core", "ar1", "ip6 proto 135")
    attach(d, "mn1", "ar1")
    core.stop()
    pbu, pba = messages(core.path, 5)[-1], messages(core.path, 6)[-1]
    assert pbu["ip4-29"] == HOA4["mn1"] and pba["ip4-30"] == HOA4["mn1"]
    assert pbu["hnp"] == PREFIX["mn1"]
    b = d.ar1.show("mn", nai=NAI["mn1"])[0]
    assert b["hoa4"] == HOA4["mn1"]
    assert b["hoa4_prefix_length"] == 24 and b["router4"] == ROUTER4["mn1"]


def test_paths(at_ar1):
    """D5.3-3, D5.6-5, D6.7-5: a host route of either family's own kind."""
    d = at_ar1
    both = [PREFIX["mn1"], f"{HOA4['mn1']}/32"]
    assert kernel.paths(d.ha) == dict.fromkeys(both, COA["ar1"])
    assert kernel.paths(d.ar1) == dict.fromkeys(both, HA)
    assert kernel.tunnels(d.ha) == {COA["ar1"]}


def test_connected_at_the_router(at_ar1):
    """D6.7-6: the address, and nothing else of its subnet, is on the link."""
    got = at_ar1["ar1"].ip_json("-4", "route", "get", HOA4["mn1"])
    assert got[0]["dev"] == "acc0" and "gateway" not in got[0]
    other = at_ar1["ar1"].ip_json("-4", "route", "get", "10.1.1.77")
    assert other[0]["dev"] != "acc0"


def test_packets(at_ar1):
    """D5.6-1, -6, D5.3-4, D6.7-7, D6.7-8: IPv4 in IPv6 both ways, next header
    4 and nothing between."""
    d = at_ar1
    core = d.capture("core", "ar1", "ip6 proto 4")
    assert reachable(d["cn"], HOA4["mn1"])
    assert reachable(d["mn1"], CN4)
    core.stop()
    ends = {(p.src, p.dst, p.payload.src, p.payload.dst)
            for _, p, _ in packets(core.path)}
    assert (HA, COA["ar1"], CN4, HOA4["mn1"]) in ends
    assert (COA["ar1"], HA, HOA4["mn1"], CN4) in ends


def test_default_router_is_the_home_agent(at_ar1):
    """D6.11-7: what answers behind that address is the home agent itself."""
    assert reachable(at_ar1["mn1"], ROUTER4["mn1"])


def test_nodes_reach_each_other(at_ar1):
    """D6.7-8: on one link, from subnet to subnet, through the home agent."""
    d = at_ar1
    attach(d, "mn2", "ar1")
    core = d.capture("core", "ha0", "ip6 proto 4")
    assert reachable(d["mn1"], HOA4["mn2"])
    core.stop()
    assert len(packets(core.path)) >= 4         # there and back, twice


@pytest.mark.parametrize("src", ["10.1.1.11", HOA4["mn2"], CN4, "10.9.9.9"])
def test_foreign_source(at_ar1, src):
    """Only from the node's own address."""
    from scapy.layers.inet import IP, UDP
    from scapy.layers.l2 import Ether
    d = at_ar1
    core = d.capture("core", "ar1", "ip6 proto 4 or ip")
    mark = b"from somebody else"
    for source in (src, HOA4["mn1"]):
        d["mn1"].send_frame("eth0", bytes(
            Ether(src=MAC["mn1"], dst=MAC["ar1"]) / IP(src=source, dst=CN4) /
            UDP(sport=9, dport=9) / mark))
    assert reachable(d["mn1"], CN4)
    core.stop()
    assert [p.payload.src for _, p, _ in packets(core.path)
            if mark in bytes(p) and p.payload.dst == CN4] == [HOA4["mn1"]]
    assert not any(mark in bytes(p) and p.type == 0x800
                   for _, p in frames(core.path))


# --- ARP -----------------------------------------------------------------------

def arp(d, node, router, target, sender):
    """Ask on the access link; the MACs that answer for the target."""
    from scapy.layers.l2 import ARP, Ether
    seen = d.capture(node, "eth0", "arp")
    d[node].send_frame("eth0", bytes(
        Ether(src=MAC[node], dst=BROADCAST) /
        ARP(op=1, hwsrc=MAC[node], psrc=sender, pdst=target)))
    # a question that is answered for certain ends the wait
    d[node].send_frame("eth0", bytes(
        Ether(src=MAC[node], dst=BROADCAST) /
        ARP(op=1, hwsrc=MAC[node], psrc=HOA4[node], pdst=ROUTER4[node])))
    def answered():
        with open(seen.path, "rb") as f:
            data = f.read()
        return bytes.fromhex(MAC[router].replace(":", "")) + \
            socket.inet_aton(ROUTER4[node]) in data
    until(answered, 5, "the router's address is answered for")
    seen.stop()
    return {p[ARP].hwsrc for _, p in frames(seen.path)
            if ARP in p and p[ARP].op == 2 and p[ARP].psrc == target}


def test_router_is_answered_for(at_ar1):
    """D6.5-3, -5: with the access router's MAC, which has no such address."""
    d = at_ar1
    assert arp(d, "mn1", "ar1", ROUTER4["mn1"], HOA4["mn1"]) == {MAC["ar1"]}
    have = [a["local"] for link in d["ar1"].ip_json("-4", "addr")
            for a in link["addr_info"]]
    assert not any(a.startswith("10.1.") for a in have)


def test_the_kernel_does_not_answer_too(at_ar1):
    """D6.5-3: one answer, also where the router's address is the machine's own
    because the home agent is here as well."""
    from scapy.layers.l2 import ARP
    d = at_ar1
    d["ar1"].ip(f"addr add {ROUTER4['mn1']}/32 dev lo")
    try:
        seen = d.capture("mn1", "eth0", "arp")
        arp(d, "mn1", "ar1", ROUTER4["mn1"], HOA4["mn1"])   # asks twice
        seen.stop()
    finally:
        d["ar1"].ip(f"addr del {ROUTER4['mn1']}/32 dev lo")
    asked, told = ([p for _, p in frames(seen.path) if p[ARP].op == op and
                    p[ARP].pdst == pdst] for op, pdst in
                   ((1, ROUTER4["mn1"]), (2, HOA4["mn1"])))
    assert 0 < len(told) <= len(asked)


@pytest.mark.parametrize("target,sender", [
    (HOA4["mn1"], "0.0.0.0"),           # a probe for its own address
    (HOA4["mn1"], HOA4["mn1"]),         # an announcement of it
    ("10.1.1.77", "0.0.0.0"),           # a probe for a free one
    (ROUTER4["mn2"], HOA4["mn1"])],     # somebody else's router
    ids=["own-probe", "own", "free-probe", "other-router"])
def test_not_answered_for(at_ar1, target, sender):
    """RFC 5227: whoever looks for duplicates finds none."""
    assert arp(at_ar1, "mn1", "ar1", target, sender) == set()


def test_each_its_own_router(at_ar1):
    """Two nodes with different subnets on one link: D6.5-3 for each."""
    d = at_ar1
    attach(d, "mn2", "ar1")
    assert arp(d, "mn1", "ar1", ROUTER4["mn1"], HOA4["mn1"]) == {MAC["ar1"]}
    assert arp(d, "mn2", "ar1", ROUTER4["mn2"], HOA4["mn2"]) == {MAC["ar1"]}
    assert arp(d, "mn2", "ar1", ROUTER4["mn1"], HOA4["mn2"]) == set()


def test_gratuitous_arp_after_a_move(at_ar1):
    """D6.5-4: the new router announces the default router's address, to the
    node alone, as soon as it is accepted."""
    from scapy.layers.l2 import ARP
    d = at_ar1
    assert reachable(d["mn1"], CN4)
    core = d.capture("core", "ar2", "ip6 proto 135")
    link = d.capture("ar2", "acc0", "arp")
    d.attach("mn1", "ar2")
    configure(d, "mn1")
    assert reachable(d["mn1"], CN4)
    assert [n["lladdr"] for n in d["mn1"].ip_json("neigh", "show", "dev",
            "eth0") if n["dst"] == ROUTER4["mn1"]] == [MAC["ar2"]]
    core.stop()
    link.stop()
    pba = next(m for m in messages(core.path, 6) if m["status"] == 0)
    told = [(t, p) for t, p in frames(link.path)
            if p[ARP].psrc == p[ARP].pdst == ROUTER4["mn1"]]
    assert told and all(p[ARP].hwsrc == MAC["ar2"] for _, p in told)
    assert all(p.dst == MAC["mn1"] for _, p in told)
    assert told[0][0] >= pba["time"]


# --- roaming -------------------------------------------------------------------

@pytest.fixture(scope="module")
def roaming(domain):
    """Moves under echoes and TCP over both families; the carrier goes and
    comes, the node sets nothing up again."""
    d = domain
    d.quiet()
    attach(d, "mn1", "ar1")
    pings = [Pinger(d["cn"], ADDR["mn1"]), Pinger4(d["cn"], HOA4["mn1"])]
    tcps = [TcpStream(d["cn"], a, d["mn1"]) for a in (CN, CN4)]
    moves = []
    for router in itertools.islice(itertools.cycle(("ar2", "ar1")), MOVES):
        when = d.attach("mn1", router)
        d["mn1"].ip(f"route replace default via {ROUTER4['mn1']} dev eth0")
        until(lambda r=router: in_service(d, "mn1", r), 5, "IPv4 in service")
        for p in pings:
            until(lambda p=p, w=when: p.alive(after=w), 5, "echo after the move")
        for t in tcps:
            had = t.received
            until(lambda t=t, h=had: t.received > h + 10_000 or t.error, 10,
                  "TCP goes on")
        moves.append((when, d["mn1"].ip_json("addr", "show", "dev", "eth0")))
    for x in tcps + pings:
        x.stop()
    return pings, tcps, moves


def test_addresses_stay(roaming):
    """D5.6-1, D7.2-1: both, through three moves."""
    assert len(roaming[2]) == MOVES
    for _, links in roaming[2]:
        have = {a["local"] for a in links[0]["addr_info"]}
        assert {ADDR["mn1"], HOA4["mn1"]} <= have


def test_connections_survive(roaming):
    """D5.6-1, D7-2: TCP over IPv6 and over IPv4."""
    for t in roaming[1]:
        assert t.error is None and t.received > 30_000


def test_gaps_of_both_families_are_short(roaming):
    for p in roaming[0]:
        p.short_gaps()


# --- the end of it ----------------------------------------------------------------

def test_ip4_is_lost_and_gained(at_ar1):
    """D5.6-1: the profile loses its IPv4 and gets it back; IPv6 is not
    disturbed, nobody re-attaches."""
    d = at_ar1
    ping = Pinger(d["cn"], ADDR["mn1"], interval=0.02)
    until(lambda: ping.rtt, 5, "echo")
    with d.changed_policy("mn1", d.ha, d.ar1, ipv4=None):
        until(lambda: kernel.paths(d.ha) == {PREFIX["mn1"]: COA["ar1"]}, 5,
              "IPv4 is gone at the home agent")
        until(lambda: kernel.paths(d.ar1) == {PREFIX["mn1"]: HA}, 5,
              "and at the router")
        assert not reachable(d["cn"], HOA4["mn1"], timeout=0.3)
    until(lambda: in_service(d, "mn1", "ar1"), 5, "it is back")
    assert reachable(d["cn"], HOA4["mn1"])
    ping.stop()
    assert ping.outages() == []


def test_nothing_stays(at_ar1):
    """D6.10-20: both paths end with the binding, at both ends."""
    d = at_ar1
    d.detach("mn1")
    until(lambda: not kernel.paths(d.ar1) and not kernel.paths(d.ha), 5,
          "no path is left")
    assert not reachable(d["cn"], HOA4["mn1"], timeout=0.3)
