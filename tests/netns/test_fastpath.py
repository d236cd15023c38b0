# SPDX-License-Identifier: BSD-2-Clause
"""dataplane: fast-path.  What comes out of a tunnel goes straight to the access
link, as far as it needs nothing but forwarding; the rest goes as it did."""
import contextlib
import socket
import struct

import pytest

from lib.domain import Domain
from lib.ns import until
from lib.topology import ADDR, CN, COA, PREFIX
from lib.traffic import ECHO, Pinger, icmp6_socket, reachable, receive
from test_mtu import from_cn

IPV6_UNICAST_HOPS, IPV6_RECVHOPLIMIT, IPV6_HOPLIMIT = 16, 51, 52
UNREACHABLE, TIME_EXCEEDED, ADDRESS_UNREACHABLE = 1, 3, 3
STRAIGHT, FORWARDED = 0, 1
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
    """Packets out of tunnels that went straight, and those that did not.  The
    daemon reads these counters every second."""
    c = router.counters()
    straight = c.get("dataplane.delivered", 0)
    return straight, c.get("dataplane.decapsulated", 0) - straight


@contextlib.contextmanager
def goes(router, way):
    """More packets have gone that way in the end."""
    before = ways(router)[way]
    yield
    until(lambda: ways(router)[way] > before, 5, f"way {way}")


def ask(d, hops=64, dst=ADDR["mn1"]):
    """One echo request to the node, from a raw socket."""
    s = d["cn"].socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    with s:
        s.setsockopt(socket.IPPROTO_IPV6, IPV6_UNICAST_HOPS, hops)
        s.sendto(struct.pack(">BBHHH", ECHO, 0, 0, 7, 7), (dst, 0))


def hops_left(d):
    """What the node sees of a request's hop limit of 64."""
    with icmp6_socket(d["mn1"], ECHO) as s:
        s.setsockopt(socket.IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1)
        s.settimeout(5)
        ask(d)
        _, anc, _, _ = s.recvmsg(2048, 256)
    return next(struct.unpack("i", v)[0] for level, kind, v in anc
                if (level, kind) == (socket.IPPROTO_IPV6, IPV6_HOPLIMIT))


def test_goes_straight_and_counts_its_hops(at_ar1):
    with goes(at_ar1.ar1, STRAIGHT):
        assert hops_left(at_ar1) == 64 - HOPS


def test_off_unless_asked_for():
    with Domain("bpf", "bpf") as d:
        d.attach("mn1", "ar1")
        assert reachable(d["cn"], ADDR["mn1"])
        with goes(d.ar1, FORWARDED):
            assert hops_left(d) == 64 - HOPS
        assert ways(d.ar1)[STRAIGHT] == 0


def test_end_of_its_hops(at_ar1):
    """The router says so, from its own address."""
    with goes(at_ar1.ar1, FORWARDED), \
            icmp6_socket(at_ar1["cn"], TIME_EXCEEDED) as s:
        s.settimeout(5)
        ask(at_ar1, HOPS)
        _, _, source = receive(s)
    assert source == COA["ar1"]


def test_too_big_for_the_access_link(at_ar1):
    at_ar1["ar1"].set_mtu("acc0", 1300)
    with goes(at_ar1.ar1, FORWARDED):
        assert from_cn(at_ar1, 1400) == 1300


def test_neighbour_unknown(at_ar1):
    """The kernel looks for it, and says so when there is none."""
    with goes(at_ar1.ar1, FORWARDED), \
            icmp6_socket(at_ar1["cn"], UNREACHABLE) as s:
        s.settimeout(10)
        ask(at_ar1, dst=NOBODY)
        _, data, source = receive(s)
    assert (data[1], source) == (ADDRESS_UNREACHABLE, COA["ar1"])


def test_handover(at_ar1):
    p = Pinger(at_ar1["cn"], ADDR["mn1"])
    with goes(at_ar1.ar2, STRAIGHT):
        at_ar1.attach("mn1", "ar2")
        assert reachable(at_ar1["mn1"], CN)
    p.stop()
    p.short_gaps()
