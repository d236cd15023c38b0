# SPDX-License-Identifier: BSD-2-Clause
"""DHCPv4: udhcpc and dhclient on the nodes, Kea and dnsmasq behind the core;
mode link-selection at both routers, then mode gateway."""
import ipaddress
import itertools
import signal
import socket
import time
import types

import pytest

from lib import dhcp, kernel
from lib.capture import frames, messages, packets
from lib.dhcp import addresses4, bootp
from lib.domain import policy
from lib.ns import holds, until
from lib.topology import (ADDR, ALT4, CN, CN4, COA, COA4, HA, MAC, NAI, NODES,
                          PREFIX, ROUTER4, SRV, SRV4, SUBNET4)
from lib.traffic import Pinger4, TcpStream, reachable

MOVES = 3
SHORT = 8               # seconds of a lease that a test waits for the end of
RENEWED = 16            # the same; udhcpc takes none for shorter
BOOTP = "udp port 67 or udp port 68"
DISCOVER, OFFER, REQUEST, ACK, NAK, RELEASE = 1, 2, 3, 5, 6, 7


def dual():
    p = policy()
    for node in p["mobile-nodes"]:
        for n in NODES:
            if node["nai"] == NAI[n]:
                node["ipv4"] = {"home-subnet": SUBNET4[n],
                                "router": ROUTER4[n]}
    return p


def relay(router):
    return {"pma": {"dhcpv4": {"mode": "link-selection",
                               "address": COA4[router],
                               "servers": [SRV4, ALT4]},
                    "dhcpv6": {"servers": [SRV]}}}


DOMAIN = {"servers": True, "policy": dual, "pma": relay,
          "ha": {"ha": {"dhcpv4-gateway": {
              "addresses": list(ROUTER4.values()), "servers": [SRV4]}}}}


@pytest.fixture(scope="module")
def kea(domain):
    subnets = {SUBNET4[n]: ROUTER4[n] for n in NODES}
    with dhcp.Kea(domain["srv"], domain.folder, 4, SRV4, subnets) as server:
        yield server.start()


def clean(d, node):
    d[node].run("ip", "-4", "addr", "flush", "dev", "eth0")


@pytest.fixture
def client(d, kea):
    c = dhcp.Udhcpc(d["mn1"], d.folder)
    c.forget()
    yield c
    c.stop(signal.SIGKILL)
    clean(d, "mn1")


@pytest.fixture
def client2(d, kea):
    """Another implementation on the other node."""
    c = dhcp.Dhclient(d["mn2"], d.folder, 4)
    c.forget()
    yield c
    c.stop(signal.SIGKILL)
    clean(d, "mn2")


def leased(d, node):
    """The node's address in its home subnet; None."""
    net = ipaddress.ip_network(SUBNET4[node])
    return next((a for a, n in addresses4(d[node])
                 if ipaddress.ip_address(a) in net and n == 24), None)


def in_service(d, node, router):
    """The address that both ends have a path for; None."""
    address = d.ha.binding(NAI[node]).get("hoa4")
    host = f"{address}/32"
    if address and kernel.paths(d.ha).get(host) == COA[router] and \
            kernel.paths(d.daemons[router]).get(host) == HA:
        return address
    return None


def bind(d, client, node="mn1", router="ar1"):
    d.arrive(node, router)
    client.start()
    address = until(lambda: leased(d, node), 20, "a lease")
    until(lambda: in_service(d, node, router) == address, 5, "in service")
    return address


def known(d, node, router):
    return (d.daemons[router].binding(NAI[node]) or {}).get("hoa4")


# --- one address ---------------------------------------------------------------

@pytest.fixture(scope="module")
def run(domain, kea):
    """mn1 attaches and asks; everything that was on the wires."""
    d = domain
    d.quiet()
    core = d.capture("core", "ar1", f"ip6 proto 135 or {BOOTP}")
    link = d.capture("ar1", "acc0", f"arp or {BOOTP}")
    c = dhcp.Udhcpc(d["mn1"], d.folder)
    c.forget()
    with c:
        address = bind(d, c)
        reached = reachable(d["cn"], address), reachable(d["mn1"], CN4)
        paths = kernel.paths(d.ha), kernel.paths(d.ar1)
        shown = d.ar1.show("mn", nai=NAI["mn1"])[0]
        router = d["mn1"].ip_json("-4", "route", "show", "default")
    core.stop()
    link.stop()
    yield types.SimpleNamespace(
        address=address, core=bootp(core.path), link=bootp(link.path),
        frames=frames(link.path), mh=messages(core.path), reached=reached,
        paths=paths, shown=shown, router=router)
    clean(d, "mn1")


def test_lease_from_the_home_subnet(run):
    """D5.6-2, D6.5-1: address, mask and default router by DHCP, and they
    work."""
    assert ipaddress.ip_address(run.address) in \
        ipaddress.ip_network(SUBNET4["mn1"])
    assert [r["gateway"] for r in run.router] == [ROUTER4["mn1"]]
    assert run.reached == (True, True)


def test_relayed_with_the_home_subnet(run):
    """D5.6-3, D6.5-2, D6.8-5: giaddr is where servers can answer to, option
    82 names the home subnet (5), the node (6) and the link (1)."""
    out = [m for m in run.core if m["op"] == 1]
    assert {m["type"] for m in out} >= {DISCOVER, REQUEST}
    for m in out:
        assert m["giaddr"] == COA4["ar1"] and m["src"] == COA4["ar1"]
        assert m["hops"] == 1
        assert m["relay"][5] == socket.inet_aton(SUBNET4["mn1"].split("/")[0])
        assert m["relay"][6] == NAI["mn1"].encode()
        assert m["relay"][1]
    assert {m["dst"] for m in out} == {SRV4, ALT4}


def test_answers_without_what_the_relay_added(run):
    """RFC 3046 2.1: option 82 never reaches the node."""
    answers = [m for m in run.link if m["op"] == 2]
    assert {m["type"] for m in answers} == {OFFER, ACK}
    for m in answers:
        assert not m["relay"] and m["yiaddr"] == run.address
    assert all(m["relay"] for m in run.core if m["op"] == 2)


def test_answers_reach_the_node_alone(run):
    from scapy.layers.dhcp import BOOTP as Bootp
    sent = [p.dst for _, p in run.frames if Bootp in p and p[Bootp].op == 2]
    assert sent and set(sent) == {MAC["mn1"]}


def test_learnt_and_registered(run):
    """D5.6-4, D6.11-5 to -7: address, length and router; option 29."""
    assert run.shown["hoa4"] == run.address
    assert run.shown["hoa4_prefix_length"] == 24
    assert run.shown["router4"] == ROUTER4["mn1"]
    pbus = [m for m in run.mh if m["type"] == 5]
    assert pbus[0].get("ip4-29") in (None, "0.0.0.0")
    assert pbus[-1]["ip4-29"] == run.address
    assert [m for m in run.mh if m["type"] == 6][-1]["ip4-30"] == run.address


def test_paths(run):
    """D5.6-5, D5.3-3, D6.7-5"""
    both = [PREFIX["mn1"], f"{run.address}/32"]
    assert run.paths == (dict.fromkeys(both, COA["ar1"]),
                         dict.fromkeys(both, HA))


def test_router_is_answered_for(run):
    """D6.5-3"""
    from scapy.layers.l2 import ARP
    answers = [p[ARP] for _, p in run.frames if ARP in p and p[ARP].op == 2]
    assert [a.hwsrc for a in answers if a.psrc == ROUTER4["mn1"]][0] == \
        MAC["ar1"]


# --- two nodes -----------------------------------------------------------------

def test_two_nodes_two_subnets(d, client, client2):
    """D6.8-3 for IPv4: each from its own subnet, on one link."""
    core = d.capture("core", "ar1", BOOTP)
    for n in NODES:
        d.arrive(n, "ar1")
    client.start()
    client2.start()
    for n in NODES:
        address = until(lambda n=n: leased(d, n), 20, f"lease of {n}")
        assert reachable(d["cn"], address)
    core.stop()
    subnets = {(m["relay"][6], m["relay"][5]) for m in bootp(core.path)
               if m["op"] == 1}
    assert subnets == {(NAI[n].encode(), socket.inet_aton(
        SUBNET4[n].split("/")[0])) for n in NODES}


def test_one_client_for_both_families(d, kea):
    """D5.6-2, D6.3-4, D7.2-1: dhcpcd, which probes for its IPv4 address, reads
    advertisements itself and asks for both; both stay when its carrier flaps
    on the way to another router."""
    prefix = ipaddress.ip_network(PREFIX["mn1"])

    def leased6():
        """Its address in the home prefix that is not of its own making."""
        return next((a for a in d["mn1"].addresses("eth0") if a != ADDR["mn1"]
                     and ipaddress.ip_address(a) in prefix), None)
    with d.changed_policy("mn1", d.ha, d.ar1, d.ar2,
                          address_configuration="dhcp"), \
            dhcp.Kea(d["srv"], d.folder, 6, SRV,
                     {PREFIX["mn1"]: None}) as kea6, \
            dhcp.Dhcpcd(d["mn1"], d.folder) as c:
        kea6.start()
        d.arrive("mn1", "ar1")
        c.start()
        have = until(lambda: leased(d, "mn1"), 30, "an IPv4 lease"), \
            until(leased6, 30, "an IPv6 lease")
        until(lambda: in_service(d, "mn1", "ar1") == have[0], 5, "in service")
        until(lambda: d.ar1.binding(NAI["mn1"]).get("hoa") == have[1], 5,
              "the IPv6 address is learnt")
        assert all(reachable(d["cn"], a) for a in have)
        d.arrive("mn1", "ar2", associate=False)
        until(lambda: in_service(d, "mn1", "ar2") == have[0], 5, "in service")
        assert all(reachable(d["cn"], a, timeout=20) for a in have)
        assert (leased(d, "mn1"), leased6()) == have
    clean(d, "mn1")


# --- roaming -------------------------------------------------------------------

@pytest.fixture(scope="module")
def roaming(domain, kea):
    """Three moves; the node keeps its lease and its client asks nothing."""
    d = domain
    d.quiet()
    c = dhcp.Udhcpc(d["mn1"], d.folder)
    c.forget()
    address = bind(d, c)
    link = {r: d.capture(r, "acc0", "arp") for r in ("ar1", "ar2")}
    core = d.capture("core", "ha0", "ip6 proto 135 or ip6 proto 4")
    ping = Pinger4(d["cn"], address)
    tcp = TcpStream(d["cn"], CN4, d["mn1"])
    stays = []
    for router in itertools.islice(itertools.cycle(("ar2", "ar1")), MOVES):
        when = d.arrive("mn1", router, associate=False)
        until(lambda w=when: ping.alive(after=w), 10, "echo after the move")
        had = tcp.received
        until(lambda h=had: tcp.received > h + 10_000 or tcp.error, 15,
              "TCP goes on")
        stays.append((when, router, leased(d, "mn1"),
                      in_service(d, "mn1", router)))
    tcp.stop()
    ping.stop()
    c.stop(signal.SIGKILL)
    clean(d, "mn1")
    core.stop()
    for x in link.values():
        x.stop()
    return types.SimpleNamespace(
        address=address, tcp=tcp, stays=stays, mh=messages(core.path, 6),
        data=[p for _, p, _ in packets(core.path) if p.nh == 4],
        link={r: frames(x.path) for r, x in link.items()})


def test_same_address_after_three_moves(roaming):
    """D5.6-1, D7.2-1: known to the new router from the home agent."""
    assert [s[2:] for s in roaming.stays] == \
        [(roaming.address, roaming.address)] * MOVES


def test_connection_survives(roaming):
    """D5.6-1, D7-2"""
    assert roaming.tcp.error is None and roaming.tcp.received > 30_000


def test_gratuitous_arp(roaming):
    """D6.5-4: at every new router, not before it is accepted."""
    from scapy.layers.l2 import ARP
    for when, router, *_ in roaming.stays:
        told = [(t, p) for t, p in roaming.link[router] if t > when and
                p[ARP].psrc == p[ARP].pdst == ROUTER4["mn1"] and
                p[ARP].hwsrc == MAC[router] and p.dst == MAC["mn1"]]
        assert told, f"nothing at {router}"
        pba = min(m["time"] for m in roaming.mh if m["time"] > when and
                  m["dst"] == COA[router] and m["status"] == 0)
        assert told[0][0] >= pba


def test_tunnelled(roaming):
    """D5.6-6, D6.7-7: outer next header 4 at either router, both ways."""
    ends = {(p.src, p.dst) for p in roaming.data}
    for r in ("ar1", "ar2"):
        assert {(HA, COA[r]), (COA[r], HA)} <= ends


def test_renewal_after_a_move(d, kea, client):
    """The node renews with its server, straight through the tunnel; the
    router where it is now hears of it, and the lease goes on."""
    with kea.other(lease=RENEWED):
        start = time.monotonic()
        address = bind(d, client)
        d.arrive("mn1", "ar2", associate=False)
        server = d.capture("srv", "core0", BOOTP)
        bound = f"bound4 {address}/24 router={ROUTER4['mn1']}"
        had = client.events.count(bound)        # a slow machine: it may have
        assert had                              # renewed on its own
        client.renew()
        until(lambda: client.events.count(bound) > had, 10, "renewed")
        until(lambda: d.ar2.show("mn", nai=NAI["mn1"])[0]["hoa4_from"] ==
              "dhcp", 5, "heard of at the router")
        server.stop()
        assert {m["ciaddr"] for m in bootp(server.path)
                if m["type"] == REQUEST and m["src"] == address} == {address}
        holds(lambda: in_service(d, "mn1", "ar2") == address,
              start + RENEWED + 1 - time.monotonic(),
              "in service beyond the first lease", every=0.5)
        assert reachable(d["cn"], address)


# --- when it goes wrong; PROTOCOL 5.4 --------------------------------------------

def test_server_down(d, kea, client):
    """IPv6 is served meanwhile; IPv4 as soon as the server is back."""
    with kea.down():
        d.arrive("mn1", "ar1")
        until(lambda: d.has_address("mn1"), 10, "IPv6")
        core = d.capture("core", "ar1", BOOTP)
        client.start()
        assert reachable(d["cn"], ADDR["mn1"])
        until(lambda: captured(core), 10, "it asks")
        assert leased(d, "mn1") is None
        assert kernel.paths(d.ar1) == {PREFIX["mn1"]: HA}
        core.stop()
        assert [m for m in bootp(core.path) if m["type"] == DISCOVER]
    until(lambda: leased(d, "mn1"), 25, "a lease")
    assert reachable(d["cn"], leased(d, "mn1"))


def captured(capture):
    """What is in the file by now."""
    with open(capture.path, "rb") as f:
        return f.read()[24:]


def test_second_server(d, kea, client):
    """The other implementation, alone."""
    subnets = {SUBNET4[n]: ROUTER4[n] for n in NODES}
    with kea.down(), dhcp.Dnsmasq(d["alt"], d.folder, 4, ALT4, subnets) as alt:
        alt.start()
        core = d.capture("core", "ar1", BOOTP)
        assert reachable(d["cn"], bind(d, client))
        core.stop()
        assert {m["src"] for m in bootp(core.path) if m["op"] == 2} == {ALT4}


def test_server_of_another_subnet(d, kea, client):
    """An address outside the home subnet is neither used nor passed on."""
    with kea.other({"10.1.0.0/16": None}, only="10.1.77.5"):
        core = d.capture("core", "ar1", BOOTP)
        link = d.capture("ar1", "acc0", BOOTP)
        d.arrive("mn1", "ar1")
        client.start()
        until(lambda: b"\x0a\x01\x4d\x05" in captured(core), 15, "an offer")
        holds(lambda: not addresses4(d["mn1"]), 1, "no address", every=0.1)
        core.stop()
        link.stop()
        assert not [m for m in bootp(link.path) if m["op"] == 2]
        assert known(d, "mn1", "ar1") is None
        assert kernel.paths(d.ha) == {PREFIX["mn1"]: COA["ar1"]}


def test_release(d, client):
    """RELEASE, which goes to the server through the tunnel: IPv4 ends at both
    ends, IPv6 stays."""
    bind(d, client)
    # the client takes its address off at once, and with it what waits for ARP
    assert reachable(d["mn1"], CN4)
    client.release()
    until(lambda: kernel.paths(d.ha) == {PREFIX["mn1"]: COA["ar1"]}, 10,
          "IPv4 is gone at the home agent")
    until(lambda: kernel.paths(d.ar1) == {PREFIX["mn1"]: HA}, 5,
          "and at the router")
    assert known(d, "mn1", "ar1") is None
    until(lambda: d.has_address("mn1"), 10, "IPv6")
    assert reachable(d["cn"], ADDR["mn1"]) and reachable(d["mn1"], CN)


def test_lease_expires(d, kea, client):
    """The client is gone without a word."""
    with kea.other(lease=SHORT):
        bind(d, client)
        client.stop(signal.SIGKILL)
        until(lambda: kernel.paths(d.ha) == {PREFIX["mn1"]: COA["ar1"]},
              SHORT + 5, "IPv4 is gone at the home agent")
        assert known(d, "mn1", "ar1") is None
        assert d.registered("mn1", "ar1")


# --- mode gateway: last, for the configuration stays -----------------------------

@pytest.fixture
def gateway(d, kea):
    """Routers without IPv4 of their own on the core."""
    before = {r: d.daemons[r].conf["pma"]["dhcpv4"] for r in ("ar1", "ar2")}
    for r in before:
        d.daemons[r].conf["pma"]["dhcpv4"] = {"mode": "gateway"}
        d.daemons[r].write()
        d.daemons[r].ctl("reload")
        d[r].ip(f"addr del {COA4[r]}/24 dev core0")
    yield d
    for r in before:
        d[r].ip(f"addr add {COA4[r]}/24 dev core0",
                f"route replace 0.0.0.0/0 via {COA4[r][:-1]}254")
        d.daemons[r].conf["pma"]["dhcpv4"] = before[r]
        d.daemons[r].write()
        d.daemons[r].ctl("reload")


def test_gateway(gateway, client):
    """D6.8-6, D5.6-3: giaddr is the home subnet's router, which the home agent
    has; it hands the answer to the router where the node is."""
    d = gateway
    servers = d.capture("srv", "core0", BOOTP)
    address = bind(d, client)
    assert ipaddress.ip_address(address) in ipaddress.ip_network(SUBNET4["mn1"])
    servers.stop()
    asked = [m for m in bootp(servers.path) if m["op"] == 1]
    assert {m["type"] for m in asked} >= {DISCOVER, REQUEST}
    assert {m["giaddr"] for m in asked} == {ROUTER4["mn1"]}
    answers = [m for m in bootp(servers.path) if m["op"] == 2]
    assert answers and {m["dst"] for m in answers} == {ROUTER4["mn1"]}
    assert reachable(d["cn"], address)
    # and after a move
    d.arrive("mn1", "ar2", associate=False)
    until(lambda: in_service(d, "mn1", "ar2") == address, 5, "in service")
    assert reachable(d["cn"], address)


def test_gateway_of_two_nodes(gateway, client, client2):
    """Each answer finds its way to the router of its node."""
    d = gateway
    d.arrive("mn1", "ar1")
    d.arrive("mn2", "ar2")
    client.start()
    client2.start()
    for n in NODES:
        address = until(lambda n=n: leased(d, n), 20, f"lease of {n}")
        assert reachable(d["cn"], address)
