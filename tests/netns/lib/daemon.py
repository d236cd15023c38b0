# SPDX-License-Identifier: BSD-2-Clause
"""A running pmipd, its control socket and the stream of its events."""
import contextlib
import json
import os
import signal
import socket
import subprocess
import time

import yaml

from .ns import until

TOP = os.path.realpath(os.path.join(os.path.dirname(__file__), "../../.."))
BUILD = os.path.join(TOP, os.environ.get("BUILD", "build"))
PMIPD = os.path.join(BUILD, "pmipd")
PMIPCTL = os.path.join(BUILD, "pmipctl")


class CtlError(Exception):
    pass


def to_yaml(obj):
    """By libyaml: Python's own takes half a second in user-mode Linux."""
    return yaml.dump(obj, Dumper=yaml.CSafeDumper, sort_keys=False)


class Lines:
    """Newline-delimited JSON over a UNIX socket, with deadlines."""

    def __init__(self, path):
        self.buf = b""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(10)
            self.sock.connect(path)
        except BaseException:
            self.sock.close()
            raise

    def send(self, obj):
        self.sock.sendall(json.dumps(obj).encode() + b"\n")

    def read(self, deadline):
        """The next object; None when the deadline (monotonic) has passed."""
        while b"\n" not in self.buf:
            left = deadline - time.monotonic()
            if left <= 0:
                return None
            self.sock.settimeout(left)
            try:
                data = self.sock.recv(65536)
            except TimeoutError:
                return None
            if not data:
                raise ConnectionError("control socket closed")
            self.buf += data
        line, self.buf = self.buf.split(b"\n", 1)
        return json.loads(line)

    def close(self):
        self.sock.close()


class Watch:
    """The events of a daemon from now on; read by wait()."""

    def __init__(self, path):
        self.lines = Lines(path)
        self.lines.send({"v": 1, "cmd": "watch"})
        first = self.lines.read(time.monotonic() + 10)
        assert first == {"v": 1, "watching": True}, first
        self.seen = []

    def wait(self, ev, timeout=10, **match):
        """The first event of that name, not yet returned, with those values."""
        end = time.monotonic() + timeout
        for i, e in enumerate(self.seen):
            if self._is(e, ev, match):
                return self.seen.pop(i)
        while True:
            obj = self.lines.read(end)
            if obj is None:
                raise AssertionError(f"no event {ev} {match} within {timeout} s;"
                                     f" there were {self.seen}")
            e = obj.get("event")
            if e is not None and self._is(e, ev, match):
                return e
            if e is not None:
                self.seen.append(e)

    @staticmethod
    def _is(e, ev, match):
        return e.get("ev") == ev and all(str(e.get(k)) == str(v)
                                         for k, v in match.items())

    def close(self):
        self.lines.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


class Daemon:
    """One pmipd on one host of the topology."""

    def __init__(self, ns, folder, roles, conf):
        self.ns, self.roles = ns, roles
        self.name = ns.label
        self.folder = folder
        self.conf = conf
        self.config = f"{folder}/{self.name}.yaml"
        self.log = f"{folder}/{self.name}.log"
        self.socket = f"{folder}/{self.name}.sock"
        self.proc = None

    # --- life --------------------------------------------------------------
    def write(self, conf=None, text=None):
        """Write the configuration: an object, or any text."""
        if text is None:
            text = to_yaml(conf or self.conf)
        with open(self.config + ".new", "w") as f:
            f.write(text)
        os.rename(self.config + ".new", self.config)

    def spawn(self, *extra):
        """Start without waiting for readiness."""
        assert self.proc is None, f"{self.name} runs already"
        self.write()
        mnt = self.ns.mount_ns()
        cmd = ["nsenter", f"--mount=/proc/self/fd/{mnt}", PMIPD, "-f",
               f"--role={self.roles}", "-c", self.config, *extra]
        with open(self.log, "ab") as log:
            self.proc = self.ns.popen(cmd, stdin=subprocess.DEVNULL,
                                      stdout=log, stderr=log, pass_fds=(mnt,),
                                      cwd="/")

    def start_wait(self):
        until(self.ready, 15, f"{self.name} answers on its control socket")
        return self

    def start(self):
        self.spawn()
        return self.start_wait()

    def ready(self):
        if self.proc.poll() is not None:
            raise AssertionError(f"{self.name} exited with status "
                                 f"{self.proc.returncode}:\n{self.tail()}")
        with contextlib.suppress(OSError):
            return bool(self.show("status"))
        return False

    @property
    def running(self):
        return self.proc is not None and self.proc.poll() is None

    def stop(self, timeout=10):
        """SIGTERM; must exit with status 0."""
        if self.proc is None:
            return
        self.proc.send_signal(signal.SIGTERM)
        try:
            status = self.proc.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.name} ignores SIGTERM") from None
        self.proc = None
        assert status == 0, f"{self.name}: status {status}:\n{self.tail()}"

    def kill(self):
        """SIGKILL, as a crash or a power failure."""
        if self.proc is not None:
            self.proc.kill()
            self.proc.wait()
            self.proc = None

    def hup(self):
        self.proc.send_signal(signal.SIGHUP)

    # --- control -----------------------------------------------------------
    def ctl(self, cmd, **args):
        """Run a control command; its items."""
        lines = Lines(self.socket)
        try:
            req = {"v": 1, "cmd": cmd}
            if args:
                req["args"] = args
            lines.send(req)
            items, end = [], time.monotonic() + 20
            while True:
                obj = lines.read(end)
                assert obj is not None, f"{self.name}: no answer to {cmd}"
                assert obj["v"] == 1
                if "error" in obj:
                    raise CtlError(obj["error"])
                if obj.get("done"):
                    return items
                items.append(obj["item"])
        finally:
            lines.close()

    def show(self, what, **args):
        return self.ctl(f"show {what}", **args)

    def binding(self, nai):
        """The binding of a node, {} when there is none."""
        for b in self.show("bindings"):
            if b.get("nai") == nai:
                return b
        return {}

    def counters(self):
        """All counters as {"group.name": value}."""
        out = {}
        for item in self.show("counters"):
            out[f"{item['group']}.{item['name']}"] = item["value"]
        return out

    def watch(self):
        return Watch(self.socket)

    def pmipctl(self, *args):
        """The real client; CompletedProcess with text output."""
        return subprocess.run([PMIPCTL, "-s", self.socket, *args], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=30)

    # --- from outside ------------------------------------------------------
    def tail(self, lines=40):
        with contextlib.suppress(OSError), open(self.log) as f:
            return "".join(f.readlines()[-lines:])
        return ""

    def rss_kib(self):
        with open(f"/proc/{self.proc.pid}/status") as f:
            for line in f:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        raise AssertionError("no VmRSS")
