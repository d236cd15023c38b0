# SPDX-License-Identifier: BSD-2-Clause
"""Signalling that the stock kernel's IPsec protects: static keys of pmipd's
configuration, and strongSwan with a pre-shared key and with certificates.

What is proven on the wire is proven in every test: not one Mobility Header in
the clear on any link of the core while the daemons are at it."""
import collections
import hashlib
import shutil
import socket

import pytest

from lib import esp, ikev2
from lib.capture import packets
from lib.domain import Domain, work_folder
from lib.ikev2 import write
from lib.mip6 import pbu
from lib.ns import holds, until
from lib.topology import ADDR, COA, HA, NAI, PREFIX, ROUTERS
from lib.traffic import reachable

pytestmark = pytest.mark.stock
HANDOVERS = 10
LONG = 40                               # seconds; nothing takes that long
CORE = ("ha0", "ar1", "ar2")            # of the core router: all links there are
ENDS = {"ha": HA, **{r: COA[r] for r in ROUTERS}}
SIGNALLING = "ip6 proto 135 or ip6 proto 50 or udp port 500"
MH, ESP = 135, 50


# --- the domain, and what its links saw ----------------------------------------

SUITES = ({}, {"suite": "chacha20-poly1305", "extended-sequence-numbers": True})


def pair(folder, own, other, n):
    """The n-th pair of static keys of two hosts, as `own` sees it; under SPIs
    that captures do not know, so that they show what was on the wire."""
    sa = esp.peer(folder, own, other)["sas"][0]
    for way, src, dst in (("in", other, own), ("out", own, other)):
        sa[f"spi-{way}"] += (n + 1) << 24
        if n > 0:
            sa[f"key-{way}-file"] += f".{n}"
            write(sa[f"key-{way}-file"], (hashlib.sha512(
                f"{n} {src} > {dst}".encode()).hexdigest()[:72]).encode())
    return {**sa, **SUITES[n]}


def static(folder, name, pairs=(0,)):
    """`security:` with static keys, these pairs for each peer."""
    own = ENDS[name]
    others = ROUTERS if name == "ha" else ["ha"]
    return {"ipsec": "kernel", "state-directory": f"{folder}/{name}.state",
            "peers": [{"address": ENDS[o], "local": own, "sas": [
                pair(folder, own, ENDS[o], n) for n in pairs]}
                for o in others]}


def by_ike(folder, name):
    """`security:` without any key: others fill the kernel."""
    return {"ipsec": "kernel", "state-directory": f"{folder}/{name}.state"}


class Protected(Domain):
    """A domain in mode kernel, and captures of all its core links."""

    def __init__(self, folder):
        self.work = folder
        esp.write_keys(folder)
        super().__init__(
            ha={"security": {**by_ike(folder, "ha"), "peers": None}},
            pma=lambda r: {"security": {**by_ike(folder, r), "peers": None},
                           "pma": {"max-timeout": "1s"}})

    def configure(self, security, *args):
        """Another `security:` section everywhere, by reload."""
        for name, daemon in self.daemons.items():
            daemon.conf["security"] = security(self.work, name, *args)
            daemon.write()
            daemon.ctl("reload")

    def attach(self, node, router, timeout=LONG):
        return super().attach(node, router, timeout)

    def start_capture(self):
        return [self.capture("core", i, SIGNALLING, evidence=False,
                             clear=True) for i in CORE]

    def assert_protected(self, captures):
        """Nothing in the clear, something in ESP: its SPIs by (src, dst)."""
        spis = collections.defaultdict(set)
        for c in captures:
            for _, p, _ in packets(c.stop()):
                assert p.nh != MH, f"in the clear on {c.ifname}: {p.summary()}"
                if p.nh == ESP:
                    spis[p.src, p.dst].add(bytes(p.payload)[:4].hex())
        assert spis, "no signalling at all"
        return spis

    def ipsec(self, name, peer):
        """The row of `show ipsec` about a peer."""
        return next(r for r in self.daemons[name].show("ipsec")
                    if r["peer"] == peer)

    def ready(self, name, peer):
        return self.ipsec(name, peer)["ready"]

    def counter(self, name, key):
        return self.daemons[name].counters().get(key, 0)

    def sas(self, name):
        return self[name].run("ip", "xfrm", "state").stdout


@pytest.fixture(scope="module")
def shared():
    """One domain for all: what differs is who fills the kernel."""
    path = work_folder()
    with Protected(path) as d:
        yield d
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def keys(shared):
    """The domain with static keys, nobody attached."""
    shared.configure(static)
    shared.quiet()
    return shared


def roam(d, moves, node="mn1"):
    """That many handovers; the binding is moved and never deleted."""
    with d.ha.watch() as w:
        for _ in range(moves):
            router = "ar1" if d.topology.where[node] == "ar2" else "ar2"
            d.attach(node, router)
            ev = w.wait("binding-moved", nai=NAI[node], timeout=LONG)
            assert ev["coa"] == COA[router]
            assert not any(e["ev"] == "binding-deleted" for e in w.seen)
    assert reachable(d["cn"], ADDR[node])


def inject_clear(d, src, dst=HA):
    """A PBU that is right in every way but that nothing protects."""
    with d["core"].socket(socket.AF_INET6, socket.SOCK_RAW,
                          socket.IPPROTO_RAW) as s:
        s.sendto(bytes(pbu(src, dst, NAI["mn2"], PREFIX["mn2"])), (dst, 0))


def sequence(d, name, src, dst):
    """The kernel's outgoing sequence numbers between two hosts."""
    out, found = d[name].run("ip", "-s", "xfrm", "state").stdout, []
    for block in out.split("src ")[1:]:
        if block.startswith(f"{src} dst {dst}"):
            for word in ("oseq-hi 0x0, oseq 0x", "oseq 0x"):
                if word in block:
                    found.append(int(block.split(word)[1].split()[0]
                                     .rstrip(","), 16))
                    break
    return found


# --- static keys ------------------------------------------------------------------

def test_static_keys(keys):
    """Ten handovers of one node and the registration of another, under one
    pair of SAs for each router, with new keys on the way."""
    # D4-1, D4-2, D4-3, D4-4, D10-1, D10-2, D4.2-1, D4.2-2
    d = keys
    seen = d.start_capture()
    d.attach("mn1", "ar1")
    d.attach("mn2", "ar1")
    roam(d, HANDOVERS // 2)
    for pairs in ((0, 1), (1, 0), (1,)):
        d.configure(static, pairs)
        roam(d, 2 if pairs == (1, 0) else 1)
    roam(d, 1)
    spis = d.assert_protected(seen)
    assert all(len(s) == 2 for s in spis.values()), f"two keys each: {spis}"
    assert d.sas("ha").count("proto esp") == 4
    row = d.ipsec("ha", COA["ar1"])
    assert row["state"] == "protected" and row["missing"] == ""
    assert row["suite"] == "chacha20-poly1305" and row["seq_in"] > 0
    assert "integrity-failed" not in d.logs(10_000)


def test_static_keys_over_restarts(keys):
    """No sequence number twice, whatever the daemon and the kernel keep."""
    # D10-5
    d = keys
    d.attach("mn1", "ar1")
    used = sequence(d, "ar1", COA["ar1"], HA)
    assert used and used[0] > 0
    d.ar1.kill()                        # the kernel keeps its SAs
    assert d.sas("ar1").count("proto esp") == 2
    d.ar1.start()
    d.attach("mn1", "ar1")
    again = sequence(d, "ar1", COA["ar1"], HA)
    assert again[0] > used[0] and again[0] < used[0] + 1000, "adopted as it was"
    d.ar1.stop()                        # SAs and policies go with it
    assert "proto esp" not in d.sas("ar1")
    assert "proto mobility-header" not in \
        d["ar1"].run("ip", "xfrm", "policy").stdout
    d.ar1.start()
    d.attach("mn1", "ar1")
    assert sequence(d, "ar1", COA["ar1"], HA)[0] > again[0]
    d.ar1.kill()
    d["ar1"].run("ip", "xfrm", "state", "flush")        # as a reboot
    d["ar1"].run("ip", "xfrm", "policy", "flush")
    d.ar1.start()
    d.attach("mn1", "ar1")
    assert sequence(d, "ar1", COA["ar1"], HA)[0] > again[0]
    assert d.ipsec("ha", COA["ar1"])["replays"] == 0


def test_clear_text_is_dropped_and_counted(keys):
    # D4-1, D10-1
    d = keys
    before = d.counter("ha", "ipsec-kernel.clear-text-dropped")
    strangers = d.counter("ha", "ipsec.clear-text-dropped")
    parsed = d.counter("ha", "mh.mh-ok")
    for _ in range(3):
        inject_clear(d, COA["ar1"])     # from a protected peer's address
    inject_clear(d, COA["lab"])         # authorised, but nothing protects it
    inject_clear(d, "2001:db8:b1::77")  # nobody
    until(lambda: d.counter("ha", "ipsec.clear-text-dropped") ==
          strangers + 2, LONG, "pmipd counts what the kernel let through")
    until(lambda: d.counter("ha", "ipsec-kernel.clear-text-dropped") ==
          before + 3, LONG, "the kernel's drops are told")
    assert d.ipsec("ha", COA["lab"])["clear_dropped"] == 1
    assert d.counter("ha", "mh.mh-ok") == parsed
    assert not d.ha.show("bindings")


def test_right_key_wrong_node(keys):
    """A router with good keys, and a node that may not roam there."""
    # D4-6, D10-7
    d = keys
    with d.changed_policy("mn1", d.ha, allowed_pmas=[COA["ar2"]]), \
            d.ha.watch() as w:
        d.plug("mn1", "ar1")
        ev = w.wait("pbu-refused", nai=NAI["mn1"], timeout=LONG)
        assert (ev["coa"], int(ev["status"])) == (COA["ar1"], 146)
        assert not d.ha.show("bindings") and not d.has_address("mn1")
        d.attach("mn1", "ar2")


def test_wrong_key_fails_closed(keys):
    """The operator of one router mistypes the key."""
    # D4-1, D4.1-2, D10-1
    d = keys
    path = f"{d.work}/keys/{esp.spi(COA['ar2'], HA):x}"
    with open(path) as f:
        good = f.read()
    with open(path, "w") as f:
        f.write("55" * 32 + "\n")
    d.ar2.ctl("reload")
    seen = d.start_capture()
    d.plug("mn1", "ar2")
    # a key that was never used counts from 1: old numbers are refused first
    until(lambda: any(d.logged("ha", f"ev={ev}", COA["ar2"], "different keys")
                      for ev in ("integrity-failed", "replayed")), LONG,
          "the home agent says why")
    row = d.ipsec("ha", COA["ar2"])
    assert row["drops"] + row["replays"] > 0
    assert not d.ha.show("bindings") and not d.has_address("mn1")
    d.assert_protected(seen)
    with open(path, "w") as f:
        f.write(good)
    d.ar2.ctl("reload")
    until(lambda: d.attached("mn1", "ar2"), LONG,
          "with the right key it goes on")


def test_policy_removed_while_running(keys):
    # D4-1, D4.2-3
    d = keys
    d.attach("mn1", "ar1")
    with d.ar1.watch() as w:
        d["ar1"].run("ip", "xfrm", "policy", "delete", "src", COA["ar1"],
                     "dst", HA, "proto", "135", "dir", "out")
        ev = w.wait("peer-unprotected", peer=HA, timeout=LONG)
        assert f"no policy out {COA['ar1']} -> {HA} proto 135" in ev["missing"]
        assert "pmipctl reload" in ev["missing"]
        seen = d.start_capture()
        d.topology.unplug("mn1")
        d.plug("mn1", "ar1")            # wants to register again
        until(lambda: d.logged("ar1", "ev=not-protected", HA), LONG,
              "the router says that it does not signal")
        assert not d.ready("ar1", HA)
        text = d.ar1.pmipctl("show", "ipsec").stdout
        assert "no policy out" in text, text
        d.ar1.ctl("reload")
        w.wait("peer-protected", peer=HA, timeout=LONG)
    until(lambda: d.attached("mn1", "ar1"), LONG, "signalling resumes")
    d.assert_protected(seen)


def test_bypass_is_noticed(keys):
    """A policy that comes before ours and lets everything pass."""
    # D4-1, D4.2-3
    d = keys
    with d.ha.watch() as w:
        d["ha"].run("ip", "xfrm", "policy", "add", "src", "::/0", "dst",
                    "::/0", "dir", "in", "priority", "1")
        ev = w.wait("peer-unprotected", peer=COA["ar1"], timeout=LONG)
        assert "in the clear by the policy of priority 1" in ev["missing"]
        dropped = d.counter("ha", "ipsec.clear-text-dropped")
        inject_clear(d, COA["ar1"])
        until(lambda: d.counter("ha", "ipsec.clear-text-dropped") ==
              dropped + 1, LONG, "what the kernel lets pass, pmipd does not")
        d["ha"].run("ip", "xfrm", "policy", "delete", "src", "::/0", "dst",
                    "::/0", "dir", "in")
        w.wait("peer-protected", peer=COA["ar1"], timeout=LONG)
    assert not d.ha.show("bindings")


# --- strongSwan -------------------------------------------------------------------

@pytest.fixture
def ike(keys):
    """ike(kind, ...): the domain without keys of its own, and charon in
    every host that signals."""
    d, path = keys, work_folder()
    d.ike = None

    def begin(kind, load=True, **edit):
        d.configure(by_ike)
        d.ike = ikev2.Ike(d.topology, path, kind, edit, load)
        return d
    try:
        yield begin
        d.quiet()
    except BaseException:
        print(d.ike.tails() if d.ike else "no charon")
        raise
    finally:
        if d.ike:
            d.ike.close()
        shutil.rmtree(path, ignore_errors=True)


def only_integrity(text):
    return text.replace("aes128gcm128, null-sha256", "null-sha256")


def settled(d):
    return all(d.ready("ha", COA[r]) and d.ready(r, HA) for r in ROUTERS)


@pytest.mark.limit(180)
@pytest.mark.parametrize("kind", ["psk", "ed25519", "ecdsa"])
def test_ike(ike, kind):
    """Registration and ten handovers over a rekeying and a restart of the IKE
    daemon at either end."""
    # D4-1, D4-3, D4-4, D4-5, D4.1-1, D4.1-2, D10-1, D10-3
    suite = "rfc4106(gcm(aes))-128"
    if kind == "psk":                   # integrity alone
        suite = "null-hmac-sha256-128"
        d = ike(kind, **{h: only_integrity for h in ENDS})
    else:
        d = ike(kind)
    until(lambda: settled(d), LONG, "trap policies are enough to begin")
    assert d.ipsec("ar1", HA)["state"] == "no-sa"
    seen = d.start_capture()
    d.attach("mn1", "ar1")  # the first PBU made charon speak
    d.attach("mn2", "ar2")
    row = d.ipsec("ar1", HA)
    assert row["state"] == "protected" and not row["static"]
    assert row["suite"] == suite and row["seq_out"] > 0
    roam(d, 2)
    for end in ("ar1", "ha"):           # the child's keys, from either side
        before = d.ipsec("ar1", HA)["spi_out"]
        d.ike[end].swanctl("--rekey", "--child", "mh")
        until(lambda b=before: d.ipsec("ar1", HA)["spi_out"] != b, LONG,
              f"{end} has changed the keys")
        roam(d, 2)
    for end in ("ar1", "ha"):
        d.ike[end].stop()
        until(lambda e=end: not settled(d), LONG, "its policies are missed")
        assert d.ha.binding(NAI["mn1"]) and d.ha.binding(NAI["mn2"])
        d.ike[end].start()
        until(lambda: settled(d), LONG, "its policies are back")
        roam(d, 2)
    d.assert_protected(seen)
    assert d.ha.binding(NAI["mn2"])["coa"] == COA["ar2"]


@pytest.mark.limit(180)
def test_ike_fails_closed(ike):
    """Whatever is wrong with IKE, nothing is signalled, and it is told why."""
    # D4-1, D4.1-1, D4.1-2, D4.2-3, D10-1, D10-3
    d = ike("psk", load=False, ar1=lambda text: text.replace(
        "secret = 0x", "secret = 0x66"))
    seen = d.start_capture()

    # nobody has put anything into the kernel
    assert not d.ready("ha", COA["ar1"])
    d.plug("mn1", "ar1")
    until(lambda: d.logged("ar1", "ev=not-protected", "no policy out",
                           "no policy in", "swanctl --load-all"), LONG,
          "it says what is missing")
    status = d.ha.show("status")[0]["security"]
    assert "refused" in status["signalling"], status
    for c in seen:
        assert not [p for _, p, _ in packets(c.stop()) if p.nh in (MH, ESP)]

    # the first router's secret is wrong
    seen = d.start_capture()
    for charon in d.ike.charon.values():
        charon.load()
    until(lambda: settled(d), LONG, "policies are there")
    until(lambda: d.logged("ar1", "ev=no-sa", "AUTHENTICATION_FAILED"), LONG,
          "the router says where to look")
    assert not d.ha.show("bindings") and not d.has_address("mn1")
    d.attach("mn2", "ar2")  # others are not touched by it

    # now it is right
    charon = d.ike["ar1"]
    charon.conf = charon.conf.replace("secret = 0x66", "secret = 0x")
    charon.write_conf()
    charon.swanctl("--load-all", "--noprompt")
    until(lambda: d.attached("mn1", "ar1"), LONG, "signalling begins")

    # the policy is taken out while all is well
    charon.swanctl("--uninstall", "--child", "mh")
    charon.swanctl("--terminate", "--ike", "ha")
    until(lambda: not d.ready("ar1", HA), LONG, "the policy is missed")
    before = d.counter("ar1", "ipsec.tx-refused")
    d.plug("mn1", "ar1")
    until(lambda: d.counter("ar1", "ipsec.tx-refused") > before, LONG,
          "nothing is sent")
    charon.swanctl("--install", "--child", "mh")
    until(lambda: d.ready("ar1", HA), LONG, "it is back")
    until(lambda: d.attached("mn1", "ar1"), LONG, "signalling resumes")
    d.assert_protected(seen)

    dropped = d.counter("ha", "ipsec-kernel.clear-text-dropped")
    inject_clear(d, COA["ar1"])
    until(lambda: d.counter("ha", "ipsec-kernel.clear-text-dropped") ==
          dropped + 1, LONG, "clear text is dropped and counted")
