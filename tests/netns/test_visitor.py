# SPDX-License-Identifier: BSD-2-Clause
"""Nodes that are not entitled to network-based mobility (6.9) next to one that
is: local addresses, no signalling, and their own Mobile IPv6 left alone."""
import ipaddress
import signal
import socket

from lib import dhcp, kernel
from lib.capture import messages, packets
from lib.dhcp import addresses4, bootp, relayed
from lib.domain import policy
from lib.mip6 import checksum
from lib.ns import holds, until
from lib.topology import (ADDR, CN, CN4, COA, COA4, LLA, MAC, NAI, PREFIX, SRV,
                          SRV4)
from lib.traffic import reachable

VISITED = {"ar1": "2001:db8:f1::/64", "ar2": "2001:db8:f2::/64"}
VISITED4 = {"ar1": "10.9.1.0/24", "ar2": "10.9.2.0/24"}
OWN4 = {"ar1": "10.9.1.1", "ar2": "10.9.2.1"}
LOCAL = {r: VISITED[r][:-3] + "ff:fe00:101" for r in VISITED}   # mn1's
RA = "icmp6 and ip6[40] == 134"


def mixed():
    """mn1 is not entitled, mn2 is."""
    p = policy()
    p["mobile-nodes"][0]["pmip"] = False
    return p


def visitor(router):
    return {"pma": {
        "visitor": {"links": [{"interface": "acc0", "prefix": VISITED[router],
                               "address-config": "both",
                               "subnet": VISITED4[router],
                               "router": OWN4[router]}]},
        "dhcpv6": {"servers": [SRV]},
        "dhcpv4": {"mode": "link-selection", "address": COA4[router],
                   "servers": [SRV4]}}}


def prepare(t):
    """The network knows where those prefixes are."""
    for r in VISITED:
        t["core"].ip(f"route add {VISITED[r]} via {COA[r]}",
                     f"route add {VISITED4[r]} via {COA4[r]}")


DOMAIN = {"servers": True, "policy": mixed, "pma": visitor, "prepare": prepare}


def come(d, router):
    """mn1 visits; its address there."""
    d.plug("mn1", router)
    until(lambda: LOCAL[router] in d["mn1"].addresses("eth0"), 10,
          "a visitor's address")
    return LOCAL[router]


def test_local_address(d):
    """D6.9-2, -4, -5, -6, -8: the visitor prefix by RA, to the node alone and
    for all nodes within; no registration, no tunnel."""
    from scapy.layers.inet6 import ICMPv6ND_RA, ICMPv6NDOptPrefixInfo
    core = d.capture("core", "ar1", "ip6 proto 135 or ip6 proto 41")
    link = d.capture("ar1", "acc0", RA)
    address = come(d, "ar1")
    assert reachable(d["cn"], address) and reachable(d["mn1"], CN)
    core.stop()
    link.stop()
    assert packets(core.path) == []
    ras = [(p, mac) for _, p, mac in packets(link.path) if ICMPv6ND_RA in p]
    assert ras
    for p, mac in ras:
        assert mac == MAC["mn1"] and p.dst == "ff02::1"
        assert p.src == LLA["ar1"] and p[ICMPv6ND_RA].routerlifetime > 0
        info = p[ICMPv6NDOptPrefixInfo]
        assert (info.prefix, info.A, info.L) == (VISITED["ar1"][:-3], 1, 1)
    assert not d.ha.show("bindings") and not kernel.tunnels(d.ha)


def test_elsewhere_it_has_another(d):
    """D6.9-5: local to each link; nothing follows the node."""
    core = d.capture("core", "ha0", "ip6 proto 135")
    come(d, "ar1")
    address = come(d, "ar2")
    assert reachable(d["cn"], address)
    assert LOCAL["ar1"] not in d["mn1"].addresses("eth0")
    core.stop()
    assert packets(core.path) == []


def test_both_kinds_on_one_link(d):
    """D6.9-1, -3, D6.3-6: the entitled one is at home, the other one a
    visitor; neither is told the other's prefix."""
    come(d, "ar1")
    heard = d.capture("mn1", "eth0", RA)
    d.attach("mn2", "ar1")
    d.solicit("mn1")
    d.solicit("mn2")
    for a in (LOCAL["ar1"], ADDR["mn2"]):
        assert reachable(d["cn"], a)
    assert reachable(d["mn1"], ADDR["mn2"])
    heard.stop()
    home = ipaddress.ip_network(PREFIX["mn2"])[0].packed[:8]
    assert packets(heard.path)
    assert not [p for _, p, _ in packets(heard.path) if home in bytes(p)]
    assert set(kernel.paths(d.ha)) == {PREFIX["mn2"]}


def test_only_from_its_own_prefix(d):
    """A visitor may use what it was given, and nobody's home address."""
    from scapy.layers.inet import UDP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Ether
    come(d, "ar1")
    mark = b"from a visitor"
    seen = d.capture("cn", "eth0", "udp port 9")
    for src in (ADDR["mn1"], "2001:db8:f2::1", CN, LOCAL["ar1"]):
        d["mn1"].send_frame("eth0", bytes(
            Ether(src=MAC["mn1"], dst=MAC["ar1"]) / IPv6(src=src, dst=CN) /
            UDP(sport=9, dport=9) / mark))
    assert reachable(d["mn1"], CN)
    seen.stop()
    assert [p.src for _, p, _ in packets(seen.path) if mark in bytes(p) and
            p.dst == CN] == [LOCAL["ar1"]]


# --- DHCP -------------------------------------------------------------------------

def test_address_by_dhcp(d):
    """D6.9-7: both families from the visitor prefix and subnet; the relay
    names those."""
    core = d.capture("core", "ar1", "udp port 547 or udp port 67 or "
                     "ip6 proto 135 or ip6 proto 4 or ip6 proto 41")
    clients = [dhcp.Dhclient(d["mn1"], d.folder, 6),
               dhcp.Udhcpc(d["mn1"], d.folder)]
    with dhcp.Kea(d["srv"], d.folder, 6, SRV, {VISITED["ar1"]: None}) as six, \
            dhcp.Kea(d["srv"], d.folder, 4, SRV4,
                     {VISITED4["ar1"]: OWN4["ar1"]}) as four:
        six.start()
        four.start()
        come(d, "ar1")
        try:
            for c in clients:
                c.forget()
                c.start()
            leased = VISITED["ar1"][:-3] + "1000"
            until(lambda: leased in d["mn1"].addresses("eth0"), 20, "IPv6")
            leased4 = until(lambda: next(
                (a for a, n in addresses4(d["mn1"])
                 if a.startswith("10.9.1.")), None), 20, "IPv4")
            assert reachable(d["cn"], leased)
            assert reachable(d["cn"], leased4) and reachable(d["mn1"], CN4)
        finally:
            for c in clients:
                c.stop(signal.SIGKILL)
            d["mn1"].run("ip", "-4", "addr", "flush", "dev", "eth0")
    core.stop()
    assert {m["link"] for m in relayed(core.path)} == {VISITED["ar1"][:-3]}
    asked = [m for m in bootp(core.path) if m["op"] == 1 and m["relay"]]
    assert {m["relay"][5] for m in asked} == {socket.inet_aton("10.9.1.0")}
    assert not [p for _, p, _ in packets(core.path) if p.nh in (4, 41, 135)]


# --- its own Mobile IPv6 -----------------------------------------------------------

def test_mobile_ipv6_client(d):
    """D6.9-1: a Binding Update with its Home Address option to a home agent of
    its own, which the correspondent plays; the answer, and a Home Test Init,
    get through as they are."""
    from scapy.layers.inet6 import (HAO, IPv6, IPv6ExtHdrDestOpt,
                                    MIP6MH_BA, MIP6MH_BU)
    from scapy.layers.l2 import Ether
    come(d, "ar1")
    care_of, home = LOCAL["ar1"], "2001:db8:77::1"
    there = d.capture("cn", "eth0", "ip6", clear=True, evidence=False)
    here = d.capture("mn1", "eth0", "ip6", clear=True, evidence=False)
    bu = bytes(IPv6(src=care_of, dst=CN, hlim=64) /
               IPv6ExtHdrDestOpt(options=[HAO(hoa=home)]) /
               MIP6MH_BU(seq=7, flags="AH", mhtime=75))
    hoti = bytes.fromhex("3b01010000000000") + b"cookie12"
    hoti = checksum(bytes(IPv6(src=care_of, dst=CN, nh=135,
                               plen=len(hoti))) + hoti)
    for p in (bu, hoti):
        d["mn1"].send_frame("eth0", bytes(Ether(
            src=MAC["mn1"], dst=MAC["ar1"], type=0x86DD)) + p)
    ba = bytes(IPv6(src=CN, dst=care_of, hlim=64) /
               MIP6MH_BA(status=0, seq=7, mhtime=75))
    with d["cn"].socket(socket.AF_INET6, socket.SOCK_RAW,
                        socket.IPPROTO_RAW) as s:
        s.sendto(ba, (care_of, 0))
    assert reachable(d["mn1"], CN) and reachable(d["cn"], care_of)
    there.stop()
    here.stop()
    arrived = [bytes(p)[40:] for _, p, _ in packets(there.path)
               if p.src == care_of and p.nh in (60, 135)]
    assert arrived == [bu[40:], hoti[40:]]
    assert ba[40:] in [bytes(p)[40:] for _, p, _ in packets(here.path)
                       if p.src == CN]
    assert not d.ha.show("bindings")


# --- from one service to the other ---------------------------------------------------

def test_entitled_from_now_on(d):
    """D6.9-2, -3: the profile changes while the node is there: at home, with
    the visitor prefix taken back; and a visitor again."""
    come(d, "ar1")
    with d.changed_policy("mn1", d.ha, d.ar1, pmip=True):
        until(lambda: d.attached("mn1", "ar1"), 10, "at home")
        assert reachable(d["cn"], ADDR["mn1"])
        used = [a for link in d["mn1"].ip_json("-6", "addr", "show", "dev",
                                               "eth0")
                for a in link["addr_info"] if a["local"] == LOCAL["ar1"]]
        assert not used or used[0].get("deprecated")
    until(lambda: not d.ha.binding(NAI["mn1"]), 10, "de-registered")
    assert reachable(d["cn"], LOCAL["ar1"])
    assert not kernel.paths(d.ha)


def test_no_registration_of_a_visitor_in_all_of_this(d):
    mh = d.capture("core", "ar1", "ip6 proto 135")
    come(d, "ar1")
    d.attach("mn2", "ar1")
    mh.stop()
    assert {m["nai"] for m in messages(mh.path)} == {NAI["mn2"]}


# --- who else is a visitor ------------------------------------------------------------

def test_unknown_node(d):
    """D6.9-2: whom the policy does not know stays outside, unless the
    configuration welcomes it; by its MAC address alone."""
    with d.changed_policy("mn1", d.ar1, mac=["02:00:00:00:77:77"]):
        d.plug("mn1", "ar1")
        holds(lambda: LOCAL["ar1"] not in d["mn1"].addresses("eth0"), 1,
              "nothing is advertised")
        pma = d.ar1.conf["pma"]
        d.ar1.write({**d.ar1.conf, "pma": {**pma, "visitor": {
            **pma["visitor"], "unknown": "visitor"}}})
        d.ar1.ctl("reload")
        try:
            address = come(d, "ar1")
            assert reachable(d["cn"], address)
            name = f"visitor/{MAC['mn1']}"
            assert d.ar1.binding(name)["state"] == "visitor"
        finally:
            d.ar1.write()
            d.ar1.ctl("reload")


def test_prefix_is_given_back(d):
    """D6.9-4: when the daemon leaves, so does the visitor prefix."""
    address = come(d, "ar1")
    d.ar1.stop()
    assert VISITED["ar1"] not in d["ar1"].run("ip", "-6", "route").stdout
    d.ar1.start()
    come(d, "ar1")
    assert reachable(d["cn"], address)
