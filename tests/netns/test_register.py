# SPDX-License-Identifier: BSD-2-Clause
"""A node attaches: what goes over the wires, and what the kernels have then.

Judged by captures at four places, decoded by tshark.
"""
import os
import socket
import types

import pytest

from lib import kernel, traffic
from lib.capture import decode, messages, packets
from lib.ns import until
from lib.topology import ADDR, CN, COA, HA, LLA, MAC, NAI, PREFIX

FIELDS = ("ipv6.src", "ipv6.dst", "ipv6.nxt", "ipv6.hlim", "eth.src",
          "eth.dst", "icmpv6.type", "mip6.mhtype", "mip6.bu.a_flag",
          "mip6.bu.h_flag", "mip6.bu.l_flag", "mip6.bu.k_flag",
          "mip6.bu.m_flag", "mip6.nemo.bu.r_flag", "mip6.bu.p_flag",
          "mip6.bu.lifetime", "mip6.bu.seqnr", "mip6.ba.status",
          "mip6.ba.p_flag", "mip6.ba.lifetime", "mip6.ba.seqnr",
          "mip6.mnid.identifier", "mip6.mnid.subtype", "mip6.nemo.mnp.mnp",
          "mip6.nemo.mnp.pfl", "mip6.timestamp_tmp", "mip6.acoa.acoa",
          "icmpv6.nd.ra.router_lifetime", "icmpv6.nd.ra.flag.m",
          "icmpv6.nd.ra.flag.o", "icmpv6.opt.prefix",
          "icmpv6.opt.prefix.length", "icmpv6.opt.prefix.flag.l",
          "icmpv6.opt.prefix.flag.a", "icmpv6.opt.mtu", "icmpv6.opt.linkaddr")
RA = "icmp6 and ip6[40] == 134"


@pytest.fixture(scope="module")
def run(domain):
    """Attach mn1 to ar1 once, let it talk, and decode everything."""
    core = domain.capture("core", "ar1", "ip6 proto 135 or ip6 proto 41")
    access = domain.capture("ar1", "acc0", "icmp6")
    domain.attach("mn1", "ar1")
    reached = traffic.reachable(domain["cn"], ADDR["mn1"])
    answered = traffic.reachable(domain["mn1"], CN)
    core.stop()
    access.stop()
    rows = decode([core.path, access.path], "mipv6 || ipv6.nxt == 41 || "
                  "icmpv6.type == 133 || icmpv6.type == 134", *FIELDS)
    return types.SimpleNamespace(
        reached=reached, answered=answered,
        pbu=[m for m in rows if m["mip6.mhtype"] == ["5"]],
        pba=[m for m in rows if m["mip6.mhtype"] == ["6"]],
        data=[m for m in rows if m["ipv6.nxt"][0] == "41"],
        rs=[m for m in rows if m["icmpv6.type"] == ["133"]],
        ra=[m for m in rows if m["icmpv6.type"] == ["134"]],
        paths={n: kernel.paths(domain.daemons[n]) for n in ("ha", "ar1")},
        tunnels={n: kernel.tunnels(domain.daemons[n]) for n in ("ha", "ar1")},
        bindings={n: domain.daemons[n].binding(NAI["mn1"])
                  for n in ("ha", "ar1")})


def one(values):
    assert len(values) == 1, values
    return values[0]


def test_node_and_correspondent_reach_each_other(run):
    # D2-1, D3-14, D3-17, D3-18, D3-19, D6-2, D7-1
    assert run.reached and run.answered


def test_solicitation_starts_it(run):
    # D7.1-2
    assert run.rs and run.rs[0]["eth.src"] == [MAC["mn1"]]
    assert run.rs[0]["time"] <= run.pbu[0]["time"]


def test_pbu_addresses(run):
    """D3-10, D5-2: from the egress address; no extension header (ESP aside)."""
    # D3-8, D3-10, D5-2, D6-1, D6.10-6, D6.10-7
    m = run.pbu[0]
    assert m["ipv6.src"] == [COA["ar1"]] and m["ipv6.dst"] == [HA]
    assert m["ipv6.nxt"] == ["135"]


def test_pbu_flags(run):
    """D8.1: A, H and P; nothing else."""
    # D8.1-1, D8.1-2
    m = run.pbu[0]
    flags = {f: m[k] for f, k in (("A", "mip6.bu.a_flag"),
                                  ("H", "mip6.bu.h_flag"),
                                  ("P", "mip6.bu.p_flag"))}
    assert flags == {"A": ["1"], "H": ["1"], "P": ["1"]}
    for k in ("l", "k", "m"):
        assert m[f"mip6.bu.{k}_flag"] == ["0"]
    assert m["mip6.nemo.bu.r_flag"] == ["0"]


def test_pbu_options(run):
    """D3-9, D6.10-8, -10: NAI, home prefix, time stamp; A16: alternate CoA."""
    # D3-9, D5.5-2, D6.10-8, D6.10-10, D8.3-1, D8.4-1, D9-1, D7.1-1
    m = run.pbu[0]
    assert m["mip6.mnid.identifier"] == [NAI["mn1"]]
    assert m["mip6.mnid.subtype"] == ["1"]
    assert m["mip6.nemo.mnp.mnp"] == [PREFIX["mn1"].split("/")[0]]
    assert m["mip6.nemo.mnp.pfl"] == ["64"]
    assert len(m["mip6.timestamp_tmp"]) == 1
    assert m["mip6.acoa.acoa"] in ([], [COA["ar1"]])
    assert int(one(m["mip6.bu.lifetime"])) == 300 // 4


def test_pba(run):
    """D8.2, A24, A25: accepted; P set, sequence and time stamp echoed."""
    # D3-13, D8.2-1, D8.2-3, D8.4-2, D5.1-1, D8.5-5
    u, a = run.pbu[0], run.pba[0]
    assert a["ipv6.src"] == [HA] and a["ipv6.dst"] == [COA["ar1"]]
    assert a["mip6.ba.status"] == ["0"] and a["mip6.ba.p_flag"] == ["1"]
    assert a["mip6.ba.seqnr"] == u["mip6.bu.seqnr"]
    assert a["mip6.timestamp_tmp"] == u["mip6.timestamp_tmp"]
    assert a["mip6.mnid.identifier"] == [NAI["mn1"]]
    assert a["mip6.nemo.mnp.mnp"] == u["mip6.nemo.mnp.mnp"]
    assert 0 < int(one(a["mip6.ba.lifetime"])) <= 300 // 4


def test_one_registration_is_enough(run):
    assert len(run.pbu) == len(run.pba) == 1


def test_advertisement_goes_to_the_node_alone(run):
    """D6.3-8, D6.3-9: MAC of the node, IPv6 destination ff02::1."""
    # D6.3-7, D6.3-8, D6.3-9, D6.10-5
    for m in run.ra:
        assert m["eth.dst"] == [MAC["mn1"]] and m["ipv6.dst"] == ["ff02::1"]
        assert m["eth.src"] == [MAC["ar1"]] and m["ipv6.src"] == [LLA["ar1"]]
        assert m["ipv6.hlim"] == ["255"]


def test_advertisement_contents(run):
    # D3-6, D3-7, D6.1-2, D6.1-6, D6.3-2, D6.10-4, D7.1-3, D7.1-4, D7.1-6,
    # D7.3-3
    m = run.ra[0]
    assert m["icmpv6.opt.prefix"] == [PREFIX["mn1"].split("/")[0]]
    assert m["icmpv6.opt.prefix.length"] == ["64"]
    assert m["icmpv6.opt.prefix.flag.l"] == ["1"]
    assert m["icmpv6.opt.prefix.flag.a"] == ["1"]
    assert m["icmpv6.nd.ra.flag.m"] == ["0"]
    assert int(one(m["icmpv6.nd.ra.router_lifetime"])) == 90
    assert m["icmpv6.opt.mtu"] == ["1460"]
    assert m["icmpv6.opt.linkaddr"] == [MAC["ar1"]]


def test_register_first_advertise_on_acceptance(run):
    # D6.10-17
    assert run.ra[0]["time"] >= run.pba[0]["time"]


def test_tunnelled_packets(run):
    """RFC 2473: next header 41 and no other extension, both directions."""
    # D3-15, D3-16, D5.3-4, D5.3-5, D5.3-7, D6.7-7, D6.7-10, D5.9-8
    ends = {(m["ipv6.src"][0], m["ipv6.dst"][0]) for m in run.data}
    assert ends == {(COA["ar1"], HA), (HA, COA["ar1"])}
    assert all(m["ipv6.nxt"] == ["41", "58"] for m in run.data)
    inner = {(m["ipv6.src"][1], m["ipv6.dst"][1]) for m in run.data}
    assert (CN, ADDR["mn1"]) in inner and (ADDR["mn1"], CN) in inner


def test_home_agent_routes_the_prefix_to_the_router(run):
    # D3-11, D3-12, D5.3-1, D5.9-13, D5.9-11, D6.10-11, D5-9
    assert run.paths["ha"] == {PREFIX["mn1"]: COA["ar1"]}
    assert run.tunnels["ha"] == {COA["ar1"]}


def test_router_sends_by_source(run):
    # D3-14, D6.7-1, D6.7-2, D6.10-17
    assert run.paths["ar1"] == {PREFIX["mn1"]: HA}
    assert run.tunnels["ar1"] == {HA}


def test_daemons_say_the_same(run):
    # D5.1-1, D5.1-3, D5.9-7, D6.11-1, D6.11-2
    ha, ar1 = run.bindings["ha"], run.bindings["ar1"]
    assert ha["coa"] == COA["ar1"] and ha["hnp"] == PREFIX["mn1"]
    assert ar1["hnp"] == PREFIX["mn1"] and ar1["mac"] == MAC["mn1"]


def test_any_address_of_the_prefix_is_reachable(d):
    """D5.3-6, D6.1-4: the whole /64 goes to the node."""
    # D6.1-4, D5.3-6
    d.attach("mn1", "ar1")
    other = PREFIX["mn1"].replace("::/64", ":dead:beef:1:2")
    d["mn1"].ip(f"addr add {other}/128 dev eth0 nodad")
    assert traffic.reachable(d["cn"], other)
    assert traffic.reachable(d["mn1"], CN, src=other)


def test_two_nodes_share_a_tunnel(d):
    """D5.2-1, D5.2-7; D6.3-6: each hears of its own prefix only."""
    # D5.2-1, D5.2-2, D5.2-7, D6.3-6, D6.6-1, D5.9-14, D4-2
    d.attach("mn1", "ar1")
    heard = d.capture("mn1", "eth0", RA)
    d.attach("mn2", "ar1")
    assert traffic.reachable(d["cn"], ADDR["mn1"])
    assert traffic.reachable(d["cn"], ADDR["mn2"])
    assert kernel.tunnels(d.ha) == {COA["ar1"]}
    assert [t["users"] for t in d.ha.show("tunnels")] == [2]
    heard.stop()
    prefix = socket.inet_pton(socket.AF_INET6, PREFIX["mn2"].split("/")[0])
    for _, p, _ in packets(heard.path):
        assert prefix[:8] not in bytes(p)


def test_nodes_reach_each_other_through_the_home_agent(d):
    """D6.7-8: also when they are on the same router."""
    d.attach("mn1", "ar1")
    d.attach("mn2", "ar1")
    core = d.capture("core", "ha0", "ip6 proto 41")
    assert traffic.reachable(d["mn1"], ADDR["mn2"])
    core.stop()
    assert len(packets(core.path)) >= 2


def test_later_solicitations_are_answered(d):
    """Each of them; nothing is interrupted by that."""
    # D7.2-3
    d.attach("mn1", "ar1")
    for _ in range(3):
        ra = d.capture("mn1", "eth0", RA)
        d.solicit("mn1")
        until(lambda r=ra: os.path.getsize(r.path) > 24, 3, "an RA")
        ra.stop()
        assert reachable_at_once(d)


def reachable_at_once(d):
    return traffic.reachable(d["cn"], ADDR["mn1"], timeout=0.5)


def test_unknown_mac_gets_nothing(d):
    """10.5: a MAC that the policy does not know is nobody's."""
    # D3-5
    d["mn2"].ip("link set eth0 address 02:00:00:00:66:66")
    try:
        ra = d.capture("ar1", "acc0", RA)
        mh = d.capture("core", "ar1", "ip6 proto 135")
        d.plug("mn2", "ar1")
        d.attach("mn1", "ar1")          # so long does it have
        ra.stop()
        mh.stop()
        assert {mac for _, _, mac in packets(ra.path)} == {MAC["mn1"]}
        assert {m["nai"] for m in messages(mh.path)} == {NAI["mn1"]}
    finally:
        d.topology.unplug("mn2")
        d["mn2"].ip("link set eth0 down",
                    f"link set eth0 address {MAC['mn2']}")
