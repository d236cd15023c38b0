# SPDX-License-Identifier: BSD-2-Clause
"""The suite's signalling is protected in user space: configurations and keys
for the daemons, ESP (RFC 4303, NULL with HMAC-SHA-256-128) for the tests that
speak by hand, and captures opened for those that look.

A small reimplementation on purpose: nothing of it comes from the daemon.  The
environment's PMIPD_TEST_IPSEC=none runs everything in the clear instead."""
import collections
import hashlib
import hmac
import os
import socket
import struct

from .topology import COA, HA

MODE = os.environ.get("PMIPD_TEST_IPSEC", "userspace")
ON = MODE == "userspace"
STRANGER = "2001:db8:b9::2"     # has keys, but is no authorised router
ADDRESSES = [HA, *COA.values(), STRANGER]
PROTO = 50
ICV = 16
_sequence = collections.Counter()


def spi(src, dst):
    return 0x10000 + ADDRESSES.index(src) * 256 + ADDRESSES.index(dst)


BY_SPI = {spi(a, b): (a, b) for a in ADDRESSES for b in ADDRESSES if a != b}


def key(src, dst):
    return hashlib.sha256(f"pmipd test {src} > {dst}".encode()).digest()


def write_keys(folder):
    """A file for each direction that any two can talk in."""
    os.makedirs(f"{folder}/keys", exist_ok=True)
    for n, (src, dst) in BY_SPI.items():
        path = f"{folder}/keys/{n:x}"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
                  "w") as f:
            f.write(key(src, dst).hex() + "\n")


def peer(folder, own, other):
    return {"address": other, "local": own, "sas": [{
        "spi-in": spi(other, own), "spi-out": spi(own, other),
        "key-in-file": f"{folder}/keys/{spi(other, own):x}",
        "key-out-file": f"{folder}/keys/{spi(own, other):x}"}]}


def security(folder, name):
    """The `security:` section of a daemon."""
    if not ON:
        return {"ipsec": "none"}
    own = HA if name == "ha" else COA[name]
    others = [a for a in ADDRESSES if a != own]
    return {"ipsec": "userspace", "state-directory": f"{folder}/{name}.state",
            "peers": [peer(folder, own, a) for a in others]}


def icv(src, dst, body):
    return hmac.new(key(src, dst), body, hashlib.sha256).digest()[:ICV]


def seal(src, dst, payload, next_header=135, seq=None):
    if seq is None:
        _sequence[src, dst] += 1
        seq = _sequence[src, dst]
    pad = -(len(payload) + 2) % 4
    body = struct.pack(">II", spi(src, dst), seq) + payload + \
        bytes(range(1, pad + 1)) + bytes([pad, next_header])
    return body + icv(src, dst, body)


def unseal(data):
    """(next header, payload); an AssertionError when it is not genuine."""
    src, dst = BY_SPI[struct.unpack(">I", data[:4])[0]]
    body = data[:-ICV]
    assert hmac.compare_digest(icv(src, dst, body), data[-ICV:]), "forged"
    pad = body[-2]
    assert body[len(body) - 2 - pad:-2] == bytes(range(1, pad + 1))
    return body[-1], body[8:len(body) - 2 - pad]


def text_of(addr):
    return socket.inet_ntop(socket.AF_INET6, addr)


def protect(packet):
    """A whole IPv6 packet of protocol 135, now inside ESP."""
    if not ON:
        return packet
    src, dst = text_of(packet[8:24]), text_of(packet[24:40])
    body = seal(src, dst, packet[40:])
    return packet[:4] + struct.pack(">HB", len(body), PROTO) + packet[7:40] + \
        body


class Socket:
    """As a raw socket of protocol 135, over one of protocol 50."""

    def __init__(self, ns, src):
        self.src = src
        self.sock = ns.socket(socket.AF_INET6, socket.SOCK_RAW, PROTO)
        self.sock.bind((src, 0))
        self.settimeout = self.sock.settimeout
        self.close = self.sock.close
        self.fileno = self.sock.fileno

    def sendto(self, mh, to):
        from .mip6 import checksum
        dst = to[0]
        head = struct.pack(">IHBB", 6 << 28, len(mh), 135, 64) + \
            socket.inet_pton(10, self.src) + socket.inet_pton(10, dst)
        packet = checksum(head + mh)
        return self.sock.sendto(seal(self.src, dst, packet[40:]), (dst, 0))

    def recvfrom(self, cap):
        while True:
            data, addr = self.sock.recvfrom(cap + 64)
            src = BY_SPI.get(struct.unpack(">I", data[:4])[0])
            if src is None or src[1] != self.src:
                continue
            proto, payload = unseal(data)
            if proto == 135:
                return payload, addr

    def recv(self, cap):
        return self.recvfrom(cap)[0]


def mh_socket(ns, src):
    if ON:
        return Socket(ns, src)
    sock = ns.socket(socket.AF_INET6, socket.SOCK_RAW, 135)
    sock.bind((src, 0))
    return sock


# --- captures ---------------------------------------------------------------

def widen(expr):
    """A filter for Mobility Headers also lets the protected ones in."""
    return expr.replace("ip6 proto 135", f"(ip6 proto 135 or ip6 proto {PROTO})") \
        if ON else expr


def opened(frame):
    """(the frame, in the clear when it was ESP of ours; was it 135 before?)"""
    if frame[12:14] != b"\x86\xdd" or len(frame) < 54:
        return frame, False
    if frame[20] == 135:
        return frame, True
    if frame[20] != PROTO:
        return frame, False
    n = struct.unpack(">H", frame[18:20])[0]
    try:
        proto, payload = unseal(frame[54:54 + n])
    except (AssertionError, KeyError, IndexError):
        return frame, False
    return frame[:18] + struct.pack(">HB", len(payload), proto) + \
        frame[21:54] + payload, False


def open_capture(path, raw=False):
    """Rewrite a capture file with ESP opened (raw: leave it as it is).  How
    many Mobility Headers were in the clear on the wire."""
    with open(path, "rb") as f:
        data = f.read()
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    out, at, clear = [data[:24]], 24, 0
    while at + 16 <= len(data):
        sec, usec, n, _ = struct.unpack(order + "IIII", data[at:at + 16])
        frame, was_clear = opened(data[at + 16:at + 16 + n])
        clear += was_clear
        out += [struct.pack(order + "IIII", sec, usec, len(frame), len(frame)),
                frame]
        at += 16 + n
    if not raw:
        with open(path, "wb") as f:
            f.write(b"".join(out))
    return clear
