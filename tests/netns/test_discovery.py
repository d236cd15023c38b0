# SPDX-License-Identifier: BSD-2-Clause
"""Home agent address discovery on the wire (draft 5.4), and Mobile Prefix
Solicitations (5.8)."""
import contextlib
import socket
import struct

import pytest

from lib import kernel
from lib.capture import packets
from lib.domain import Domain, policy
from lib.ns import until
from lib.topology import COA, HA, NAI
from lib.traffic import icmp6_socket, receive, send_raw

REQUEST, REPLY, SOLICIT, ADVERT = 144, 145, 146, 147
IID = "fdff:ffff:ffff:fffe"
MN1, FREE = f"2001:db8:1:1:{IID}", f"2001:db8:1:77:{IID}"


class Seeker:
    """Asks from one host and hears what comes back."""

    def __init__(self, ns):
        self.sock = icmp6_socket(ns, REPLY, ADVERT)

    def send(self, dst, ident=7, kind=REQUEST):
        self.sock.sendto(struct.pack(">BBHHH", kind, 0, 0, ident, 0), (dst, 0))

    def receive(self, timeout):
        self.sock.settimeout(timeout)
        try:
            _, data, src = receive(self.sock)
        except TimeoutError:
            return None
        kind, code, _, ident, _ = struct.unpack(">BBHHH", data[:8])
        agents = [socket.inet_ntop(socket.AF_INET6, data[i:i + 16])
                  for i in range(8, len(data), 16)]
        return {"type": kind, "code": code, "id": ident, "src": src,
                "agents": agents}

    def ask(self, dst, ident=7, timeout=5):
        self.send(dst, ident)
        return self.receive(timeout)


@pytest.fixture(scope="module")
def anchored():
    with Domain(ha_backend="bpf", ha={"dataplane": {"on-exit": "keep"}}) as d:
        yield d


@contextlib.contextmanager
def seeker(d, host):
    s = Seeker(d[host])
    with contextlib.closing(s.sock):
        yield s


@pytest.fixture
def seek(d):
    with contextlib.ExitStack() as stack:
        def make(host):
            s = Seeker(d[host])
            stack.callback(s.sock.close)
            return s
        yield make


def count(d, name):
    return d.ha.counters().get(name, 0)


def answer(ident):
    return {"type": REPLY, "code": 0, "id": ident, "src": HA, "agents": [HA]}


def test_any_home_prefix(d, seek):
    """D5.4-1, D5.4-3, D5.9-9, A39: the anycast address of a prefix nobody is
    in; from the core, from beyond the home agent, from the home agent's own
    neighbour."""
    for i, host in enumerate(("lab", "cn", "core")):
        assert seek(host).ask(FREE, 100 + i) == answer(100 + i)


def test_while_the_prefix_is_tunnelled(d, seek):
    """D5.4-4, A33: the node's prefix is routed to its access router, and the
    home agent answers all the same; the node is none the worse."""
    d.attach("mn1", "ar1")
    assert kernel.paths(d.ha)["2001:db8:1:1::/64"] == COA["ar1"]
    assert seek("lab").ask(MN1, 0xfffe) == answer(0xfffe)
    d.detach("mn1")
    assert seek("lab").ask(MN1, 3) == answer(3)


def test_nothing_of_it_in_the_kernel(d):
    """D5.4-4: no address, no route of any prefix's for it."""
    for what in (("addr",), ("route", "show", "table", "all")):
        text = d["ha"].run("ip", "-6", *what).stdout
        assert "fdff:ffff" not in text


def test_not_for_others(d, seek):
    """D5.4-3: no reply to what is malformed, to other anycast addresses, for
    a source that is none."""
    from scapy.layers.inet6 import IPv6, ICMPv6Unknown
    dropped = ("icmp-anycast.icmp-checksum", "icmp.icmp-code",
               "icmp.icmp-short")
    before = sum(count(d, n) for n in dropped)
    s = seek("lab")
    s.send(f"2001:db8:1:1:{IID[:-1]}f")     # identifier 127
    for packet in (
            # a checksum that is wrong, a code that is not 0, a short message
            IPv6(src=COA["lab"], dst=FREE, nh=58) / (b"\x90\0\x12\x34" +
                                                     bytes(4)),
            IPv6(src=COA["lab"], dst=FREE) /
            ICMPv6Unknown(type=REQUEST, code=1, msgbody=bytes(4)),
            IPv6(src=COA["lab"], dst=FREE) /
            ICMPv6Unknown(type=REQUEST, code=0, msgbody=b"")):
        send_raw(d["lab"], packet)
    until(lambda: sum(count(d, n) for n in dropped) == before + 3, 5,
          "each has been counted")
    assert s.receive(0.5) is None
    assert s.ask(FREE, 9) == answer(9)


def test_flood(d, seek):
    """D5.4-3: a flood is answered at a rate, and costs nobody else."""
    s = seek("lab")
    before = count(d, "ha.discovery-replies")
    suppressed = count(d, "ha.discovery-suppressed")
    for i in range(2000):
        s.send(FREE, i)
    until(lambda: count(d, "ha.discovery-suppressed") > suppressed, 5,
          "the limit was reached")
    assert 0 < count(d, "ha.discovery-replies") - before < 1000
    until(lambda: seek("cn").ask(FREE, 11, 1) == answer(11), 10,
          "others are served again")


def test_prefix_solicitation(d, seek):
    """D5.8-1: counted, not answered."""
    before = count(d, "ha.prefix-solicitations")
    s = seek("lab")
    s.send(HA, 5, SOLICIT)
    until(lambda: count(d, "ha.prefix-solicitations") == before + 1, 5,
          "it arrives")
    assert s.receive(0.5) is None
    assert not d.ha.binding(NAI["mn1"])


@pytest.mark.parametrize("where", ["d", "anchored"])
def test_knob(request, where):
    """A33: with `discovery: no` nobody answers; it changes at run time."""
    d = request.getfixturevalue(where)
    conf = {**d.ha.conf, "ha": {**d.ha.conf["ha"], "discovery": False}}
    d.ha.write(conf)
    d.ha.ctl("reload")
    with seeker(d, "lab") as s:
        try:
            assert s.ask(FREE, 1, 0.5) is None
        finally:
            d.ha.write()
            d.ha.ctl("reload")
        assert s.ask(FREE, 2) == answer(2)


# --- programs that see what is to be tunnelled --------------------------------


def test_nobody_looks_at_all_traffic(anchored):
    """D5.4-4, A33: the programs give the requests to the daemon, for bound
    prefixes as for the others, so that no packet socket sees every packet;
    what else goes to such an address is the node's."""
    d = anchored
    d.attach("mn1", "ar1")
    assert d["ha"].run("ss", "-H0an").stdout == ""
    with seeker(d, "lab") as s:
        for i, dst in enumerate((MN1, FREE)):
            assert s.ask(dst, 20 + i) == answer(20 + i)
        tunnelled = count(d, "dataplane.encapsulated")
        s.send(MN1, kind=SOLICIT)
        until(lambda: count(d, "dataplane.encapsulated") == tunnelled + 1, 5,
              "another message is tunnelled")
    d.detach("mn1")


def test_anchor_made_anew(anchored):
    """D5.4-4: somebody removes the device that the requests are read from."""
    d = anchored
    name = d.ha.show("status")[0]["dataplane"]["anchors"][0]
    d["ha"].ip(f"link del {name}")
    until(lambda: d.logged("ha", "anchor-restored"), 10, "there is another")
    with seeker(d, "lab") as s:
        assert s.ask(FREE, 30) == answer(30)


def test_off_over_what_was_kept(anchored):
    """A33: the daemon starts over the maps of a run that had discovery, with
    `discovery: no`; then the requests are packets as others are."""
    d = anchored
    d.attach("mn1", "ar1")
    d.ha.stop()
    conf = d.ha.conf
    d.ha.conf = {**conf, "ha": {**conf["ha"], "discovery": False}}
    d.ha.start()
    tunnelled = count(d, "dataplane.encapsulated")
    with seeker(d, "lab") as s:
        def asked():
            assert s.ask(MN1, 40, 0.2) is None
            return count(d, "dataplane.encapsulated") > tunnelled
        until(asked, 5, "it is tunnelled")      # the device comes up first
    d.ha.stop()
    d.ha.conf = conf
    d.ha.start()
    with seeker(d, "lab") as s:
        until(lambda: s.ask(MN1, 41, 0.2) == answer(41), 5, "answered again")


# --- an access router that nobody has told -----------------------------------

@pytest.fixture(scope="module")
def untold():
    """Neither profiles nor configurations name a home agent."""
    def nameless():
        p = policy()
        for node in p["mobile-nodes"]:
            node.pop("home-agent", None)
        return p
    with Domain(policy=nameless, pma={"pma": {"home-agent": None}}) as d:
        yield d


def test_access_router_finds_it(untold):
    """D5.4-2, D5.4-3, D5.4-4: it asks the anycast address of the node's own
    prefix, once, and registers with whom answers; so does the next router
    while the prefix is tunnelled to the first."""
    d = untold
    for router in ("ar1", "ar2"):
        seen = d.capture("core", router,
                         "icmp6 and (ip6[40] == 144 or ip6[40] == 145)")
        d.attach("mn1", router)
        seen.stop()
        asked, told = [(p.src, p.dst, bytes(p.payload)) for _, p, _ in
                       packets(seen.path)]
        assert asked[:2] == (COA[router], MN1) and asked[2][0] == REQUEST
        assert told[:2] == (HA, COA[router]) and told[2][0] == REPLY
        assert told[2][4:6] == asked[2][4:6]
        assert told[2][8:24] == socket.inet_pton(socket.AF_INET6, HA)
    d.detach("mn1")
    seen = d.capture("core", "ar2", "icmp6 and ip6[40] == 144")
    d.attach("mn1", "ar2")
    seen.stop()
    assert packets(seen.path) == []


def test_nobody_answers(untold):
    """D5.4-2: a home agent that keeps silent is asked again, and found when
    it speaks."""
    d = untold
    d.quiet()
    conf = {**d.ha.conf, "ha": {**d.ha.conf["ha"], "discovery": False}}
    d.ha.write(conf)
    d.ha.ctl("reload")
    try:
        d.plug("mn2", "ar1")
        until(lambda: d.ar1.counters().get("pma.discovery-requests", 0) > 1, 10,
              "it asks")
        assert not d.ha.binding(NAI["mn2"])
    finally:
        d.ha.write()
        d.ha.ctl("reload")
    until(lambda: d.attached("mn2", "ar1"), 30, "it is found")
