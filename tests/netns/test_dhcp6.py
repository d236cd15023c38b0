# SPDX-License-Identifier: BSD-2-Clause
"""DHCPv6 for nodes with a prefix of their own: dhclient on the nodes, Kea and
dnsmasq behind the core, judged by captures and the kernels' tables."""
import ipaddress
import itertools
import signal
import types

import pytest

from lib import dhcp, kernel
from lib.capture import messages, packets
from lib.dhcp import relayed
from lib.domain import policy
from lib.ns import holds, until
from lib.topology import (ADDR, ALT, CN, COA, HA, LLA, MAC, NAI, NODES, PREFIX,
                          SRV)
from lib.traffic import Pinger, TcpStream, reachable

MOVES = 3
SHORT = 8               # seconds of a lease that a test waits for the end of
DHCP6 = "udp port 547 or udp port 546"


def stateful():
    p = policy()
    for node in p["mobile-nodes"]:
        node["address-configuration"] = "dhcp"
    return p


DOMAIN = {"servers": True, "policy": stateful,
          "pma": {"pma": {"dhcpv6": {"servers": [SRV, ALT]}}}}


@pytest.fixture(scope="module")
def kea(domain):
    subnets = {PREFIX[n]: None for n in NODES}
    with dhcp.Kea(domain["srv"], domain.folder, 6, SRV, subnets) as server:
        yield server.start()


@pytest.fixture
def client(d, kea):
    """dhclient on mn1 that has never run before."""
    c = dhcp.Dhclient(d["mn1"], d.folder, 6)
    c.forget()
    yield c
    c.stop(signal.SIGKILL)


@pytest.fixture
def client2(d, kea):
    c = dhcp.Dhclient(d["mn2"], d.folder, 6)
    c.forget()
    yield c
    c.stop(signal.SIGKILL)


def leased(d, node):
    """The node's address out of a server's pool; None."""
    net = ipaddress.ip_network(PREFIX[node])
    return next((a for a in d[node].addresses("eth0")
                 if ipaddress.ip_address(a) in net and
                 0x1000 <= int(ipaddress.ip_address(a)) - int(net[0]) < 0x3000),
                None)


def known(d, node, router):
    """The address that the access router takes the node's to be."""
    return (d.daemons[router].binding(NAI[node]) or {}).get("hoa")


def bind(d, client, node="mn1", router="ar1"):
    """Attached and with an address that the router has learnt."""
    d.arrive(node, router)
    client.start()
    address = until(lambda: leased(d, node), 15, "a lease")
    until(lambda: known(d, node, router) == address, 5, "the address is learnt")
    return address


def counted(daemon, name):
    return sum(v for k, v in daemon.counters().items()
               if k.endswith(f".{name}"))


# --- one address ---------------------------------------------------------------

@pytest.fixture(scope="module")
def run(domain, kea):
    """mn1 attaches and asks; everything that was on the wires."""
    d = domain
    d.quiet()
    core = d.capture("core", "ar1", f"ip6 proto 135 or {DHCP6}")
    link = d.capture("ar1", "acc0", f"icmp6 or {DHCP6}")
    c = dhcp.Dhclient(d["mn1"], d.folder, 6)
    c.forget()
    with c:
        address = bind(d, c)
        until(lambda: d.ha.binding(NAI["mn1"]).get("hoa") == address or
              d.ha.counters().get("ha.refreshed", 0) > 0, 5, "told")
        reached = reachable(d["cn"], address), reachable(d["mn1"], CN)
        paths = kernel.paths(d.ha), kernel.paths(d.ar1)
    core.stop()
    link.stop()
    return types.SimpleNamespace(
        address=address, core=relayed(core.path), reached=reached, paths=paths,
        mh=messages(core.path), link=packets(link.path))


def test_lease_from_the_home_prefix(run):
    """D6.3-4, D7.1-5, D6.1-3: allocated in the node's prefix, and it works."""
    assert ipaddress.ip_address(run.address) in \
        ipaddress.ip_network(PREFIX["mn1"])
    assert run.reached == (True, True)


def test_relay_forward(run):
    """D6.3-3, D6.8-1, -2: link-address is the home prefix; RFC 8415 19.1.1,
    RFC 6939: hop count, peer, interface and MAC."""
    out = [m for m in run.core if m["type"] == dhcp.RELAY_FORW]
    assert {m["inner"] for m in out} >= {dhcp.SOLICIT, dhcp.REQUEST}
    for m in out:
        assert m["link"] == PREFIX["mn1"][:-3]
        assert m["peer"] == LLA["mn1"] and m["mac"] == MAC["mn1"]
        assert m["hops"] == 0 and m["interface-id"]
        assert m["src"] == COA["ar1"]
    assert {m["dst"] for m in out} == {SRV, ALT}        # each to all of them


def test_reply_reaches_the_node_alone(run):
    from scapy.layers.inet import UDP
    replies = [(p, mac) for _, p, mac in run.link
               if UDP in p and p[UDP].sport == 547]
    assert replies
    for p, mac in replies:
        assert mac == MAC["mn1"] and p.dst == LLA["mn1"]
        assert p.src == LLA["ar1"] and p[UDP].dport == 546


def test_advertisement(run):
    """D6.1-6, D7.1-4: M=1; the prefix is on the link, but not for SLAAC."""
    from scapy.layers.inet6 import ICMPv6ND_RA, ICMPv6NDOptPrefixInfo
    ras = [p for _, p, _ in run.link if ICMPv6ND_RA in p]
    assert ras
    for p in ras:
        assert p[ICMPv6ND_RA].M == 1
        info = p[ICMPv6NDOptPrefixInfo]
        assert (info.prefix, info.A, info.L) == (PREFIX["mn1"][:-3], 0, 1)


def test_no_address_of_its_own_making(d, run):
    assert ADDR["mn1"] not in d["mn1"].addresses("eth0")


def test_learnt_address_is_registered(run):
    """D6.8-4, D6.10-12: the next PBU names it, and the whole prefix stays
    routed (D6.10-11)."""
    pbu = [m["hnp"] for m in run.mh if m["type"] == 5 and m["lifetime"]]
    assert pbu[0] == PREFIX["mn1"]
    assert pbu[-1] == f"{run.address}/128"
    answers = [m["hnp"] for m in run.mh if m["type"] == 6]
    assert answers[-1] == pbu[-1]
    assert run.paths == ({PREFIX["mn1"]: COA["ar1"]}, {PREFIX["mn1"]: HA})


# --- two nodes -----------------------------------------------------------------

def test_two_nodes_two_prefixes(d, client, client2):
    """D6.8-3, D6.3-6: on one link each asks under its own prefix; nothing of
    the other's is sent to it."""
    core = d.capture("core", "ar1", DHCP6)
    heard = {}
    for n in NODES:
        d.arrive(n, "ar1")
        heard[n] = d.capture(n, "eth0", "ip6")
    for n in NODES:
        d.solicit(n)
    client.start()
    client2.start()
    for n in NODES:
        until(lambda n=n: leased(d, n), 15, f"lease of {n}")
    for n in NODES:
        assert reachable(d["cn"], leased(d, n))
    core.stop()
    for m in relayed(core.path):
        node = next(n for n in NODES if LLA[n] == m["peer"])
        assert m["link"] == PREFIX[node][:-3]
    for n, other in (("mn1", "mn2"), ("mn2", "mn1")):
        heard[n].stop()
        alien = ipaddress.ip_network(PREFIX[other])[0].packed[:8]
        # what nodes shout on the link, and the router when it looks for one,
        # is said to all
        assert not [p for _, p, mac in packets(heard[n].path)
                    if alien in bytes(p) and p.src in (LLA["ar1"], COA["ar1"])
                    and not mac.startswith("33:33:ff:")]


# --- roaming -------------------------------------------------------------------

@pytest.fixture(scope="module")
def roaming(domain, kea):
    """Three moves; at each the node's client confirms what it has."""
    d = domain
    d.quiet()
    c = dhcp.Dhclient(d["mn1"], d.folder, 6)
    c.forget()
    core = {r: d.capture("core", r, f"ip6 proto 135 or {DHCP6}")
            for r in ("ar1", "ar2")}
    address = bind(d, c)
    ping = Pinger(d["cn"], address)
    tcp = TcpStream(d["cn"], CN, d["mn1"])
    stays = []
    for router in itertools.islice(itertools.cycle(("ar2", "ar1")), MOVES):
        c.stop(signal.SIGKILL)
        when = d.arrive("mn1", router)
        c.start()
        until(lambda w=when: ping.alive(after=w), 15, "echo after the move")
        had = tcp.received
        until(lambda h=had: tcp.received > h + 10_000 or tcp.error, 10,
              "TCP goes on")
        stays.append((router, leased(d, "mn1")))
    tcp.stop()
    ping.stop()
    c.stop(signal.SIGKILL)
    for x in core.values():
        x.stop()
    return types.SimpleNamespace(
        address=address, tcp=tcp, stays=stays,
        core={r: relayed(x.path) for r, x in core.items()})


def test_same_address_after_three_moves(roaming):
    """D7.2-1, D7.1-7, D3-3: the server confirms it at either router."""
    assert [a for _, a in roaming.stays] == [roaming.address] * MOVES
    for r in ("ar1", "ar2"):
        assert [m for m in roaming.core[r] if m["inner"] == dhcp.CONFIRM and
                m["type"] == dhcp.RELAY_FORW], r


def test_connection_survives(roaming):
    """D7-2"""
    assert roaming.tcp.error is None and roaming.tcp.received > 30_000


def test_link_address_at_every_router(roaming):
    """D6.3-3: the same home prefix wherever the node is."""
    for ms in roaming.core.values():
        assert ms and {m["link"] for m in ms} == {PREFIX["mn1"][:-3]}


def test_move_without_dhcp(d, client):
    """A node that keeps its address and asks no server (DNAv6)."""
    address = bind(d, client)
    client.stop(signal.SIGKILL)
    asked = d.capture("core", "ar2", DHCP6)
    d.arrive("mn1", "ar2", associate=False)
    assert leased(d, "mn1") == address
    assert reachable(d["cn"], address)
    asked.stop()
    assert relayed(asked.path) == []


def test_renewal_after_a_move(d, kea, client):
    """Renew is relayed where the node is now, and the lease goes on."""
    with kea.other(lease=SHORT):
        address = bind(d, client)
        asked = d.capture("core", "ar2", DHCP6)
        d.arrive("mn1", "ar2", associate=False)
        until(lambda: f"RENEW6 {address}" in client.events, 15, "renewed")
        asked.stop()
        renew = relayed(asked.path, dhcp.RENEW, dhcp.REPLY)
        assert {m["inner"] for m in renew} == {dhcp.RENEW, dhcp.REPLY}
        assert {m["link"] for m in renew} == {PREFIX["mn1"][:-3]}
        holds(lambda: known(d, "mn1", "ar2") == address, SHORT,
              "known beyond the first lease", every=0.2)


# --- when it goes wrong; PROTOCOL 5.4 --------------------------------------------

def test_server_down(d, kea, client):
    """No answer: the node is registered with its prefix all the same, and gets
    its address when the server is back."""
    with kea.down():
        d.arrive("mn1", "ar1")
        before = d.ar1.counters()
        client.start()
        asked = d.capture("core", "ar1", DHCP6)
        until(lambda: d.ar1.counters() != before, 5, "asks")
        holds(lambda: d.registered("mn1", "ar1"), 1, "registered", every=0.1)
        asked.stop()
        assert leased(d, "mn1") is None and known(d, "mn1", "ar1") is None
        assert kernel.paths(d.ar1) == {PREFIX["mn1"]: HA}
    until(lambda: leased(d, "mn1"), 20, "a lease")
    assert reachable(d["cn"], leased(d, "mn1"))


def test_second_server(d, kea, client):
    """The other implementation, alone."""
    subnets = {PREFIX[n]: None for n in NODES}
    with kea.down(), dhcp.Dnsmasq(d["alt"], d.folder, 6, ALT, subnets) as alt:
        alt.start()
        core = d.capture("core", "ar1", DHCP6)
        address = bind(d, client)
        assert reachable(d["cn"], address)
        core.stop()
        assert {m["src"] for m in relayed(core.path)
                if m["type"] == dhcp.RELAY_REPL} == {ALT}


def test_both_servers(d, client):
    """Both answer; the node chooses one and is served."""
    subnets = {PREFIX[n]: None for n in NODES}
    with dhcp.Dnsmasq(d["alt"], d.folder, 6, ALT, subnets) as alt:
        alt.start()
        core = d.capture("core", "ar1", DHCP6)
        assert reachable(d["cn"], bind(d, client))
        core.stop()
        assert {m["src"] for m in relayed(core.path, 2)} == {SRV, ALT}


def test_server_of_another_prefix(d, kea, client):
    """An address that is not in the home prefix is not used and not passed
    on."""
    wide = {"2001:db8:1::/48": None}
    with kea.other(wide, only="2001:db8:1:77::5"):
        core = d.capture("core", "ar1", DHCP6)
        d.arrive("mn1", "ar1")
        before = counted(d.ar1, "wrong-prefix")
        client.start()
        until(lambda: counted(d.ar1, "wrong-prefix") > before, 15, "counted")
        core.stop()
        assert [m for m in relayed(core.path) if m["type"] == dhcp.RELAY_REPL]
        assert known(d, "mn1", "ar1") is None
        assert not [a for a in d["mn1"].addresses("eth0")
                    if a.startswith("2001:db8:1:77:")]
        assert kernel.paths(d.ha) == {PREFIX["mn1"]: COA["ar1"]}


def test_release(d, client):
    """The address is given back: forgotten, and the prefix stays."""
    bind(d, client)
    core = d.capture("core", "ar1", f"ip6 proto 135 or {DHCP6}")
    client.release()
    until(lambda: known(d, "mn1", "ar1") is None, 5, "forgotten")
    until(lambda: client.events[-1].startswith("RELEASE6"), 5, "released")
    core.stop()
    assert dhcp.RELEASE in [m["inner"] for m in relayed(core.path)]
    assert d.registered("mn1", "ar1")
    assert kernel.paths(d.ha) == {PREFIX["mn1"]: COA["ar1"]}


def test_lease_expires(d, kea, client):
    """The client is gone without a word: its address is forgotten when the
    lease ends, the prefix stays."""
    with kea.other(lease=SHORT):
        bind(d, client)
        client.stop(signal.SIGKILL)
        until(lambda: known(d, "mn1", "ar1") is None, SHORT + 5, "forgotten")
        assert d.registered("mn1", "ar1")
        assert kernel.paths(d.ha) == {PREFIX["mn1"]: COA["ar1"]}


def test_unregistered_node_is_not_relayed(d, client):
    """D6.10-18: a node that is refused gets nothing from a server either."""
    with d.changed_policy("mn1", d.ha, allowed_pmas=[COA["ar2"]]):
        core = d.capture("core", "ar1", DHCP6)
        with d.ar1.watch() as w:
            d.plug("mn1", "ar1")
            w.wait("denied", nai=NAI["mn1"])
        client.start()
        d.arrive("mn2", "ar1")
        holds(lambda: leased(d, "mn1") is None, 1, "no lease", every=0.1)
        core.stop()
        assert relayed(core.path) == []


# --- next to SLAAC -----------------------------------------------------------------

def test_privacy_addresses_keep_working(d, client):
    """D6.1-4, D7.1-6: a temporary address besides the leased one, while the
    home agent has been told of the latter."""
    with d.changed_policy("mn1", d.ha, d.ar1, address_configuration="both"):
        d["mn1"].sysctl("net.ipv6.conf.eth0.use_tempaddr", 2)
        try:
            address = bind(d, client)
            own = until(lambda: [
                a for a in d["mn1"].addresses("eth0")
                if a.startswith(PREFIX["mn1"][:-3].rstrip(":") + ":") and
                a not in (address, ADDR["mn1"])], 10, "a temporary address")
            for a in (own[0], address, ADDR["mn1"]):
                assert reachable(d["cn"], a), a
                assert reachable(d["mn1"], CN, src=a), a
        finally:
            d["mn1"].sysctl("net.ipv6.conf.eth0.use_tempaddr", 0)
