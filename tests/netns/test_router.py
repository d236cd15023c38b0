# SPDX-License-Identifier: BSD-2-Clause
"""A node that keeps its interface up finds its new default router (7.3):
because the previous one is withdrawn, or because all of them look the same."""
import pytest

from lib.capture import messages, packets
from lib.domain import Domain
from lib.ns import until
from lib.topology import ADDR, CN, COA, LLA, MAC, NAI
from lib.traffic import reachable

RA = "icmp6 and ip6[40] == 134"
COMMON_MAC, COMMON = "00:00:5e:00:52:13", "fe80::200:5eff:fe00:5213"  # RFC 6543


def default_routers(d, node):
    return {r.get("via") or r["gateway"] for r in d[node].ip_json(
        "-6", "route", "show", "default") for r in r.get("nexthops", [r])}


def registered(d, node, router):
    return d.ha.binding(NAI[node]).get("coa") == COA[router]


def drift(d, node, router):
    """The cable ends elsewhere; the node sees no more than its carrier flap
    and asks (DNAv6)."""
    d.plug(node, router, associate=False)
    until(lambda: registered(d, node, router) or d.solicit(node), 10,
          "registered", every=0.1)


def test_previous_router_is_withdrawn(d):
    """D7.3-4, -5, D7.3-2: the routers' link-local addresses travel in PBU and
    PBA; the new one withdraws the old one's default route, to the node alone,
    and the node has no other one but the new."""
    from scapy.layers.inet6 import ICMPv6ND_RA, ICMPv6NDOptPrefixInfo
    d.attach("mn1", "ar1")
    assert default_routers(d, "mn1") == {LLA["ar1"]}
    core = d.capture("core", "ar2", "ip6 proto 135")
    link = d.capture("ar2", "acc0", RA)
    drift(d, "mn1", "ar2")
    until(lambda: default_routers(d, "mn1") == {LLA["ar2"]}, 5,
          "the new router is the only one")
    assert reachable(d["cn"], ADDR["mn1"], timeout=2)
    core.stop()
    link.stop()
    assert messages(core.path, 5)[0]["lla"] == LLA["ar2"]
    assert messages(core.path, 6)[0]["lla"] == LLA["ar1"]
    ras = [(p, mac) for _, p, mac in packets(link.path) if ICMPv6ND_RA in p]
    ours = [p for p, _ in ras if p.src == LLA["ar2"]]
    old = [(p, mac) for p, mac in ras if p.src == LLA["ar1"]]
    assert ours and old and ras[0][0].src == LLA["ar2"]
    for p, mac in old:
        assert p[ICMPv6ND_RA].routerlifetime == 0 and p.dst == "ff02::1"
        assert mac == MAC["mn1"] and ICMPv6NDOptPrefixInfo not in p


def test_and_back(d):
    """D7.3-4: the one that was withdrawn is the router again."""
    d.attach("mn1", "ar1")
    for router in ("ar2", "ar1"):
        drift(d, "mn1", router)
        until(lambda r=router: default_routers(d, "mn1") == {LLA[r]}, 5,
              "the new router is the only one")
    assert reachable(d["mn1"], CN, timeout=2)


@pytest.fixture(scope="module", params=("operator", "daemon"))
def alike(request):
    """Access routers with one link-local and MAC address, given to them by
    hand or by fixed-router-address."""
    def same(t):
        for r in ("ar1", "ar2"):
            t[r].ip("link set acc0 down", f"link set acc0 address {COMMON_MAC}",
                    "link set acc0 up")
    options = {"prepare": same} if request.param == "operator" else {
        "pma": {"pma": {"fixed-router-address": True}}}
    with Domain(**options) as d:
        yield d


def test_common_address_of_all_routers(alike):
    """D7.3-6: the node sees one and the same router wherever it goes; nothing
    is withdrawn."""
    d = alike
    d.attach("mn1", "ar1")
    assert default_routers(d, "mn1") == {COMMON}
    link = d.capture("ar2", "acc0", RA)
    drift(d, "mn1", "ar2")
    assert reachable(d["cn"], ADDR["mn1"], timeout=2)
    assert default_routers(d, "mn1") == {COMMON}
    link.stop()
    from scapy.layers.inet6 import ICMPv6ND_RA
    assert all(p[ICMPv6ND_RA].routerlifetime > 0 and p.src == COMMON
               for _, p, _ in packets(link.path))
