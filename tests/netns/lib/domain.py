# SPDX-License-Identifier: BSD-2-Clause
"""A whole running domain: the topology with a home agent and two access
routers, and what the tests ask of it."""
import contextlib
import copy
import os
import shutil
import socket
import tempfile
import time

from . import esp, kernel, topology
from .capture import Capture, keep_evidence
from .daemon import Daemon, to_yaml
from .mip6 import HandPma
from .ns import until
from .topology import (ADDR, COA, HA, HOME, HOME4, MAC, NAI, NODES, PREFIX, ROUTERS,
                       Topology)

DAEMONS = ("ha",) + ROUTERS


def work_folder():
    """Captures, logs, sockets and the daemons' states live in memory where
    that is possible: a write to a busy disk may take as long as a test."""
    with open("/proc/mounts") as f:
        mounts = [l.split() for l in f]
    memory = {m[1] for m in mounts if m[2] == "tmpfs" and
              {"rw", "noexec"} & set(m[3].split(",")) == {"rw"}}
    base = next((d for d in ("/run", "/dev/shm") if d in memory), None)
    return tempfile.mkdtemp(prefix="pmipd-test-", dir=base)


def policy():
    nodes = [{"nai": NAI[n], "mac": [MAC[n]], "home-prefix": PREFIX[n],
              "home-agent": HA, "pmip": True} for n in NODES]
    nodes.append({"nai": NAI["lab"], "home-prefix": PREFIX["lab"]})
    return {"mobile-nodes": nodes}


def common(folder, name, backend):
    return {
        "security": esp.security(folder, name),
        "log": {"level": "debug", "destination": "stderr"},
        "control": {"socket": f"{folder}/{name}.sock"},
        # few, for the tests read every slot there is
        "dataplane": {"backend": backend, "max-paths": 512},
        "policy": {"file": f"{folder}/policy.yaml"},
    }


def ha_conf(folder, backend):
    pmas = [{"address": COA[r], "name": r} for r in COA]
    return {**common(folder, "ha", backend), "ha": {
        "addresses": [HA], "uplink": "core0", "home-prefixes": [HOME, HOME4],
        "pmas": pmas}}


def pma_conf(folder, router, backend):
    return {**common(folder, router, backend), "pma": {
        "address": COA[router], "uplink": "core0", "home-agent": HA,
        "access": [{"interface": "acc0", "type": "shared"}],
        "router-advertisement": {"interval": "30s"}}}


def update(conf, changes):
    """Merge nested dictionaries; None removes a key."""
    for k, v in changes.items():
        if v is None:
            conf.pop(k, None)
        elif isinstance(v, dict) and isinstance(conf.get(k), dict):
            update(conf[k], v)
        else:
            conf[k] = v
    return conf


class Domain:
    """`with Domain() as d:` - d.ha, d.ar1, d.ar2 are daemons, d["mn1"] is a
    namespace.  `ha`, `pma`, `ar1` are changes to the configurations of the
    home agent, both access routers (`pma` may be a function of the router's
    name), the first one; prepare(topology) is called
    before any daemon starts, policy() is what the policy file shall hold."""

    def __init__(self, ha_backend="auto", pma_backend="auto", ha=None,
                 pma=None, ar1=None, daemons=DAEMONS, prepare=None,
                 servers=False, policy=policy):
        self.folder = work_folder()
        esp.write_keys(self.folder)
        self.captures, self.daemons, self.cleanups = [], {}, []
        self.topology = None
        try:
            self.topology = Topology(servers)
            if prepare is not None:
                prepare(self.topology)
            self.policy = policy()
            self.write_policy()
            changes = pma if callable(pma) else lambda router: pma or {}
            confs = {r: update(pma_conf(self.folder, r, pma_backend),
                               changes(r)) for r in ROUTERS}
            update(confs["ar1"], ar1 or {})
            confs["ha"] = update(ha_conf(self.folder, ha_backend), ha or {})
            for name in DAEMONS:
                role = "ha" if name == "ha" else "pma"
                d = Daemon(self[name], self.folder, role, confs[name])
                setattr(self, name, d)
                self.daemons[name] = d
            for name in daemons:
                self.daemons[name].spawn()
            for name in daemons:
                self.daemons[name].start_wait()
        except BaseException:
            self.close(graceful=False)
            raise

    def __getitem__(self, host):
        return self.topology[host]

    def __enter__(self):
        return self

    def __exit__(self, kind, *exc):
        self.close(graceful=kind is None)

    def close(self, graceful=True):
        """Stop everything.  graceful: daemons must leave with status 0."""
        with contextlib.ExitStack() as stack:
            stack.callback(shutil.rmtree, self.folder, ignore_errors=True)
            if self.topology is not None:
                stack.callback(self.topology.close)
            for d in self.daemons.values():
                stack.callback(d.kill)
            for c in self.cleanups:
                stack.callback(c)
            for c in self.captures:
                c.stop()
                if c.evidence:
                    keep_evidence(c.path)
            if graceful:
                for d in self.daemons.values():
                    d.stop()

    def write_policy(self, text=None):
        path = f"{self.folder}/policy.yaml"
        with open(path + ".new", "w") as f:
            f.write(text or to_yaml(self.policy))
        os.rename(path + ".new", path)

    def profile(self, node):
        return next(n for n in self.policy["mobile-nodes"]
                    if n["nai"] == NAI[node])

    @contextlib.contextmanager
    def changed_policy(self, node, *daemons, **changes):
        """Other values in a profile, reloaded by those daemons, for a while."""
        before = copy.deepcopy(self.policy)
        update(self.profile(node),
               {k.replace("_", "-"): v for k, v in changes.items()})
        try:
            self.write_policy()
            for d in daemons:
                d.ctl("reload")
            yield
        finally:
            self.policy = before
            self.write_policy()
            for d in daemons:
                if d.running:
                    d.ctl("reload")

    # --- what tests do -----------------------------------------------------
    def capture(self, host, ifname, expr="ip6", evidence=True, clear=False,
                raw=False):
        """Record until stop().  evidence: all messages of protocol 135 in it
        must be free of fault in tshark's eyes (judged at the end); clear: they
        need not be protected; raw: ESP stays closed."""
        path = f"{self.folder}/{host}-{ifname}-{len(self.captures)}.pcap"
        c = Capture(self[host], ifname, path, expr, clear, raw)
        c.evidence = evidence
        self.captures.append(c)
        return c

    def logged(self, name, *words):
        """Has the daemon said all of that in one line?"""
        with open(self.daemons[name].log) as f:
            return any(all(w in line for w in words) for line in f)

    def hand_pma(self, host="lab"):
        h = HandPma(self[host], COA[host], HA)
        self.cleanups.append(h.close)
        return h

    def plug(self, node, router, **kw):
        """Connect the node; the time of it."""
        when = time.time()
        self.topology.plug(node, router, **kw)
        return when

    def solicit(self, node):
        """A Router Solicitation, as a host whose interface stays up sends one
        when the carrier is back (DNAv6, RFC 6059)."""
        with self[node].socket(socket.AF_INET6, socket.SOCK_RAW,
                               socket.IPPROTO_ICMPV6) as s:
            s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
            s.sendto(b"\x85\0\0\0\0\0\0\0",
                     ("ff02::2", 0, 0, self[node].index("eth0")))

    def has_address(self, node):
        return ADDR[node] in self[node].addresses("eth0")

    def registered(self, node, router):
        """Home agent and access router agree that it is there."""
        return (self.ha.binding(NAI[node]).get("coa") == COA[router] and
                self.daemons[router].binding(NAI[node]).get("state") ==
                "active")

    def arrive(self, node, router, **kw):
        """Plug it in, and wait until it is registered; it may have no address
        yet.  With `kw`, those of plug(), its interface stays up."""
        when = self.plug(node, router, **kw)
        until(lambda: self.registered(node, router) or
              (kw and self.solicit(node)), 10, f"{node} is registered",
              every=0.1)
        return when

    def attached(self, node, router):
        """Registered, and the node has its address."""
        return self.registered(node, router) and self.has_address(node)

    def attach(self, node, router, timeout=10):
        when = self.plug(node, router)
        until(lambda: self.attached(node, router), timeout,
              f"{node} attached at {router}")
        return when

    def detach(self, node, timeout=10):
        """Pull the cable and report it, so that it is over at once."""
        router = self.topology.where[node]
        self.topology.unplug(node)
        if router:
            with contextlib.suppress(Exception):
                self.daemons[router].ctl("detach", nai=NAI[node])
        until(lambda: not self.ha.binding(NAI[node]), timeout,
              f"{node} de-registered")

    def quiet(self):
        """No node attached anywhere, no binding: where each test starts."""
        for node in NODES:
            self.topology.unplug(node)
            self[node].set_up("eth0", False)
        for router in ROUTERS:
            pma = self.daemons[router]
            if pma.running:
                for b in pma.show("bindings"):
                    with contextlib.suppress(Exception):
                        pma.ctl("detach", nai=b["nai"])
        until(self.empty, 15, "no binding is left")

    def empty(self):
        return not any(d.show("bindings") for d in self.daemons.values()
                       if d.running)

    def tunnels(self, name):
        """What the kernel of a host has: remote ends of its tunnels."""
        return kernel.tunnels(self.daemons[name])

    def backend(self, name):
        return self.daemons[name].show("status")[0]["dataplane"]["backend"]

    def logs(self, lines=40):
        return "".join(f"--- {n} ---\n{d.tail(lines)}"
                       for n, d in self.daemons.items())


__all__ = ["Domain", "topology"]
