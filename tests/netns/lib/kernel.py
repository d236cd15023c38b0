# SPDX-License-Identifier: BSD-2-Clause
"""What the kernel of a host really has: routes, rules, tunnel devices, BPF
maps.  Looked up with iproute2 and bpftool, never asked of pmipd."""
import contextlib
import glob
import ipaddress
import json
import subprocess
import sys

PROTO = "213"           # pmipd's rtm_protocol


def routes(ns):
    """Routes of pmipd in all tables, of IPv6 and IPv4."""
    return [r for family in ("-6", "-4")
            for r in ns.ip_json(family, "route", "show", "table", "all")
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

def _bpftool(*args):
    out = subprocess.run(["bpftool", "-j", *args], check=True, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return json.loads(out.stdout)


def bpf_maps(daemon):
    """The ids of the maps that a daemon holds open, by name."""
    ids = set()
    for path in glob.glob(f"/proc/{daemon.proc.pid}/fdinfo/*"):
        with contextlib.suppress(OSError), open(path) as f:
            ids |= {int(l.split()[1]) for l in f if l.startswith("map_id:")}
    return {m["name"]: m["id"] for m in _bpftool("map", "show")
            if m["id"] in ids} if ids else {}


def _dump(map_id):
    """(key, value) of every entry, as bytes."""
    return [tuple(bytes(int(x, 16) for x in e[k]) for k in ("key", "value"))
            for e in _bpftool("map", "dump", "id", str(map_id))]


def bpf_state(daemon):
    """Backend bpf: (remote ends, paths), out of pmip_peer_ids and the maps
    of the role (src/dataplane/bpf/pmip_bpf.h)."""
    maps = bpf_maps(daemon)
    peers = {int.from_bytes(v[:4], sys.byteorder):
             str(ipaddress.IPv6Address(k[16:32]))
             for k, v in _dump(maps["pmip_peer_ids"])} if maps else {}
    found = {}
    if not peers:
        paths = []
    elif daemon.roles == "ha":          # struct pmip_ha_path; 0 is the head
        paths = [(v[:16], v[20], v[16:20])
                 for _, v in _dump(maps["pmip_ha"])[1:] if v[20] != 0]
    else:
        paths = [(k.ljust(16, b"\0"), size, v[:4]) for size in (64, 128)
                 for k, v in _dump(maps[f"pmip_pma{size}"])]
    for key, size, peer in paths:
        net = ipaddress.IPv6Network((key, size))
        ip4 = net.network_address.ipv4_mapped
        found[f"{ip4}/32" if ip4 else str(net)] = peers.get(
            int.from_bytes(peer, sys.byteorder))
    return set(peers.values()), found


def programs(ns):
    """Interfaces with tc-BPF filters on them."""
    out = ns.run("bpftool", "-j", "net", "show", check=False).stdout
    tc = json.loads(out)[0]["tc"] if out.strip().startswith("[") else []
    return sorted({t["devname"] for t in tc})


# --- both ---------------------------------------------------------------------

def state(daemon):
    """(remote ends of its tunnels, {prefix: remote end}): what is sent into
    tunnels, at the home agent by destination, at an access router by source."""
    devices, routed = ip6tnl_state(daemon.ns)
    peers, mapped = bpf_state(daemon)
    return devices | peers, {**routed, **mapped}


def tunnels(daemon):
    return state(daemon)[0]


def paths(daemon):
    return state(daemon)[1]


def ip6tnl_state(ns):
    """Backend ip6tnl: (remote ends, paths)."""
    remote = {name: t["remote"] for name, t in ip6tnl(ns).items()}
    found, hosts, default4 = {}, [], None
    for r in routes(ns):
        end, dst = remote.get(r.get("dev")), r.get("from", r["dst"])
        if end is None:
            hosts.append(dst)
        elif dst == "default":          # IPv4 at an access router: no source
            default4 = end
        else:
            found[_whole(dst)] = end
    for dst in hosts:
        if default4 and "." in dst:
            found[_whole(dst)] = default4
    return set(remote.values()), found


def _whole(prefix):
    return str(ipaddress.ip_network(prefix))
