# SPDX-License-Identifier: BSD-2-Clause
"""dataplane: fast-path.  What comes out of a tunnel goes straight to the access
link, as far as it needs nothing but forwarding; the rest goes as it did."""
import contextlib
import socket
import struct
import time

import pytest
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Dot1Q, Ether

from lib.capture import frames
from lib.domain import Domain
from lib.ns import until
from lib.topology import ADDR, CN, COA, HA, LLA, PREFIX
from lib.traffic import (ECHO, REPLY, Pinger, icmp6_socket, reachable,
                         receive)
from test_mtu import from_cn

UNREACHABLE, TIME_EXCEEDED, ADDRESS_UNREACHABLE = 1, 3, 3
STRAIGHT, FORWARDED = 0, 1
READ_EVERY = 1.2        # seconds, and some
HOPS = 2                # home agent and access router
NOBODY = PREFIX["mn1"].replace("/64", "dead")
# of an address that nobody has the kernel shall ask the link, not the agent
FAST = {"dataplane": {"fast-path": True}, "pma": {"answer-kernel": False}}


@pytest.fixture(scope="module")
def domain():
    with Domain("bpf", "bpf", pma=FAST) as d:
        yield d


@pytest.fixture
def at_ar1(domain):
    domain.attach("mn1", "ar1")
    assert reachable(domain["cn"], ADDR["mn1"])     # neighbours know each other
    yield domain
    domain["ar1"].set_mtu("acc0", 1500)


def ways(router):
    """Packets out of tunnels that went straight, and those that did not."""
    c = router.counters()
    straight = c.get("dataplane.delivered", 0)
    return straight, c.get("dataplane.decapsulated", 0) - straight


def at_rest(router):
    """The same when nothing comes any more: the daemon reads the counters
    every second."""
    seen = [(ways(router), time.monotonic())]

    def rests():
        now = ways(router)
        if now != seen[-1][0]:
            seen.append((now, time.monotonic()))
        return time.monotonic() - seen[-1][1] > READ_EVERY
    until(rests, 10, "counters at rest")
    return seen[-1][0]


@contextlib.contextmanager
def one_goes(router, way):
    """One packet comes out of the tunnel, and goes that way."""
    before = at_rest(router)
    yield
    after = at_rest(router)
    assert [b - a for a, b in zip(before, after)] == \
        ([1, 0] if way == STRAIGHT else [0, 1])


def ask(d, hops=64, dst=ADDR["mn1"]):
    """One echo request to the node, from a raw socket."""
    s = d["cn"].socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    with s:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hops)
        s.sendto(struct.pack(">BBHHH", ECHO, 0, 0, 7, 7), (dst, 0))


def hops_left(d):
    """What the node sees of a request's hop limit of 64."""
    with icmp6_socket(d["mn1"], ECHO) as s:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVHOPLIMIT, 1)
        s.settimeout(5)
        ask(d)
        _, anc, _, _ = s.recvmsg(2048, 256)
    return next(struct.unpack("i", v)[0] for level, kind, v in anc
                if (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_HOPLIMIT))


def test_goes_straight_and_counts_its_hops(at_ar1):
    with one_goes(at_ar1.ar1, STRAIGHT):
        assert hops_left(at_ar1) == 64 - HOPS


def test_off_unless_asked_for():
    """And a home agent, which has none, says so."""
    with Domain("bpf", "bpf", ha={"dataplane": {"fast-path": True}}) as d:
        assert d.logged("ha", "ev=no-fast-path")
        d.attach("mn1", "ar1")
        assert reachable(d["cn"], ADDR["mn1"])
        with one_goes(d.ar1, FORWARDED):
            assert hops_left(d) == 64 - HOPS
        assert ways(d.ar1)[STRAIGHT] == 0


def test_end_of_its_hops(at_ar1):
    """The router says so, from its own address."""
    with one_goes(at_ar1.ar1, FORWARDED), \
            icmp6_socket(at_ar1["cn"], TIME_EXCEEDED) as s:
        s.settimeout(5)
        ask(at_ar1, HOPS)
        _, _, source = receive(s)
    assert source == COA["ar1"]


def test_too_big_for_the_access_link(at_ar1):
    at_ar1["ar1"].set_mtu("acc0", 1300)
    with one_goes(at_ar1.ar1, FORWARDED):
        assert from_cn(at_ar1, 1400) == 1300


def test_neighbour_unknown(at_ar1):
    """The kernel looks for it, and says so when there is none."""
    with one_goes(at_ar1.ar1, FORWARDED), \
            icmp6_socket(at_ar1["cn"], UNREACHABLE) as s:
        s.settimeout(10)
        ask(at_ar1, dst=NOBODY)
        _, data, source = receive(s)
    assert (data[1], source) == (ADDRESS_UNREACHABLE, COA["ar1"])


def test_behind_the_node(at_ar1):
    """A route of the operator's to what is behind a node leads there."""
    behind = PREFIX["mn1"].replace("/64", "beef")
    at_ar1["mn1"].ip(f"addr add {behind}/128 dev lo")
    at_ar1["ar1"].ip(f"route add {behind}/128 via {LLA['mn1']} dev acc0")
    try:
        assert reachable(at_ar1["cn"], behind)
        with one_goes(at_ar1.ar1, FORWARDED), \
                icmp6_socket(at_ar1["cn"], REPLY) as s:
            s.settimeout(5)
            ask(at_ar1, dst=behind)
            receive(s)
    finally:
        at_ar1["ar1"].ip(f"route del {behind}/128")
        at_ar1["mn1"].ip(f"addr del {behind}/128 dev lo")


def test_tag_of_the_core_stays_there(at_ar1):
    """A priority tag on the outer frame is not the node's affair."""
    d = at_ar1
    mac = {(host, name): d[host].ip_json("link", "show", name)[0]["address"]
           for host, name in (("core", "ar1"), ("ar1", "core0"))}
    frame = Ether(src=mac["core", "ar1"], dst=mac["ar1", "core0"]) / \
        Dot1Q(vlan=0, prio=5) / IPv6(src=HA, dst=COA["ar1"]) / \
        IPv6(src=CN, dst=ADDR["mn1"]) / ICMPv6EchoRequest(id=7)
    seen = d.capture("mn1", "eth0", "ip6", evidence=False)
    with one_goes(d.ar1, FORWARDED), icmp6_socket(d["cn"], REPLY) as s:
        s.settimeout(5)
        d["core"].send_frame("ar1", bytes(frame))
        receive(s)
    seen.stop()
    asked = [p for _, p in frames(seen.path) if ICMPv6EchoRequest in p]
    assert asked and not any(Dot1Q in p for p in asked)


def test_handover(at_ar1):
    p = Pinger(at_ar1["cn"], ADDR["mn1"])
    at_ar1.attach("mn1", "ar2")
    until(lambda: ways(at_ar1.ar2)[STRAIGHT] > 0, 10, "delivered there")
    assert reachable(at_ar1["mn1"], CN)
    p.stop()
    p.short_gaps()
