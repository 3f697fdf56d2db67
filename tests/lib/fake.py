# SPDX-License-Identifier: GPL-3.0-or-later
"""Stand-ins for the guard and the engine, for tests of sockwarden-net and sockwarden-web alone.

They speak the fixed structs of include/sockwarden/rpc over the same sockets as the real ones, run in
threads of the test, and end with it.
"""
import ctypes
import fcntl
import json
import os
import queue
import socket
import struct
import subprocess
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build")
F_ADD_SEALS, SEALS = 1033, 0xf
HELLO_REPLY_BYTES = 4096
CLONE_NEWNET = 0x40000000


def sealed(data, name="test"):
    fd = os.memfd_create(name, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, data)
    fcntl.fcntl(fd, F_ADD_SEALS, SEALS)
    return fd


def config_image(text):
    """The image that sockwarden-config makes of a YAML text."""
    fd = os.memfd_create("config", os.MFD_ALLOW_SEALING)
    p = subprocess.run([f"{BUILD}/sockwarden-config", "--compile", "test.yaml", "--out-fd", str(fd)],
                       input=text.encode(), pass_fds=[fd], capture_output=True, check=False, timeout=20)
    assert p.returncode == 0, p.stderr.decode()
    fcntl.fcntl(fd, F_ADD_SEALS, SEALS)
    return fd


class Server:
    """Listens at a path and handles each peer in a thread."""

    def __init__(self, path, kind):
        self.path, self.peers = path, []
        self.sock = socket.socket(socket.AF_UNIX, kind)
        self.sock.bind(path)
        self.sock.listen(16)
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                peer, _ = self.sock.accept()
            except OSError:
                return
            self.peers.append(peer)
            threading.Thread(target=self._run, args=(peer,), daemon=True).start()

    def _run(self, peer):
        try:
            self.handle(peer)
        except OSError:
            pass
        finally:
            if peer in self.peers:
                self.peers.remove(peer)
            peer.close()

    def handle(self, peer):
        raise NotImplementedError

    def drop(self):
        for p in list(self.peers):
            try:
                p.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()
        self.drop()
        if os.path.exists(self.path):
            os.unlink(self.path)


class Guard(Server):
    """Answers HELLO with a configuration image."""

    def __init__(self, run_dir, yaml):
        self.fd = config_image(yaml)
        self.roles = []
        super().__init__(f"{run_dir}/guard.sock", socket.SOCK_SEQPACKET)

    def handle(self, peer):
        while True:
            data = peer.recv(65536)
            if not data:
                return
            version, op, ident, role = struct.unpack("<HHII", data[:12])
            self.roles.append(role)
            reply = struct.pack("<HHIiI", version, op, ident, 0, 0).ljust(HELLO_REPLY_BYTES, b"\0")
            socket.send_fds(peer, [reply], [self.fd])

    def configure(self, yaml):
        self.fd = config_image(yaml)
        self.drop()


NET_MSG = "<HHIiI32sQQQQIIQ256s5Q20sI"
(HELLO, FEED_DONE, FEED_NOW, MAIL, MAIL_DONE, FEED_SET, FEEDS_END, FEED_TEST, FEED_TESTED, POST, POST_DONE,
 RUN, RUN_DONE, WHOIS, WHOIS_DONE) = range(1, 16)


class NetMsg:
    def __init__(self, data):
        (self.version, self.op, self.id, self.result, self.http, feed, self.fetched, self.bytes, self.entries,
         self.bad, self.unchanged, _, self.next, text, self.filtered, self.domains, self.urls, self.ports,
         self.hashes, self.host, _) = struct.unpack(NET_MSG, data)
        self.feed, self.text = feed.split(b"\0")[0].decode(), text.split(b"\0")[0].decode()

    def __repr__(self):
        return f"<op {self.op} {self.feed} result {self.result} http {self.http} {self.entries} entries {self.text!r}>"


class TrailList:
    """A list as sockwarden-net hands it over."""

    def __init__(self, fd):
        self.seals = fcntl.fcntl(fd, 1034)
        data = os.pread(fd, os.fstat(fd).st_size, 0)
        (self.magic, self.version, self.size, self.crc, self.sets, self.count4, self.count6, self.n_ports, self.text_bytes,
         self.made, self.key, self.n_texts, name, origin) = struct.unpack("<IIQIIQQQQqQQ64s256s", data[:400])
        self.name, self.origin = name.split(b"\0")[0].decode(), origin.split(b"\0")[0].decode()
        self.nets = []
        for at in range(400, 400 + 32 * (self.count4 + self.count6), 32):
            family, plen = data[at], data[at + 1]
            raw = data[at + 4:at + (8 if family == 4 else 20)]
            self.nets.append(socket.inet_ntop(socket.AF_INET if family == 4 else socket.AF_INET6, raw) + f"/{plen}")


class NetEngine(Server):
    """The engine's end of net.sock: what arrives is in a queue of (NetMsg, descriptor or None)."""

    def __init__(self, run_dir):
        self.inbox, self.hellos = queue.Queue(), 0
        super().__init__(f"{run_dir}/net.sock", socket.SOCK_SEQPACKET)

    def handle(self, peer):
        while True:
            data, fds, _, _ = socket.recv_fds(peer, 4096, 4)
            if not data:
                return
            size = struct.calcsize(NET_MSG)
            m = NetMsg(data[:size])
            m.rest = data[size:]
            if m.op == HELLO:
                self.hellos += 1
            else:
                self.inbox.put((m, fds[0] if fds else None))

    def send(self, op, feed="", ident=0, fd=None):
        data = struct.pack(NET_MSG, 1, op, ident, 0, 0, feed.encode(), 0, 0, 0, 0, 0, 0, 0, b"", 0, 0, 0, 0, 0, b"", 0)
        socket.send_fds(self.peers[-1], [data], [] if fd is None else [fd])

    def ask_whois(self, address, ident):
        raw = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
        head = struct.pack(NET_MSG, 1, WHOIS, ident, 0, 0, b"", 0, 0, 0, 0, 0, 0, 0, b"", 0, 0, 0, 0, 0, b"", 0)
        net = struct.pack("BBxx16sxxxx", 6 if len(raw) == 16 else 4, len(raw) * 8, raw)
        self.peers[-1].send(head + net + bytes(16 + 16 + 1024))

    def next(self, timeout=30):
        return self.inbox.get(timeout=timeout)


class Control(Server):
    """The engine's end of control.sock: answers[verb] is the data, or a function of the args; None refuses."""

    def __init__(self, run_dir, answers):
        self.answers, self.asked, self.followers = answers, [], []
        super().__init__(f"{run_dir}/control.sock", socket.SOCK_STREAM)

    def handle(self, peer):
        with peer.makefile("rb") as lines:
            for line in lines:
                q = json.loads(line)
                self.asked.append((q["verb"], q.get("args", {})))
                if q["verb"] == "events":
                    self.followers.append((peer, q["id"]))
                    continue
                a = self.answers.get(q["verb"])
                a = a(q.get("args", {})) if callable(a) else a
                if a is None:
                    reply = {"id": q["id"], "ok": False, "error": {"code": "refused", "message": "no such luck"}}
                else:
                    reply = {"id": q["id"], "ok": True, "data": {"schema_version": 1, **a}}
                peer.sendall(json.dumps(reply).encode() + b"\n")

    def tell(self, item):
        for peer, ident in list(self.followers):
            try:
                peer.sendall(json.dumps({"id": ident, "item": item}).encode() + b"\n")
            except OSError:
                self.followers.remove((peer, ident))


def wait(what, timeout=20, why=""):
    """Polls until what() is true; its value."""
    end = time.monotonic() + timeout
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, f"did not happen within {timeout} s: {why}"
        time.sleep(0.02)


class Namespace:
    """A network namespace with its loopback device up and more addresses on it."""

    def __init__(self, word, *addresses):
        run = os.environ.get("SW_TEST_RUN", "swt")
        self.name = f"{run}-{word}-{os.getpid()}"
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        self.exec = ["ip", "netns", "exec", self.name]
        for argv in (["link", "set", "lo", "up"], *(["addr", "add", a, "dev", "lo"] for a in addresses)):
            subprocess.run([*self.exec, "ip", *argv], check=True)

    def socket(self, family):
        """A socket of the namespace, made in a thread that has gone there."""
        made = []

        def make():
            fd = os.open(f"/run/netns/{self.name}", os.O_RDONLY)
            assert ctypes.CDLL(None, use_errno=True).setns(fd, CLONE_NEWNET) == 0
            os.close(fd)
            made.append(socket.socket(family, socket.SOCK_STREAM))

        t = threading.Thread(target=make)
        t.start()
        t.join()
        return made[0]

    def listen(self, address):
        s = self.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        s.bind((address, 0))
        s.listen(16)
        return s

    def close(self):
        subprocess.run(["ip", "netns", "del", self.name], check=True)


class Program:
    """One of our programs; its standard error is collected."""

    def __init__(self, *argv, prefix=()):
        self.log = []
        self.p = subprocess.Popen([*prefix, *argv], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.p.stderr:
            self.log.append(line)

    @property
    def text(self):
        return "".join(self.log)

    def end(self, timeout=10):
        """SIGTERM, and the exit status."""
        if self.p.poll() is None:
            self.p.terminate()
        try:
            status = self.p.wait(timeout)
        except subprocess.TimeoutExpired:
            self.p.kill()
            self.p.wait()
            raise
        self.reader.join(5)
        return status
