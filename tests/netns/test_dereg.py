# SPDX-License-Identifier: BSD-2-Clause
"""The end of a binding: detach, expiry; nothing of it stays in the kernel."""
from lib import kernel
from lib.capture import messages, packets
from lib.ns import holds, until
from lib.topology import ADDR, COA, HA, NAI, PREFIX
from lib.traffic import Udp, reachable


def gone(daemon):
    return not kernel.paths(daemon) and not kernel.tunnels(daemon)


def test_detach_deregisters(d):
    """D6.10-19, -20: PBU with lifetime 0, then no path at either end."""
    # D6.10-19, D6.10-20, D6.10-21
    d.attach("mn1", "ar1")
    mh = d.capture("core", "ar1", "ip6 proto 135")
    d.topology.unplug("mn1")
    d.ar1.ctl("detach", nai=NAI["mn1"])
    until(lambda: not d.ha.binding(NAI["mn1"]), 5, "de-registered")
    until(lambda: not d.ar1.binding(NAI["mn1"]), 5, "forgotten at the router")
    mh.stop()
    pbu, pba = messages(mh.path, 5), messages(mh.path, 6)
    assert [m["lifetime"] for m in pbu] == [0] and pbu[0]["hnp"] == PREFIX["mn1"]
    assert [(m["status"], m["lifetime"]) for m in pba] == [(0, 0)]
    until(lambda: gone(d.ha) and gone(d.ar1), 5, "kernel state is gone")


def test_last_user_takes_the_tunnel(d):
    """D5.2-7, D6.6-3."""
    # D5.2-7, D6.6-2, D6.6-3, D6.10-21
    d.attach("mn1", "ar1")
    d.attach("mn2", "ar1")
    d.detach("mn1")
    until(lambda: kernel.paths(d.ar1) == {PREFIX["mn2"]: HA}, 5, "one path left")
    assert kernel.tunnels(d.ha) == {COA["ar1"]}
    assert kernel.tunnels(d.ar1) == {HA}
    assert reachable(d["cn"], ADDR["mn2"])
    d.detach("mn2")
    until(lambda: gone(d.ha) and gone(d.ar1), 5, "both tunnels are gone")


def test_expiry(d):
    """A binding that nobody refreshes ends, with routes and tunnel."""
    # D5.2-6
    hand = d.hand_pma()
    with d.ha.watch() as w:
        ba = hand.register(NAI["mn1"], PREFIX["mn1"], lifetime_s=4)
        assert ba.status == 0 and ba.mhtime == 1
        assert kernel.paths(d.ha) == {PREFIX["mn1"]: COA["lab"]}
        e = w.wait("binding-deleted", timeout=7, nai=NAI["mn1"])
    assert e["why"] == "expired"
    until(lambda: gone(d.ha), 5, "route and tunnel are gone")


def test_tunnel_lives_as_long_as_its_longest_user(d):
    """D5.2-8: life is the longest lifetime among the users."""
    # D5.2-4, D5.2-8
    hand = d.hand_pma()
    assert hand.register(NAI["mn1"], PREFIX["mn1"], lifetime_s=4).status == 0
    assert hand.register(NAI["mn2"], PREFIX["mn2"], lifetime_s=600).status == 0
    life = d.ha.show("tunnels")[0]["life"]
    assert 590 < life <= 600
    until(lambda: not d.ha.binding(NAI["mn1"]), 7, "mn1 expires")
    assert kernel.paths(d.ha) == {PREFIX["mn2"]: COA["lab"]}
    assert kernel.tunnels(d.ha) == {COA["lab"]}
    hand.register(NAI["mn2"], PREFIX["mn2"], lifetime_s=0)
    until(lambda: gone(d.ha), 5, "tunnel gone")


def test_refresh_moves_expiry(d):
    """D5.2-5: a re-registration starts the lifetime anew."""
    # D5.2-5
    hand = d.hand_pma()
    assert hand.register(NAI["mn1"], PREFIX["mn1"], lifetime_s=4).status == 0
    holds(lambda: d.ha.binding(NAI["mn1"]), 2.5, "bound", every=0.1)
    assert hand.register(NAI["mn1"], PREFIX["mn1"], lifetime_s=4).status == 0
    holds(lambda: d.ha.binding(NAI["mn1"]), 2.5, "bound still", every=0.1)
    until(lambda: not d.ha.binding(NAI["mn1"]), 5, "expired")


def test_after_the_end_nothing_is_forwarded(d):
    """Packets for an unbound prefix do not wander back into the core."""
    d.attach("mn1", "ar1")
    assert reachable(d["cn"], ADDR["mn1"])
    d.detach("mn1")
    core = d.capture("core", "ha0", f"ip6 dst host {ADDR['mn1']} or "
                     "ip6 proto 41")
    udp = Udp(d["cn"], d["mn1"], ADDR["mn1"])
    for _ in range(5):
        assert not udp.arrives(timeout=0.05)
    udp.close()
    core.stop()
    assert packets(core.path) == []


def test_deregistration_of_an_unknown_binding(d):
    """3.2: lifetime 0 without a binding is answered 133 and leaves nothing."""
    hand = d.hand_pma()
    assert hand.register(NAI["mn1"], PREFIX["mn1"], lifetime_s=0).status == 133
    assert not d.ha.binding(NAI["mn1"]) and gone(d.ha)
