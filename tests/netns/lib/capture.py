# SPDX-License-Identifier: BSD-2-Clause
"""The judges: tcpdump records, tshark decodes, scapy verifies checksums."""
import collections
import contextlib
import os
import signal
import subprocess
import threading

from . import esp
from .ns import until

# A frame of our own marks the end of a capture (IEEE: local experimental).
END_TYPE = 0x88B5
END = b"\x02\0\0\0\0\xfe\x02\0\0\0\0\xff" + END_TYPE.to_bytes(2, "big") + \
    b"end of capture" + bytes(46)

# (host, interface) -> Mobility Headers in the clear in all captures there
CLEAR = collections.Counter()

MH = "ip6 proto 135"
TUNNEL = "ip6 proto 41"
ND = "icmp6"


class Capture:
    """tcpdump on one interface from construction (it listens when that is
    over) until stop().  Everything sent before stop() is in the file, ESP of
    the suite opened unless `raw`.  clear: Mobility Headers in the clear are no
    fault; they never are but on links of the core."""

    def __init__(self, ns, ifname, path, expr, clear=False, raw=False):
        self.ns, self.ifname, self.path = ns, ifname, path
        self.clear, self.raw = clear, raw
        self.proc = ns.popen(
            ["tcpdump", "-i", ifname, "-U", "--immediate-mode", "-n",
             "--time-stamp-precision=micro", "-Z", "root", "-w", path,
             f"({esp.widen(expr)}) or ether proto {END_TYPE:#x}"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        said = []
        for line in self.proc.stderr:
            said.append(line)
            if "listening on" in line:
                break
        else:
            raise AssertionError(f"tcpdump on {ns.label} {ifname}: {said}")
        # keep the pipe empty
        threading.Thread(target=self.proc.stderr.read, daemon=True).start()

    def stop(self):
        if self.proc is None:
            return self.path
        with contextlib.suppress(OSError):      # an interface that is down
            self.ns.send_frame(self.ifname, END)
            until(self._ended, 10, f"end of capture {self.path}")
        self.proc.send_signal(signal.SIGINT)
        self.proc.wait(10)
        self.proc = None
        if esp.ON:
            seen = esp.open_capture(self.path, self.raw)
            if self.on_core() and not self.clear:
                CLEAR[self.ns.label, self.ifname] += seen
                assert not seen, \
                    f"{seen} Mobility Headers in the clear on {self.ifname}"
        return self.path

    def on_core(self):
        return self.ns.label == "core" or self.ifname == "core0"

    def _ended(self):
        with open(self.path, "rb") as f:
            f.seek(max(0, os.path.getsize(self.path) - 4096))
            return END[:30] in f.read()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()


def merged(paths):
    """The packets of several files as one file's bytes."""
    data = b""
    for p in paths:
        with open(p, "rb") as f:
            data += f.read()[24 if data else 0:]        # one file header
    return data


def _tshark(path, *args):
    """`path`: one file, or a list of them."""
    data = merged([path] if isinstance(path, str) else path)
    out = subprocess.run(
        ["tshark", "-n", "-r", "-", *args], input=data, timeout=120,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "HOME": "/nonexistent", "LC_ALL": "C.UTF-8"})
    assert out.returncode == 0, f"tshark {args}: {out.stderr.decode()}"
    return out.stdout.decode()


def decode(path, display, *fields, args=()):
    """Packets that match a display filter, each a dict field -> list of
    values (an inner header's after the outer one's); "time" is added.  args:
    more of tshark's."""
    args = [*args, "-Y", f"({display}) && eth.type != {END_TYPE:#x}", "-T", "fields",
            "-E", "separator=/t", "-E", "occurrence=a", "-E", "aggregator=|"]
    for f in ("frame.time_epoch",) + fields:
        args += ["-e", f]
    rows = []
    for line in _tshark(path, *args).splitlines():
        values = line.split("\t")
        row = {f: v.split("|") if v else [] for f, v in zip(fields, values[1:])}
        row["time"] = float(values[0])
        rows.append(row)
    return rows


def text(path, display):
    """Full decode as tshark prints it."""
    return _tshark(path, "-Y", display, "-V")


def count(path, display):
    return len(decode(path, display))


COMPLAINT = "_ws.malformed || _ws.expert.severity >= 6291456"   # warn, error


def assert_well_formed(path):
    """No message of protocol 135 that tshark finds fault with."""
    bad = _tshark(path, "-Y", f"mipv6 && ({COMPLAINT})", "-V")
    assert not bad, f"tshark finds fault:\n{bad[:4000]}"


# --- with scapy: no process, so cheap in user-mode Linux ---------------------

def frames(path):
    """(time, Ethernet frame) of everything captured, but for our own mark."""
    from scapy.utils import PcapReader
    with PcapReader(path) as r:
        return [(float(p.time), p) for p in r if p.type != END_TYPE]


def packets(path):
    """(time, IPv6 packet, Ethernet destination) of everything captured."""
    from scapy.layers.inet6 import IPv6
    from scapy.utils import PcapReader
    with PcapReader(path) as r:
        return [(float(p.time), p[IPv6], p.dst) for p in r if IPv6 in p]


def messages(path, *types):
    """The MH messages of those types (all) as dictionaries, in order."""
    from .mip6 import describe
    out = []
    for when, p, _ in packets(path):
        if p.nh == 135 and (not types or bytes(p.payload)[2] in types):
            out.append({"time": when, **describe(p)})
    return out


def assert_checksums(path):
    """Every Mobility Header's checksum, computed again by scapy.  How many."""
    from scapy.layers.inet6 import in6_chksum
    n = 0
    for _, p, _ in packets(path):
        if p.nh != 135:
            continue
        mh = bytes(p.payload)[:p.plen]
        got = int.from_bytes(mh[4:6], "big")
        want = in6_chksum(135, p, mh[:4] + b"\0\0" + mh[6:])
        assert got == want, f"checksum {got:#06x}, scapy computes {want:#06x}"
        n += 1
    return n


# --- evidence ---------------------------------------------------------------
# The signalling of a whole run, judged by tshark once at its end: a start of
# tshark costs 8 s in user-mode Linux.

EVIDENCE = f"/run/pmipd-evidence-{os.getpid()}.pcap"
collecting = False      # the suite does, the demo judges its own


def keep_evidence(path):
    """Append a capture's packets to the run's collection."""
    if not collecting:
        return
    have = [EVIDENCE] if os.path.exists(EVIDENCE) else []
    data = merged(have + [path])
    with open(EVIDENCE, "wb") as f:
        f.write(data)
