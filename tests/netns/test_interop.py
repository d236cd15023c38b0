# SPDX-License-Identifier: BSD-2-Clause
"""Both backends against tunnels that pmipd did not make: set up by hand with
iproute2 at the other end; and bpf against ip6tnl."""
import socket
import threading

import pytest
from scapy.layers.inet import UDP
from scapy.layers.inet6 import IPv6

from lib import esp, mip6
from lib.domain import Domain
from lib.ns import until
from lib.topology import ADDR, CN, COA, HA, NAI, PREFIX
from lib.traffic import TcpStream, reachable, send_raw

pytestmark = pytest.mark.stock
LAB_NODE = "2001:db8:1:9::1"            # lives on the access router by hand
OTHER_AGENT = esp.STRANGER              # an address that all have keys for
PORT = 7878


@pytest.fixture(params=["bpf", "ip6tnl"])
def ha_only(request):
    with Domain(ha_backend=request.param, daemons=("ha",)) as d:
        assert d.backend("ha") == request.param
        yield d


@pytest.fixture(params=["bpf", "ip6tnl"])
def pma_only(request):
    with Domain(pma_backend=request.param, daemons=("ar1",),
                pma={"pma": {"home-agent": COA["lab"]}}) as d:
        for p in d.policy["mobile-nodes"]:
            p.pop("home-agent", None)
        d.write_policy()
        d.ar1.ctl("reload")
        yield d


def test_home_agent_with_an_access_router_by_hand(ha_only):
    d = ha_only
    d["lab"].ip(f"link add tnl type ip6tnl mode ip6ip6 local {COA['lab']} "
                f"remote {HA} encaplimit none", "link set tnl up",
                f"addr add {LAB_NODE}/128 dev lo nodad",
                f"route add 2001:db8:c::/64 dev tnl src {LAB_NODE}")
    hand = d.hand_pma()
    assert hand.register(NAI["lab"], PREFIX["lab"]).status == 0
    assert reachable(d["cn"], LAB_NODE)
    assert reachable(d["lab"], CN, src=LAB_NODE)
    d["lab"].ip("link del tnl")
    assert not reachable(d["cn"], LAB_NODE, timeout=0.5)


class HandHa(threading.Thread):
    """Accepts every PBU that reaches that address of the lab host."""

    def __init__(self, ns, address=COA["lab"]):
        super().__init__(daemon=True)
        self.sock = esp.mh_socket(ns, address)
        self.sock.settimeout(0.2)
        self.over = False

    def run(self):
        while not self.over:
            try:
                data, addr = self.sock.recvfrom(4096)
            except TimeoutError:
                continue
            if data[2] == 5:
                bu = mip6.MIP6MH_BU(data)
                self.sock.sendto(bytes(mip6.MIP6MH_BA(
                    status=0, flags="P", seq=bu.seq, mhtime=bu.mhtime,
                    options=[o for o in bu.options
                             if getattr(o, "otype", 0) in (8, 22, 27)])), addr)

    def stop(self):
        self.over = True
        self.join()
        self.sock.close()


def test_access_router_with_a_home_agent_by_hand(pma_only):
    d = pma_only
    d["lab"].sysctl("net.ipv6.conf.all.forwarding", 1)
    d["lab"].ip(f"link add tnl type ip6tnl mode ip6ip6 local {COA['lab']} "
                f"remote {COA['ar1']} encaplimit none", "link set tnl up",
                f"route add {PREFIX['mn1']} dev tnl",
                "addr add 2001:db8:9::1/128 dev lo nodad")
    hand = HandHa(d["lab"])
    hand.start()
    try:
        d.plug("mn1", "ar1")
        until(lambda: d.has_address("mn1"), 10, "the node has its address")
        assert reachable(d["lab"], ADDR["mn1"], src="2001:db8:9::1")
        assert reachable(d["mn1"], "2001:db8:9::1")
    finally:
        hand.stop()
        d["lab"].ip("link del tnl")


def not_hosted(d):
    """How often the router dropped what no node of the tunnel is to get."""
    (status,) = d.ar1.show("status")
    return status["dataplane"]["filters"]["dropped"]["not-hosted"]


def test_tunnel_of_another_home_agent(pma_only):
    """A node is reached out of its own home agent's tunnel only (10.4)."""
    d, lab = pma_only, pma_only["lab"]
    lab.ip(f"addr add {OTHER_AGENT}/64 dev core0 nodad")
    for p in d.policy["mobile-nodes"]:
        if p["nai"] == NAI["mn2"]:
            p["home-agent"] = OTHER_AGENT
    d.write_policy()
    d.ar1.ctl("reload")
    agents = [HandHa(lab), HandHa(lab, OTHER_AGENT)]
    for a in agents:
        a.start()
    try:
        for node in ("mn1", "mn2"):
            d.plug(node, "ar1")
            until(lambda n=node: d.has_address(n), 10, "it has its address")
        with d["mn1"].socket(socket.AF_INET6, socket.SOCK_DGRAM) as s:
            s.bind(("::", PORT))
            s.settimeout(5)
            before = not_hosted(d)
            for outer, word in ((OTHER_AGENT, b"other"), (COA["lab"], b"own")):
                send_raw(lab, bytes(
                    IPv6(src=outer, dst=COA["ar1"]) /
                    IPv6(src="2001:db8:9::1", dst=ADDR["mn1"]) /
                    UDP(sport=PORT, dport=PORT) / word))
            assert s.recv(64) == b"own"
            assert not_hosted(d) == before + 1
    finally:
        for a in agents:
            a.stop()


@pytest.mark.parametrize("ha,pma", [("bpf", "ip6tnl"), ("ip6tnl", "bpf")])
def test_mixed_domain(ha, pma):
    """One backend at the home agent, the other at the access routers."""
    with Domain(ha_backend=ha, pma_backend=pma) as d:
        assert (d.backend("ha"), d.backend("ar1")) == (ha, pma)
        d.attach("mn1", "ar1")
        assert reachable(d["cn"], ADDR["mn1"])
        tcp = TcpStream(d["cn"], CN, d["mn1"])
        for router in ("ar2", "ar1"):
            d.attach("mn1", router)
            had = tcp.received
            until(lambda h=had: tcp.received > h + 10_000 or tcp.error, 10,
                  "TCP goes on")
        tcp.stop()
        assert tcp.error is None
