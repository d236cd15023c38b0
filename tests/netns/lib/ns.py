# SPDX-License-Identifier: BSD-2-Clause
"""Network namespaces: one per host of the test domain.

A thread of ours enters a namespace for as long as it opens a socket or starts
a process there (`with ns.inside():`); what it has opened stays there.  So most
of what the tests do costs no process, which matters in user-mode Linux.
"""
import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import threading
import time

_libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
CLONE_NEWNS = 0x00020000
MS_REC_PRIVATE = 0x4000 | 0x40000
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFMTU = 0x8913, 0x8914, 0x8922
SIOCBRADDIF, SIOCBRDELIF = 0x89A2, 0x89A3
IFF_UP = 1
IFA_F_TENTATIVE = 0x40
RUN = "/run/netns"


def _check(result, what):
    if result != 0:
        err = ctypes.get_errno()
        raise OSError(err, f"{what}: {os.strerror(err)}")


def until(condition, timeout, what, every=0.01):
    """Poll until condition() is true and return its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {timeout} s: {what}")
        time.sleep(every)


def holds(condition, duration, what, every=0.02):
    """Fail unless condition() stays true for that long."""
    end = time.monotonic() + duration
    while time.monotonic() < end:
        assert condition(), f"no longer true: {what}"
        time.sleep(every)


class Ns:
    """One namespace.  Interfaces are changed by ioctl where that suffices."""

    def __init__(self, name, label):
        self.name = name            # as `ip netns` knows it
        self.label = label          # "ar1"
        self.path = f"{RUN}/{name}"
        self.fd = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        with self.inside():
            self.ctl = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self.mnt = None

    @contextlib.contextmanager
    def inside(self):
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        _check(_libc.setns(self.fd, CLONE_NEWNET), f"enter {self.name}")
        try:
            yield
        finally:
            _check(_libc.setns(home, CLONE_NEWNET), "leave")
            os.close(home)

    def socket(self, *args):
        with self.inside():
            return socket.socket(*args)

    # --- processes ---------------------------------------------------------
    def popen(self, cmd, **kw):
        with self.inside():
            return subprocess.Popen(cmd, **kw)

    def run(self, *cmd, check=True, timeout=60):
        """Run to its end; CompletedProcess with text output."""
        with self.inside():
            return subprocess.run(cmd, check=check, timeout=timeout, text=True,
                                  stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT)

    def mount_ns(self):
        """A descriptor of a mount namespace with this host's own /sys, BPF
        file system included: pins of two hosts never meet."""
        if self.mnt is None:
            # a thread's own, so that nothing of ours changes
            t = threading.Thread(target=self._mount)
            t.start()
            t.join()
            assert self.mnt, f"{self.name}: cannot mount a /sys of its own"
        return self.mnt

    def _mount(self):
        _check(_libc.setns(self.fd, CLONE_NEWNET), "enter")
        _check(_libc.unshare(CLONE_NEWNS), "unshare")
        _check(_libc.mount(b"none", b"/", None, MS_REC_PRIVATE, None), "/")
        for what, where in ((b"sysfs", b"/sys"), (b"bpf", b"/sys/fs/bpf")):
            _check(_libc.mount(what, where, what, 0, None), where.decode())
        self.mnt = os.open("/proc/thread-self/ns/mnt", os.O_RDONLY)

    # --- the kernel's tables -----------------------------------------------
    def ip(self, *lines):
        """Run lines of `ip` commands as one batch."""
        out = subprocess.run(["ip", "-n", self.name, "-batch", "-"],
                             input="\n".join(lines), text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert out.returncode == 0, f"{self.label}: ip: {lines}: {out.stdout}"

    def ip_json(self, *args):
        out = subprocess.run(["ip", "-n", self.name, "-j", "-d", *args],
                             text=True, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE)
        return json.loads(out.stdout) if out.stdout.strip() else []

    def sysctl(self, key, value=None):
        path = "/proc/sys/" + key.replace(".", "/")
        with self.inside():
            if value is not None:
                with open(path, "w") as f:
                    f.write(str(value))
            with open(path) as f:
                return f.read().strip()

    def addresses(self, ifname):
        """IPv6 addresses of an interface (without process: /proc).  Not those
        that are tentative: to them the kernel has no route yet, and what comes
        for them is dropped, even where duplicates are not looked for."""
        with self.inside(), open("/proc/thread-self/net/if_inet6") as f:
            rows = [l.split() for l in f]
        return [socket.inet_ntop(socket.AF_INET6, bytes.fromhex(r[0]))
                for r in rows
                if r[5] == ifname and not int(r[4], 16) & IFA_F_TENTATIVE]

    def index(self, ifname):
        with self.inside():
            return socket.if_nametoindex(ifname)

    # --- interfaces --------------------------------------------------------
    def set_up(self, ifname, up):
        req = struct.pack("16sh22x", ifname.encode(), 0)
        req = fcntl.ioctl(self.ctl, SIOCGIFFLAGS, req)
        flags = struct.unpack_from("H", req, 16)[0]
        flags = flags | IFF_UP if up else flags & ~IFF_UP
        req = struct.pack("16sH22x", ifname.encode(), flags)
        fcntl.ioctl(self.ctl, SIOCSIFFLAGS, req)

    def set_mtu(self, ifname, mtu):
        fcntl.ioctl(self.ctl, SIOCSIFMTU,
                    struct.pack("16si20x", ifname.encode(), mtu))

    def bridge_port(self, bridge, port, add):
        fcntl.ioctl(self.ctl, SIOCBRADDIF if add else SIOCBRDELIF,
                    struct.pack("16si20x", bridge.encode(), self.index(port)))

    def send_frame(self, ifname, frame):
        with self.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as s:
            s.bind((ifname, 0))
            s.send(frame)

    # --- the end -----------------------------------------------------------
    def close(self):
        self.ctl.close()
        for fd in (self.fd, self.mnt):
            if fd is not None:
                os.close(fd)


def create(prefix, labels):
    """Namespaces PREFIX-LABEL; a dict of Ns by label."""
    names = [f"netns add {prefix}-{l}" for l in labels]
    subprocess.run(["ip", "-batch", "-"], input="\n".join(names), text=True,
                   check=True)
    return {l: Ns(f"{prefix}-{l}", l) for l in labels}


def _kill_inside(names):
    """Whatever still runs in one of these namespaces."""
    inside = {os.stat(f"{RUN}/{n}").st_ino for n in names}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):          # gone meanwhile
            if os.stat(f"/proc/{pid}/ns/net").st_ino in inside:
                os.kill(int(pid), signal.SIGKILL)


def delete(prefix):
    """Remove every namespace of a run, and what runs in it."""
    if not os.path.isdir(RUN):
        return
    names = [n for n in os.listdir(RUN) if n.startswith(prefix + "-")]
    if names:
        _kill_inside(names)
        lines = [f"netns del {n}" for n in names]
        subprocess.run(["ip", "-force", "-batch", "-"], text=True,
                       input="\n".join(lines))


def sweep(kind):
    """Remove what runs that were killed have left: KIND<pid>x<n>-* without
    that process."""
    if not os.path.isdir(RUN):
        return
    for prefix in {n.split("-")[0] for n in os.listdir(RUN)
                   if n.startswith(kind)}:
        pid = prefix[len(kind):].split("x")[0]
        if pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
            delete(prefix)
