# SPDX-License-Identifier: BSD-2-Clause
"""A node roams: its address and its connections stay."""
import itertools
import socket
import time

import pytest

from lib import kernel
from lib.capture import messages, packets
from lib.ns import until
from lib.topology import ADDR, CN, COA, HA, MAC, NAI, PREFIX, ROUTERS
from lib.traffic import Pinger, TcpStream, reachable

HANDOVERS = 10
# the node moves faster than any would: MAX_UPDATE_RATE (3) would hold back the
# updates of a router that it returns to three times in a second
DOMAIN = {"pma": {"pma": {"max-update-rate": 50}}}


@pytest.fixture(scope="module")
def roaming(domain):
    """Ten handovers under an echo stream and a TCP transfer."""
    domain.quiet()
    domain.attach("mn1", "ar1")
    mh = domain.capture("core", "ha0", "ip6 proto 135")
    air = [domain.capture(r, "acc0", "ip6 proto 135 or ip6 proto 60")
           for r in ROUTERS]
    ping = Pinger(domain["cn"], ADDR["mn1"], interval=0.01)
    tcp = TcpStream(domain["cn"], CN, domain["mn1"])
    moves = []
    for router in itertools.islice(itertools.cycle(("ar2", "ar1")), HANDOVERS):
        when = domain.attach("mn1", router)
        until(lambda w=when: ping.alive(after=w), 5, "echo after the handover")
        had = tcp.received
        until(lambda h=had: tcp.received > h + 10_000 or tcp.error, 10,
              "TCP goes on")
        moves.append((when, router, domain["mn1"].addresses("eth0")))
    tcp.stop()
    ping.stop()
    for c in (mh, *air):
        c.stop()
    assert not any(packets(c.path) for c in air), "the node signals"
    return ping, tcp, moves, messages(mh.path)


def test_ten_handovers(roaming):
    """D2-2, D7-3: the node, a plain host, has sent no Mobility Header and no
    Home Address option in all of them (seen to by the fixture)."""
    # D7-2
    assert len(roaming[2]) == HANDOVERS


def test_address_stays(roaming):
    # D3-3, D6.3-1, D7-3, D7.2-1
    for _, router, addresses in roaming[2]:
        assert ADDR["mn1"] in addresses, f"at {router}: {addresses}"


def test_tcp_survives(roaming):
    # D3-3, D7-2
    tcp = roaming[1]
    assert tcp.error is None and tcp.received > 100_000


def test_gaps_are_short(roaming):
    assert roaming[0].short_gaps()


def test_nothing_is_lost_between_handovers(roaming):
    ping, _, moves, _ = roaming
    stray = [o for o in ping.outages()
             if not any(w - 0.2 < o[0] < w + ping.gap_limit
                        for w, _, _ in moves)]
    assert not stray


def test_each_handover_registers_from_the_new_router(roaming):
    # D7.2-2
    ping, _, moves, mh = roaming
    for when, router, _ in moves:
        pba = [m for m in mh if m["type"] == 6 and m["status"] == 0 and
               m["dst"] == COA[router] and
               when < m["time"] < when + ping.gap_limit]
        assert pba, f"no acceptance at {router} after {when}"


def test_time_stamps_increase(roaming):
    # D5.5-2
    stamps = [m["timestamp"] for m in roaming[3] if m["type"] == 5 and
              m["lifetime"] > 0]
    assert stamps == sorted(set(stamps))


def test_kernel_follows(d):
    # D7.2-1, D6.6-3
    d.attach("mn1", "ar1")
    assert kernel.paths(d.ha) == {PREFIX["mn1"]: COA["ar1"]}
    d.attach("mn1", "ar2")
    assert kernel.paths(d.ha) == {PREFIX["mn1"]: COA["ar2"]}
    assert kernel.paths(d.ar2) == {PREFIX["mn1"]: HA}
    until(lambda: kernel.tunnels(d.ha) == {COA["ar2"]}, 5,
          "the old tunnel is gone with its last user")


def test_home_agent_tells_of_the_move(d):
    d.attach("mn1", "ar1")
    with d.ha.watch() as w:
        d.plug("mn1", "ar2")
        e = w.wait("binding-moved", nai=NAI["mn1"])
    assert e["coa"] == COA["ar2"]


def test_registration_leaves_before_the_advertisement(d):
    """The node's packets wait for the home agent.  A router that it left
    without a word, and comes back to, advertises to it at once, but not
    first."""
    d.attach("mn1", "ar1")
    d.attach("mn1", "ar2")
    assert d.ar1.binding(NAI["mn1"])["state"] == "active"
    core = d.capture("ar1", "core0", "ip6 proto 135")
    air = d.capture("ar1", "acc0", "icmp6 and ip6[40] == 134")
    d.attach("mn1", "ar1")
    core.stop()
    air.stop()
    assert messages(core.path, 5)[0]["time"] < packets(air.path)[0][0]


def test_stale_deregistration_does_not_delete(d):
    """A22: the old router's lifetime 0, though newer, is answered and ignored."""
    old = d.hand_pma()
    assert old.register(NAI["mn1"], PREFIX["mn1"]).status == 0
    d.attach("mn1", "ar1")
    ba = old.register(NAI["mn1"], PREFIX["mn1"], lifetime_s=0)
    assert ba.status == 0 and ba.mhtime == 0
    assert d.ha.binding(NAI["mn1"])["coa"] == COA["ar1"]
    assert kernel.paths(d.ha) == {PREFIX["mn1"]: COA["ar1"]}
    assert reachable(d["cn"], ADDR["mn1"])


def test_late_registration_does_not_move(d):
    """D5.5-4: an older time stamp is refused with 148 and changes nothing."""
    # D5.5-4, D5.5-5, D8.5-4
    old = d.hand_pma()
    before = time.time()
    d.attach("mn1", "ar1")
    ba = old.register(NAI["mn1"], PREFIX["mn1"], when=before)
    assert ba.status == 148 and old.option(ba, 27)
    assert d.ha.binding(NAI["mn1"])["coa"] == COA["ar1"]
    assert reachable(d["cn"], ADDR["mn1"])


def test_both_routers_claim_the_node(d):
    """The newest time stamp wins, whoever asks."""
    other = d.hand_pma()
    d.attach("mn1", "ar1")
    assert other.register(NAI["mn1"], PREFIX["mn1"]).status == 0
    assert d.ha.binding(NAI["mn1"])["coa"] == COA["lab"]
    assert kernel.paths(d.ha) == {PREFIX["mn1"]: COA["lab"]}
    d.topology.unplug("mn1")
    d.attach("mn1", "ar1")
    assert reachable(d["cn"], ADDR["mn1"])


def test_sequence_number_is_ignored(d):
    """D5.5-3: a lower sequence number with a newer time stamp is fine."""
    # D5.5-3, D5.9-5
    hand = d.hand_pma()
    for seq in (500, 3, 65535, 0):
        assert hand.register(NAI["mn1"], PREFIX["mn1"], seq=seq).status == 0
    hand.register(NAI["mn1"], PREFIX["mn1"], lifetime_s=0)


def about(path, addr):
    """The frames about an address: (MAC address they go to, solicitation?)."""
    out = []
    for _, p, mac in packets(path):
        ns = p.getlayer("ICMPv6 Neighbor Discovery - Neighbor Solicitation")
        if p.dst == addr or ns and ns.tgt == addr:
            out.append((mac, bool(ns)))
    return out


def nobody_answers(d, sender, to, counter):
    """The access router gets a packet to an address on its link that nobody
    has; what that leads to, until its kernel gives up."""
    was = d.ar1.counters().get(counter, 0)
    with d.capture("ar1", "acc0", "udp port 9 or icmp6") as air:
        with sender.socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.sendto(b"?", to)
        until(lambda: d.ar1.counters().get(counter, 0) == was + 1, 5, counter)
        until(lambda: any(n.get("state") == ["FAILED"] for n in d["ar1"]
                          .ip_json("neigh", "show", to[0], "dev", "acc0")),
              10, "given up")
    return about(air.path, to[0])


def test_no_waiting_for_a_node_that_is_not_ready(d):
    """Of a node that has just been heard the access router's kernel need not
    find out the MAC address: the first packet goes to it, and only then it is
    asked - it alone - whether it has the address."""
    d.attach("mn1", "ar1")
    d.solicit("mn1")
    first, *rest = nobody_answers(d, d["cn"], ("2001:db8:1:1::dead", 9),
                                  "attach.neighbours-told")
    assert first == (MAC["mn1"], False)
    assert rest and set(rest) == {(MAC["mn1"], True)}


def test_unknown_neighbour_is_solicited(d):
    to = ("fe80::dead", 9, 0, d["ar1"].index("acc0"))
    frames = nobody_answers(d, d["ar1"], to, "pma.neighbours-solicited")
    assert frames and set(frames) == {("33:33:ff:00:de:ad", True)}
