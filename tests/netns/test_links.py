# SPDX-License-Identifier: BSD-2-Clause
"""Kinds and numbers of access links, and both roles in one process.

The first access router has, besides acc0: ppp0, a point-to-point link to mn1
without any link-layer addresses (a TUN device at either end, with us as the
wire), and wlan0, a second shared link, with mn2.  The second one is a home
agent as well, of mn2's prefix.
"""
import contextlib
import fcntl
import os
import select
import socket
import struct
import subprocess
import threading

import pytest

from scapy.layers.inet import UDP
from scapy.layers.inet6 import (ICMPv6NDOptPrefixInfo, ICMPv6NDOptSrcLLAddr,
                                IPv6)

from lib import esp, kernel
from lib.capture import messages, packets
from lib.daemon import CtlError, Daemon
from lib.domain import Domain, pma_conf, policy
from lib.mip6 import checksum
from lib.ns import Ns, until
from lib.topology import ADDR, CN, COA, HA, MAC, NAI, PREFIX
from lib.traffic import icmp6_socket, reachable, receive

TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 1, 0x1000


class Wire:
    """Two TUN devices, what is sent on one arrives at the other; `seen` keeps
    the packets of the first one."""

    def __init__(self, a, b, ifname):
        self.seen = []
        self.fds = [self.device(ns, ifname) for ns in (a, b)]
        self.stop, self.over = os.pipe()
        self.thread = threading.Thread(target=self.carry, daemon=True)
        self.thread.start()

    @staticmethod
    def device(ns, ifname):
        with ns.inside():
            fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
            fcntl.ioctl(fd, TUNSETIFF, struct.pack(
                "16sH22x", ifname.encode(), IFF_TUN | IFF_NO_PI))
        return fd

    def carry(self):
        other = dict(zip(self.fds, reversed(self.fds)))
        while True:
            ready = select.select([self.stop, *self.fds], [], [])[0]
            if self.stop in ready:
                return
            for fd in ready:
                packet = os.read(fd, 65536)
                if fd == self.fds[0]:
                    self.seen.append(packet)
                with contextlib.suppress(OSError):      # that end is down
                    os.write(other[fd], packet)

    def close(self):
        os.close(self.over)
        self.thread.join()
        for fd in (self.stop, *self.fds):
            os.close(fd)


WIRE = []


def prepare(t):
    WIRE.append(Wire(t["ar1"], t["mn1"], "ppp0"))
    t["ar1"].set_up("ppp0", True)
    t["ar1"].ip("link add wlan0 index 401 type veth peer name eth1 index 402 "
                f"address {MAC['mn2']} netns {t.prefix}-mn2",
                "link set wlan0 up")


ACCESS = [{"interface": "acc0", "type": "shared"},
          {"interface": "ppp0", "type": "point-to-point", "nai": NAI["mn1"],
           "attach": ["router-solicitation", "carrier", "control"]},
          {"interface": "wlan*", "type": "shared"}]
DOMAIN = {"prepare": prepare, "ar1": {"pma": {"access": ACCESS}}}


@pytest.fixture(scope="module", autouse=True)
def wire(domain):
    yield
    while WIRE:
        WIRE.pop().close()


def in_prefix(ns, ifname, node):
    start = PREFIX[node].replace("::/64", ":")
    return next((a for a in ns.addresses(ifname) if a.startswith(start)), None)


@pytest.fixture
def dialled(d):
    """mn1 at the other end of the point-to-point link; its address."""
    d["mn1"].set_up("ppp0", True)
    d.ar1.ctl("attach", nai=NAI["mn1"], interface="ppp0")
    until(lambda: d.ha.binding(NAI["mn1"]).get("coa") == COA["ar1"], 5, "bound")
    yield until(lambda: in_prefix(d["mn1"], "ppp0", "mn1"), 10, "its address")
    d["mn1"].set_up("ppp0", False)
    with contextlib.suppress(CtlError):     # the test has done it
        d.ar1.ctl("detach", nai=NAI["mn1"])
    until(lambda: not d.ha.binding(NAI["mn1"]), 5, "de-registered")


def test_point_to_point(d, dialled):
    """D6-3: no MAC address anywhere, everything else as ever."""
    assert reachable(d["cn"], dialled)
    assert reachable(d["mn1"], CN)
    assert kernel.paths(d.ar1) == {PREFIX["mn1"]: HA}


def is_ra(packet):
    return packet[0] >> 4 == 6 and packet[6] == 58 and packet[40] == 134


def test_advertisement_on_a_point_to_point_link(d, dialled):
    """D6.3-5: nobody else hears it, and it names no link-layer address."""
    other = d.capture("ar1", "acc0", "icmp6 and ip6[40] == 134")
    WIRE[0].seen.clear()
    d["mn1"].set_up("ppp0", False)
    d["mn1"].set_up("ppp0", True)
    until(lambda: in_prefix(d["mn1"], "ppp0", "mn1"), 10, "it has it again")
    other.stop()
    assert packets(other.path) == []
    ras = [IPv6(p) for p in WIRE[0].seen if is_ra(p)]
    assert ras and all(p.dst == "ff02::1" for p in ras)
    assert not any(p.haslayer(ICMPv6NDOptSrcLLAddr) for p in ras)
    assert all(p[ICMPv6NDOptPrefixInfo].prefix == PREFIX["mn1"][:-3]
               for p in ras)


def test_link_that_breaks(d, dialled):
    """The device goes down: whoever was at the other end is gone."""
    mh = d.capture("core", "ar1", "ip6 proto 135")
    d["ar1"].set_up("ppp0", False)
    try:
        until(lambda: not d.ha.binding(NAI["mn1"]), 5, "de-registered")
    finally:
        d["ar1"].set_up("ppp0", True)
    mh.stop()
    assert [m["lifetime"] for m in messages(mh.path, 5)] == [0]


def test_several_links_of_one_router(d, dialled):
    """D6-3: a node on each; one tunnel, and each path leads to its link."""
    d["mn2"].set_up("eth1", True)
    try:
        until(lambda: ADDR["mn2"] in d["mn2"].addresses("eth1"), 10, "address")
        assert reachable(d["cn"], ADDR["mn2"])
        assert reachable(d["cn"], dialled)
        assert reachable(d["mn2"], dialled)
        assert kernel.tunnels(d.ha) == {COA["ar1"]}
        assert kernel.paths(d.ar1) == {PREFIX[n]: HA for n in ("mn1", "mn2")}
    finally:
        d["mn2"].set_up("eth1", False)
        with contextlib.suppress(CtlError):     # its carrier was faster
            d.ar1.ctl("detach", nai=NAI["mn2"])


def test_from_one_link_to_another(d, dialled):
    """mn1 comes to the shared link of the same router: its prefix follows."""
    d["mn1"].set_up("ppp0", False)
    d.attach("mn1", "ar1")
    until(lambda: d.ar1.binding(NAI["mn1"]).get("interface") == "acc0", 5,
          "served on the other link")
    assert reachable(d["cn"], ADDR["mn1"])


def test_interface_appears_and_vanishes(d):
    """At run time: served when it is there, its nodes de-registered when it
    goes, and again when it is back."""
    for _ in range(2):
        d["mn2"].set_up("eth1", True)
        until(lambda: ADDR["mn2"] in d["mn2"].addresses("eth1"), 10, "address")
        assert reachable(d["cn"], ADDR["mn2"])
        d["ar1"].ip("link del wlan0")
        until(lambda: not d.ha.binding(NAI["mn2"]), 5, "de-registered")
        assert not kernel.paths(d.ar1)
        d["ar1"].ip("link add wlan0 type veth peer name eth1 address "
                    f"{MAC['mn2']} netns {d.topology.prefix}-mn2",
                    "link set wlan0 up")
    d["mn2"].set_up("eth1", False)


def test_interface_gets_another_name(d):
    """Of the same pattern: it serves on, and steers what comes in."""
    d["ar1"].ip("link set wlan0 down", "link set wlan0 name wlan7",
                "link set wlan7 up")
    try:
        d["mn2"].set_up("eth1", True)
        until(lambda: ADDR["mn2"] in d["mn2"].addresses("eth1"), 10, "address")
        assert reachable(d["cn"], ADDR["mn2"])
        assert reachable(d["mn2"], CN)
        assert d.ar1.binding(NAI["mn2"]).get("interface") == "wlan7"
    finally:
        d["mn2"].set_up("eth1", False)
        d["ar1"].ip("link set wlan7 down", "link set wlan7 name wlan0",
                    "link set wlan0 up")


# --- both roles -----------------------------------------------------------------

SECOND = "2001:db8:2:2::/64"            # anchored at the second router
THERE = "2001:db8:2:2:0:ff:fe00:102"


@pytest.fixture(scope="module")
def both():
    """The second access router is a home agent as well: mn2's."""
    def mn2s():
        p = policy()
        node = next(n for n in p["mobile-nodes"] if n["nai"] == NAI["mn2"])
        node.update({"home-agent": COA["ar2"], "home-prefix": SECOND})
        return p

    def routes(t):
        t["core"].ip(f"route add {SECOND} via {COA['ar2']}")
    with Domain(policy=mn2s, prepare=routes, daemons=("ha", "ar1")) as d:
        d.ar2.roles = "ha,pma"
        d.ar2.conf["ha"] = {
            "addresses": [COA["ar2"]], "home-prefixes": [SECOND],
            "pmas": [{"address": COA[r]} for r in ("ar1", "ar2")]}
        d.ar2.start()
        yield d


def dropped(daemon):
    return daemon.show("status")[0]["dataplane"]["filters"]["dropped"]


def serves(d, node, address, router):
    """Plugged in there, it has its address and is reached from outside."""
    d.plug(node, router)
    until(lambda: address in d[node].addresses("eth0"), 15, "its address")
    assert reachable(d["cn"], address)
    assert reachable(d[node], CN)


def test_one_process_is_both(both):
    """mn2 away from home at ar1, mn1 a visitor of ar2."""
    serves(both, "mn1", ADDR["mn1"], "ar2")
    serves(both, "mn2", THERE, "ar1")
    assert reachable(both["mn1"], THERE)


def test_access_router_is_the_nodes_home_agent(both):
    """mn2 at ar2, whose own node it is, with mn1 on the same link; then away
    and back again."""
    serves(both, "mn1", ADDR["mn1"], "ar2")
    for router in ("ar2", "ar1", "ar2"):
        serves(both, "mn2", THERE, router)
        assert reachable(both["mn1"], THERE)
        assert reachable(both["mn2"], ADDR["mn1"])


def test_discovery_where_the_node_is(both):
    """D5.4-4: its prefix is routed to its link here, and not to a tunnel."""
    serves(both, "mn2", THERE, "ar2")
    asked = SECOND.replace("::/64", ":fdff:ffff:ffff:fffe")
    with contextlib.closing(icmp6_socket(both["cn"], 145)) as s:
        s.settimeout(5)
        s.sendto(bytes((144, 0, 0, 0, 0, 9, 0, 0)), (asked, 0))
        _, reply, _ = receive(s)
    assert reply[8:24] == socket.inet_pton(socket.AF_INET6, COA["ar2"])


def test_filters_of_both_roles(both):
    """10.4: what a node sends to its own access router as home agent is
    checked as if it had come through a tunnel."""
    serves(both, "mn2", THERE, "ar2")
    core = both.capture("core", "ar2", "ip6 and udp")
    for src in (THERE.replace(":2:2:", ":2:9:"), CN):
        p = bytes(IPv6(src=src, dst=CN) / UDP(sport=9, dport=9) / b"forbidden")
        both["mn2"].send_frame("eth0", bytes.fromhex(
            (MAC["ar2"] + MAC["mn2"]).replace(":", "")) + b"\x86\xdd" + p)
    hoti = bytes.fromhex("3b01010000000000") + b"forbidden"[:8]
    p = checksum(bytes(IPv6(src=THERE, dst=CN, nh=135, plen=16)) + hoti)
    before = dropped(both.ar2)["hoti"]
    both["mn2"].send_frame("eth0", bytes.fromhex(
        (MAC["ar2"] + MAC["mn2"]).replace(":", "")) + b"\x86\xdd" + p)
    assert reachable(both["mn2"], CN)
    core.stop()
    assert not [q for _, q, _ in packets(core.path) if b"forbidd" in bytes(q)]
    assert dropped(both.ar2)["hoti"] == before + 1


@pytest.mark.stock
def test_few_neighbours_are_named(tmp_path):
    """The kernel's limit is seen in the machine's first namespace only."""
    name = "first"          # no name that lib.ns would clean up with its processes
    subprocess.run(["ip", "netns", "attach", name, "1"], check=True)
    first = Ns(name, "ar1")
    first.mnt = os.open("/proc/self/ns/mnt", os.O_RDONLY)   # has its /sys
    limit = "net.ipv6.neigh.default.gc_thresh3"
    conf = pma_conf(tmp_path, "ar1", "auto")
    conf["pma"]["uplink"] = "lo"
    daemon = Daemon(first, str(tmp_path), "pma", conf)
    esp.write_keys(tmp_path)
    (tmp_path / "policy.yaml").write_text("mobile-nodes: []\n")
    try:
        first.ip(f"addr add {COA['ar1']}/128 dev lo")
        daemon.start()
        assert f"ev=few-neighbours name={limit} value=1024" in daemon.tail(100)
        daemon.stop()
        first.sysctl(limit, 300000)
        daemon.start()
        assert daemon.tail(100).count(f"few-neighbours name={limit}") == 1
        daemon.stop()
    finally:
        daemon.kill()
        first.ip(f"addr del {COA['ar1']}/128 dev lo")
        first.close()
        subprocess.run(["ip", "netns", "del", name], check=True)
