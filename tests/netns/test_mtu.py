# SPDX-License-Identifier: BSD-2-Clause
"""Packets too big for the tunnel: their sender is told, in both directions,
and again when the core's path shrinks."""
import os
import socket

import pytest

from lib.ns import until
from lib.topology import ADDR, CN, MAC
from lib.traffic import (IPV6_DONTFRAG, REPLY, TOO_BIG, icmp6_socket, reachable,
                         receive, send_raw)

TUNNEL = 1500 - 40
SOON = 0.3              # seconds; the first packet tells the tunnel's end alone


@pytest.fixture
def at_ar1(d):
    d.attach("mn1", "ar1")
    yield d
    for host, ifname in (("ha", "core0"), ("core", "ha0"), ("core", "ar1"),
                         ("ar1", "core0")):
        d[host].set_mtu(ifname, 1500)


def echo(src, dst, size):
    """A whole ICMPv6 echo request of `size` octets."""
    from scapy.layers.inet6 import IPv6, ICMPv6EchoRequest
    return bytes(IPv6(src=src, dst=dst) /
                 ICMPv6EchoRequest(id=7, data=bytes(size - 48)))


def too_big(ns, send, timeout=3):
    """The MTU of the first Packet Too Big that send() provokes; None."""
    with icmp6_socket(ns, TOO_BIG) as s:
        send()
        s.settimeout(timeout)
        try:
            _, data, _ = receive(s)
        except TimeoutError:
            return None
        return int.from_bytes(data[4:8], "big")


def from_cn(d, size, **kw):
    return too_big(d["cn"], lambda: send_raw(
        d["cn"], echo(CN, ADDR["mn1"], size)), **kw)


def from_node(d, size, **kw):
    """As a frame, since the node's kernel has learnt the MTU from the RA."""
    frame = bytes.fromhex((MAC["ar1"] + MAC["mn1"]).replace(":", "")) + \
        b"\x86\xdd" + echo(ADDR["mn1"], CN, size)
    return too_big(d["mn1"], lambda: d["mn1"].send_frame("eth0", frame), **kw)


def test_node_learns_the_mtu_from_the_advertisement(at_ar1):
    d = at_ar1
    until(lambda: int(d["mn1"].sysctl("net.ipv6.conf.eth0.mtu")) == TUNNEL, 3,
          "MTU option")


def test_towards_the_node(at_ar1):
    assert from_cn(at_ar1, 1500) == TUNNEL


def test_from_the_node(at_ar1):
    assert from_node(at_ar1, 1500) == TUNNEL


def test_what_just_fits_passes(at_ar1):
    """Asked once: nothing is lost on the way of the very first packet."""
    d = at_ar1
    for ns, dst in ((d["cn"], ADDR["mn1"]), (d["mn1"], CN)):
        with icmp6_socket(ns, REPLY) as s:
            s.settimeout(5)
            s.setsockopt(socket.IPPROTO_IPV6, IPV6_DONTFRAG, 1)
            s.sendto(b"\x80\0\0\0" + os.urandom(TUNNEL - 44), (dst, 0))
            assert len(receive(s)[1]) == TUNNEL - 40


def shrink(d, *ends):
    for host, ifname in ends:
        d[host].set_mtu(ifname, 1400)


def test_core_shrinks_towards_the_node(at_ar1):
    """The Packet Too Big of the core concerns the outer packet; the sender of
    the inner one must hear of it as soon as the home agent knows."""
    d = at_ar1
    shrink(d, ("core", "ar1"), ("ar1", "core0"))
    seen = []
    until(lambda: seen.append(from_cn(d, TUNNEL, timeout=SOON)) or
          seen[-1] == 1360, 10, "Packet Too Big with 1360")
    assert reachable(d["cn"], ADDR["mn1"])


def test_core_shrinks_from_the_node(at_ar1):
    d = at_ar1
    shrink(d, ("core", "ha0"), ("ha", "core0"))
    seen = []
    until(lambda: seen.append(from_node(d, TUNNEL, timeout=SOON)) or
          seen[-1] == 1360, 10, "Packet Too Big with 1360")
    until(lambda: int(d["mn1"].sysctl("net.ipv6.conf.eth0.mtu")) == 1360, 5,
          "a new MTU option")
