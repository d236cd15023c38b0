# SPDX-License-Identifier: BSD-2-Clause
"""What the nodes of an access link wait for: the way from a solicitation to the
advertisement, and to an address by DHCP."""
import contextlib
import itertools
import json
import os
import subprocess
import time

from world import (BIN, FIRST4, HA, HOME0, PMA_LAST, RELAYS4, ROUTER4, SERVER,
                   SERVER4, Failure, cpu_seconds, pin, pma_address)

WARM, BATCH = 20, 300           # solicitations before a sample, and of it
RELAYED = 500                   # nodes that use DHCP: neighbours all at once
ROUNDS = 4                      # exchanges of each in a sample: agents have
REST_S = 0.5                    # a limit for each node, of 10 a second
CPU = 1                         # of server, agent and clients


def rs_ra(world, res, reps):
    """One waits for the other all the time, so all of them are on one
    processor; as real-time processes, for else others' time slices count."""
    world.access()
    worst, plain = 0, []
    for _ in range(reps):
        with world.ha(WARM + BATCH) as ha, world.pma(WARM + BATCH) as pma:
            took = solicit_alone(world, ha.proc.pid, pma.proc.pid)
        with bare(world, f"prefix={HOME0}") as pid:
            floor = solicit_alone(world, world.floor.pid, pid)
        with bare(world) as pid:
            plain.append(middle(solicit_alone(world, world.floor.pid, pid)))
        res["rs-ra"].add(middle(took), middle(floor))
        worst = max(worst, *took)
    res.remarks.append(
        f"RS to RA: the longest of {BATCH * reps} took {worst / 1000:.1f} ms; "
        f"a bare exchange without the node's route {middle(plain):.0f} us")


def listens(p):
    """Wait until it says so."""
    if p.stdout.readline() != b"ready\n":
        raise Failure(f"{p.args[:2]} does not listen")


@contextlib.contextmanager
def bare(world, *words):
    p = subprocess.Popen([f"{BIN}/access", "mode=bare",
                          f"netns={world['gen'].path}", "if=acc0",
                          f"local={PMA_LAST}", f"ha={HA}", *words],
                         stdout=subprocess.PIPE)
    try:
        listens(p)
        yield p.pid
    finally:
        p.kill()
        p.wait()
        p.stdout.close()


def solicit_alone(world, *pids):
    world["gen"].ip("neigh flush dev acc0")      # new ones for everybody
    solicit(world, 0, WARM)             # routes and neighbours are known
    for pid in pids:
        pin(pid, CPU, os.SCHED_FIFO)
    return solicit(world, WARM, BATCH, os.SCHED_FIFO)


# --- DHCP ----------------------------------------------------------------------

class Dhcp:
    """The bare server of one family, and its clients."""

    def __init__(self, world, family, stack):
        self.world, self.family = world, family
        self.address = {4: SERVER4, 6: SERVER}[family]
        self.xid = itertools.count(1, RELAYED * ROUNDS)
        self.server = subprocess.Popen([
            f"{BIN}/dhcp", "mode=server", f"netns={world['ha'].path}",
            f"family={family}", f"at={self.address}"],
            stdout=subprocess.PIPE)
        stack.callback(self.server.stdout.close)
        stack.callback(self.server.wait)
        stack.callback(self.server.kill)
        listens(self.server)
        pin(self.server.pid, CPU)

    def exchange(self, *where, others=()):
        """Every node ROUNDS times: exchanges per CPU-second of the server and of
        `others`, who are between it and the nodes."""
        time.sleep(REST_S)
        pids = (self.server.pid, *others)
        before = sum(map(cpu_seconds, pids))
        p = subprocess.Popen(
            [f"{BIN}/dhcp", *where, f"family={self.family}",
             f"nodes={RELAYED}", f"count={RELAYED * ROUNDS}",
             f"xid={next(self.xid)}",
             f"prefix={HOME0}", f"first={FIRST4}", f"router={ROUTER4}"],
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        pin(p.pid, CPU)
        out = p.communicate(timeout=100)[0]
        if p.returncode != 0:
            raise Failure(out.strip())
        done = json.loads(out)["done"]
        return done / (sum(map(cpu_seconds, pids)) - before)

    def relayed(self, agent):
        return self.exchange("mode=node", f"netns={self.world['mn'].path}",
                             "if=eth0", others=(agent,))

    def alone(self):
        """Asked by the clients as a relay would."""
        at = {4: RELAYS4[1], 6: pma_address(1)}[self.family]
        return self.exchange("mode=relay", f"netns={self.world['gen'].path}",
                             f"at={at}", f"server={self.address}")


def relays(world, res, reps):
    world.access()
    world.core4()
    conf = {"dhcpv6": {"servers": [SERVER]},
            "dhcpv4": {"mode": "link-selection", "address": RELAYS4[0],
                       "servers": [SERVER4]},
            "presence-check": "0s",     # nodes of ours answer no probe
            "access": [{"interface": "acc0", "attach":
                        ["router-solicitation"]}]}
    with contextlib.ExitStack() as stack:
        stack.enter_context(world.ha(RELAYED, v4=True))
        d = stack.enter_context(world.pma(RELAYED, v4=True, **conf))
        solicit(world, 0, RELAYED)
        pin(d.proc.pid, CPU)
        for family in (6, 4):
            s = Dhcp(world, family, stack)
            s.relayed(d.proc.pid)       # the first answers are news
            for _ in range(reps):
                a = s.alone()
                r = s.relayed(d.proc.pid)
                res[f"dhcp{family}-relay"].add(r, (a + s.alone()) / 2)


def solicit(world, first, count, policy=os.SCHED_OTHER):
    p = subprocess.Popen(
        [f"{BIN}/access", "mode=solicit", f"netns={world['mn'].path}",
         "if=eth0", f"from={first}", f"count={count}"], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if policy != os.SCHED_OTHER:
        pin(p.pid, CPU, policy)
    out = p.communicate(timeout=100)[0]
    if p.returncode != 0:
        raise Failure(out.strip())
    return json.loads(out)


def middle(values):
    return sorted(values)[len(values) // 2]


__all__ = ["rs_ra", "relays"]
