# SPDX-License-Identifier: BSD-2-Clause
"""Crash, stop, reload: what stays in the kernel, and how service returns."""
import pytest

from lib import kernel
from lib.ns import holds, until
from lib.topology import ADDR, COA, HA, LLA, MAC, NAI, PREFIX
from lib.traffic import Pinger, reachable

# short, so that an access router notices soon that a home agent forgot
DOMAIN = {"pma": {"pma": {"lifetime": "8s"}}}


def traces(d, name):
    """Everything of pmipd in the kernel of a host."""
    ns = d[name]
    return {"routes": kernel.routes(ns), "rules": kernel.rules(ns),
            "nexthops": kernel.nexthops(ns), "tunnels": kernel.ip6tnl(ns),
            "filters": kernel.programs(ns)}


def clean(d, name):
    return not any(traces(d, name).values())


def asks_daemon(d, name):
    """Has the kernel somebody to ask where a node is?"""
    return d[name].sysctl("net.ipv6.neigh.acc0.app_solicit") != "0"


def restart(daemon, how="kill"):
    getattr(daemon, how)()
    daemon.start()


def test_home_agent_crashes(d):
    """Left-overs go, and the next refresh brings the service back."""
    # D7.1-7
    d.attach("mn1", "ar1")
    d.attach("mn2", "ar1")
    d.detach("mn2")
    restart(d.ha)
    until(lambda: d.ha.binding(NAI["mn1"]).get("coa") == COA["ar1"], 12,
          "the router registers again")
    assert reachable(d["cn"], ADDR["mn1"])
    assert kernel.paths(d.ha) == {PREFIX["mn1"]: COA["ar1"]}
    assert kernel.tunnels(d.ha) == {COA["ar1"]}


def test_departed_node_is_not_refreshed(d):
    """A router that a node left without a word does not take it back when the
    time to refresh comes (6.4 s after it registered)."""
    d.attach("mn1", "ar1")
    d.attach("mn1", "ar2")
    holds(lambda: d.ha.binding(NAI["mn1"]).get("coa") == COA["ar2"], 9,
          "the binding stays with the router where the node is", every=0.1)
    assert reachable(d["cn"], ADDR["mn1"])
    assert not d.ar1.binding(NAI["mn1"])


def test_left_overs_of_a_crashed_home_agent_are_swept(d):
    hand = d.hand_pma()
    assert hand.register(NAI["mn1"], PREFIX["mn1"]).status == 0
    restart(d.ha)
    until(lambda: not kernel.paths(d.ha) and not kernel.tunnels(d.ha), 10,
          "the forgotten node's path is swept")


def test_access_router_crashes(d):
    # D7.1-7
    d.attach("mn1", "ar1")
    restart(d.ar1)
    d.attach("mn1", "ar1")
    assert reachable(d["cn"], ADDR["mn1"])
    assert kernel.paths(d.ar1) == {PREFIX["mn1"]: HA}


def test_left_overs_of_a_crashed_router_are_swept(d):
    d.attach("mn1", "ar1")
    d.ar1.kill()
    d.topology.unplug("mn1")
    d["ar1"].ip("neigh flush dev acc0")     # or it looks as if it were here
    d.ar1.start()
    until(lambda: not kernel.paths(d.ar1) and not kernel.tunnels(d.ar1), 10,
          "paths of a node that left are swept")
    d.attach("mn1", "ar2")
    assert reachable(d["cn"], ADDR["mn1"])


def test_restarted_router_does_not_claim_a_node_that_moved_on(d):
    """The neighbour cache says reachable for half a minute after a node has
    left; that is no reason to take its binding from where it is."""
    d.attach("mn1", "ar1")
    d["ar1"].ip(f"neigh replace {LLA['mn1']} lladdr {MAC['mn1']} dev acc0 "
                "nud reachable")
    d.ar1.kill()
    d.attach("mn1", "ar2")
    d.ar1.start()
    holds(lambda: d.ha.binding(NAI["mn1"]).get("coa") == COA["ar2"], 2,
          "the binding stays with the router where the node is", every=0.05)
    assert reachable(d["cn"], ADDR["mn1"])


def test_sigterm_removes_everything(d):
    restart(d.ar1)          # one that had no time for it left it to the next
    d.attach("mn1", "ar1")
    assert asks_daemon(d, "ar1")
    d.ar1.stop()
    assert clean(d, "ar1"), traces(d, "ar1")
    assert not asks_daemon(d, "ar1")
    until(lambda: not d.ha.binding(NAI["mn1"]), 10, "de-registered on exit")
    d.ha.stop()
    assert clean(d, "ha"), traces(d, "ha")
    d.ha.start()
    d.ar1.start()


@pytest.mark.parametrize("name", ["ha", "ar1"])
def test_sigterm_keeps_when_told_to(d, name):
    """dataplane.on-exit: keep - packets flow on while the daemon is away,
    and the next one takes over without losing any."""
    daemon = d.daemons[name]
    daemon.stop()
    daemon.conf["dataplane"]["on-exit"] = "keep"
    daemon.start()
    try:
        d.attach("mn1", "ar1")
        ping = Pinger(d["cn"], ADDR["mn1"], interval=0.02)
        until(lambda: ping.rtt, 5, "echo")
        daemon.stop()
        n = len(ping.rtt)
        until(lambda: len(ping.rtt) > n + 10, 3, "flows without the daemon")
        assert name == "ha" or not asks_daemon(d, name)
        daemon.start()
        until(lambda: d.ha.binding(NAI["mn1"]), 12, "registered again")
        ping.stop()
        assert ping.outages() == []
    finally:
        daemon.stop()
        del daemon.conf["dataplane"]["on-exit"]
        daemon.start()


def test_hup_reloads_without_losing_a_binding(d):
    d.attach("mn1", "ar1")
    before = {n: d.daemons[n].binding(NAI["mn1"]) for n in ("ha", "ar1")}
    ping = Pinger(d["cn"], ADDR["mn1"], interval=0.02)
    until(lambda: ping.rtt, 5, "echo")
    for name in ("ha", "ar1"):
        with d.daemons[name].watch() as w:
            d.daemons[name].hup()
            w.wait("reloaded")
    n = len(ping.rtt)
    until(lambda: len(ping.rtt) > n + 5, 3, "echo goes on")
    ping.stop()
    assert ping.outages() == []
    for name, b in before.items():
        now = d.daemons[name].binding(NAI["mn1"])
        assert now["hnp"] == b["hnp"]
    assert d.ha.binding(NAI["mn1"])["coa"] == COA["ar1"]


def test_reload_takes_a_new_node(d):
    # D3-2, D6.10-3
    profile = d.profile("mn2")
    d.policy["mobile-nodes"].remove(profile)
    d.write_policy()
    for x in (d.ha, d.ar1):
        x.ctl("reload")
    hand = d.hand_pma()
    assert hand.register(NAI["mn2"], PREFIX["mn2"]).status == 133
    d.policy["mobile-nodes"].append(profile)
    d.write_policy()
    for x in (d.ha, d.ar1):
        x.ctl("reload")
    d.attach("mn2", "ar1")


@pytest.mark.parametrize("text", ["ha: {addresses: [2001:db8:a::1], foo: 1}",
                                  "security: {ipsec: none}\nha: [\n", ""])
def test_bad_file_changes_nothing(d, text):
    d.attach("mn1", "ar1")
    config = d.ha.show("config")
    d.ha.write(text=text)
    try:
        with d.ha.watch() as w:
            d.ha.hup()
            w.wait("reload-refused")
    finally:
        d.ha.write()
    assert d.ha.show("config") == config
    assert d.ha.binding(NAI["mn1"])["coa"] == COA["ar1"]
    assert reachable(d["cn"], ADDR["mn1"])


def test_bad_policy_changes_nothing(d):
    d.attach("mn1", "ar1")
    d.write_policy("mobile-nodes:\n - nai: [broken\n")
    try:
        with d.ha.watch() as w:
            d.ha.hup()
            w.wait("reload-refused")
    finally:
        d.write_policy()
    assert d.ha.binding(NAI["mn1"])
    assert reachable(d["cn"], ADDR["mn1"])


def test_second_daemon_refuses_to_start(d):
    """The control socket is taken: it says so and leaves the first alone."""
    from lib.daemon import PMIPD
    out = d["ha"].run(PMIPD, "-f", "--role=ha", "-c", d.ha.config, check=False)
    assert out.returncode != 0
    assert "another pmipd" in out.stdout
    d.attach("mn1", "ar1")
    assert reachable(d["cn"], ADDR["mn1"])
