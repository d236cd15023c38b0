# SPDX-License-Identifier: BSD-2-Clause
"""The Shared-Prefix model: nodes have one address each in a common prefix, by
DHCPv6, and only that address follows them."""
import ipaddress
import itertools
import signal
import time
import types

import pytest

from lib import dhcp, kernel
from lib.capture import messages, packets
from lib.dhcp import relayed
from lib.domain import policy
from lib.ns import holds, until
from lib.topology import CN, COA, HA, MAC, NAI, NODES, SRV
from lib.traffic import Pinger, TcpStream, reachable

SHARED = "2001:db8:1:5::/64"
BASE = SHARED[:-3]                      # 2001:db8:1:5::
MOVES = 3
SHORT = 8               # seconds of a lease that a test waits for the end of
RA = "icmp6 and ip6[40] == 134"
DHCP6 = "udp port 547 or udp port 546"


def shared():
    p = policy()
    for node in p["mobile-nodes"]:
        node.update({"home-prefix": SHARED, "model": "shared-prefix"})
    return p


DOMAIN = {"servers": True, "policy": shared,
          "pma": {"pma": {"dhcpv6": {"servers": [SRV]}}}}


@pytest.fixture(scope="module")
def kea(domain):
    with dhcp.Kea(domain["srv"], domain.folder, 6, SRV,
                  {SHARED: None}) as server:
        yield server.start()


def dhclient(d, node):
    c = dhcp.Dhclient(d[node], d.folder, 6)
    c.forget()
    return c


@pytest.fixture
def client(d, kea):
    c = dhclient(d, "mn1")
    yield c
    c.stop(signal.SIGKILL)


@pytest.fixture
def client2(d, kea):
    c = dhclient(d, "mn2")
    yield c
    c.stop(signal.SIGKILL)


def leased(d, node):
    net = ipaddress.ip_network(SHARED)
    return next((a for a in d[node].addresses("eth0")
                 if ipaddress.ip_address(a) in net), None)


def state(d, node, router):
    return d.daemons[router].binding(NAI[node]).get("state")


def served(d, node, router):
    """The address that both kernels have a path for; None."""
    address = leased(d, node)
    host = f"{address}/128"
    if address and kernel.paths(d.ha).get(host) == COA[router] and \
            kernel.paths(d.daemons[router]).get(host) == HA:
        return address
    return None


def bind(d, client, node="mn1", router="ar1"):
    d.plug(node, router)
    client.start()
    return until(lambda: served(d, node, router), 20, f"{node} is served")


# --- the first time ------------------------------------------------------------

@pytest.fixture(scope="module")
def run(domain, kea):
    """mn1 attaches, is asked to do DHCP, and does; all that was on the wires."""
    d = domain
    d.quiet()
    core = d.capture("core", "ar1", f"ip6 proto 135 or {DHCP6}")
    link = d.capture("ar1", "acc0", RA)
    when = d.plug("mn1", "ar1")
    until(lambda: state(d, "mn1", "ar1") == "waiting-for-dhcp", 10, "waits")
    waited = leased(d, "mn1"), kernel.paths(d.ar1), kernel.paths(d.ha)
    c = dhclient(d, "mn1")
    with c:
        started = time.time()
        c.start()
        address = until(lambda: served(d, "mn1", "ar1"), 20, "served")
        reached = reachable(d["cn"], address), reachable(d["mn1"], CN)
        paths = kernel.paths(d.ha), kernel.paths(d.ar1)
        connected = d["ar1"].ip_json("-6", "route", "get", address)
        other = d["ar1"].ip_json("-6", "route", "get", BASE + "dead")
        shown = d.ar1.show("mn", nai=NAI["mn1"])[0]
        d.solicit("mn1")
        until(lambda: d.ar1.counters()["pma.ra-sent"] >= 2, 5, "an RA")
        c.stop(signal.SIGKILL)
    core.stop()
    link.stop()
    return types.SimpleNamespace(
        when=when, started=started, waited=waited, address=address,
        reached=reached, paths=paths, connected=connected, other=other,
        shown=shown, mh=messages(core.path), dhcp=relayed(core.path),
        ras=[(t, p, mac) for t, p, mac in packets(link.path)])


def test_asks_the_home_agent_first(run):
    """D6.10-14, -15, D8.5-3, D5.9-6: a PBU without the option; 147."""
    pbu, pba = [[m for m in run.mh if m["type"] == t] for t in (5, 6)]
    assert "hnp" not in pbu[0]
    assert pba[0]["status"] == 147


def test_waits_for_the_node_to_do_dhcp(run):
    """D6.10-16: nothing more is sent before it does, nothing is forwarded."""
    early = [m for m in run.mh if m["type"] == 5 and m["time"] < run.started]
    assert len(early) == 1
    assert run.waited == (None, {}, {})


def test_advertisement_while_it_waits(run):
    """D6.10-18, D6.1-5: M=1 starts DHCPv6; no prefix, no default router."""
    from scapy.layers.inet6 import ICMPv6ND_RA, ICMPv6NDOptPrefixInfo
    early = [p for t, p, _ in run.ras if t < run.started]
    assert early
    for p in early:
        assert p[ICMPv6ND_RA].M == 1 and p[ICMPv6ND_RA].routerlifetime == 0
        assert ICMPv6NDOptPrefixInfo not in p


def test_advertisement_when_it_is_served(run):
    """D6.1-1, -5, -6: M=1, and if the prefix is named at all, it is neither
    for SLAAC nor on the link; to the node alone."""
    from scapy.layers.inet6 import ICMPv6ND_RA, ICMPv6NDOptPrefixInfo
    late = [p for t, p, _ in run.ras if t > run.started]
    assert late and {mac for *_, mac in run.ras} == {MAC["mn1"]}
    for p in late:
        assert p[ICMPv6ND_RA].M == 1 and p[ICMPv6ND_RA].routerlifetime > 0
        if ICMPv6NDOptPrefixInfo in p:
            assert p[ICMPv6NDOptPrefixInfo].A == 0
            assert p[ICMPv6NDOptPrefixInfo].L == 0


def test_lease_of_the_shared_prefix(run):
    """D6.3-3, -4, D7.1-5: link-address is the common prefix."""
    assert ipaddress.ip_address(run.address) in ipaddress.ip_network(SHARED)
    assert {m["link"] for m in run.dhcp} == {BASE}
    assert run.reached == (True, True)


def test_registered_with_its_address(run):
    """D6.10-13, D8.3-5: the leased address with prefix length 128."""
    pbu = [m for m in run.mh if m["type"] == 5]
    assert pbu[1]["hnp"] == f"{run.address}/128"
    pba = [m for m in run.mh if m["type"] == 6]
    assert pba[1]["status"] == 0 and pba[1]["hnp"] == f"{run.address}/128"


def test_paths(run):
    """D5.3-2, D6.7-3: that address alone, at both ends."""
    host = f"{run.address}/128"
    assert run.paths == ({host: COA["ar1"]}, {host: HA})


def test_connected_at_the_router(run):
    """D6.7-4: the address is on the link, its neighbours are not."""
    assert run.connected[0]["dev"] == "acc0"
    assert "gateway" not in run.connected[0]
    assert run.other[0].get("dev") != "acc0"


def test_binding_update_list(run):
    """D6.11-3: it says which model."""
    assert run.shown["model"] == "shared-prefix"
    assert run.shown["hoa"] == run.address


# --- two nodes -----------------------------------------------------------------

def test_two_nodes_of_one_prefix(d, client, client2):
    """D5.3-2: each at its own router, and they reach each other."""
    one = bind(d, client)
    two = bind(d, client2, "mn2", "ar2")
    assert one != two
    assert kernel.paths(d.ha) == {f"{one}/128": COA["ar1"],
                                  f"{two}/128": COA["ar2"]}
    assert reachable(d["mn1"], two)
    assert reachable(d["cn"], one) and reachable(d["cn"], two)


def test_on_one_link(d, client, client2):
    """The same on one access link, through the home agent: D6.7-8."""
    one = bind(d, client)
    two = bind(d, client2, "mn2", "ar1")
    core = d.capture("core", "ha0", "ip6 proto 41")
    assert reachable(d["mn1"], two) and reachable(d["mn2"], one)
    core.stop()
    assert len(packets(core.path)) >= 8


def test_other_addresses_are_not_tunnelled(d, client):
    """D5.3-2, D6.7-3: neither towards the node nor from it."""
    address = bind(d, client)
    other = BASE + "dead"
    core = d.capture("core", "ha0", "ip6 proto 41")
    d["mn1"].ip(f"addr add {other}/128 dev eth0 nodad")
    try:
        assert not reachable(d["cn"], other, timeout=0.3)
        assert not reachable(d["mn1"], CN, src=other, timeout=0.3)
        assert reachable(d["cn"], address)
    finally:
        d["mn1"].ip(f"addr del {other}/128 dev eth0")
    core.stop()
    alien = ipaddress.ip_address(other).packed
    assert not [p for _, p, _ in packets(core.path) if alien in bytes(p)]


# --- roaming -------------------------------------------------------------------

@pytest.fixture(scope="module")
def roaming(domain, kea):
    """Three moves at which the node confirms its lease, under TCP."""
    d = domain
    d.quiet()
    c = dhclient(d, "mn1")
    address = bind(d, c)
    ping = Pinger(d["cn"], address)
    tcp = TcpStream(d["cn"], CN, d["mn1"])
    core = d.capture("core", "ha0", "ip6 proto 135")
    stays = []
    for router in itertools.islice(itertools.cycle(("ar2", "ar1")), MOVES):
        c.stop(signal.SIGKILL)
        when = d.plug("mn1", router)
        c.start()
        until(lambda r=router: served(d, "mn1", r), 20, "served")
        until(lambda w=when: ping.alive(after=w), 10, "echo after the move")
        had = tcp.received
        until(lambda h=had: tcp.received > h + 10_000 or tcp.error, 10,
              "TCP goes on")
        stays.append((when, router, leased(d, "mn1")))
    tcp.stop()
    ping.stop()
    c.stop(signal.SIGKILL)
    core.stop()
    return types.SimpleNamespace(address=address, tcp=tcp, stays=stays,
                                 mh=messages(core.path))


def test_same_address_after_three_moves(roaming):
    """D7.2-1, D3-3"""
    assert [s[2] for s in roaming.stays] == [roaming.address] * MOVES


def test_connection_survives(roaming):
    """D7-2"""
    assert roaming.tcp.error is None and roaming.tcp.received > 30_000


def test_home_agent_names_the_address(roaming):
    """D6.10-14, -15: at each new router a PBU without the option is answered
    with what is bound."""
    for when, router, _ in roaming.stays:
        pbu = next(m for m in roaming.mh if m["type"] == 5 and
                   m["src"] == COA[router] and m["time"] > when)
        pba = next(m for m in roaming.mh if m["type"] == 6 and
                   m["dst"] == COA[router] and m["time"] > when)
        assert "hnp" not in pbu or pbu["hnp"] == f"{roaming.address}/128"
        assert (pba["status"], pba["hnp"]) == (0, f"{roaming.address}/128")


def test_move_without_dhcp(d, client):
    """D6.10-14, -15: a DNAv6 node; the address comes from the home agent."""
    address = bind(d, client)
    client.stop(signal.SIGKILL)
    core = d.capture("core", "ar2", f"ip6 proto 135 or {DHCP6}")
    d.plug("mn1", "ar2", associate=False)
    until(lambda: served(d, "mn1", "ar2") or d.solicit("mn1"), 10, "served",
          every=0.1)
    assert leased(d, "mn1") == address
    assert reachable(d["cn"], address) and reachable(d["mn1"], CN)
    core.stop()
    assert relayed(core.path) == []
    pbu = messages(core.path, 5)[0]
    assert "hnp" not in pbu
    assert messages(core.path, 6)[0]["hnp"] == f"{address}/128"


def test_move_after_the_home_agent_forgot(d, client):
    """D6.10-15, -16: nothing is bound, 147, and the node's next DHCP message
    brings it back."""
    address = bind(d, client)
    d.detach("mn1")
    core = d.capture("core", "ar2", "ip6 proto 135")
    client.stop(signal.SIGKILL)
    d.plug("mn1", "ar2")
    until(lambda: state(d, "mn1", "ar2") == "waiting-for-dhcp", 10, "waits")
    assert not kernel.paths(d.ha)
    client.start()
    assert until(lambda: served(d, "mn1", "ar2"), 20, "served") == address
    core.stop()
    pbu = messages(core.path, 5)
    assert "hnp" not in pbu[0] and pbu[-1]["hnp"] == f"{address}/128"
    assert messages(core.path, 6)[0]["status"] == 147


def test_renewal_after_a_move(d, kea, client):
    with kea.other(lease=SHORT):
        address = bind(d, client)
        d.plug("mn1", "ar2", associate=False)
        until(lambda: served(d, "mn1", "ar2") or d.solicit("mn1"), 10,
              "served", every=0.1)
        until(lambda: f"RENEW6 {address}" in client.events, 15, "renewed")
        holds(lambda: served(d, "mn1", "ar2") == address, SHORT,
              "served beyond the first lease", every=0.5)


# --- the end; PROTOCOL 5.4 --------------------------------------------------------

def ended(d, router="ar1"):
    return not kernel.paths(d.ha) and not kernel.paths(d.daemons[router])


def test_release(d, client):
    """The address is given back: de-registered, and the node may ask again."""
    bind(d, client)
    core = d.capture("core", "ar1", "ip6 proto 135")
    client.release()
    until(lambda: ended(d), 10, "de-registered at both ends")
    core.stop()
    assert messages(core.path, 5)[0]["lifetime"] == 0
    until(lambda: state(d, "mn1", "ar1") in ("waiting-for-dhcp", None), 5,
          "waits again")
    client.start()
    until(lambda: served(d, "mn1", "ar1"), 20, "served again")


def test_lease_expires(d, kea, client):
    with kea.other(lease=SHORT):
        bind(d, client)
        client.stop(signal.SIGKILL)
        until(lambda: ended(d), SHORT + 10, "de-registered")


def test_server_down(d, kea, client):
    """It waits, and is served when the server is back."""
    with kea.down():
        d.plug("mn1", "ar1")
        client.start()
        until(lambda: state(d, "mn1", "ar1") == "waiting-for-dhcp", 10, "waits")
        holds(lambda: state(d, "mn1", "ar1") == "waiting-for-dhcp" and
              leased(d, "mn1") is None and ended(d), 1, "waits", every=0.1)
    until(lambda: served(d, "mn1", "ar1"), 25, "served")


def test_home_address_of_the_profile(d):
    """D5.9-3: a static one needs no DHCP."""
    address = BASE + "5a"
    with d.changed_policy("mn1", d.ha, d.ar1, home_address=address):
        d.plug("mn1", "ar1")
        d["mn1"].ip(f"addr add {address}/128 dev eth0 nodad")
        try:
            until(lambda: served(d, "mn1", "ar1") == address, 10, "served")
            assert reachable(d["cn"], address) and reachable(d["mn1"], CN)
        finally:
            d["mn1"].ip(f"addr del {address}/128 dev eth0")
            d.topology.unplug("mn1")
            d.ar1.ctl("detach", nai=NAI["mn1"])


def test_both_nodes_are_gone(d):
    assert all(leased(d, n) is None for n in NODES) and ended(d)
