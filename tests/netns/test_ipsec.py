# SPDX-License-Identifier: BSD-2-Clause
"""Only the right peers can speak: clear text, forgers and replays from the core
network, in every mode; pmipd's own ESP in the eyes of scapy and tshark; keys
that change while the domain runs."""
import contextlib
import logging
import os
import socket
import subprocess

import pytest

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.layers.inet6 import IPv6, MIP6MH_BA, MIP6MH_BU   # noqa: E402
from scapy.layers.ipsec import ESP, SecurityAssociation     # noqa: E402

from conftest import STOCK                                  # noqa: E402
from lib import capture, esp                                # noqa: E402
from lib.domain import Domain                               # noqa: E402
from lib.mip6 import pbu                                    # noqa: E402
from lib.ns import until                                    # noqa: E402
from lib.topology import ADDR, COA, HA, NAI, PREFIX         # noqa: E402
from lib.traffic import Pinger, reachable                   # noqa: E402

pytestmark = pytest.mark.skipif(not esp.ON, reason="runs with protection")

LAB = COA["lab"]
CLEAR = "ipsec.clear-text-dropped"
SUITES = {
    "null-hmac-sha256-128": dict(crypt_algo="NULL", auth_algo="SHA2-256-128"),
    "chacha20-poly1305": dict(crypt_algo="CHACHA20-POLY1305"),
}
# tshark 4.0 has no ChaCha20-Poly1305 for ESP
TSHARK = {"null-hmac-sha256-128": ("NULL", "HMAC-SHA-256-128 [RFC4868]")}


def inject(d, packet, host="lab"):
    """A whole packet from a host of the core network, whatever its source."""
    sock = d[host].socket(socket.AF_INET6, socket.SOCK_RAW,
                          socket.IPPROTO_RAW)
    with contextlib.closing(sock):
        sock.sendto(bytes(packet), (packet.dst, 0))


def count(daemon, name):
    return daemon.counters().get(name, 0)


def clear_pbu(src, node="mn1"):
    return pbu(src, HA, NAI[node], PREFIX[node])


def have_mip6(wanted):
    """Mobile IPv6 in the kernel, which looks at the header itself, or not."""
    if not STOCK:
        if wanted:
            pytest.skip("this kernel has no MIP6; runs in the stock one")
        return
    subprocess.run(["modprobe", *([] if wanted else ["-r"]), "mip6"],
                   check=wanted)
    if os.path.exists("/sys/module/mip6") != wanted:
        pytest.skip("the module mip6 cannot be unloaded")


# --- clear text ---------------------------------------------------------------

MODES = {
    "userspace": {},
    "kernel": {"security": {"ipsec": "kernel", "peers": None,
                            "state-directory": None}},
    "none": {"security": {"ipsec": "none", "peers": None,
                          "state-directory": None}},
}


@pytest.mark.parametrize("mip6", [False, True], ids=["no-mip6", "mip6"])
@pytest.mark.parametrize("mode", MODES)
def test_clear_pbu_from_the_core(mode, mip6):
    """D4-1, D10-1, D10-2, D10-3: dropped and counted, by default as well; only
    `none` written out lets it in."""
    have_mip6(mip6)
    with Domain(ha=MODES[mode], daemons=("ha",)) as d:
        wire = d.capture("core", "ha0", "ip6 proto 135", evidence=False,
                         clear=True)
        for src in (LAB, COA["ar1"]):
            inject(d, clear_pbu(src))
        if mode == "none":
            until(lambda: d.ha.binding(NAI["mn1"]), 5, "accepted in the clear")
            assert "signalling-unprotected" in d.ha.tail(1000)
        else:
            until(lambda: count(d.ha, CLEAR) == 2, 5, "both are counted")
            assert not d.ha.show("bindings")
            assert count(d.ha, "mh.mh-ok") == 0
            assert "ev=clear-text-dropped" in d.ha.tail(1000)
        wire.stop()
        answers = capture.messages(wire.path, 6)
        assert bool(answers) == (mode == "none")
        status = d.ha.show("status")[0]["security"]
        assert status["ipsec"] == mode
        assert (status["signalling"] == "UNPROTECTED") == (mode == "none")


def test_default_is_kernel_and_refuses():
    """D10-3: without a section at all, and without a policy, a PMA is silent
    and says what is missing."""
    with Domain(pma={"security": None}, daemons=("ha", "ar1")) as d:
        wire = d.capture("core", "ar1", "ip6 proto 135 or ip6 proto 50",
                         evidence=False)
        assert d.ar1.show("status")[0]["security"]["ipsec"] == "kernel"
        d.plug("mn1", "ar1")
        until(lambda: count(d.ar1, "ipsec.tx-refused"), 10, "refused to send")
        row = d.ar1.show("ipsec")[0]
        assert row["peer"] == HA and not row["ready"] and row["missing"]
        assert "ev=not-protected" in d.ar1.tail(1000)
        wire.stop()
        assert not capture.packets(wire.path)
        assert not d.ha.show("bindings")


def test_clear_answer_is_not_believed(d):
    """D4-1: a PBA in the clear, faked from the core, changes nothing."""
    before = count(d.ar1, CLEAR)
    inject(d, IPv6(src=HA, dst=COA["ar1"]) /
           MIP6MH_BA(status=130, seq=1, mhtime=0, options=[]))
    until(lambda: count(d.ar1, CLEAR) == before + 1, 5, "counted")
    d.attach("mn1", "ar1")
    assert reachable(d["cn"], ADDR["mn1"])


# --- forgers --------------------------------------------------------------------

def esp_packet(src, dst, body):
    """An IPv6 packet around ESP that esp.seal() made."""
    return IPv6(src=src, dst=dst, nh=esp.PROTO) / body


def protected_pbu(src, seq=None, **kw):
    packet = bytes(pbu(src, HA, NAI["mn1"], PREFIX["mn1"], **kw))
    return esp.seal(src, HA, packet[40:], seq=seq)


def test_forged_replayed_and_another_ones_address(d):
    """D4-6, D5-1, D5-2, D5-3, D10-7: what a peer's keys do not vouch for."""
    body = protected_pbu(LAB)
    before = {k: count(d.ha, f"ipsec.esp-{k}")
              for k in ("icv", "replay", "wrong-peer", "no-sa")}

    def counted(what, n=1):
        until(lambda: count(d.ha, f"ipsec.esp-{what}") == before[what] + n, 5,
              f"counted as {what}")
    forged = body[:-1] + bytes([body[-1] ^ 1])
    inject(d, esp_packet(LAB, HA, forged))
    counted("icv")
    inject(d, esp_packet(COA["ar2"], HA, body))
    counted("wrong-peer")
    inject(d, esp_packet(LAB, HA, b"\0\0\xff\xff" + body[4:]))
    counted("no-sa")
    assert not d.ha.show("bindings")
    # another's care-of address under its own keys: 146, and named
    alone = count(d.ha, "ha.refused-coa")
    hand = d.hand_pma()
    assert hand.register(NAI["mn1"], PREFIX["mn1"], alt=COA["ar1"]).status \
        == 146
    assert count(d.ha, "ha.refused-coa") == alone + 1
    assert "coa-of-another" in d.ha.tail(1000)
    # genuine and fresh, but a policy that does not let it
    with d.changed_policy("mn1", d.ha, allowed_pmas=[COA["ar1"]]):
        assert hand.register(NAI["mn1"], PREFIX["mn1"]).status == 146
    assert not d.ha.show("bindings")
    # the genuine one from above comes late, but within the window; then again
    body = protected_pbu(LAB)
    inject(d, esp_packet(LAB, HA, body))
    until(lambda: d.ha.binding(NAI["mn1"]), 5, "registered")
    inject(d, esp_packet(LAB, HA, body))
    counted("replay")
    row = next(r for r in d.ha.show("ipsec") if r["peer"] == LAB)
    assert row["replays"] >= 1 and row["drops"] >= 1 and row["ready"]
    assert hand.register(NAI["mn1"], PREFIX["mn1"], lifetime_s=0).status == 0


# --- judges -----------------------------------------------------------------------

def scapy_sa(suite, src, dst):
    how = dict(SUITES[suite])
    how["auth_key" if "auth_algo" in how else "crypt_key"] = \
        key_of(suite, src, dst)
    return SecurityAssociation(ESP, spi=esp.spi(src, dst), **how)


def key_of(suite, src, dst):
    k = esp.key(src, dst)
    return k + k[:4] if suite == "chacha20-poly1305" else k


def suite_of(folder, name, suite):
    """The suite's section, with another suite for all keys."""
    conf = esp.security(folder, name)
    for p in conf["peers"]:
        for sa in p["sas"]:
            sa["suite"] = suite
            for k in ("key-in-file", "key-out-file"):
                new = f"{sa[k]}.{suite}"
                with open(sa[k]) as f, \
                        open(os.open(new, os.O_WRONLY | os.O_CREAT, 0o600),
                             "w") as out:
                    key = bytes.fromhex(f.read())
                    out.write((key + key[:4] if "chacha" in suite
                               else key).hex())
                sa[k] = new
    return conf


def tshark_opens(path, suite):
    """(source, MH type) of all that tshark authenticates and decodes."""
    crypt, auth = TSHARK[suite]
    args = ["-o", "esp.enable_encryption_decode:TRUE",
            "-o", "esp.enable_authentication_check:TRUE"]
    for n, (a, b) in esp.BY_SPI.items():
        args += ["-o", f'uat:esp_sa:"IPv6","{a}","{b}","{n:#010x}",'
                 f'"{crypt}","","{auth}","0x{key_of(suite, a, b).hex()}"']
    rows = []
    for row in capture.decode(path, "mipv6 && esp", "ipv6.src",
                              "mip6.mhtype", "esp.icv_good", args=args):
        assert row["esp.icv_good"] in (["1"], ["True"])
        rows.append((row["ipv6.src"][0], int(row["mip6.mhtype"][0])))
    return rows


@pytest.mark.parametrize("suite", SUITES)
def test_scapy_and_tshark_read_and_write_it(suite):
    """D4-2, D4-3, D4-4, D10-2, D10-4: one SA for all nodes, transport mode;
    both judges open what both daemons sent, and the home agent opens what
    scapy sealed."""
    with Domain(daemons=()) as d:
        for name in d.daemons:
            d.daemons[name].conf["security"] = suite_of(d.folder, name, suite)
        d.ha.start()
        d.ar1.start()
        wire = d.capture("core", "ha0", "ip6 proto 135", evidence=False,
                         raw=True)
        for node in ("mn1", "mn2"):
            d.attach(node, "ar1")
        # scapy as access router
        packet = pbu(LAB, HA, NAI["lab"], PREFIX["lab"])
        iv = (1).to_bytes(8, "big") if "chacha" in suite else b""
        sealed = scapy_sa(suite, LAB, HA).encrypt(IPv6(bytes(packet)),
                                                  seq_num=1, iv=iv)
        inject(d, sealed)
        until(lambda: d.ha.binding(NAI["lab"]), 5, "scapy has registered")
        wire.stop()
        got, spis = [], set()
        for _, p, _ in capture.packets(wire.path):
            assert p.nh == esp.PROTO
            spis.add((p.src, p[ESP].spi))
            if p.src == LAB:
                continue
            inner = scapy_sa(suite, p.src, p.dst).decrypt(p)
            assert inner.nh == 135
            got.append((p.src, bytes(inner.payload)[2]))
        assert got.count((COA["ar1"], 5)) >= 2
        assert got.count((HA, 6)) >= 3
        assert len(spis) == 4           # two directions of two peers
        if suite not in TSHARK:
            return
        seen = tshark_opens(wire.path, suite)
        assert sorted(s for s in seen if s[0] != LAB) == sorted(got)
        assert (LAB, 5) in seen


# --- keys that change ----------------------------------------------------------------

def second_pair(folder, own, other):
    """New keys between two ends, made by the daemon's own --genkey."""
    from lib.daemon import PMIPD
    sa = {"suite": "chacha20-poly1305", "expires": "2099-01-01T00:00:00Z"}
    for way, (src, dst) in {"in": (other, own), "out": (own, other)}.items():
        path = f"{folder}/keys/new-{esp.spi(src, dst):x}"
        if not os.path.exists(path):
            key = subprocess.run([PMIPD, "--genkey", sa["suite"]], check=True,
                                 stdout=subprocess.PIPE).stdout
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600),
                      "wb") as f:
                f.write(key)
        sa[f"spi-{way}"] = esp.spi(src, dst) + 0x1000000
        sa[f"key-{way}-file"] = path
    return sa


def test_rollover_under_traffic():
    """D5-5: three reloads at each end, a handover between any two of them, and
    no registration is lost or repeated."""
    with Domain() as d:
        old, new = {}, {}
        for name, dm in d.daemons.items():
            for p in dm.conf["security"]["peers"]:
                if (p["local"] == HA) == (p["address"] == HA):
                    continue
                old[name, p["address"]] = p["sas"]
                new[name, p["address"]] = [second_pair(d.folder, p["local"],
                                                       p["address"])]
        d.attach("mn1", "ar1")
        ping = Pinger(d["cn"], ADDR["mn1"], interval=0.05)
        order, at = ["ha", "ar1", "ar2"], 0
        for step in (lambda o, n: o + n, lambda o, n: n + o,
                     lambda o, n: n):
            for name in order:
                dm = d.daemons[name]
                for p in dm.conf["security"]["peers"]:
                    k = name, p["address"]
                    if k in old:
                        p["sas"] = step(old[k], new[k])
                dm.write()
                dm.ctl("reload")
                at += 1
                d.attach("mn1", ("ar1", "ar2")[at % 2], timeout=5)
            order.reverse()
        ping.stop()
        for dm in d.daemons.values():
            c = dm.counters()
            for bad in ("no-sa", "icv", "replay", "expired"):
                assert not c.get(f"ipsec.esp-{bad}"), (dm.name, bad)
            assert not c.get("pma.pbu-retransmitted")
        row = next(r for r in d.ha.show("ipsec") if r["peer"] == COA["ar1"])
        assert (row["state"], row["suite"]) == ("sending", "chacha20-poly1305")
        shown = d.ha.pmipctl("show", "ipsec").stdout
        config = d.ha.pmipctl("--json", "show", "config").stdout
        with open(new["ha", COA["ar1"]][0]["key-in-file"]) as f:
            key = f.read().strip()
        assert "0x" in shown and len(key) == 72
        assert key not in shown + config + d.ha.tail(100000)


def test_no_number_is_used_twice():
    """A restart and a kill -9 in the middle: every packet has a number of its
    own, and nobody takes a fresh one for a repeated one."""
    with Domain(daemons=("ha", "ar1")) as d:
        wire = d.capture("core", "ar1", "ip6 proto 135", evidence=False,
                         raw=True)
        for turn in range(3):
            d.attach("mn1", "ar1")
            if turn == 1:
                d.ar1.kill()
            else:
                d.ar1.stop()
            d["mn1"].set_up("eth0", False)
            d.topology.unplug("mn1")
            d.ar1.start()
            d.ha.stop()
            d.ha.start()
        d.attach("mn1", "ar1")
        wire.stop()
        seen = [(p.src, p[ESP].seq) for _, p, _ in capture.packets(wire.path)]
        assert len(seen) == len(set(seen)) and len(seen) >= 8
        assert not count(d.ha, "ipsec.esp-replay")


def test_what_cannot_be_written_or_is_open_to_others(d):
    """The start says so, and fails; a reload says so, and changes nothing."""
    keys = [sa["key-in-file"] for p in d.ar2.conf["security"]["peers"]
            for sa in p["sas"]]
    os.chmod(keys[0], 0o644)
    with pytest.raises(Exception, match="security"):
        d.ar2.ctl("reload")
    assert "can be read by others" in d.ar2.tail(1000)
    d.attach("mn1", "ar2")
    d.detach("mn1")
    d.ar2.stop()
    d.ar2.spawn()
    assert d.ar2.proc.wait(10) == 1
    d.ar2.proc = None
    os.chmod(keys[0], 0o600)
    state = d.ar2.conf["security"]["state-directory"]
    os.rename(state, state + ".aside")
    with open(state, "w"):
        pass
    d.ar2.spawn()
    assert d.ar2.proc.wait(10) == 1
    d.ar2.proc = None
    assert "ev=state-directory-failed" in d.ar2.tail(1000)
    os.unlink(state)
    os.rename(state + ".aside", state)
    d.ar2.start()
    d.attach("mn1", "ar2")
