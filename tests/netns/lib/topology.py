# SPDX-License-Identifier: BSD-2-Clause
"""The hosts and links of the test domain.

                         cn  2001:db8:c::2
                         |
                         ha  2001:db8:a::1       home prefixes 2001:db8:1::/48
                         |
        lab ----------- core ----------- (a plain router)
   2001:db8:b9::1      /    \\
                    ar1      ar2                 2001:db8:b1::1, b2::1
                     |acc0    |acc0
              air: [link1]  [link2]              two Ethernet bridges
                        mn1 mn2                  each plugged into one, or none

Everything but the nodes has IPv4 addresses as well: 198.18.0.0/16, numbered
like the links; the home agent also the home subnets' router addresses.  With
servers=True two more hosts hang on the core, srv and alt, for DHCP servers.

A mobile node keeps its interface, its MAC and its kernel; what moves is the
port at the other end of its cable.  With the carrier the node's own driver
takes eth0 down and up (as one does that associates anew): Linux solicits
routers when an interface comes up, not when merely its carrier returns.
`lab` is a host for tests that speak the protocol by hand.
"""
import itertools
import os

from . import ns

KIND = "pmt"                    # namespaces are pmt<pid>x<n>-<host>
_number = itertools.count()
HOSTS = ("cn", "ha", "core", "ar1", "ar2", "lab", "air", "mn1", "mn2")
ROUTERS = ("ar1", "ar2")
NODES = ("mn1", "mn2")

HA, CN = "2001:db8:a::1", "2001:db8:c::2"
HOME = "2001:db8:1::/48"
CN4, HOME4 = "198.18.12.2", "10.1.0.0/16"
COA = {"ar1": "2001:db8:b1::1", "ar2": "2001:db8:b2::1",
       "lab": "2001:db8:b9::1"}
MAC = {"mn1": "02:00:00:00:01:01", "mn2": "02:00:00:00:01:02",
       "ar1": "02:00:00:00:ac:01", "ar2": "02:00:00:00:ac:02"}
NAI = {"mn1": "mn1@example.com", "mn2": "mn2@example.com",
       "lab": "lab@example.com"}
PREFIX = {"mn1": "2001:db8:1:1::/64", "mn2": "2001:db8:1:2::/64",
          "lab": "2001:db8:1:9::/64"}
SUBNET4 = {"mn1": "10.1.1.0/24", "mn2": "10.1.2.0/24"}
ROUTER4 = {"mn1": "10.1.1.1", "mn2": "10.1.2.1"}
COA4 = {"ar1": "198.18.177.1", "ar2": "198.18.178.1"}
SRV, SRV4 = "2001:db8:d1::1", "198.18.209.1"
ALT, ALT4 = "2001:db8:d2::1", "198.18.210.1"
# what SLAAC makes of prefix and MAC (RFC 4291 appendix A)
ADDR = {"mn1": "2001:db8:1:1:0:ff:fe00:101", "mn2": "2001:db8:1:2:0:ff:fe00:102"}
LLA = {"mn1": "fe80::ff:fe00:101", "mn2": "fe80::ff:fe00:102",
       "ar1": "fe80::ff:fe00:ac01", "ar2": "fe80::ff:fe00:ac02"}

# (host, interface, host, interface): no two ends of a cable have the same
# interface index, or Linux would report changes of its carrier a second late.
LINKS = (
    ("cn", "eth0", "ha", "cn0"),
    ("ha", "core0", "core", "ha0"),
    ("ar1", "core0", "core", "ar1"),
    ("ar2", "core0", "core", "ar2"),
    ("lab", "core0", "core", "lab"),
    ("ar1", "acc0", "air", "ar1"),
    ("ar2", "acc0", "air", "ar2"),
    ("mn1", "eth0", "air", "mn1"),
    ("mn2", "eth0", "air", "mn2"),
)
SERVER_LINKS = (
    ("srv", "core0", "core", "srv"),
    ("alt", "core0", "core", "alt"),
)
BRIDGE = {"ar1": "link1", "ar2": "link2"}
def _router(ifname, address, address4, core, core4):
    """Addresses of a host on the core, and its default routes."""
    return [(ifname, address), (ifname, address4),
            f"route add ::/0 via {core}", f"route add 0.0.0.0/0 via {core4}"]


FIXED = {
    "cn": _router("eth0", CN, CN4, "2001:db8:c::1", "198.18.12.1"),
    "ha": [("cn0", "2001:db8:c::1"), ("cn0", "198.18.12.1")] +
    [("lo", ROUTER4[n]) for n in NODES] +
    _router("core0", HA, "198.18.10.1", "2001:db8:a::fe", "198.18.10.254"),
    "core": [("ha0", "2001:db8:a::fe"), ("ha0", "198.18.10.254"),
             ("ar1", "2001:db8:b1::fe"), ("ar1", "198.18.177.254"),
             ("ar2", "2001:db8:b2::fe"), ("ar2", "198.18.178.254"),
             ("lab", "2001:db8:b9::fe"),
             f"route add {HOME} via {HA}",
             f"route add 2001:db8:c::/64 via {HA}",
             f"route add {HOME4} via 198.18.10.1",
             "route add 198.18.12.0/24 via 198.18.10.1"],
    "ar1": _router("core0", COA["ar1"], COA4["ar1"], "2001:db8:b1::fe",
                   "198.18.177.254"),
    "ar2": _router("core0", COA["ar2"], COA4["ar2"], "2001:db8:b2::fe",
                   "198.18.178.254"),
    "lab": [("core0", COA["lab"]), "route add ::/0 via 2001:db8:b9::fe"],
}
SERVERS_FIXED = {
    "srv": _router("core0", SRV, SRV4, "2001:db8:d1::fe", "198.18.209.254"),
    "alt": _router("core0", ALT, ALT4, "2001:db8:d2::fe", "198.18.210.254"),
    "core": [("srv", "2001:db8:d1::fe"), ("srv", "198.18.209.254"),
             ("alt", "2001:db8:d2::fe"), ("alt", "198.18.210.254")],
}


class Topology:
    """Builds it all; close() takes it down, `with` does so in any case."""

    def __init__(self, servers=False):
        ns.sweep(KIND)
        self.hosts, self.links = HOSTS, LINKS
        self.fixed = {h: list(x) for h, x in FIXED.items()}
        if servers:
            self.hosts += ("srv", "alt")
            self.links += SERVER_LINKS
            for host, more in SERVERS_FIXED.items():
                self.fixed[host] = more + self.fixed.get(host, [])
        self.prefix = f"{KIND}{os.getpid()}x{next(_number)}"
        self.where = {n: None for n in NODES}   # plugged into whose link
        self.ns = {}
        try:
            self.ns = ns.create(self.prefix, self.hosts)
            self._settings()
            self._links()
            self._addresses()
        except BaseException:
            self.close()
            raise

    def __getitem__(self, host):
        return self.ns[host]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        for n in self.ns.values():
            n.close()
        self.ns = {}
        ns.delete(self.prefix)

    def _settings(self):
        for host, n in self.ns.items():
            for scope in ("all", "default"):
                conf = f"net.ipv6.conf.{scope}"
                n.sysctl(f"{conf}.accept_dad", 0)
                n.sysctl(f"{conf}.router_solicitation_delay", 0)
                n.sysctl(f"{conf}.accept_ra", int(host in NODES))
            if host == "air":       # a switch has no addresses
                n.sysctl("net.ipv6.conf.default.disable_ipv6", 1)
        self["core"].sysctl("net.ipv6.conf.all.forwarding", 1)
        self["core"].sysctl("net.ipv4.ip_forward", 1)

    def _links(self):
        index = 100
        batch = {}
        for a, ifa, b, ifb in self.links:
            mac = f"address {MAC[a]}" if a in MAC and ifa != "core0" else ""
            batch.setdefault(a, []).append(
                f"link add {ifa} index {index} {mac} type veth peer name {ifb}"
                f" index {index + 1} netns {self.prefix}-{b}")
            index += 2
        for host, lines in batch.items():
            self[host].ip(*lines)
        self["air"].ip(*[f"link add {b} type bridge mcast_snooping 0"
                         for b in BRIDGE.values()])

    def _addresses(self):
        ups = {}
        for a, ifa, b, ifb in self.links:
            ups.setdefault(a, []).append(ifa)
            ups.setdefault(b, []).append(ifb)
        ups["air"] = ["link1", "link2", "ar1", "ar2"]
        for router, bridge in BRIDGE.items():
            self["air"].bridge_port(bridge, router, True)
        for host in self.hosts:
            for ifname in ["lo"] + ups[host]:
                if host not in NODES or ifname == "lo":
                    self[host].set_up(ifname, True)
            lines = [self._line(x) for x in self.fixed.get(host, [])]
            if lines:
                self[host].ip(*lines)

    @staticmethod
    def _line(x):
        # a batch takes no -6: the address must tell
        if isinstance(x, str):
            return x
        ifname, address = x
        if ifname == "lo":
            return f"addr add {address}/{128 if ':' in address else 32} dev lo"
        if ":" in address:
            return f"addr add {address}/64 dev {ifname} nodad"
        return f"addr add {address}/24 dev {ifname}"

    # --- roaming -----------------------------------------------------------
    def unplug(self, node):
        """Pull the cable: the node loses its carrier."""
        if self.where[node] is None:
            return
        self["air"].set_up(node, False)
        self["air"].bridge_port(BRIDGE[self.where[node]], node, False)
        self.where[node] = None

    def plug(self, node, router, associate=True):
        """Connect a node to the link of a router, after unplug() when it is
        elsewhere.  associate=False: the node sees its carrier flap, no more."""
        self.unplug(node)
        if associate:
            self[node].set_up("eth0", False)
            self[node].set_up("eth0", True)
        self["air"].bridge_port(BRIDGE[router], node, True)
        self["air"].set_up(node, True)
        self.where[node] = router
