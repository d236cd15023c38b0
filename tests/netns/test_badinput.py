# SPDX-License-Identifier: BSD-2-Clause
"""Malformed, hostile and plainly random input from the network.

The kernel stands in front: it drops a wrong checksum always, and with MIP6 (a
module of stock kernels) also a Header Len that is too short or too long and a
Payload Proto other than 59.  kernel_passes() says what reaches the daemon on
the kernel at hand, and then every single packet must have been counted.
"""
import os
import random
import socket
import struct
import subprocess

import pytest

from conftest import STOCK
from lib import esp, kernel
from lib.mip6 import checksum, pbu
from lib.ns import until
from lib.topology import ADDR, COA, HA, MAC, NAI, PREFIX
from lib.traffic import Pinger, reachable

SEED = 6275
MUTATIONS = 2_500 if STOCK else 10_000      # the former is a slow machine
GROWTH_KIB = 4096
LAB = COA["lab"]
MIN_HDRLEN = {0: 0, 1: 1, 2: 1, 3: 2, 4: 2, 5: 1, 6: 1, 7: 2}


class Injector:
    """Whole IPv6 packets, from a host that forwards what it is given.  Those
    of the lab are protected: only so they get as far as the parser."""

    def __init__(self, ns):
        self.sock = ns.socket(socket.AF_INET6, socket.SOCK_RAW,
                              socket.IPPROTO_RAW)

    def send(self, packet):
        dst = socket.inet_ntop(socket.AF_INET6, packet[24:40])
        if packet[8:24] == socket.inet_pton(socket.AF_INET6, LAB):
            packet = esp.protect(packet)
        self.sock.sendto(packet, (dst, 0))

    def close(self):
        self.sock.close()


@pytest.fixture(scope="module", autouse=True)
def mip6_module():
    """A stock kernel has it, but loads it late."""
    if STOCK:
        subprocess.run(["modprobe", "mip6"], check=True)
        assert os.path.exists("/sys/module/mip6")


@pytest.fixture
def inject(domain):
    i = Injector(domain["lab"])
    yield i.send
    i.close()


def ip6(mh, src=LAB, dst=HA, plen=None):
    """A packet with any bytes as Mobility Header; checksum right."""
    head = struct.pack(">IHBB", 6 << 28, len(mh) if plen is None else plen,
                       135, 64)
    return checksum(head + socket.inet_pton(10, src) +
                    socket.inet_pton(10, dst) + mh)


def kernel_passes(mh, protected=esp.ON):
    """Does a Mobility Header with the right checksum reach the socket?"""
    if protected:
        return True
    if len(mh) < 6:
        return False            # no room for a checksum, so it is wrong
    if not os.path.exists("/sys/module/mip6"):
        return True
    return (len(mh) >= 8 and (mh[1] + 1) * 8 <= len(mh) and mh[0] == 59 and
            mh[1] >= MIN_HDRLEN.get(mh[2], 0))


VERDICTS = ["mh.mh-" + v for v in (
    "ok", "short", "truncated", "checksum", "payload-proto", "unknown-type",
    "header-len", "option-overrun", "option-many", "option-bad")]


def received(daemon):
    """How many packets the parser has judged so far, by verdict."""
    counters = daemon.counters()
    return {v: counters.get(v, 0) for v in VERDICTS}


def judged(daemon):
    return sum(received(daemon).values())


def turned_away(daemon):
    """How many in the clear, and from a peer, came to an end."""
    return daemon.counters().get("ipsec.clear-text-dropped", 0) if esp.ON \
        else judged(daemon)


# name -> (Mobility Header, the counter it must end in)
OPT0 = bytes.fromhex("0800")                    # MN-ID, length 0
EMPTY = bytes.fromhex("080101")                 # NAI, nothing in it
HEAD = bytes.fromhex("3b02050000000001c200004b")
CASES = {
    "seven-octets": (bytes.fromhex("3b000500000000"), "mh-short"),
    "empty": (b"", "mh-short"),
    "header-len-beyond-the-packet": (bytes.fromhex("3bff0500") + HEAD[4:] +
                                     bytes(12), "mh-truncated"),
    "half-a-pbu": (HEAD[:8], "mh-truncated"),
    "payload-proto": (bytes([17]) + HEAD[1:] + bytes(12), "mh-payload-proto"),
    "unknown-type": (HEAD[:2] + b"\xc8" + HEAD[3:] + bytes(12),
                     "mh-unknown-type"),
    "header-len-below-the-minimum": (bytes.fromhex("3b00050000000001"),
                                     "mh-header-len"),
    "option-past-the-end": (HEAD + b"\x08\x40" + bytes(10),
                            "mh-option-overrun"),
    "option-cut-in-its-header": (HEAD + b"\1\x09" + bytes(9) + b"\x08",
                                 "mh-option-overrun"),
    "many-options": (bytes.fromhex("3b1f0500") + HEAD[4:] + b"\x08\0" * 122,
                     "mh-option-many"),
}


@pytest.mark.parametrize("name", CASES)
def test_malformed(d, inject, name):
    mh, counter = CASES[name]
    before = received(d.ha)
    inject(ip6(mh))
    if not kernel_passes(mh):
        # the kernel's answer is its own affair; the daemon must not see it
        ba = d.hand_pma().register("nobody@example.com", PREFIX["mn1"])
        assert ba.status == 133
        assert received(d.ha)[f"mh.{counter}"] == before[f"mh.{counter}"]
        return
    until(lambda: received(d.ha)[f"mh.{counter}"] ==
          before[f"mh.{counter}"] + 1, 3, f"counted as {counter}")
    assert not d.ha.show("bindings")


@pytest.mark.parametrize("options", [EMPTY + bytes(9), OPT0 + bytes(10),
                                     EMPTY + b"\x01\x07" + bytes(7)],
                         ids=["empty-nai", "zero-length-id", "empty-nai-padn"])
def test_pbu_that_killed_another_implementation(d, inject, options):
    """24 octets, no NAI to speak of: refused with 128, nothing more."""
    mh = HEAD + options
    assert len(mh) == 24
    hand = d.hand_pma()
    before = judged(d.ha)
    inject(ip6(mh))
    ba = hand.receive()
    assert ba is not None and ba.status == 128
    assert judged(d.ha) == before + 1 and not d.ha.show("bindings")


def test_wrong_checksum_never_arrives(d, inject):
    good = bytes(pbu(LAB, HA, NAI["mn1"], PREFIX["mn1"]))
    bad = bytearray(good)
    bad[44] ^= 0x55
    before = judged(d.ha)
    inject(bytes(bad))
    hand = d.hand_pma()
    assert hand.register("nobody@example.com", PREFIX["mn1"]).status == 133
    # a kernel that opens ESP looks at the checksum, ours leaves it to us
    assert judged(d.ha) == before + 1 + esp.ON
    assert not d.ha.show("bindings")


def test_oversized(d, inject):
    """The largest header there is, 2048 octets, arrives in fragments."""
    filler = b"".join(b"\xfd\xfe" + bytes(254) for _ in range(7))
    mh = HEAD[:1] + b"\xff" + HEAD[2:] + filler
    mh += b"\x01" + bytes([2048 - len(mh) - 2]) + bytes(2048 - len(mh) - 2)
    assert len(mh) == 2048
    before = judged(d.ha)
    hand = d.hand_pma()
    hand.sock.sendto(mh, (HA, 0))       # this socket's kernel fragments
    assert hand.receive().status == 128
    assert judged(d.ha) == before + 1


def test_unknown_type_is_answered_by_a_binding_error(d, inject):
    """RFC 6275 9.2: status 2, and never an error for an error."""
    hand = d.hand_pma()
    hand.sock.settimeout(3)
    inject(ip6(CASES["unknown-type"][0]))
    data = hand.sock.recv(2048)
    assert data[2] == 7 and data[6] == 2
    inject(ip6(bytes.fromhex("3b02070000000200") + bytes(16)))
    assert hand.receive(timeout=0.3) is None


def mutate(rng, mh):
    """One of the ways in which a message goes wrong."""
    mh = bytearray(mh)
    how = rng.randrange(7)
    if how == 0:                                        # flip some octets
        for _ in range(rng.randint(1, 8)):
            mh[rng.randrange(len(mh))] = rng.randrange(256)
    elif how == 1:                                      # cut
        del mh[rng.randrange(len(mh)):]
    elif how == 2:                                      # cut, lengths right
        del mh[16 + 8 * rng.randrange(len(mh) // 8 - 1):]
        mh[1] = len(mh) // 8 - 1
    elif how == 3:                                      # any option length
        mh[12 + rng.randrange(len(mh) - 12)] = rng.choice((0, 1, 255, 254, 127))
    elif how == 4:                                      # octets too many
        mh += rng.randbytes(rng.randint(1, 64))
    elif how == 5:                                      # random options
        mh[12:] = rng.randbytes(len(mh) - 12)
    else:                                               # random all over
        mh[3:] = rng.randbytes(len(mh) - 3)
    return bytes(mh)


def grown(daemon, before):
    return daemon.rss_kib() - before


def test_mutated_pbus(d, inject):
    """MUTATIONS: no crash, no growth, each one counted, others served."""
    rng = random.Random(SEED)
    d.attach("mn1", "ar1")
    ping = Pinger(d["cn"], ADDR["mn1"], interval=0.05)
    until(lambda: ping.rtt, 5, "echo")
    batch = 250
    rss = None
    for start in range(0, MUTATIONS, batch):
        bases = [bytes(pbu(LAB, HA, NAI[n], PREFIX[n], lifetime_s=8, alt=a))[40:]
                 for n in ("mn2", "lab") for a in (None, LAB)]
        mutants = [mutate(rng, rng.choice(bases)) for _ in range(batch)]
        expect = judged(d.ha) + sum(kernel_passes(m) for m in mutants)
        for m in mutants:
            inject(ip6(m))
        until(lambda e=expect: judged(d.ha) >= e, 10,
              f"all mutants up to {start + batch} are counted")
        assert judged(d.ha) == expect
        if start == 4 * batch:
            rss = d.ha.rss_kib()        # tables have their size by now
    assert grown(d.ha, rss) < GROWTH_KIB
    ping.stop()
    assert ping.outages() == []
    assert d.ha.binding(NAI["mn1"])["coa"] == COA["ar1"]
    assert {b["nai"] for b in d.ha.show("bindings")} <= set(NAI.values())
    until(lambda: len(d.ha.show("bindings")) == 1, 20, "what got in expires")
    assert kernel.paths(d.ha) == {PREFIX["mn1"]: COA["ar1"]}


def test_mutated_pbas_at_the_router(d, inject):
    """With the home agent's address as source, as an attacker would (who has
    no keys)."""
    from scapy.layers.inet6 import MIP6MH_BA
    from lib.mip6 import OptHNP, OptTimestamp, nai_option, stamp
    rng = random.Random(SEED)
    d.attach("mn1", "ar1")
    good = bytes(MIP6MH_BA(status=0, flags="P", seq=1, mhtime=75, options=[
        nai_option(NAI["mn1"]), OptHNP(prefix="2001:db8:1:1::"),
        OptTimestamp(value=stamp())]))
    before, rss = turned_away(d.ar1), d.ar1.rss_kib()
    mutants = [mutate(rng, good) for _ in range(2000)]
    for i in range(0, len(mutants), 250):
        expect = turned_away(d.ar1) + sum(
            kernel_passes(m, protected=False) for m in mutants[i:i + 250])
        for m in mutants[i:i + 250]:
            inject(ip6(m, src=HA, dst=COA["ar1"]))
        until(lambda e=expect: turned_away(d.ar1) >= e, 10,
              "all PBAs are counted")
    assert turned_away(d.ar1) > before and grown(d.ar1, rss) < GROWTH_KIB
    assert reachable(d["cn"], ADDR["mn1"])


def test_mutated_solicitations(d):
    """On the access link, from anybody who can plug in."""
    from scapy.layers.inet6 import (ICMPv6ND_RS, ICMPv6NDOptSrcLLAddr, IPv6)
    rng = random.Random(SEED)
    d.attach("mn1", "ar1")
    rss = d.ar1.rss_kib()
    good = bytes(IPv6(src="fe80::ff:fe00:101", dst="ff02::2", hlim=255) /
                 ICMPv6ND_RS() / ICMPv6NDOptSrcLLAddr(lladdr=MAC["mn1"]))
    head = bytes.fromhex("333300000002" + MAC["mn1"].replace(":", "") + "86dd")
    s = d["mn1"].socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    with s:
        s.bind(("eth0", 0))
        for _ in range(2000):
            p = bytearray(good)
            for _ in range(rng.randint(1, 4)):
                p[rng.randrange(4, len(p))] = rng.randrange(256)
            if rng.random() < 0.2:
                del p[rng.randrange(40, len(p)):]
            s.send(head + bytes(p))
    assert reachable(d["cn"], ADDR["mn1"])
    assert grown(d.ar1, rss) < GROWTH_KIB
    assert [b["nai"] for b in d.ar1.show("bindings")] == [NAI["mn1"]]
