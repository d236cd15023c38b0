# SPDX-License-Identifier: BSD-2-Clause
"""A Mobile IPv6 client, played by scapy, and the home agent that serves proxies
only (PROTOCOL 4.9, A35): it is told so when it has the right to speak, and the
proxy binding never notices."""
import socket

import pytest

from lib import esp, kernel
from lib.mip6 import pbu
from lib.ns import holds, until
from lib.topology import ADDR, COA, HA, NAI, PREFIX
from lib.traffic import Pinger, send_raw

from scapy.layers.inet6 import (HAO, IPv6, IPv6ExtHdrDestOpt, MIP6MH_BA,
                                MIP6MH_BE, MIP6MH_BU, MIP6MH_CoTI,
                                MIP6MH_HoTI)

LAB, STRANGER = COA["lab"], esp.STRANGER
HOME_REGISTRATION, TYPE_CHANGE = 131, 139
# Only unprotected signalling lets such a client in: IPsec policies, and the
# kernel where it protects nothing else, drop its packets before anybody reads.
CLEAR = {"security": {"ipsec": "none", "state-directory": None, "peers": None}}
FENCES = {4711, 4712}   # sequence numbers of requests that are always answered


def prepare(topology):
    topology["lab"].ip(f"addr add {STRANGER}/64 dev core0 nodad")


DOMAIN = {"prepare": prepare, "ha": CLEAR, "pma": CLEAR}


@pytest.fixture
def proxied(d):
    """mn1 is registered by ar1; whatever a test does, it stays that way."""
    d.attach("mn1", "ar1")
    before = kernel.paths(d.ha)
    moves = d.ha.binding(NAI["mn1"])["moves"]
    assert before == {PREFIX["mn1"]: COA["ar1"]}
    yield d
    assert kernel.paths(d.ha) == before
    b = d.ha.binding(NAI["mn1"])
    assert (b["coa"], b["moves"], b["proxy"]) == (COA["ar1"], moves, True)
    p = Pinger(d["cn"], ADDR["mn1"], interval=0.02)
    until(lambda: p.rtt, 5, "the node is reached as before")
    p.stop(linger=0)


def binding_update(src, home=None, seq=77, lifetime=75):
    packet = IPv6(src=src, dst=HA, hlim=64)
    if home is not None:
        packet /= IPv6ExtHdrDestOpt(options=[HAO(hoa=home)])
    return packet / MIP6MH_BU(seq=seq, flags="HA", mhtime=lifetime)


def answers(d, *sent):
    """Send them from the lab; the Mobility Headers that come back to it besides
    the answers to two requests behind them: Home Address options come to the
    home agent by another socket than what has none, and each has its order."""
    got, fences = [], set()
    behind = (pbu(LAB, HA, "nobody@example.com", "2001:db8:1:ee::/64",
                  seq=min(FENCES)),
              binding_update(LAB, ADDR["mn1"], seq=max(FENCES)))
    s = d["lab"].socket(socket.AF_INET6, socket.SOCK_RAW, 135)
    with s:
        s.settimeout(5)
        for packet in (*sent, *behind):
            send_raw(d["lab"], packet)
        while fences != FENCES:
            data, peer = s.recvfrom(2048)
            m = MIP6MH_BA(data) if data[2] == 6 else data
            if peer[0] != HA:
                continue
            if data[2] == 6 and m.seq in FENCES:
                fences.add(m.seq)
            else:
                got.append(m)
    return got


def count(d, name):
    return d.ha.counters().get(name, 0)


def test_told_that_it_is_not_served(proxied):
    """D5-4, D8.2-2: 131 without P, from a configured peer."""
    for home in (None, "2001:db8:1:77::5"):
        got = answers(proxied, binding_update(LAB, home))
        assert [(ba.status, ba.seq, int(ba.flags), ba.mhtime)
                for ba in got] == [(HOME_REGISTRATION, 77, 0, 0)]


def test_address_of_a_proxy_binding(proxied):
    """D5-4, A35: 139 for any address of the node's prefix; also when it asks
    to be de-registered."""
    for lifetime in (75, 0):
        got = answers(proxied, binding_update(LAB, ADDR["mn1"],
                                              lifetime=lifetime))
        assert [(ba.status, int(ba.flags)) for ba in got] == \
            [(TYPE_CHANGE, 0)]
    assert count(proxied, "ha.plain-bu-proxy") >= 2


def test_strangers_hear_nothing(proxied):
    """PROTOCOL 4.9: who is no configured peer is not answered (D4-6)."""
    before = count(proxied, "ha.plain-bu-dropped")
    assert answers(proxied, binding_update(STRANGER),
                   binding_update(STRANGER, ADDR["mn1"]),
                   binding_update(STRANGER, "2001:db8:1:77::5")) == []
    assert count(proxied, "ha.plain-bu-dropped") == before + 3


def test_node_without_a_right_to(proxied):
    """D5-4, A35, D7-3: the node itself runs Mobile IPv6 and registers, from
    its home address, through the tunnel: nothing comes of it."""
    mn1 = proxied["mn1"]
    before = count(proxied, "ha.plain-bu-dropped")
    s = mn1.socket(socket.AF_INET6, socket.SOCK_RAW, 135)
    with s:
        s.bind((ADDR["mn1"], 0))
        s.sendto(bytes(binding_update(ADDR["mn1"]))[40:], (HA, 0))
        until(lambda: count(proxied, "ha.plain-bu-dropped") == before + 1, 5,
              "it arrives")
        s.settimeout(0.5)
        with pytest.raises(TimeoutError):
            s.recv(2048)


def test_types_that_are_not_served(proxied):
    """PROTOCOL 10.1, D5.7-1: CoTI, HoTI and Binding Errors to the home agent
    are counted and not answered; a type nobody knows gets a Binding Error with
    the home address."""
    before = count(proxied, "mh.mh-unserved")
    got = answers(proxied,
                  IPv6(src=LAB, dst=HA) / MIP6MH_CoTI(cookie=bytes(8)),
                  IPv6(src=LAB, dst=HA) / MIP6MH_HoTI(cookie=bytes(8)),
                  IPv6(src=LAB, dst=HA) / MIP6MH_BE(status=1, ha=ADDR["mn1"]))
    assert got == []
    assert count(proxied, "mh.mh-unserved") == before + 3


def test_damaged(proxied):
    """RFC 6275 6.1.1, 9.2: a wrong checksum behind the option, an option that
    runs over: dropped, counted, and nobody is the worse."""
    bad = bytearray(bytes(binding_update(LAB, ADDR["mn1"])))
    bad[-1] ^= 1
    over = bytearray(bytes(binding_update(LAB, ADDR["mn1"])))
    over[47] = 200
    before = count(proxied, "mh.mh-checksum"), count(proxied,
                                                     "hao-sock.hao-option")
    assert answers(proxied, bytes(bad), bytes(over)) == []
    assert (count(proxied, "mh.mh-checksum"),
            count(proxied, "hao-sock.hao-option")) == (before[0] + 1,
                                                       before[1] + 1)


def test_storm(proxied):
    """PROTOCOL 10.3: a thousand of them change nothing."""
    packet = binding_update(STRANGER, ADDR["mn1"])
    p = Pinger(proxied["cn"], ADDR["mn1"], interval=0.02)
    for _ in range(1000):
        send_raw(proxied["lab"], packet)
    holds(lambda: proxied.ha.running, 0.5, "the home agent lives")
    p.stop()
    assert not p.lost
