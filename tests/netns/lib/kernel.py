# SPDX-License-Identifier: BSD-2-Clause
"""What the kernel of a host really has: routes, rules, tunnel devices, BPF
maps.  Looked up with iproute2 and bpftool, never asked of pmipd."""
import glob
import ipaddress
import json
import subprocess

PROTO = "213"           # pmipd's rtm_protocol


def routes(ns):
    """IPv6 routes of pmipd in all tables."""
    return [r for r in ns.ip_json("-6", "route", "show", "table", "all")
            if str(r.get("protocol")) == PROTO]


def rules(ns):
    return [r for r in ns.ip_json("-6", "rule", "show")
            if str(r.get("protocol")) == PROTO]


def nexthops(ns):
    return [n for n in ns.ip_json("nexthop", "show")
            if str(n.get("protocol")) == PROTO]


def ip6tnl(ns):
    """Tunnel devices by name: {"local":, "remote":, "mtu":, "proto":}."""
    out = {}
    for link in ns.ip_json("link", "show", "type", "ip6tnl"):
        data = link.get("linkinfo", {}).get("info_data", {})
        if data.get("remote", "any") not in ("any", "::"):
            out[link["ifname"]] = {"local": data.get("local"),
                                   "remote": data["remote"],
                                   "mtu": link["mtu"], "proto": data.get("proto")}
    return out


# --- BPF ----------------------------------------------------------------------

def bpf_maps(daemon):
    """The maps a daemon holds, by name: their entries as bpftool decodes."""
    ids = set()
    for path in glob.glob(f"/proc/{daemon.proc.pid}/fdinfo/*"):
        try:
            with open(path) as f:
                ids |= {l.split()[1] for l in f if l.startswith("map_id:")}
        except FileNotFoundError:
            continue
    out = {}
    for i in sorted(ids, key=int):
        info = _bpftool("map", "show", "id", i)
        if info["type"] in ("hash", "lpm_trie", "lru_hash"):
            out[info["name"]] = _bpftool("map", "dump", "id", i)
    return out


def _bpftool(*args):
    out = subprocess.run(["bpftool", "-j", *args], check=True, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return json.loads(out.stdout)


def programs(ns):
    """Interfaces with tc-BPF filters on them."""
    out = ns.run("bpftool", "-j", "net", "show", check=False).stdout
    tc = json.loads(out)[0]["tc"] if out.strip().startswith("[") else []
    return sorted({t["devname"] for t in tc})


# --- both ---------------------------------------------------------------------

def tunnels(daemon):
    """Remote ends of the tunnels the kernel has for a daemon."""
    raise NotImplementedError


def paths(daemon):
    """{prefix: remote end} of what is routed into tunnels: at the home agent
    by destination, at an access router by source."""
    raise NotImplementedError
