# SPDX-License-Identifier: BSD-2-Clause
"""Refusals: the right status, and no service at all."""
import time

import pytest

from lib import esp, kernel
from lib.capture import messages, packets
from lib.mip6 import HandPma
from lib.ns import holds, until
from lib.topology import ADDR, CN, COA, HA, LLA, MAC, NAI, PREFIX
from lib.traffic import reachable

MN = NAI["mn1"]
ELSEWHERE = "2001:db8:77:1::/64"        # no home prefix of this home agent

# condition -> (status, what to send); PROTOCOL 3.2, 4.1
REFUSALS = {
    "no-nai": (128, dict(nai=None, prefix=PREFIX["mn1"])),
    "unknown-nai": (133, dict(nai="nobody@example.com", prefix=PREFIX["mn1"])),
    "no-time-stamp": (148, dict(nai=MN, prefix=PREFIX["mn1"], timestamp=False)),
    "time-stamp-too-old": (148, dict(nai=MN, prefix=PREFIX["mn1"], when=-60)),
    "time-stamp-of-tomorrow": (148, dict(nai=MN, prefix=PREFIX["mn1"],
                                         when=86400)),
    "no-prefix": (147, dict(nai=MN)),
    "prefix-of-another": (129, dict(nai=MN, prefix=PREFIX["mn2"])),
    "prefix-not-anchored-here": (132, dict(nai=MN, prefix=ELSEWHERE)),
    "care-of-address-of-another": (146, dict(nai=MN, prefix=PREFIX["mn1"],
                                             alt="2001:db8:b7::1")),
}


def nothing_left(d):
    return (not d.ha.show("bindings") and not kernel.paths(d.ha) and
            not kernel.tunnels(d.ha))


@pytest.mark.parametrize("name", REFUSALS)
def test_status(d, name):
    # D3-1, D5.5-5, D5.9-2, D5.9-6, D8.5-3, D8.5-4, D8.5-5, D8.4-2, D5.5-6,
    # D5.5-1, D9-2
    status, args = REFUSALS[name]
    args = dict(args)
    if "when" in args:
        args["when"] += time.time()
    ba = d.hand_pma().register(**args)
    assert ba.status == status
    assert ba.mhtime == 0
    assert nothing_left(d)


def test_refusal_for_time_carries_the_clock(d):
    """D5.5-6: status 148 with the home agent's own Time Stamp."""
    # D5.5-6, D8.4-2
    hand = d.hand_pma()
    ba = hand.register(MN, PREFIX["mn1"], when=time.time() - 3600)
    assert ba.status == 148
    assert abs(hand.option(ba, 27)[0].value / 65536 - time.time()) < 2


def test_unauthorised_router(d):
    """D4-6: a care-of address that is in no list gets 146."""
    # D4-6, D5-1, D5.9-4, D8.5-2
    d["lab"].ip(f"addr add {esp.STRANGER}/64 dev core0 nodad")
    hand = HandPma(d["lab"], esp.STRANGER, HA)
    d.cleanups.append(hand.close)
    assert hand.register(MN, PREFIX["mn1"]).status == 146
    assert nothing_left(d)


def test_router_not_allowed_for_this_node(d):
    # D10-7, D5.9-1
    with d.changed_policy("mn1", d.ha, allowed_pmas=[COA["ar2"]]):
        assert d.hand_pma().register(MN, PREFIX["mn1"]).status == 146
        assert nothing_left(d)


def test_service_switched_off(d):
    """145, and again 0 when it is back on."""
    # D8.5-1
    hand = d.hand_pma()
    d.ha.conf["ha"]["proxy-registration"] = False
    try:
        d.ha.write()
        d.ha.ctl("reload")
        assert hand.register(MN, PREFIX["mn1"]).status == 145
        assert nothing_left(d)
    finally:
        del d.ha.conf["ha"]["proxy-registration"]
        d.ha.write()
        d.ha.ctl("reload")
    assert hand.register(MN, PREFIX["mn1"]).status == 0
    hand.register(MN, PREFIX["mn1"], lifetime_s=0)


def test_too_many_bindings(d):
    """130 when a limit is reached; those inside stay."""
    hand = d.hand_pma()
    d.ha.conf["ha"]["pmas"][-1]["max-bindings"] = 1
    try:
        d.ha.write()
        d.ha.ctl("reload")
        assert hand.register(NAI["mn2"], PREFIX["mn2"]).status == 0
        assert hand.register(MN, PREFIX["mn1"]).status == 130
        assert [b["nai"] for b in d.ha.show("bindings")] == [NAI["mn2"]]
    finally:
        del d.ha.conf["ha"]["pmas"][-1]["max-bindings"]
        d.ha.write()
        d.ha.ctl("reload")
        hand.register(NAI["mn2"], PREFIX["mn2"], lifetime_s=0)


def denied_at(d, router, node="mn1"):
    """Plug the node in and wait for the refusal; the captures of it."""
    ra = d.capture(router, "acc0", "icmp6 and ip6[40] == 134")
    core = d.capture("core", router, "ip6")
    with d.daemons[router].watch() as w:
        d.plug(node, router)
        event = w.wait("denied", nai=NAI[node])
    return ra, core, event


def test_denied_node_gets_no_service(d):
    """D6.10-18: no advertisement, no address, nothing forwarded."""
    # D6.10-18
    with d.changed_policy("mn1", d.ha, allowed_pmas=[COA["ar2"]]):
        ra, core, event = denied_at(d, "ar1")
        assert str(event["status"]).startswith(("146", "pma"))
        # it tries all the same, with its address and the router's MAC
        d["mn1"].ip(f"addr add {ADDR['mn1']}/64 dev eth0 nodad",
                    f"neigh replace {LLA['ar1']} lladdr {MAC['ar1']} dev eth0",
                    f"route add ::/0 via {LLA['ar1']} dev eth0")
        assert not reachable(d["mn1"], CN, timeout=0.5)
        ra.stop()
        core.stop()
        assert packets(ra.path) == []
        leaked = [p for _, p, _ in packets(core.path)
                  if ADDR["mn1"] in (p.src, getattr(p.payload, "src", None))]
        assert leaked == []
        assert [m["status"] for m in messages(core.path, 6)] == [146]
        assert nothing_left(d)
    d["mn1"].ip(f"addr del {ADDR['mn1']}/64 dev eth0")


def test_node_not_entitled(d):
    """D6.9-2: the router does not even ask."""
    # D6.9-2
    with d.changed_policy("mn1", d.ha, d.ar1, pmip=False):
        core = d.capture("core", "ar1", "ip6 proto 135")
        d.plug("mn1", "ar1")
        d.attach("mn2", "ar1")          # so long does it have
        core.stop()
        assert {m["nai"] for m in messages(core.path)} == {NAI["mn2"]}
        assert ADDR["mn1"] not in d["mn1"].addresses("eth0")


def test_refused_node_gets_in_once_allowed(d):
    """Elsewhere at once; here when the operator says so."""
    with d.changed_policy("mn1", d.ha, allowed_pmas=[COA["ar2"]]):
        ra, core, _ = denied_at(d, "ar1")
        ra.stop()
        core.stop()
        d.attach("mn1", "ar2")
        assert reachable(d["cn"], ADDR["mn1"])
    d.plug("mn1", "ar1")
    d.ar1.ctl("attach", nai=NAI["mn1"], interface="acc0", mac=MAC["mn1"])
    until(lambda: d.attached("mn1", "ar1"), 10, "attached")
    assert reachable(d["cn"], ADDR["mn1"])


def test_withdrawn_while_active(d):
    """A refresh that is refused takes the service away."""
    d.attach("mn1", "ar1")
    with d.changed_policy("mn1", d.ar1, d.ha, pmip=False):
        until(lambda: d.ar1.binding(NAI["mn1"]).get("state") != "active", 10,
              "no longer served")
        until(lambda: not kernel.paths(d.ar1), 5, "no path at the router")
        holds(lambda: not kernel.paths(d.ar1), 0.3, "stays so", every=0.1)
        assert not reachable(d["mn1"], CN, timeout=0.5)
