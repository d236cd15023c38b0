# SPDX-License-Identifier: BSD-2-Clause
"""dataplane: tunnel-gro.  Who puts segments of TCP together: the uplink, those
out of tunnels included, and with `yes` the tunnel once more."""
import pytest

from lib import kernel
from lib.domain import Domain
from lib.ns import until
from lib.topology import CN
from lib.traffic import TcpStream

pytestmark = pytest.mark.stock
GRO, TSO, GSO = ("generic-receive-offload", "tcp-segmentation-offload",
                 "generic-segmentation-offload")
TOGETHER = 3000         # octets: two segments at least
SOME = 2_000_000


@pytest.fixture
def tunnels():
    with Domain("ip6tnl", "ip6tnl", ha={"dataplane": {"tunnel-gro": True}},
                pma={"dataplane": {"on-exit": "keep"}}) as d:
        d.attach("mn1", "ar1")
        yield d


def offload(ns, dev, what, on):
    ns.run("ethtool", "-K", dev, what, "on" if on else "off")


def tunnel(ns):
    """(interface index, has it GRO?) of the one there is."""
    (dev,) = kernel.ip6tnl(ns)
    out = ns.run("ethtool", "-k", dev).stdout.splitlines()[1:]
    return ns.index(dev), dict(l.strip().split(": ") for l in out)[GRO] == "on"


def mean_length(ns, dev, job):
    """Of what the host sends out of an interface during a job."""
    def sent():
        (link,) = ns.ip_json("-s", "link", "show", "dev", dev)
        tx = link["stats64"]["tx"]
        return tx["packets"], tx["bytes"]
    packets, octets = sent()
    job()
    after = sent()
    return (after[1] - octets) / (after[0] - packets)


def transfer(d):
    t = TcpStream(d["cn"], CN, d["mn1"], rate=20_000_000)
    try:
        until(lambda: t.error or t.received > SOME, 20, "some megabytes")
    finally:
        t.stop()
    assert t.error is None


def test_off_unless_asked_for(tunnels):
    ar1 = tunnels["ar1"]
    before, gro = tunnel(ar1)
    assert not gro
    assert tunnel(tunnels["ha"])[1]
    ar1.run("ip", "link", "del", *kernel.ip6tnl(ar1))
    until(lambda: tunnels.logged("ar1", "ev=tunnel-restored"), 10,
          "a lost device comes back")
    after, gro = tunnel(ar1)
    assert after != before and not gro


def test_adopted_device_follows_the_configuration(tunnels):
    d = tunnels
    before, _ = tunnel(d["ar1"])
    for wanted, end in ((True, d.ar1.stop), (False, d.ar1.kill)):
        end()
        d.ar1.conf["dataplane"]["tunnel-gro"] = wanted
        d.ar1.start()
        d.attach("mn1", "ar1")
        assert tunnel(d["ar1"]) == (before, wanted)


@pytest.mark.parametrize("uplink,tunnel,together", [
    (True, False, True), (False, False, False), (False, True, True)])
def test_who_puts_segments_together(uplink, tunnel, together):
    """A tunnel need not where the uplink does."""
    pma = {"dataplane": {"tunnel-gro": tunnel}}
    with Domain("ip6tnl", "ip6tnl", pma=pma) as d:
        d.attach("mn1", "ar1")
        # segments on every link; veth has GRO for a peer without TSO
        for host, dev in (("cn", "eth0"), ("core", "ar1")):
            for what in (TSO, GSO):
                offload(d[host], dev, what, False)
        offload(d["ar1"], "core0", GRO, uplink)
        length = mean_length(d["ar1"], "acc0", lambda: transfer(d))
        assert (length > TOGETHER) == together, length
