# SPDX-License-Identifier: BSD-2-Clause
"""strongSwan as Debian ships it, one charon per host, with the project's own
example configurations."""
import os
import re
import shutil
import signal
import subprocess

from .daemon import TOP
from .ns import until
from .topology import COA, HA

HOSTS = ("ha", "ar1", "ar2")
# addresses of the examples in etc/ -> addresses of the test domain
EXAMPLE = {"2001:db8:a::1": HA, "2001:db8:b::1": COA["ar1"],
           "2001:db8:b2::1": COA["ar2"]}
# What Debian loads, without what needs a running system around it.  The
# plugins bypass-lan and kernel-libipsec must not be there in any case.
PLUGINS = ("random nonce x509 revocation constraints pubkey pkcs1 pkcs8 pem "
           "aes sha1 sha2 hmac kdf gcm drbg gmp openssl kernel-netlink "
           "socket-default vici")
CONF = """
charon-systemd {{
  load_modular = no
  load = {plugins}
  install_routes = no
  retransmit_timeout = 1
  retransmit_tries = 2
  plugins {{
    kernel-netlink {{
      xfrm_acq_expires = 6
    }}
    vici {{
      socket = unix://{run}/charon.vici
    }}
  }}
  filelog {{
    f {{
      path = {run}/charon.log
      default = 1
      flush_line = yes
    }}
  }}
}}
swanctl {{
  plugins {{
    vici {{
      socket = unix://{run}/charon.vici
    }}
  }}
}}
"""


def pki(*args, **kw):
    out = subprocess.run(["pki", *args], check=True, timeout=60,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, **kw)
    return out.stdout


def write(path, data, mode=0o600):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode),
              "wb") as f:
        f.write(data)


class Authority:
    """Keys and certificates as pmipd-ipsec(7) says to make them."""

    def __init__(self, folder, kind):
        self.folder, self.kind = f"{folder}/pki", kind
        self.key = self._key("ca")
        self.cert = f"{self.folder}/ca.pem"
        write(self.cert, pki("--self", "--ca", "--lifetime", "3652",
                             "--in", self.key, "--dn", "CN=pmipd test CA",
                             "--outform", "pem"))

    def _key(self, name):
        path = f"{self.folder}/{name}.key"
        size = ["--size", "256"] if self.kind == "ecdsa" else []
        write(path, pki("--gen", "--type", self.kind, *size, "--outform",
                        "pem"))
        return path

    def issue(self, name):
        """(key file, certificate file) of a host."""
        key = self._key(name)
        cert = f"{self.folder}/{name}.pem"
        identity = f"{name}.example.com"
        write(cert, pki("--issue", "--lifetime", "1826", "--cacert", self.cert,
                        "--cakey", self.key, "--type", "priv", "--in", key,
                        "--dn", f"CN={identity}", "--san", identity,
                        "--outform", "pem"))
        return key, cert


class Charon:
    """One IKE daemon.  edit(text) changes its swanctl.conf."""

    def __init__(self, ns, folder, authority=None, edit=lambda text: text):
        self.ns, self.name = ns, ns.label
        self.run = f"{folder}/ike-{self.name}"
        self.etc = f"{self.run}/swanctl"
        self.proc = None
        os.makedirs(f"{self.etc}/conf.d", exist_ok=True)
        write(f"{self.run}/strongswan.conf",
              CONF.format(run=self.run, plugins=PLUGINS).encode())
        role = "ha" if self.name == "ha" else "pma"
        kind = "-cert" if authority else ""
        with open(f"{TOP}/etc/swanctl-{role}{kind}.conf") as f:
            text = f.read()
        if self.name == "ar2":
            text = text.replace("2001:db8:b::1", "2001:db8:b2::1") \
                .replace("ar1.", "ar2.") \
                .replace("0x4e6f74207468697320317374206f6e65",
                         "0x4e6f72207468697320326e64206f6e65")
        text = re.sub(r"[0-9a-f:]+::1\b", lambda m: EXAMPLE[m.group()], text)
        self.conf = edit(text)
        self.write_conf()
        if authority:
            key, cert = authority.issue(self.name)
            for src, kind, name in ((authority.cert, "x509ca", "ca"),
                                    (cert, "x509", self.name),
                                    (key, "private", self.name)):
                os.makedirs(f"{self.etc}/{kind}", exist_ok=True)
                shutil.copyfile(src, f"{self.etc}/{kind}/{name}.pem")

    def write_conf(self):
        write(f"{self.etc}/swanctl.conf", self.conf.encode())

    @property
    def env(self):
        return {**os.environ, "STRONGSWAN_CONF": f"{self.run}/strongswan.conf",
                "SWANCTL_DIR": self.etc, "LC_ALL": "C.UTF-8"}

    # --- life --------------------------------------------------------------
    def spawn(self):
        with open(f"{self.run}/out", "ab") as out:
            self.proc = self.ns.popen(
                ["charon-systemd"], env=self.env, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, cwd="/")

    def load(self):
        """Until it answers: its policies are in the kernel afterwards."""
        until(lambda: os.path.exists(f"{self.run}/charon.vici") or
              self.proc.poll() is not None, 20, f"{self.name}: charon is up")
        assert self.proc.poll() is None, self.tail()
        self.swanctl("--load-all", "--noprompt")

    def start(self):
        self.spawn()
        self.load()
        return self

    def stop(self):
        """SIGTERM: it deletes its SAs and policies, and says so to peers."""
        if self.proc is not None:
            self.proc.send_signal(signal.SIGTERM)
            self.proc.wait(20)
            self.proc = None
            if os.path.exists(f"{self.run}/charon.vici"):
                os.unlink(f"{self.run}/charon.vici")

    def kill(self):
        """SIGKILL: the kernel keeps what it has."""
        if self.proc is not None:
            self.proc.kill()
            self.proc.wait()
            self.proc = None
            if os.path.exists(f"{self.run}/charon.vici"):
                os.unlink(f"{self.run}/charon.vici")

    def swanctl(self, *args, check=True):
        with self.ns.inside():
            out = subprocess.run(["swanctl", *args], env=self.env, timeout=60,
                                 text=True, stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT)
        assert not check or out.returncode == 0, \
            f"{self.name}: swanctl {args}: {out.stdout}\n{self.tail()}"
        return out.stdout

    def tail(self, lines=60):
        try:
            with open(f"{self.run}/charon.log") as f:
                return "".join(f.readlines()[-lines:])
        except OSError:
            with open(f"{self.run}/out") as f:
                return f.read()


class Ike:
    """charon on every host of a topology that signals; load=False: without
    configuration so far."""

    def __init__(self, topology, folder, kind="psk", edit=None, load=True):
        authority = Authority(folder, kind) if kind != "psk" else None
        edit = edit or {}
        self.charon = {h: Charon(topology[h], folder, authority,
                                 edit.get(h, lambda text: text))
                       for h in HOSTS}
        try:
            for c in self.charon.values():
                c.spawn()
            for c in self.charon.values() if load else ():
                c.load()
        except BaseException:
            self.close()
            raise

    def __getitem__(self, host):
        return self.charon[host]

    def close(self):
        """Nothing of it stays, neither processes nor in the kernels."""
        for c in self.charon.values():
            c.kill()
            for what in ("state", "policy"):
                c.ns.run("ip", "xfrm", what, "flush", check=False)

    def tails(self):
        return "".join(f"--- charon of {h} ---\n{c.tail()}"
                       for h, c in self.charon.items())
