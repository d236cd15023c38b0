# SPDX-License-Identifier: BSD-2-Clause
"""Real DHCP servers (Kea, dnsmasq) and clients (dhclient, udhcpc, dhcpcd).

Servers listen on core0 of their host, far from any access link: all that
reaches them came through relays.  Every program runs from a copy in the run's
folder, where no AppArmor profile of the distribution applies, and keeps its
files there.
"""
import contextlib
import ipaddress
import json
import os
import shutil
import signal
import subprocess

from .capture import frames
from .ns import until

PORT4, PORT6 = 67, 547
LEASE = 3600            # seconds


def _program(folder, name):
    """Path of a private copy of a program."""
    path = f"{folder}/bin/{name}"
    if not os.path.exists(path):
        os.makedirs(f"{folder}/bin", exist_ok=True)
        real = shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin")
        assert real, f"{name} is not installed"
        real = os.path.realpath(real)
        if os.path.basename(real) == "busybox":     # knows itself by name
            os.symlink(real, path)
        else:
            shutil.copy(real, path)
    return path


class _Process:
    """A program in a namespace that runs in the foreground, its log kept."""

    def __init__(self, ns, folder, name):
        self.ns, self.folder, self.name = ns, folder, name
        self.log = f"{folder}/{name}.log"
        self.proc = None

    def _spawn(self, cmd, **env):
        assert self.proc is None, f"{self.name} runs already"
        with open(self.log, "ab") as log:
            self.proc = self.ns.popen(
                cmd, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/",
                env={**os.environ, **env})

    def stop(self, sig=signal.SIGTERM):
        if self.proc is None:
            return
        with contextlib.suppress(ProcessLookupError):
            self.proc.send_signal(sig)
        try:
            self.proc.wait(5)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
        self.proc = None

    def tail(self, lines=40):
        with contextlib.suppress(OSError), open(self.log) as f:
            return "".join(f.readlines()[-lines:])
        return ""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()


# --- servers ------------------------------------------------------------------

def listening(ns, port, family):
    """Is a UDP socket of the namespace bound to that port?"""
    path = "/proc/thread-self/net/udp" + ("6" if family == 6 else "")
    with ns.inside(), open(path) as f:
        return any(l.split()[1].endswith(f":{port:04X}")
                   for l in list(f)[1:])


class Server(_Process):
    """A server for one family that allocates from `subnets`: {prefix: default
    router or None}, IPv4 or IPv6.  `only`: the one address of every pool."""

    def __init__(self, ns, folder, name, family, address, subnets,
                 lease=LEASE):
        super().__init__(ns, folder, f"{ns.label}-{name}{family}")
        self.family, self.address, self.lease = family, address, lease
        self.subnets, self.only = subnets, None

    @property
    def port(self):
        return PORT6 if self.family == 6 else PORT4

    def pool(self, subnet):
        """First and last address given out there: srv and alt share no pool."""
        if self.only:
            return self.only, self.only
        net = ipaddress.ip_network(subnet)
        half = 0 if self.ns.label == "srv" else 1
        if self.family == 6:
            return net[0x1000 + 0x1000 * half], net[0x1FFF + 0x1000 * half]
        return net[100 + 50 * half], net[149 + 50 * half]

    def start(self):
        self._start()
        until(self._up, 20, f"{self.name} listens")
        return self

    def _up(self):
        assert self.proc.poll() is None, f"{self.name} left:\n{self.tail()}"
        return listening(self.ns, self.port, self.family)

    @contextlib.contextmanager
    def other(self, subnets=None, lease=None, only=None):
        """Another configuration for a while; each time it forgets all."""
        before = self.subnets, self.lease, self.only
        self.stop()
        self.subnets, self.lease, self.only = (subnets or self.subnets,
                                               lease or self.lease, only)
        try:
            yield self.start()
        finally:
            self.stop()
            self.subnets, self.lease, self.only = before
            self.start()

    @contextlib.contextmanager
    def down(self):
        self.stop()
        try:
            yield
        finally:
            self.start()


class Kea(Server):
    def __init__(self, ns, folder, family, address, subnets, **kw):
        super().__init__(ns, folder, "kea", family, address, subnets, **kw)

    def _subnet(self, number, prefix, router):
        first, last = self.pool(prefix)
        out = {"id": number, "subnet": prefix,
               "pools": [{"pool": f"{first}-{last}"}]}
        if router:
            out["option-data"] = [{"name": "routers", "data": router}]
        return out

    def _config(self):
        family = self.family
        conf = {
            "interfaces-config": {"interfaces": [f"core0/{self.address}"],
                                  "re-detect": False},
            "lease-database": {"type": "memfile", "persist": False},
            "valid-lifetime": self.lease,
            f"subnet{family}": [
                self._subnet(n, p, r)
                for n, (p, r) in enumerate(self.subnets.items(), 1)],
            "loggers": [{"name": f"kea-dhcp{family}", "severity": "DEBUG",
                         "debuglevel": 40,
                         "output_options": [{"output": "stdout"}]}],
        }
        if family == 4:
            conf["interfaces-config"]["dhcp-socket-type"] = "udp"
        else:
            conf["server-id"] = {"type": "LL", "persist": False}
            conf["preferred-lifetime"] = self.lease * 3 // 4
        # what a client is told (T1, T2); short leases are renewed soon
        conf["renew-timer"] = self.lease // 2
        conf["rebind-timer"] = self.lease * 3 // 4
        return {f"Dhcp{family}": conf}

    def _start(self):
        path = f"{self.folder}/{self.name}.json"
        with open(path, "w") as f:
            json.dump(self._config(), f, indent=1)
        self._spawn([_program(self.folder, f"kea-dhcp{self.family}"), "-c",
                     path], KEA_PIDFILE_DIR=self.folder,
                    KEA_LOCKFILE_DIR="none")


class Dnsmasq(Server):
    def __init__(self, ns, folder, family, address, subnets, **kw):
        super().__init__(ns, folder, "dnsmasq", family, address, subnets, **kw)

    def _ranges(self):
        for n, (prefix, router) in enumerate(self.subnets.items()):
            first, last = self.pool(prefix)
            net = ipaddress.ip_network(prefix)
            mask = 64 if self.family == 6 else net.netmask
            tag = f"subnet{n}"
            yield f"dhcp-range=set:{tag},{first},{last},{mask},{self.lease}s"
            if router:
                yield f"dhcp-option=tag:{tag},option:router,{router}"

    def _start(self):
        path = f"{self.folder}/{self.name}.conf"
        lines = ["port=0", "interface=core0", "bind-dynamic", "log-dhcp",
                 "user=root", "group=root", "no-ping", "dhcp-authoritative",
                 f"dhcp-leasefile={self.folder}/{self.name}.leases",
                 f"pid-file={self.folder}/{self.name}.pid", *self._ranges()]
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{self.folder}/{self.name}.leases")
        with open(path, "w") as f:
            f.write("\n".join(lines) + "\n")
        self._spawn([_program(self.folder, "dnsmasq"), "--keep-in-foreground",
                     "--log-facility=-", f"--conf-file={path}"])


# --- clients ------------------------------------------------------------------

# What dhclient and udhcpc call: sets addresses and the default route of eth0
# and notes each event in $EVENTS.
SCRIPT = r"""#!/bin/sh
dev=${interface:-eth0}
note() { echo "$*" >>"$EVENTS"; }
mask2len() {
	n=0; IFS=.
	for o in $1; do
		while [ "$o" -gt 0 ]; do n=$((n + (o & 1))); o=$((o >> 1)); done
	done
	echo $n
}
v4() {	# address, prefix length, router
	ip -4 addr replace "$1/$2" dev "$dev"
	[ -z "$3" ] || ip -4 route replace default via "$3" dev "$dev"
	note "bound4 $1/$2 router=$3"
}
gone4() { ip -4 addr flush dev "$dev"; note "gone4"; }
case ${reason:-udhcpc-$1} in
PREINIT*) ip link set "$dev" up;;
BOUND6|REBIND6|RENEW6|REBOOT6)
	ip -6 addr replace "$new_ip6_address/128" dev "$dev" nodad \
	    valid_lft "$new_max_life" preferred_lft "$new_preferred_life"
	note "$reason $new_ip6_address";;
EXPIRE6|RELEASE6|STOP6|DEPREF6)
	[ "$reason" = DEPREF6 ] || ip -6 addr del "$old_ip6_address/128" dev "$dev"
	note "$reason $old_ip6_address";;
BOUND|RENEW|REBIND|REBOOT)
	v4 "$new_ip_address" "$(mask2len "$new_subnet_mask")" "${new_routers%% *}";;
EXPIRE|FAIL|RELEASE|STOP) gone4;;
udhcpc-bound|udhcpc-renew)
	v4 "$ip" "$mask" "${router%% *}";;
udhcpc-deconfig) gone4;;
udhcpc-*) note "$1";;
*) note "$reason";;
esac
exit 0
"""


class Client(_Process):
    """A client on a node's eth0; `events` is what it told the script."""

    def __init__(self, ns, folder, name):
        super().__init__(ns, folder, f"{ns.label}-{name}")
        self.events_file = f"{self.folder}/{self.name}.events"
        self.script = f"{folder}/client-script"
        if not os.path.exists(self.script):
            with open(os.open(self.script, os.O_WRONLY | os.O_CREAT, 0o755),
                      "w") as f:
                f.write(SCRIPT)

    @property
    def events(self):
        with contextlib.suppress(OSError), open(self.events_file) as f:
            return f.read().splitlines()
        return []

    def forget(self):
        """As if it had never run here."""
        for path in (self.events_file, f"{self.folder}/{self.name}.leases"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


class Dhclient(Client):
    """ISC dhclient, `family` 4 or 6.  Started again it asks for what it had:
    Confirm (DHCPv6) or the INIT-REBOOT state (DHCPv4)."""

    def __init__(self, ns, folder, family):
        super().__init__(ns, folder, f"dhclient{family}")
        self.family = family

    def _command(self, *more):
        conf = f"{self.folder}/dhclient.conf"
        if not os.path.exists(conf):
            with open(conf, "w") as f:
                f.write("timeout 20;\nretry 1;\nreboot 5;\n"
                        "initial-interval 1;\nbackoff-cutoff 2;\n")
        return [_program(self.folder, "dhclient"), f"-{self.family}",
                "-cf", conf, "-lf", f"{self.folder}/{self.name}.leases",
                "-pf", f"{self.folder}/{self.name}.pid", "-sf", self.script,
                "-e", f"EVENTS={self.events_file}", *more, "eth0"]

    def start(self):
        if self.family == 6:            # without one it gives up at once
            until(lambda: any(a.startswith("fe80:") for a in
                              self.ns.addresses("eth0")), 10,
                  "a link-local address")
        self._spawn(self._command("-d"))
        return self

    def release(self):
        """Give the address back: another dhclient tells the first to."""
        self.stop(signal.SIGKILL)
        self._spawn(self._command("-d", "-r"))
        self.proc.wait(20)
        self.proc = None


class Udhcpc(Client):
    """BusyBox's client: SIGUSR1 renews, SIGUSR2 releases."""

    def __init__(self, ns, folder):
        super().__init__(ns, folder, "udhcpc")

    def start(self):
        self._spawn([_program(self.folder, "udhcpc"), "-f", "-i", "eth0", "-s",
                     self.script, "-t", "20", "-T", "1", "-A", "1"],
                    EVENTS=self.events_file, interface="eth0")
        return self

    def renew(self):
        self.proc.send_signal(signal.SIGUSR1)

    def release(self):
        self.proc.send_signal(signal.SIGUSR2)


class Dhcpcd(Client):
    """dhcpcd, both families at once, with its own idea of everything: it
    reads Router Advertisements itself and reacts to the carrier."""

    def __init__(self, ns, folder):
        super().__init__(ns, folder, "dhcpcd")

    def start(self):
        conf = f"{self.folder}/dhcpcd.conf"
        with open(conf, "w") as f:
            f.write("duid\npersistent\noption routers\nslaac hwaddr\n"
                    "noipv4ll\nreboot 3\ntimeout 20\n"
                    "interface eth0\nipv6rs\nia_na 1\n")
        # its data base and control sockets have fixed places
        hide = "; ".join(f"mkdir -p {d} && mount -t tmpfs none {d}"
                         for d in ("/var/lib/dhcpcd", "/run/dhcpcd"))
        self._spawn(["unshare", "-m", "sh", "-c",
                     f"{hide}; exec {_program(self.folder, 'dhcpcd')} -B -d "
                     f"-f {conf} -c /bin/true eth0"])
        return self

    def stop(self, sig=signal.SIGTERM):
        """It has told the kernel to leave IPv6 to it; take that back."""
        super().stop(sig)
        self.ns.sysctl("net.ipv6.conf.eth0.addr_gen_mode", 0)
        self.ns.sysctl("net.ipv6.conf.eth0.accept_ra", 1)


# --- what the wires carried, decoded by scapy -----------------------------------

SOLICIT, REQUEST, CONFIRM, RENEW, REBIND, REPLY, RELEASE = 1, 3, 4, 5, 6, 7, 8
RELAY_FORW, RELAY_REPL = 12, 13


def relayed(path, *inner):
    """Relay messages of DHCPv6 (those types inside; all), in order."""
    from scapy.layers import dhcp6
    from scapy.layers.inet6 import IPv6
    out = []
    for when, frame in frames(path):
        for cls in (dhcp6.DHCP6_RelayForward, dhcp6.DHCP6_RelayReply):
            if cls not in frame:
                continue
            relay = frame[cls]
            inside = bytes(relay[dhcp6.DHCP6OptRelayMsg].message)
            if inner and inside[0] not in inner:
                continue
            m = {"time": when, "src": frame[IPv6].src, "dst": frame[IPv6].dst,
                 "type": relay.msgtype, "hops": relay.hopcount,
                 "link": relay.linkaddr, "peer": relay.peeraddr,
                 "inner": inside[0], "raw": inside}
            for option, key, field in (
                    (dhcp6.DHCP6OptIfaceId, "interface-id", "ifaceid"),
                    (dhcp6.DHCP6OptClientLinkLayerAddr, "mac", "clladdr")):
                if option in relay:
                    m[key] = getattr(relay[option], field)
            out.append(m)
    return out


def bootp(path):
    """DHCPv4 messages in order."""
    from scapy.layers.dhcp import BOOTP, DHCP
    from scapy.layers.inet import IP
    out = []
    for when, frame in frames(path):
        if BOOTP not in frame or DHCP not in frame:
            continue
        b = frame[BOOTP]
        options = {o[0]: o[1] for o in frame[DHCP].options
                   if isinstance(o, tuple) and len(o) > 1}
        out.append({"time": when, "src": frame[IP].src, "dst": frame[IP].dst,
                    "op": b.op, "hops": b.hops, "giaddr": b.giaddr,
                    "ciaddr": b.ciaddr, "yiaddr": b.yiaddr,
                    "type": options.get("message-type"), "options": options,
                    "relay": suboptions(options)})
    return out


def suboptions(options):
    """Those of option 82 by number."""
    value = options.get("relay_agent_information", options.get(82, b""))
    if not isinstance(value, bytes):
        value = bytes(value)
    out = {}
    while len(value) >= 2:
        out[value[0]] = value[2:2 + value[1]]
        value = value[2 + value[1]:]
    return out


def addresses4(ns, ifname="eth0"):
    """[(address, prefix length)] of an interface."""
    return [(a["local"], a["prefixlen"])
            for link in ns.ip_json("-4", "addr", "show", "dev", ifname)
            for a in link.get("addr_info", [])]
