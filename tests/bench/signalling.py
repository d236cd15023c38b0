# SPDX-License-Identifier: BSD-2-Clause
"""The control plane of a home agent under load: rates against the floor, what
a binding costs in memory, how long the loop stalls, what a restart takes, and
a storm of registrations."""
import contextlib
import mmap
import os
import statistics
import struct
import subprocess
import time

from results import Row
from world import (BIN, HA, Failure, bpf_memory, cpu_seconds, kernel_memory,
                   pin, rss, settle, wait_for)

WINDOW = 512
SERVER_CPU = GEN_CPU = 1            # throughput: one processor for both
PATIENCE_MS = 8000      # others may have the processor meanwhile
MIN_OPS, MAX_OPS = 20000, 200000    # of one sample
PIECE = 20000           # of a sample, then as many of the floor
LATENCY_WINDOW = 64
LATENCY_S, LATENCY_SAMPLES = 0.1, 10    # of one sample; of each repetition
KINDS = {"bpf": {"backend": "bpf"},
         "routes": {"backend": "ip6tnl", "standin": True}}


# What an operation is to the home agent: "refresh" must not register anybody.
COUNTERS = {"register": "ha.bindings-created",
            "refresh": "ha.bindings-refreshed",
            "handover": "ha.bindings-moved",
            "deregister": "ha.bindings-deregistered"}


def per_cpu_s(runs):
    return sum(r["done"] for r in runs) / sum(r["cpu_s"] for r in runs)


class Bench:
    """A home agent, the floor and a generator, measured in alternation."""

    def __init__(self, world, daemon, gen, nodes):
        self.world, self.daemon, self.gen = world, daemon, gen
        self.nodes = nodes
        self.done = dict.fromkeys(COUNTERS, 0)
        self.pid, self.floor = daemon.proc.pid, world.floor.pid
        self.together()

    def together(self):
        pin(self.pid, SERVER_CPU)
        pin(self.floor, SERVER_CPU)
        pin(self.gen.pid, GEN_CPU)

    def apart(self, policy=os.SCHED_OTHER):
        """Server and generator on processors of their own, each woken at
        once: how long an answer takes, not how many there are."""
        for pid in (self.pid, self.floor):
            pin(pid, 0, policy)
        pin(self.gen.pid, 1, policy)

    def echo(self, count, **kw):
        args = {"window": WINDOW, "timeout": PATIENCE_MS, **kw}
        return self.gen.run("echo", count=count, server=self.floor, **args)

    def pbus(self, mode, count, **kw):
        args = {"window": WINDOW, "timeout": PATIENCE_MS, **kw}
        r = self.gen.run(mode, count=count, server=self.pid, **args)
        self.done[mode] += r["done"]
        return r

    def verify(self):
        """Has the home agent done what pbus() was to measure?"""
        c = self.daemon.counters()
        for mode, n in self.done.items():
            seen = c.get(COUNTERS[mode], 0)
            if n > 0 and seen != n:
                raise Failure(f"{mode}: {n} asked for, but "
                              f"{COUNTERS[mode]} is {seen}")

    def ratio(self, row, mode, count, first=None, **kw):
        """One sample: floor, home agent, floor, ... in short pieces, so that
        what else the machine does meets both.  `first`: the first node, for
        those that go through all in one order."""
        pieces = max(1, count // PIECE)
        size = -(-count // pieces)
        own, floor = [], [self.echo(size)]
        for at in range(0, count, size):
            if first is not None:
                kw["from"] = first + at
            own.append(self.pbus(mode, min(size, count - at), **kw))
            floor.append(self.echo(size))
        row.add(per_cpu_s(own), per_cpu_s(floor))

    def register_all(self):
        """Every node once."""
        return self.pbus("register", self.nodes, seconds=300)


@contextlib.contextmanager
def bench(world, nodes, kind="bpf", v4=False, suite=None, **kw):
    args = {**KINDS[kind], **kw}
    if v4 or suite:
        args.update(v4=v4, suite=suite)
    with world.ha(nodes, **args) as d, \
            world.gen(nodes, v4=v4, suite=suite) as g:
        b = Bench(world, d, g, nodes)
        yield b
        b.verify()


def ops(nodes):
    return min(MAX_OPS, max(nodes, MIN_OPS))


def rates(world, res, nodes, kind, reps, main):
    """Registration, refresh, handover of `nodes`; `main`: this size decides
    the table's rows, the others are points of the curves."""
    rows = {m: res[f"{m}-{kind}"] if main else Row(m, m, None, None)
            for m in ("register", "handover")}
    rows["refresh"] = res["refresh"] if main and kind == "bpf" else \
        Row("refresh", "refresh", None, None)
    with bench(world, nodes, kind) as b:
        before = kernel_memory()
        registrations(b, rows["register"], reps)
        settle()
        if kind == "routes" and main:
            res["memory-routes"].add((kernel_memory() - before) / nodes)
        for _ in range(reps if kind == "bpf" else 0):
            b.ratio(rows["refresh"], "refresh", ops(nodes))
        for _ in range(reps):
            b.ratio(rows["handover"], "handover", ops(nodes))
    if kind != "bpf":
        del rows["refresh"]     # it knows nothing of the data plane
    for mode, row in rows.items():
        res.curve("rates", f"{mode} ({kind})", nodes, row.median)
        res.remarks.append(
            f"{nodes} bindings, {kind}, {mode}: "
            f"{row.samples[-1]['value']:.0f} per CPU-second, "
            f"{row.median:.2f} of the floor")
    return {m: r.median for m, r in rows.items()}


def under_esp(world, res, nodes, suite, key, reps):
    """Refreshes that are authenticated; the floor's packets are not."""
    with bench(world, nodes, suite=suite) as b:
        b.register_all()
        for _ in range(reps):
            b.ratio(res[key], "refresh", ops(nodes))


def with_ipv4(world, res, nodes, kind, reps):
    with bench(world, nodes, kind, v4=True) as b:
        registrations(b, res[f"register4-{kind}"], reps)


def registrations(b, row, reps):
    """Fresh bindings until all are there, in `reps` samples.  Few nodes: they
    come and go, for long enough to be measured."""
    if reps > 1 and b.nodes < MIN_OPS:
        for _ in range(reps):
            comings(b, row, MIN_OPS // b.nodes)
        return
    salt, at = b.gen.salt + 1, 0
    for upto in (b.nodes * (k + 1) // reps for k in range(reps)):
        b.ratio(row, "register", upto - at, at, salt=salt, seconds=300)
        at = upto


def comings(b, row, cycles):
    own, floor = [], [b.echo(MIN_OPS)]
    for _ in range(cycles):
        if b.done["register"] > b.done["deregister"]:
            b.pbus("deregister", b.nodes)
        own.append(b.register_all())
    floor.append(b.echo(MIN_OPS))
    row.add(per_cpu_s(own), per_cpu_s(floor))


# --- latency ------------------------------------------------------------------

def latency(world, res, nodes, reps):
    """64 outstanding at most, half of what the home agent can do; the echo at
    the same rate in between.  The row is of real-time processes: under the
    normal scheduler it would be the time slices of whoever else is there."""
    rows = {p: (Row("", "", None, None), Row("", "", None, None))
            for p in (os.SCHED_OTHER, os.SCHED_FIFO)}
    rows[os.SCHED_FIFO] = res["latency"], res["latency-echo"]
    with bench(world, nodes) as b:
        b.register_all()
        for policy, (own, echo) in rows.items():
            b.apart(policy)
            full = b.pbus("refresh", ops(nodes), window=LATENCY_WINDOW)
            load = {"window": LATENCY_WINDOW, "rate": int(full["per_s"] / 2)}
            count = int(load["rate"] * LATENCY_S)
            for _ in range(reps * LATENCY_SAMPLES):
                for row, r in ((echo, b.echo(count, **load)),
                               (own, b.pbus("refresh", count, **load))):
                    row.add(r["p99_us"] / 1000, p50=r["p50_us"],
                            p999=r["p999_us"])
            name = "normal" if policy == os.SCHED_OTHER else "real-time"
            res.remarks.append(
                f"latency at {load['rate']}/s, {name} scheduler: PBU to PBA "
                f"{quantiles(own)}; bare echo {quantiles(echo)}")


def quantiles(row):
    p50, p999 = (statistics.median(s[q] for s in row.samples)
                 for q in ("p50", "p999"))
    late = sum(v > 1 for v in row.results())
    return f"p50 {p50:.0f} us, p99 {row.median * 1000:.0f}, p99.9 " \
        f"{p999:.0f}, p99 over 1 ms in {late} of {len(row.samples)} samples"


# --- stalls -------------------------------------------------------------------

class Turns:
    """The figures of turns.so."""
    LAYOUT = "9Q"
    SIZE = struct.calcsize(LAYOUT)

    def __init__(self, folder):
        self.path = f"{folder}/turns"
        with open(self.path, "wb") as f:
            f.write(bytes(self.SIZE))
        self.file = open(self.path, "r+b")
        self.map = mmap.mmap(self.file.fileno(), self.SIZE)

    def env(self):
        return {"LD_PRELOAD": f"{BIN}/turns.so", "PMIP_BENCH_TURNS": self.path}

    def clear(self):
        self.map[:] = bytes(self.SIZE)

    def read(self):
        n, cpu, wall, over1, over5, _, _, io, faults = \
            struct.unpack(self.LAYOUT, self.map[:])
        return {"turns": n, "cpu_ms": cpu / 1e6, "wall_ms": wall / 1e6,
                "over_1ms": over1, "over_5ms": over5,
                "io_ms": io / 1e6, "faults": faults}

    def heap(self, daemon):
        """Octets that the daemon's malloc() has given out."""
        self.map[40:48] = struct.pack("Q", 1)

        def answered():
            daemon.show("status")           # whatever makes it turn
            return struct.unpack("Q", self.map[40:48])[0] == 0
        wait_for(answered, 60, "the heap is counted")
        return struct.unpack("Q", self.map[48:56])[0]

    def close(self):
        self.map.close()
        self.file.close()
        os.unlink(self.path)


def stall(world, res, nodes, kind="bpf"):
    """Growing: how long the loop stalls, and what it costs in memory."""
    t = Turns(world.folder)
    try:
        with bench(world, nodes, kind, env=t.env()) as b:
            before = t.heap(b.daemon)
            t.clear()
            b.register_all()
            r = t.read()
            heap = (t.heap(b.daemon) - before) / nodes
            if r["turns"] == 0:
                raise Failure("turns.so saw no turn of the loop")
            if kind == "bpf":
                res["stall"].add(r["cpu_ms"], **r)
                res["memory-user"].add(heap)
                res["memory-bpf"].add(bpf_memory(b.daemon) / nodes)
            res.remarks.append(f"growing to {nodes} bindings ({kind}): "
                               f"{turns_words(r)}")
    finally:
        t.close()


def turns_words(r):
    return f"{r['turns']} turns of the loop, longest {r['cpu_ms']:.2f} ms " \
        f"of CPU time, of which {r['io_ms']:.2f} in receiving and sending, " \
        f"with {r['faults']} page faults; {r['wall_ms']:.2f} ms by the " \
        f"clock; {r['over_1ms']} over 1 ms, {r['over_5ms']} over 5 ms"


def stall_echo(world, res, nodes):
    """The same of the bare echo, for as much CPU time: what a turn may last
    for whatever the process does."""
    t = Turns(world.folder)
    world.refloor(t.env())
    try:
        with world.gen(nodes) as g:
            pin(world.floor.pid, SERVER_CPU)
            pin(g.pid, GEN_CPU)
            t.clear()
            g.run("echo", count=2 * nodes, window=WINDOW, seconds=300,
                  timeout=PATIENCE_MS, server=world.floor.pid)
        r = t.read()
        res["stall-echo"].add(r["cpu_ms"], **r)
        res.remarks.append(f"bare echo: {turns_words(r)}")
    finally:
        world.refloor()
        t.close()


# --- storm --------------------------------------------------------------------

def storm(world, res, nodes, seconds=10, loss=10):
    """Every node attaches within `seconds`; packets are lost both ways; agents
    retransmit after 1, 2, 4 ... s."""
    with bench(world, nodes, standin=False) as b:
        b.apart()
        before = rss(b.pid)
        r = b.gen.run("register", count=nodes, window=nodes, retry="yes",
                      rate=nodes // seconds, loss=loss, seconds=200,
                      server=b.pid)
        bound = b.daemon.show("status")[0]
        c = b.daemon.counters()
        grown = rss(b.pid) - before
        late = {k: v for k, v in c.items() if v and (
            "refused" in k or "overflow" in k or "full" in k or
            "send-failed" in k)}
        ok = r["done"] == nodes and not r["refused"] and not late
        res["storm"].add(1.0 if ok else 0.0)
        res.remarks.append(
            f"storm: {nodes} nodes in {seconds} s with {loss} % loss each way: "
            f"{r['done']} bound, {r['refused']} refused, {r['retries']} "
            f"retransmissions, {c['ha.bindings-created']} bindings created, "
            f"median time to be bound {r['p50_us'] / 1000:.2f} ms, p99 "
            f"{r['p99_us'] / 1e6:.2f} s, longest {r['max_us'] / 1e6:.1f} s; "
            f"memory grew by {grown / nodes:.0f} octets a node; counters of "
            f"trouble: {late or 'none'}")
        return bound


# --- restart ------------------------------------------------------------------

def restart(world, res, nodes, kind="bpf", reps=1):
    """Kernel state is kept, the daemon starts anew and every node registers
    again; when the longest lifetime has passed what nobody claimed is swept.
    CPU time that the one takes more than registering from nothing, and all of
    the other; less what the daemon does in that time with nothing to do."""
    sweep_s = 16 + nodes // 50000 * 12      # lifetimes are in units of 4 s
    for _ in range(reps):
        conf = world.ha_conf(nodes, KINDS[kind]["backend"])
        conf["dataplane"]["on-exit"] = "keep"
        conf["ha"]["max-lifetime"] = f"{sweep_s}s"
        with bench(world, nodes, kind, conf=conf) as b:
            first = b.register_all()["cpu_s"]
        with world.ha(nodes, conf=conf, **KINDS[kind]) as d, \
                world.gen(nodes) as g:
            begun = time.monotonic()
            b = Bench(world, d, g, nodes)
            again = b.register_all()["cpu_s"]
            idle = cpu_between(d, begun + sweep_s - 12, 4)
            known = b.pbus("refresh", nodes)["cpu_s"]
            sweep = cpu_between(d, begun + sweep_s - 3.8, 4) - idle
        adopt = max(again - first, 0)
        res["restart"].add(adopt + sweep, restart_floor(nodes), adopt=adopt,
                           sweep=sweep)
        res.remarks.append(
            f"restart with {nodes} bindings: registering took {first:.3f} s "
            f"of CPU time, again {again:.3f} s, sweeping {sweep * 1000:.0f} "
            f"ms; as many refreshes {known:.3f} s")


def cpu_between(daemon, when, seconds):
    sleep_until(when)
    before = cpu_seconds(daemon.proc.pid)
    sleep_until(when + seconds)
    return cpu_seconds(daemon.proc.pid) - before


def sleep_until(when):
    left = when - time.monotonic()
    if left < 0:
        raise Failure(f"{-left:.1f} s too slow")
    time.sleep(left)


def restart_floor(nodes):
    """Dump all and write all again, in batches, by a bare program."""
    return float(subprocess.run([f"{BIN}/reinstall", str(nodes)], check=True,
                                text=True, stdout=subprocess.PIPE).stdout)


__all__ = ["rates", "latency", "stall", "stall_echo", "storm", "restart", "HA"]
