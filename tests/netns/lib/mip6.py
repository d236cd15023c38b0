# SPDX-License-Identifier: BSD-2-Clause
"""Proxy Binding Updates made by scapy, and a proxy mobile agent by hand."""
import logging
import time

logging.getLogger("scapy").setLevel(logging.ERROR)
from scapy.fields import (BitField, ByteField, IP6Field,     # noqa: E402
                          IPField, LongField, ShortField)
from scapy.layers import inet6                              # noqa: E402
from scapy.layers.inet6 import (IPv6, MIP6MH_BA, MIP6MH_BU,  # noqa: E402
                                MIP6OptMNID, MIP6OptUnknown)


from . import esp                                           # noqa: E402


class OptHNP(inet6._MIP6OptAlign):
    """Home Network Prefix (RFC 5213 section 8.3)."""
    name = "Home Network Prefix"
    fields_desc = [ByteField("otype", 22), ByteField("olen", 18),
                   ByteField("res", 0), ByteField("plen", 64),
                   IP6Field("prefix", "::")]
    x, y = 8, 4


class OptTimestamp(inet6._MIP6OptAlign):
    """Timestamp (RFC 5213 section 8.8)."""
    name = "Timestamp"
    fields_desc = [ByteField("otype", 27), ByteField("olen", 8),
                   LongField("value", 0)]
    x, y = 8, 2


class OptAltCoA(inet6._MIP6OptAlign):
    """Alternate Care-of Address (RFC 6275 section 6.2.5)."""
    name = "Alternate Care-of Address"
    fields_desc = [ByteField("otype", 3), ByteField("olen", 16),
                   IP6Field("acoa", "::")]
    x, y = 8, 6


class OptLLID(inet6._MIP6OptAlign):
    """MN Link-layer Identifier (RFC 5213 section 8.6)."""
    name = "MN Link-layer Identifier"
    fields_desc = [ByteField("otype", 25), ByteField("olen", 8),
                   ShortField("res", 0), LongField("id", 0)]
    x, y = 8, 2


class OptIp4(inet6._MIP6OptAlign):
    """IPv4 Home Address (RFC 5555 section 3.1.1); the request of RFC 5844
    section 3.1.1 with otype=36."""
    name = "IPv4 Home Address"
    fields_desc = [ByteField("otype", 29), ByteField("olen", 6),
                   BitField("plen", 32, 6), BitField("res", 0, 10),
                   IPField("addr", "0.0.0.0")]
    x, y = 4, 0


class OptIp4Ack(inet6._MIP6OptAlign):
    """IPv4 Address Acknowledgement (RFC 5555 section 3.2.1); the reply of
    RFC 5844 section 3.1.2 with otype=37."""
    name = "IPv4 Address Acknowledgement"
    fields_desc = [ByteField("otype", 30), ByteField("olen", 6),
                   ByteField("status", 0), BitField("plen", 32, 6),
                   BitField("res", 0, 2), IPField("addr", "0.0.0.0")]
    x, y = 4, 0


class OptIp4Router(inet6._MIP6OptAlign):
    """IPv4 Default-Router Address (RFC 5844 section 3.1.3)."""
    name = "IPv4 Default-Router Address"
    fields_desc = [ByteField("otype", 38), ByteField("olen", 6),
                   ShortField("res", 0), IPField("addr", "0.0.0.0")]
    x, y = 4, 0


class OptLla(inet6._MIP6OptAlign):
    """Link-local Address (RFC 5213 section 8.7)."""
    name = "Link-local Address"
    fields_desc = [ByteField("otype", 26), ByteField("olen", 16),
                   IP6Field("lla", "::")]
    x, y = 8, 6


for _o in (OptHNP, OptTimestamp, OptAltCoA, OptLLID, OptIp4, OptIp4Ack,
           OptIp4Router, OptLla):
    inet6.moboptcls[_o.fields_desc[0].default] = _o
inet6.moboptcls.update({36: OptIp4, 37: OptIp4Ack})


def stamp(now=None):
    """48.16 fixed point seconds since 1970."""
    return int((time.time() if now is None else now) * 65536)


def nai_option(nai):
    """scapy's own option cannot have an empty identifier."""
    if not nai:
        return MIP6OptUnknown(otype=8, olen=1, odata=b"\x01")
    return MIP6OptMNID(subtype=1, id=nai.encode())


def pbu(src, dst, nai, prefix=None, lifetime_s=300, seq=1, when=None,
        timestamp=True, extra=(), alt=None, flags="PHA"):
    """A whole IPv6 packet with a PBU; checksum by scapy."""
    opts = [] if nai is None else [nai_option(nai)]
    if prefix:
        net, plen = prefix.split("/")
        opts.append(OptHNP(prefix=net, plen=int(plen)))
    if alt:
        opts.append(OptAltCoA(acoa=alt))
    opts += list(extra)
    if timestamp:
        opts.append(OptTimestamp(value=stamp(when)))
    return IPv6(src=src, dst=dst, hlim=64) / MIP6MH_BU(
        seq=seq, flags=flags, mhtime=lifetime_s // 4, options=opts)


def checksum(packet):
    """The packet's bytes with the right MH checksum (packet: bytes)."""
    head, mh = bytearray(packet[:40]), bytearray(packet[40:])
    if len(mh) >= 6:
        mh[4:6] = b"\0\0"
        value = inet6.in6_chksum(135, IPv6(bytes(head)), bytes(mh))
        mh[4:6] = value.to_bytes(2, "big")
    return bytes(head + mh)


def describe(p):
    """What the tests want to know of a captured message (scapy's IPv6)."""
    mh = p.payload
    out = {"src": p.src, "dst": p.dst, "type": bytes(mh)[2], "len": p.plen}
    if out["type"] not in (5, 6) or not hasattr(mh, "options"):
        return out
    out.update(seq=mh.seq, lifetime=mh.mhtime * 4, flags=str(mh.flags),
               status=getattr(mh, "status", None))
    for o in mh.options:
        kind = getattr(o, "otype", None)
        if kind == 8:
            out["nai"] = bytes(o.id).decode()
        elif kind == 22:
            out["hnp"] = f"{o.prefix}/{o.plen}"
        elif kind == 27:
            out["timestamp"] = o.value / 65536
        elif kind in (29, 30, 36, 37, 38):
            out[f"ip4-{kind}"] = o.addr
        elif kind == 26:
            out["lla"] = o.lla
    return out


class HandPma:
    """Speaks the protocol from a host without daemon.  The kernel verifies
    the checksum of what is received and computes that of what is sent."""

    def __init__(self, ns, src, dst):
        self.src, self.dst = src, dst
        self.seq = 0
        self.sock = esp.mh_socket(ns, src)

    def send(self, nai, prefix=None, dst=None, **kw):
        self.seq += 1
        packet = pbu(self.src, dst or self.dst, nai, prefix,
                     **{"seq": self.seq, **kw})
        self.sock.sendto(bytes(packet)[40:], (dst or self.dst, 0))

    def receive(self, timeout=3):
        """The next PBA as scapy sees it, None when there is none in time."""
        end = time.monotonic() + timeout
        while (left := end - time.monotonic()) > 0:
            self.sock.settimeout(left)
            try:
                data, addr = self.sock.recvfrom(4096)
            except TimeoutError:
                return None
            if data[2] == 6:
                ba = MIP6MH_BA(data)
                ba.sender = addr[0]
                return ba
        return None

    def register(self, nai, prefix=None, **kw):
        """Send a PBU; the acknowledgement with that sequence number."""
        self.send(nai, prefix, **kw)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            ba = self.receive(end - time.monotonic())
            if ba is not None and ba.seq == kw.get("seq", self.seq):
                return ba
        raise AssertionError(f"no PBA for {nai} {kw}")

    def option(self, ba, otype):
        return [o for o in ba.options if o.otype == otype]

    def close(self):
        self.sock.close()
