# SPDX-License-Identifier: BSD-2-Clause
"""Every way to notice that a node is there or has left.

Besides acc0, the first access router has here a cable of its own to mn1
(acc1) and a bridge in itself with a port for mn2 (br0).
"""
import pytest

from lib.capture import messages
from lib.ns import until
from lib.topology import ADDR, COA, LLA, MAC, NAI
from lib.traffic import Pinger, Udp, reachable

ACCESS = [
    {"interface": "acc0", "type": "shared",
     "attach": ["router-solicitation", "control", "neighbour", "probe"]},
    {"interface": "acc1", "type": "shared",
     "attach": ["router-solicitation", "carrier"]},
    {"interface": "br0", "type": "shared", "attach": ["bridge-fdb"]},
]


def prepare(t):
    """The extra interfaces, and an impatient neighbour cache."""
    t["ar1"].ip(
        "link add acc1 index 301 type veth peer name eth1 index 302 "
        f"address {MAC['mn1']} netns {t.prefix}-mn1",
        "link add br0 index 303 type bridge mcast_snooping 0",
        "link add port0 index 304 type veth peer name eth1 index 305 "
        f"address {MAC['mn2']} netns {t.prefix}-mn2",
        "link set port0 master br0", "link set port0 up", "link set br0 up",
        "link set acc1 up")
    conf = "net.ipv6.neigh.acc0."
    t["ar1"].sysctl(conf + "delay_first_probe_time", 1)
    t["ar1"].sysctl(conf + "retrans_time_ms", 100)
    t["ar1"].sysctl(conf + "base_reachable_time_ms", 500)


DOMAIN = {"prepare": prepare,
          "pma": {"pma": {"probe-interval": "100ms"}},
          "ar1": {"pma": {"access": ACCESS}}}


@pytest.fixture
def silent(d):
    """Nodes that send no Router Solicitation."""
    for node, ifname in (("mn1", "eth0"), ("mn2", "eth1")):
        d[node].sysctl(f"net.ipv6.conf.{ifname}.router_solicitations", 0)
    yield d
    for node, ifname in (("mn1", "eth0"), ("mn2", "eth1")):
        d[node].sysctl(f"net.ipv6.conf.{ifname}.router_solicitations", -1)
        d[node].set_up("eth1", False)


@pytest.fixture
def events(d):
    with d.ar1.watch() as w:
        yield w


def test_router_solicitation(d, events):
    """D6.11-4: the link-local address is learnt from the solicitation."""
    d.plug("mn1", "ar1")
    events.wait("node-attached", nai=NAI["mn1"])
    until(lambda: d.attached("mn1", "ar1"), 5, "attached")
    b = d.ar1.show("mn", nai=NAI["mn1"])[0]
    assert b["lla"] == LLA["mn1"] and b["mac"] == MAC["mn1"]


def test_neighbour(silent, events):
    """A node that merely resolves its router's address."""
    d = silent
    d.plug("mn1", "ar1")
    udp = Udp(d["mn1"], d["ar1"], LLA["ar1"])
    udp.dst = (LLA["ar1"], 7777, 0, d["mn1"].index("eth0"))
    until(lambda: udp.arrives(timeout=0.5), 5, "the node talks to its router")
    udp.close()
    events.wait("node-attached", nai=NAI["mn1"])
    until(lambda: d.attached("mn1", "ar1"), 5, "attached")


def test_bridge_fdb(silent, events):
    """A port of a bridge in the router: a frame attaches, the loss of the
    carrier detaches.

    The node may be noticed, and registered, while the bridge still has the
    queue that it had without carrier ("noop"): an advertisement is dropped
    there and counted as sent (the interface says "dropped"), and the node, who
    does not solicit, has its address from the next."""
    d = silent
    d["mn2"].set_up("eth1", True)
    events.wait("node-attached", nai=NAI["mn2"])
    until(lambda: ADDR["mn2"] in d["mn2"].addresses("eth1"), 5, "address")
    assert reachable(d["cn"], ADDR["mn2"])
    d["mn2"].set_up("eth1", False)
    events.wait("node-detached", nai=NAI["mn2"])
    until(lambda: not d.ha.binding(NAI["mn2"]), 5, "de-registered")


def test_carrier(d, events):
    """The router's own interface loses its carrier: everybody on it is gone."""
    d["mn1"].set_up("eth1", True)
    events.wait("node-attached", nai=NAI["mn1"])
    until(lambda: ADDR["mn1"] in d["mn1"].addresses("eth1"), 5, "address")
    assert reachable(d["cn"], ADDR["mn1"])
    mh = d.capture("core", "ar1", "ip6 proto 135")
    d["mn1"].set_up("eth1", False)
    events.wait("node-detached", nai=NAI["mn1"])
    until(lambda: not d.ha.binding(NAI["mn1"]), 5, "de-registered")
    mh.stop()
    assert [m["lifetime"] for m in messages(mh.path, 5)] == [0]


def test_silence(d, events):
    """The switch says nothing when a node leaves: probes find out."""
    d.attach("mn1", "ar1")
    ping = Pinger(d["cn"], ADDR["mn1"], interval=0.05)
    until(lambda: ping.rtt, 5, "echo")
    d.topology.unplug("mn1")
    events.wait("node-detached", 15, nai=NAI["mn1"])
    until(lambda: not d.ha.binding(NAI["mn1"]), 5, "de-registered")
    ping.stop(linger=0)


def test_a_quiet_node_that_is_there_stays(d):
    """Evidence of silence is not absence: the node answers the probe."""
    d.attach("mn1", "ar1")
    with d.ar1.watch() as w:
        d["ar1"].ip("neigh flush dev acc0")
        assert reachable(d["cn"], ADDR["mn1"])
        assert d.ar1.binding(NAI["mn1"])["state"] == "active"
        assert not [e for e in w.seen if e["ev"] == "node-detached"]


def test_command(silent):
    # D3-4, D6.10-1, D6.10-2, D7.1-1
    d = silent
    d.plug("mn1", "ar1")
    d.ar1.ctl("attach", nai=NAI["mn1"], interface="acc0")
    until(lambda: d.attached("mn1", "ar1"), 5, "attached")
    d.ar1.ctl("detach", nai=NAI["mn1"])
    until(lambda: not d.ha.binding(NAI["mn1"]), 5, "de-registered")


def test_attach_again_while_detaching(d):
    """A re-attach cancels the de-registration, or comes after it."""
    d.attach("mn1", "ar1")
    for _ in range(5):
        d.ar1.ctl("detach", nai=NAI["mn1"])
        d.ar1.ctl("attach", nai=NAI["mn1"], interface="acc0", mac=MAC["mn1"])
    until(lambda: d.attached("mn1", "ar1"), 10, "attached in the end")
    assert reachable(d["cn"], ADDR["mn1"])


def test_carrier_flap_without_association(d):
    """A node whose interface stays up sends no Router Solicitation; coming
    back to the same link it is still served."""
    d.attach("mn1", "ar1")
    d.plug("mn1", "ar1", associate=False)
    assert reachable(d["cn"], ADDR["mn1"], timeout=10)
    assert d.ha.binding(NAI["mn1"])["coa"] == COA["ar1"]
