# SPDX-License-Identifier: BSD-2-Clause
"""Where the benchmark happens: namespaces of its own, a home agent with a
generated policy in one, load from another.

       gen 2001:db8:a::fe ---- 2001:db8:a::1 ha ---- cn (when asked for)
       (all of 2001:db8:b::/64: the proxy mobile agents)

Nothing here leaves these namespaces, and close() takes it all down by the
process ids it started.
"""
import contextlib
import ipaddress
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../netns"))
from lib import ns as nslib          # noqa: E402
from lib import daemon as daemonlib  # noqa: E402

TOP, BUILD = daemonlib.TOP, daemonlib.BUILD
BIN = os.path.join(BUILD, "tests/bench")
KIND = "pmb"                    # namespaces are pmb<pid>x<n>-<host>
HA, NEXT = "2001:db8:a::1", "2001:db8:a::fe"
CN, CN_NEXT = "2001:db8:c::2", "2001:db8:c::1"
PMA_NET, PMA0 = "2001:db8:b::/64", "2001:db8:b::"
HOME, HOME0 = "2001:db8:1000::/36", "2001:db8:1000::"
HOME4, ROUTER4, FIRST4 = "10.0.0.0/8", "10.255.255.254", "10.0.0.1"
SERVER, SERVER4 = "2001:db8:a::53", "198.51.100.53"     # of DHCP
RELAYS4 = ("198.51.100.1", "198.51.100.2")
SPI_IN, SPI_OUT = 0x10000, 0x20000
KEY_LEN = {"null-hmac-sha256-128": 32, "chacha20-poly1305": 36}
PMAS = 64
WITH_MAC = 20000
PMA_LAST = "2001:db8:b::ffff"   # a real agent's, where the others are played
_number = itertools.count()


class Failure(Exception):
    """Something did not work: the benchmark's only reason to fail."""


def pin(pid, cpu, policy=os.SCHED_BATCH):
    """SCHED_BATCH: server and generator share a processor and are not woken in
    the middle of the other's batch: so batches are full, as under overload.
    Nobody comes before anybody."""
    os.sched_setaffinity(pid, {cpu})
    os.setpriority(os.PRIO_PROCESS, pid, 0)
    try:
        os.sched_setscheduler(pid, policy, os.sched_param(
            int(policy == os.SCHED_FIFO)))
    except PermissionError:         # a control group without real time
        os.sched_setscheduler(pid, os.SCHED_OTHER, os.sched_param(0))


def pma_address(k):
    return str(ipaddress.IPv6Address(PMA0) + k)


def write_policy(path, nodes, v4=False):
    """Profiles for the generator's nodes, without a YAML library: there may be
    a million of them.  Each may have IPv4, and the first ones a MAC address
    (access.c knows it)."""
    hi = int(ipaddress.IPv6Address(HOME0)) >> 64
    with open(path, "w") as f:
        f.write("mobile-nodes:\n")
        for i in range(nodes):
            groups = ":".join(f"{hi + i >> s & 0xffff:x}"
                              for s in (48, 32, 16, 0))
            mac = "" if i >= WITH_MAC else \
                f", mac: [\"02:00:00:{i >> 16:02x}:{i >> 8 & 255:02x}:" \
                f"{i & 255:02x}\"]"
            ip4 = "" if not v4 else f", ipv4: {{home-subnet: {HOME4}, " \
                f"router: {ROUTER4}}}"
            f.write(f"- {{nai: mn{i:07d}@example.com, home-prefix: "
                    f"\"{groups}::/64\"{mac}{ip4}}}\n")


class Gen:
    """A running load generator."""

    def __init__(self, world, nodes, v4=False, suite=None):
        self.proc = subprocess.Popen(
            [f"{BIN}/gen", f"netns={world['gen'].path}", f"ha={HA}",
             f"pma={PMA0}", f"prefix={HOME0}", f"nodes={nodes}",
             f"pmas={PMAS}"] + [f"v4={FIRST4}"] * v4 +
            ([f"esp={suite}"] if suite else []),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.salt = 0

    @property
    def pid(self):
        return self.proc.pid

    def run(self, mode, clean=True, **args):
        """One command; its report.  clean: every operation must succeed."""
        self.salt += 1
        args = {"salt": self.salt, **args}
        words = [mode, *(f"{k}={v}" for k, v in args.items())]
        self.proc.stdin.write(" ".join(words) + "\n")
        self.proc.stdin.flush()
        line = self.proc.stdout.readline()
        if not line:
            raise Failure(f"the generator ended in {words}")
        r = json.loads(line)
        if r["bad"] or r["refused"] or (clean and r["done"] < r["count"]):
            raise Failure(f"{words}: {r}")
        return r

    def close(self):
        self.proc.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.proc.wait(5)
        self.proc.kill()
        self.proc.wait()


class World:
    """Namespaces `ha` and `gen`, the floor's echo server, and on demand home
    agents and generators."""

    def __init__(self):
        nslib.sweep(KIND)
        self.prefix = f"{KIND}{os.getpid()}x{next(_number)}"
        self.folder = tempfile.mkdtemp(prefix="pmipd-bench-")
        self.stack = contextlib.ExitStack()
        self.stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
        self.stack.callback(nslib.delete, self.prefix)
        self.ns = {}
        self.policies = {}
        try:
            self._links()
            self.floor = self._floor()
        except BaseException:
            self.close()
            raise

    def _links(self):
        self.ns = nslib.create(self.prefix, ("ha", "gen", "cn", "mn"))
        for n in self.ns.values():      # no link waits for it
            n.sysctl("net.ipv6.conf.all.accept_dad", 0)
            n.sysctl("net.ipv6.conf.default.accept_dad", 0)
        self["ha"].ip(f"link add core0 type veth peer name core0 netns "
                      f"{self.prefix}-gen")
        for n, addr in (("ha", HA), ("gen", NEXT)):
            for i in ("lo", "core0"):
                self[n].set_up(i, True)
            self[n].ip(f"addr add {addr}/64 dev core0 nodad")
        self["gen"].ip(f"route add local {PMA_NET} dev lo")
        self["ha"].ip(f"route add {PMA_NET} via {NEXT}")

    def source(self):
        """Make `cn` a host behind the home agent."""
        if self["cn"].ip_json("link", "show", "dev", "eth0"):
            return
        self["ha"].sysctl("net.ipv6.conf.all.forwarding", 1)
        self["ha"].ip(f"link add cn0 type veth peer name eth0 netns "
                      f"{self.prefix}-cn", f"addr add {CN_NEXT}/64 dev cn0 nodad")
        self["ha"].set_up("cn0", True)
        self["cn"].set_up("eth0", True)
        self["cn"].ip(f"addr add {CN}/64 dev eth0 nodad",
                      f"route add ::/0 via {CN_NEXT}")

    def access(self):
        """An access link of the `gen` host, with the `mn` host on it."""
        if self["mn"].ip_json("link", "show", "dev", "eth0"):
            return
        gen = self["gen"]
        gen.sysctl("net.ipv6.conf.all.forwarding", 1)
        gen.ip(f"link add acc0 type veth peer name eth0 netns "
               f"{self.prefix}-mn", f"addr add {PMA_LAST}/128 dev lo")
        gen.set_up("acc0", True)
        self["mn"].set_up("eth0", True)

    def core4(self):
        """IPv4 on the core link; a DHCP server's and two relays' addresses."""
        self["ha"].ip(f"addr replace {SERVER}/64 dev core0 nodad",
                      f"addr replace {SERVER4}/24 dev core0")
        self["gen"].ip(*(f"addr replace {a}/24 dev core0" for a in RELAYS4))

    def refloor(self, env=None):
        """Another echo server in the place of the one there is."""
        self._end(self.floor)
        self.floor = self._floor(env)

    def _floor(self, env=None):
        p = subprocess.Popen([f"{BIN}/floor", f"netns={self['ha'].path}"],
                             env={**os.environ, **(env or {})})
        self.stack.callback(self._end, p)
        return p

    @staticmethod
    def _end(p):
        p.kill()
        p.wait()

    def __getitem__(self, host):
        return self.ns[host]

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.stack.close()
        for n in self.ns.values():
            n.close()
        self.ns = {}

    def policy(self, nodes, v4=False):
        if (nodes, v4) not in self.policies:
            path = f"{self.folder}/policy-{nodes}{'-v4' * v4}.yaml"
            write_policy(path, nodes, v4)
            self.policies[nodes, v4] = path
        return self.policies[nodes, v4]

    def security(self, suite):
        """Keys of the home agent for every agent: gen.c makes the same."""
        folder = tempfile.mkdtemp(dir=self.folder)

        def key(k, direction):
            octets = bytes((k * 7 + n * 13 + direction) & 255
                           for n in range(KEY_LEN[suite]))
            path = f"{folder}/{k}-{direction}"
            with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600),
                      "w") as f:
                f.write(octets.hex() + "\n")
            return path
        return {"ipsec": "userspace", "state-directory": folder, "peers": [
            {"address": pma_address(k), "sas": [
                {"spi-in": SPI_IN + k, "spi-out": SPI_OUT + k, "suite": suite,
                 "key-in-file": key(k, 1), "key-out-file": key(k, 2)}]}
            for k in range(PMAS)]}

    @contextlib.contextmanager
    def gen(self, nodes, **kw):
        g = Gen(self, nodes, **kw)
        try:
            # neighbours get to know each other, and the floor is there
            wait_for(lambda: g.run("echo", clean=False, count=10, window=1,
                                   seconds=2)["done"] == 10,
                     30, "the floor answers")
            yield g
        finally:
            g.close()

    def ha_conf(self, nodes, backend, level="warn", v4=False, suite=None,
                **ha):
        # static: making and deleting devices is not what is measured
        pmas = [{"address": a, "tunnel": "static"}
                for a in [*map(pma_address, range(PMAS)), PMA_LAST]]
        return {
            **self.common("ha", nodes, backend, level, v4, suite),
            "ha": {"addresses": [HA], "uplink": "core0",
                   "home-prefixes": [HOME, HOME4], "pmas": pmas,
                   "max-bindings": nodes + 1000, **ha}}

    def common(self, name, nodes, backend, level="warn", v4=False,
               suite=None):
        return {
            "security": self.security(suite) if suite else {"ipsec": "none"},
            "log": {"level": level, "destination": "stderr"},
            "control": {"socket": f"{self.folder}/{name}.sock"},
            "dataplane": {"backend": backend, "max-paths": nodes * (1 + v4)},
            "policy": {"file": self.policy(nodes, v4)}}

    @contextlib.contextmanager
    def pma(self, nodes, v4=False, **pma):
        """A proxy mobile agent in `gen`, with its access link to `mn`."""
        self.access()
        conf = {**self.common("gen", nodes, "bpf", v4=v4), "pma": {
            "address": PMA_LAST, "uplink": "core0", "home-agent": HA,
            "access": [{"interface": "acc0", "type": "shared"}], **pma}}
        d = daemonlib.Daemon(self["gen"], self.folder, "pma", conf)
        try:
            d.spawn()
            nslib.until(d.ready, 30 + nodes / 10000, "the agent is ready")
            yield d
            d.stop(timeout=60)
        finally:
            d.kill()

    @contextlib.contextmanager
    def ha(self, nodes, backend="bpf", standin=False, env=None, conf=None,
           graceful=True, **ha):
        """A running home agent: its Daemon."""
        d = daemonlib.Daemon(self["ha"], self.folder, "ha",
                             conf or self.ha_conf(nodes, backend, **ha))
        before = daemonlib.PMIPD, dict(os.environ)
        try:
            if standin:
                daemonlib.PMIPD = f"{BIN}/pmipd-standin"
            os.environ.update(env or {})
            d.spawn()
        finally:
            daemonlib.PMIPD = before[0]
            for k in env or {}:
                os.environ.pop(k)
        try:
            nslib.until(d.ready, 30 + nodes / 10000, "the home agent is ready")
            yield d
            if graceful:
                d.stop(timeout=60 + nodes / 10000)
        finally:
            d.kill()


def cpu_seconds(pid):
    """CPU time of a process, to the nanosecond."""
    with open(f"/proc/{pid}/schedstat") as f:
        return int(f.read().split()[0]) / 1e9


def rss(pid):
    with open(f"/proc/{pid}/status") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    raise Failure("no VmRSS")


def kernel_memory():
    """Octets of kernel memory that bindings can be in, of the whole machine."""
    want = {"SUnreclaim": 0, "Percpu": 0, "VmallocUsed": 0}
    with open("/proc/meminfo") as f:
        for line in f:
            name, value = line.split()[:2]
            if name[:-1] in want:
                want[name[:-1]] = int(value) * 1024
    return sum(want.values())


def bpf_memory(daemon):
    """What the kernel says the maps of this daemon occupy."""
    from lib import kernel
    total = 0
    for i in kernel.bpf_maps(daemon).values():
        out = subprocess.run(["bpftool", "-j", "map", "show", "id", str(i)],
                             check=True, stdout=subprocess.PIPE).stdout
        total += json.loads(out).get("bytes_memlock", 0)
    return total


def wait_for(condition, timeout, what):
    return nslib.until(condition, timeout, what, every=0.05)


def settle(seconds=0.2):
    """RCU frees what was deleted a little later."""
    time.sleep(seconds)
