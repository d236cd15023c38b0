# SPDX-License-Identifier: BSD-2-Clause
"""Octet for octet what stands in the messages on the wire (draft section 8),
taken apart here by hand; no decoder has a say."""
import time
import types

import pytest

from lib import kernel
from lib.capture import packets
from lib.mip6 import OptHNP, OptTimestamp, stamp
from lib.topology import COA, HA, NAI, PREFIX

HNP, TIMESTAMP = 22, 27
FIXED = 12                              # octets before the options


def options(mh):
    """[(offset of the type octet, type, value)] without padding."""
    at, found = FIXED, []
    while at < len(mh):
        if mh[at] == 0:
            at += 1
            continue
        end = at + 2 + mh[at + 1]
        assert end <= len(mh), "an option runs past the end"
        if mh[at] != 1:
            found.append((at, mh[at], mh[at + 2:end]))
        at = end
    return found


@pytest.fixture(scope="module")
def run(domain):
    """One registration; the first PBU and PBA, and when that was."""
    core = domain.capture("core", "ar1", "ip6 proto 135")
    before = time.time()
    domain.attach("mn1", "ar1")
    core.stop()
    after = time.time()
    mh = [(p, bytes(p.payload)[:p.plen]) for _, p, _ in packets(core.path)]
    pbu = next(m for p, m in mh if m[2] == 5 and p.src == COA["ar1"])
    pba = next(m for p, m in mh if m[2] == 6 and p.src == HA)
    return types.SimpleNamespace(pbu=pbu, pba=pba, before=before, after=after)


@pytest.fixture(params=["pbu", "pba"])
def message(request, run):
    return getattr(run, request.param)


def one(message, kind):
    found = [o for o in options(message) if o[1] == kind]
    assert len(found) == 1, found
    return found[0]


def test_length_is_a_multiple_of_eight(message):
    assert len(message) % 8 == 0 and message[1] == len(message) // 8 - 1


def test_home_network_prefix(message):
    """D8.3-2 to -4, -6: where it stands, its length, a reserved octet of
    zero, the prefix length, 16 octets of prefix."""
    at, _, value = one(message, HNP)
    assert at % 8 == 4
    assert len(value) == 18
    assert value[0] == 0
    assert value[1] == 64
    assert value[2:] == bytes.fromhex("20010db8000100010000000000000000")


def test_time_stamp(message, run):
    """D8.4-3, -4: 64 bits, 48.16 fixed point seconds since 1970; the length
    says 8 (the draft's 18 contradicts its own figure of 64 bits)."""
    at, _, value = one(message, TIMESTAMP)
    assert at % 8 == 2
    assert len(value) == 8
    when = int.from_bytes(value, "big") / 65536
    assert run.before - 0.1 < when < run.after + 0.1


def test_echoed_to_the_octet(run):
    assert one(run.pbu, TIMESTAMP)[2] == one(run.pba, TIMESTAMP)[2]
    assert one(run.pbu, HNP)[2] == one(run.pba, HNP)[2]


def test_flags(run):
    """D8.1-1, D8.2-1: P is 0x0200 of the update, 0x20 of the answer."""
    assert int.from_bytes(run.pbu[8:10], "big") == 0xC200
    assert run.pba[7] == 0x20


@pytest.fixture
def hand(d):
    h = d.hand_pma()
    yield h
    h.register(NAI["mn1"], lifetime_s=0)


def test_reserved_octet_is_ignored(hand):
    """D8.3-4: whatever it holds when received; zero in the answer."""
    option = OptHNP(prefix=PREFIX["mn1"].split("/")[0], plen=64, res=0xFF)
    ba = hand.register(NAI["mn1"], extra=[option])
    assert ba.status == 0
    assert [o.res for o in hand.option(ba, HNP)] == [0]


def test_prefix_length_128_is_an_address(hand, d):
    """D8.3-5, -1, D6.10-11: it comes back, and the whole prefix is routed."""
    address = PREFIX["mn1"].replace("::/64", "::77")
    ba = hand.register(NAI["mn1"], f"{address}/128")
    assert ba.status == 0
    assert [(o.prefix, o.plen) for o in hand.option(ba, HNP)] == \
        [(address, 128)]
    assert kernel.paths(d.ha) == {PREFIX["mn1"]: COA["lab"]}


def test_time_stamp_of_length_18(hand):
    """D8.4-3: who takes the draft's number literally is understood."""
    class Long(OptTimestamp):
        def post_build(self, p, pay):
            return p[:1] + b"\x12" + p[2:] + bytes(10) + pay
    ba = hand.register(NAI["mn1"], PREFIX["mn1"], timestamp=False,
                       extra=[Long(value=stamp())])
    assert ba.status == 0
