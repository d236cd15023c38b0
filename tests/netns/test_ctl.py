# SPDX-License-Identifier: BSD-2-Clause
"""pmipctl, every command of it; and the control socket itself."""
import json
import os
import select
import signal
import socket
import stat
import subprocess

import pytest

from lib import esp
from lib.daemon import Lines
from lib.ns import until
from lib.topology import ADDR, COA, HA, LLA, MAC, NAI, PREFIX
from lib.traffic import reachable

SHOWS = ("status", "bindings", "tunnels", "peers", "counters", "config")


@pytest.fixture
def at_ar1(d):
    d.attach("mn1", "ar1")
    return d


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


@pytest.mark.parametrize("what", SHOWS + (f"mn {NAI['mn1']}",))
@pytest.mark.parametrize("name", ["ha", "ar1"])
def test_show(at_ar1, name, what):
    """A table for people, the same as JSON for programs."""
    args = ["show", *what.split()]
    plain = at_ar1.daemons[name].pmipctl(*args)
    assert plain.returncode == 0, plain.stderr
    assert plain.stdout.strip() and "{" not in plain.stdout.split("\n")[0]
    out = at_ar1.daemons[name].pmipctl("--json", *args)
    assert out.returncode == 0 and objects(out.stdout)
    assert all(isinstance(o, dict) for o in objects(out.stdout))


def test_show_bindings_names_everything(at_ar1):
    # D5.1-1, D5.1-2, D5.1-3
    ha = at_ar1.ha.pmipctl("show", "bindings").stdout
    for v in (NAI["mn1"], PREFIX["mn1"], COA["ar1"]):
        assert v in ha
    pma = at_ar1.ar1.pmipctl("show", "bindings").stdout
    for v in (NAI["mn1"], PREFIX["mn1"], "acc0", MAC["mn1"]):
        assert v in pma


def test_show_status_tells_how_signalling_is_protected(at_ar1):
    """And calls it what it is when it is not."""
    out = at_ar1.ha.pmipctl("show", "status").stdout
    words = dict(line.split(":", 1) for line in out.splitlines()
                 if ":" in line)
    words = {k.strip(): v.strip() for k, v in words.items()}
    assert words["ipsec"] == esp.MODE
    assert words["signalling"] == ("protected" if esp.ON else "UNPROTECTED")


def test_priority(d):
    """Before ordinary processes, but for who wants it otherwise: in the
    configuration, or by the nice value that it is started with."""
    def nice():
        return os.getpriority(os.PRIO_PROCESS, d.ha.proc.pid)

    assert nice() == -5
    d.ha.stop()
    conf = d.ha.conf
    d.ha.conf = {**conf, "signalling": {"priority": "normal"}}
    d.ha.start()
    assert nice() == 0
    d.ha.stop()
    d.ha.conf = conf
    ours = os.getpriority(os.PRIO_PROCESS, 0)
    os.setpriority(os.PRIO_PROCESS, 0, 3)
    try:
        d.ha.start()
        assert nice() == 3
    finally:
        os.setpriority(os.PRIO_PROCESS, 0, ours)


def test_show_mn_unknown(at_ar1):
    out = at_ar1.ar1.pmipctl("show", "mn", "nobody@example.com")
    assert out.returncode == 1 and "nobody@example.com" in out.stderr


def test_attach_and_detach(d):
    """Without any Router Solicitation: the command is the attach event."""
    d["mn1"].sysctl("net.ipv6.conf.eth0.router_solicitations", 0)
    try:
        d.plug("mn1", "ar1")
        out = d.ar1.pmipctl("attach", "--nai", NAI["mn1"], "--interface",
                            "acc0", "--mac", MAC["mn1"], "--lla", LLA["mn1"])
        assert out.returncode == 0, out.stderr
        until(lambda: d.attached("mn1", "ar1"), 5, "attached")
        assert reachable(d["cn"], ADDR["mn1"])
        out = d.ar1.pmipctl("detach", "--nai", NAI["mn1"])
        assert out.returncode == 0, out.stderr
        until(d.empty, 5, "detached")
    finally:
        d["mn1"].sysctl("net.ipv6.conf.eth0.router_solicitations", -1)


@pytest.mark.parametrize("args", [
    ("attach", "--nai", "nobody@example.com", "--interface", "acc0"),
    ("attach", "--nai", NAI["mn1"], "--interface", "nosuch0"),
    ("detach", "--nai", NAI["mn2"]),
    ("log", "loud"), ("show", "nonsense"), ("dance",)])
def test_refused_with_a_reason(d, args):
    out = d.ar1.pmipctl(*args)
    assert out.returncode in (1, 2) and out.stderr.strip()


def test_watch(d):
    """Events as they happen, one JSON object a line."""
    from lib.daemon import PMIPCTL
    w = subprocess.Popen([PMIPCTL, "-s", d.ar1.socket, "--json", "watch"],
                         stdout=subprocess.PIPE)
    try:
        def heard():
            d.ar1.ctl("reload")             # an event, until it listens
            return select.select([w.stdout], [], [], 0.2)[0]
        until(heard, 10, "pmipctl watch prints something")
        d.attach("mn1", "ar1")
        data = b""

        def names():
            nonlocal data
            if select.select([w.stdout], [], [], 0.2)[0]:
                data += os.read(w.stdout.fileno(), 65536)
            whole = data[:data.rfind(b"\n") + 1].decode()
            return [e["ev"] for e in objects(whole)
                    if e.get("nai") == NAI["mn1"]]
        until(lambda: {"node-attached", "registered"} <= set(names()), 5,
              "attach and registration are told")
    finally:
        w.send_signal(signal.SIGTERM)
        w.wait(5)
        w.stdout.close()


def test_log_level(d):
    assert d.ha.pmipctl("log", "warn").returncode == 0
    assert d.ha.show("status")[0]["log_level"] == "warn"
    assert d.ha.pmipctl("log", "debug").returncode == 0
    assert d.ha.show("status")[0]["log_level"] == "debug"


def test_reload(d):
    assert d.ha.pmipctl("reload").returncode == 0
    d.ha.write(text="ha: 7\n")
    try:
        out = d.ha.pmipctl("reload")
        assert out.returncode == 1 and d.ha.config in out.stderr
    finally:
        d.ha.write()


def test_reload_that_a_role_cannot_follow(d):
    """It goes on with what it had, and says so; the next one is good again."""
    d.attach("mn1", "ar1")
    subnet = next(p for p in d.ha.conf["ha"]["home-prefixes"] if "." in p)
    other = d["ha"].socket(socket.AF_INET, socket.SOCK_DGRAM)
    other.bind(("0.0.0.0", 67))                 # a DHCP server, say
    d.ha.conf["ha"]["dhcpv4-gateway"] = {
        "addresses": [subnet.split("/")[0].rsplit(".", 1)[0] + ".77"],
        "servers": ["198.51.100.5"]}
    try:
        d.ha.write()
        for _ in range(3):
            out = d.ha.pmipctl("reload")
            assert out.returncode == 1 and "ha: not applied" in out.stderr
        # what it had is still there to be read: names of PMAs, limits
        assert d.ha.show("peers") and d.ha.show("status")
        hand = d.hand_pma()
        assert hand.register(NAI["mn2"], PREFIX["mn2"]).status == 0
        hand.register(NAI["mn2"], PREFIX["mn2"], lifetime_s=0)
    finally:
        other.close()
        assert d.ha.pmipctl("reload").returncode == 0
        del d.ha.conf["ha"]["dhcpv4-gateway"]
        d.ha.write()
        assert d.ha.pmipctl("reload").returncode == 0
    assert d.ha.binding(NAI["mn1"])


def test_no_daemon(d):
    out = subprocess.run([*d.ha.pmipctl().args[:1], "-s", "/nonexistent",
                          "show", "status"], capture_output=True, text=True)
    assert out.returncode == 3 and out.stderr.strip()


def test_socket_permissions(d):
    """0660: neither other users' programs nor their eyes."""
    mode = os.stat(d.ha.socket).st_mode
    assert stat.S_IMODE(mode) == 0o660
    # even through a mode that lets them connect, SO_PEERCRED decides
    os.chmod(d.ha.socket, 0o666)
    os.chmod(d.folder, 0o755)
    try:
        out = subprocess.run(d.ha.pmipctl().args[:3] + ["show", "status"],
                             capture_output=True, text=True,
                             user=65534, group=65534, extra_groups=[])
        assert out.returncode != 0
    finally:
        os.chmod(d.ha.socket, mode & 0o7777)
        os.chmod(d.folder, 0o700)


@pytest.mark.parametrize("junk", [
    b"\0" * 100 + b"\n", b"{\n", b"[]\n", b'{"v":1}\n', b'{"v":99,"cmd":"x"}\n',
    b'{"v":1,"cmd":7}\n', b'{"v":1,"cmd":"show mn","args":{"nai":7}}\n',
    b'{"v":1,"cmd":"attach","args":[]}\n', b"[" * 60000 + b"\n",
    b"x" * 200_000], ids=range(10))
def test_junk_on_the_socket(d, junk):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with s:
        s.settimeout(5)
        s.connect(d.ar1.socket)
        try:
            s.sendall(junk)
            s.shutdown(socket.SHUT_WR)
            while s.recv(65536):
                pass
        except (ConnectionError, BrokenPipeError):
            pass
    assert d.ar1.show("status")


def test_many_clients(d):
    """More than it serves at once: they are turned away, not piled up."""
    clients = [socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
               for _ in range(80)]
    for c in clients:
        c.settimeout(2)
        try:
            c.connect(d.ha.socket)
        except OSError:
            break
    for c in clients:
        c.close()
    until(lambda: _answers(d.ha), 5, "serves again")


def _answers(daemon):
    try:
        return daemon.show("status")
    except (OSError, ConnectionError, AssertionError):
        return None


def test_idle_watcher_does_not_stop_the_daemon(d):
    """A client that never reads loses events; nobody else notices."""
    lazy = Lines(d.ha.socket)
    lazy.send({"v": 1, "cmd": "watch"})
    hand = d.hand_pma()
    for _ in range(300):
        hand.send(NAI["mn1"], PREFIX["mn1"], lifetime_s=60)
        hand.send(NAI["mn1"], PREFIX["mn1"], lifetime_s=0)
    assert d.ha.show("status")
    d.attach("mn2", "ar1")
    lazy.close()


def test_peers(at_ar1):
    assert COA["ar1"] in at_ar1.ha.pmipctl("show", "peers").stdout
    assert HA in at_ar1.ar1.pmipctl("show", "peers").stdout
