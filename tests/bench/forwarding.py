# SPDX-License-Identifier: BSD-2-Clause
"""Data through the tunnels against plain routing over links of the same kind,
and how long a handover interrupts it.

The plain domain is the same topology with the same hosts and no daemon: routes
written by hand lead to the node.  What is compared is packets (octets) per
second of the processor time that carrying them takes; see traffic.c."""
import contextlib
import json
import os
import subprocess
import tempfile
import time

from world import BIN, HOME0, PMA_NET, Failure, nslib

from lib.domain import Domain, policy
from lib.topology import (ADDR, CN, CN4, COA, HA, LLA, NAI, PREFIX, ROUTER4,
                          SUBNET4, Topology)

NODE, AT = "mn1", "ar1"
NODE4 = SUBNET4[NODE].replace(".0/24", ".77")
SLICE_MS = 300                  # of one flow; many short ones alternate


def traffic(**kw):
    cmd = [f"{BIN}/traffic"] + [f"{k}={v}" for k, v in kw.items()]
    out = subprocess.run(cmd, check=True, text=True, timeout=60,
                         stdout=subprocess.PIPE).stdout
    return json.loads(out)


class Flow:
    """One kind of traffic in one direction, over IPv6 or IPv4."""

    def __init__(self, mode, up, v4):
        self.mode, self.up, self.v4 = mode, up, v4
        self.name = f"{mode} {'v4' if v4 else 'v6'} {'up' if up else 'down'}"

    def run(self, hosts, ms=SLICE_MS):
        """Packets (octets) per second of processor time."""
        node, cn = (NODE4, CN4) if self.v4 else (ADDR[NODE], CN)
        src, dst = (NODE, "cn") if self.up else ("cn", NODE)
        r = traffic(mode=self.mode, to=hosts[dst].path, ms=ms,
                    dst=cn if self.up else node, **{"from": hosts[src].path})
        if r["received"] == 0:
            raise Failure(f"{self.name}: nothing came through")
        return r["received"] / r["cpu_s"]


class Bursts(Flow):
    """Small packets to a host that does not take them up meanwhile, in a
    kernel that runs under tests/netns/in-kernel, by the clock it has there: the
    fastest burst of many.  That kernel's ticks fall into the others, which take
    half as long again, or twice as long."""

    def run(self, hosts, ms=None):
        src, dst = (NODE, "cn") if self.up else ("cn", NODE)
        r = traffic(mode="burst", to=hosts[dst].path, clock="/dev/tty3",
                    dst=CN if self.up else ADDR[NODE], n=128, packets=128,
                    **{"from": hosts[src].path})
        return 1e9 / min(r["ns"])


FLOWS = [Flow(mode, up, v4) for v4 in (False, True)
         for mode in ("udp", "tcp") for up in (False, True)]


def with_ipv4():
    nodes = policy()
    for n in nodes["mobile-nodes"]:
        if n["nai"] == NAI[NODE]:
            n["ipv4"] = {"home-subnet": SUBNET4[NODE],
                         "router": ROUTER4[NODE], "home-address": NODE4}
    return nodes


@contextlib.contextmanager
def tunnelled(backend, fast=False):
    """A domain whose node is attached; yields (hosts, has it IPv4?)."""
    quiet = {"log": {"level": "warn"}}
    pma = {**quiet, "dataplane": {"fast-path": fast}}
    with Domain(backend, backend, ha=quiet, pma=pma, policy=with_ipv4) as d:
        d.attach(NODE, AT)
        v4 = d.ha.binding(NAI[NODE]).get("hoa4") == NODE4
        if v4:
            d[NODE].ip(f"addr add {NODE4}/24 dev eth0",
                       f"route add 0.0.0.0/0 via {ROUTER4[NODE]}")
        yield d, v4


@contextlib.contextmanager
def plain():
    """The same hosts; forwarding by routes alone."""
    with Topology() as t:
        forwarding(t)
        home(t, None, True)
        yield t


@contextlib.contextmanager
def by_hand():
    """The same with ip6tnl devices and routes as one would write them; the
    traffic class is copied, as ours does (RFC 2473, 6.4)."""
    with Topology() as t:
        forwarding(t)
        for host, local, remote in (("ha", HA, COA[AT]), (AT, COA[AT], HA)):
            t[host].ip(f"link add t0 type ip6tnl mode any local {local} "
                       f"remote {remote} encaplimit none tclass inherit")
            t[host].sysctl("net.ipv6.conf.t0.accept_dad", 0)
            t[host].set_up("t0", True)
        home(t, "dev t0", False)
        for family, everything in (("-6", "::/0"), ("-4", "0.0.0.0/0")):
            t[AT].run("ip", family, "rule", "add", "iif", "acc0", "lookup",
                      "100")
            t[AT].ip(f"route add {everything} dev t0 table 100")
        yield t


def forwarding(t):
    for host in ("ha", "ar1", "ar2"):
        t[host].sysctl("net.ipv6.conf.all.forwarding", 1)
        t[host].sysctl("net.ipv4.ip_forward", 1)
        t[host].sysctl("net.ipv4.conf.all.rp_filter", 0)


def home(t, at_ha, through_core):
    """The node's addresses and the way to them."""
    prefix, subnet = PREFIX[NODE], SUBNET4[NODE]
    t.plug(NODE, AT)
    t[NODE].sysctl("net.ipv6.conf.eth0.accept_ra", 0)
    t[NODE].ip(f"addr add {ADDR[NODE]}/64 dev eth0 nodad",
               f"addr add {NODE4}/24 dev eth0",
               f"route add ::/0 via {LLA[AT]} dev eth0",
               f"route add 0.0.0.0/0 via {ROUTER4[NODE]}")
    t[AT].ip(f"addr add {ROUTER4[NODE]}/24 dev acc0",
             f"route add {prefix} dev acc0")
    if not through_core:
        t["ha"].ip(f"route add {prefix} {at_ha}", f"route add {subnet} {at_ha}")
        return
    t["ha"].ip(f"route add {prefix} via 2001:db8:a::fe",
               f"route add {subnet} via 198.18.10.254")
    t["core"].ip("route del 2001:db8:1::/48", "route del 10.1.0.0/16",
                 f"route add {prefix} via {COA[AT]}",
                 f"route add {subnet} via 198.18.177.1")


def compare(a, b, v4, reps, flows=FLOWS, ms=SLICE_MS):
    """Pairs of a's and b's rates by flow, alternating."""
    out = {}
    for f in flows:
        if f.v4 and not v4:
            continue
        f.run(a, ms), f.run(b, ms)          # neighbours, caches
        out[f.name] = [(f.run(a, ms), f.run(b, ms)) for _ in range(reps)]
    return out


def bpf(res, reps):
    with plain() as p, tunnelled("bpf", True) as (d, v4):
        got = compare(d, p, v4, reps)
        if d.ar1.counters().get("dataplane.delivered", 0) == 0:
            raise Failure("nothing took the fast path")
    with plain() as p, tunnelled("bpf") as (d, _):
        for name, pairs in compare(d, p, False, reps,
                                   [f for f in FLOWS if not f.up]).items():
            res.detail("forwarding", f"bpf without fast-path, {name}", pairs)
    for key, name in (("forward-udp", "udp v6 down"),
                      ("forward-tcp", "tcp v6 down")):
        for value, floor in got[name]:
            res[key].add(value, floor)
    for name, pairs in got.items():
        res.detail("forwarding", f"bpf with fast-path, {name}", pairs)
    if not v4:
        res.remarks.append("forwarding of IPv4: the binding has no IPv4 "
                           "home address")


# --- the stock kernel ------------------------------------------------------------

def ip6tnl_inside(reps):
    """Runs in the stock kernel; prints the pairs as JSON."""
    with by_hand() as p, tunnelled("ip6tnl") as (d, v4):
        down = [f for f in FLOWS if not f.up]
        # Its clocks of processor time tick every 10 ms, and go on while the
        # whole kernel waits for a processor: good enough for the details.
        got = compare(d, p, v4, reps, down[1:], 1000)
        got |= compare(d, p, v4, reps * 4, [Bursts("udp", False, False)])
        print("RESULT " + json.dumps(got))


def ip6tnl(res, top, reps):
    cmd = [f"{top}/tests/netns/in-kernel", "-t", "400", "/usr/bin/python3",
           f"{top}/tests/bench/run", "--inside-ip6tnl", str(reps)]
    out = subprocess.run(cmd, text=True, stdout=subprocess.PIPE,
                         stderr=subprocess.STDOUT, timeout=500)
    line = [l for l in out.stdout.splitlines() if l.startswith("RESULT ")]
    if out.returncode != 0 or not line:
        raise Failure("in the stock kernel: " + out.stdout[-2000:])
    got = json.loads(line[0][len("RESULT "):])
    for value, floor in got["udp v6 down"]:
        res["forward-ip6tnl"].add(value, floor)
    for name, pairs in got.items():
        res.detail("forwarding", f"ip6tnl, {name}", pairs)


# --- many bindings ---------------------------------------------------------------

PLAIN, PLAIN0 = "2001:db8:8000::/36", "2001:db8:8000::"


def many(world, res, nodes, reps):
    """A source behind the home agent sends to all of them in turn; both kinds
    of packet end at the next router's door."""
    import signalling
    world.source()
    gen = world["gen"]
    with signalling.bench(world, nodes) as b:
        b.register_all()
        routes(world, nodes)
        # no packet is anybody's from here on: dropped where it is routed
        gen.ip(f"route del local {PMA_NET} dev lo",
               *[f"route add blackhole {n}" for n in (PMA_NET, PLAIN)])
        try:
            for k in range(reps + 1):
                pair = [spray(world, first, nodes)
                        for first in (HOME0, PLAIN0)]
                if k > 0:                   # the first one warms up
                    res["forward-many"].add(*pair)
        finally:
            gen.ip(*[f"route del blackhole {n}" for n in (PMA_NET, PLAIN)],
                   f"route add local {PMA_NET} dev lo")


def routes(world, nodes):
    """As many plain destinations."""
    lines = []
    for i in range(nodes):
        hi = 0x20010db880000000 + i
        g = ":".join(f"{hi >> s & 0xffff:x}" for s in (48, 32, 16, 0))
        lines.append(f"route add {g}::/64 via 2001:db8:a::fe")
    for at in range(0, nodes, 20000):
        world["ha"].ip(*lines[at:at + 20000])


def spray(world, first, nodes):
    before = arrivals(world["gen"])
    r = traffic(mode="spray", dst=f"{first}1", n=nodes, ms=SLICE_MS,
                **{"from": world["cn"].path})
    arrived = arrivals(world["gen"]) - before
    if arrived < r["sent"] * 0.9:
        raise Failure(f"{arrived} of {r['sent']} packets arrived")
    return arrived / r["cpu_s"]


def arrivals(ns):
    """Packets that came in from the core."""
    with ns.inside(), open("/proc/thread-self/net/dev") as f:
        for line in f:
            if line.strip().startswith("core0:"):
                return int(line.split(":")[1].split()[1])
    raise Failure("no core0")


# --- interruption ----------------------------------------------------------------

@contextlib.contextmanager
def bystander(*args):
    """One that runs until its input ends; the lines it writes come then."""
    lines = []
    with tempfile.TemporaryFile("w+") as out:
        p = subprocess.Popen([f"{BIN}/traffic", *args, "seconds=300"],
                             text=True, stdin=subprocess.PIPE, stdout=out)
        try:
            yield lines
            p.stdin.close()
            p.wait(30)
        finally:
            p.kill()
            p.wait()
        out.seek(0)
        lines += [json.loads(l) for l in out]


def handovers(d, moves):
    """A 1 kHz ping to the node while it goes to and fro.  Of each gap is taken
    away what the link itself was gone: from the cable out to the cable in."""
    with bystander("mode=watch") as late, bystander(
            "mode=ping", f"from={d['cn'].path}", f"dst={ADDR[NODE]}",
            "interval=1000") as gaps:
        time.sleep(0.5)
        switches = []
        for k in range(moves):
            to = "ar2" if k % 2 == 0 else "ar1"
            out = time.time()
            d.topology.plug(NODE, to)
            switches.append((out, time.time()))
            # nobody asks the daemons while the node waits for them
            time.sleep(0.5)
            nslib.until(lambda: d.attached(NODE, to), 20, f"attached at {to}")
    for out, back in switches:
        first = [a for before, a, _ in gaps if before <= back and a >= out]
        if not first:
            continue                        # not one echo was lost
        answer = max(first)
        yield {"value": (answer - back) * 1000, "gap": (answer - out) * 1000,
               "link": (back - out) * 1000,
               "late": 1000 * max((woken - due for _, due, woken in late
                                   if due < answer and woken > back),
                                  default=0)}


def interruption(res, moves, reps):
    """The worst of `moves`, which is even, `reps` times."""
    quiet = {"log": {"level": "warn"}}
    rows, worst = [], []
    with Domain("bpf", "bpf", ha=quiet, pma=quiet) as d:
        d.attach(NODE, "ar1")
        for _ in range(reps):
            some = list(handovers(d, moves))
            if not some:
                raise Failure("no handover was seen")
            worst.append(max(some, key=lambda r: r["value"]))
            rows += some
    for r in rows:
        res["interruption"].add(r["value"], None, gap=r["gap"], link=r["link"])
    for r in worst:
        res["interruption-worst"].add(r["value"], None, late=r["late"])
    res.remarks.append(
        f"{len(rows)} handovers: the cable was out for "
        f"{median(r['link'] for r in rows):.1f} ms (median), echoes failed "
        f"for {median(r['gap'] for r in rows):.1f} ms. In the worst of each "
        f"{moves} (" + ", ".join(f"{r['value']:.1f}" for r in worst) +
        " ms) a processor did not wake what comes before all else for " +
        ", ".join(f"{r['late']:.1f}" for r in worst) + " ms")


def median(values):
    v = sorted(values)
    return v[len(v) // 2]


__all__ = ["bpf", "ip6tnl", "many", "interruption"]
