# SPDX-License-Identifier: GPL-3.0-or-later
"""A laboratory: a host to protect and those who attack it, in network namespaces of their own.

    with Lab() as lab:
        lab.start()
        lab.cli("ban", lab.attacker)
        lab.wait(lambda: lab.ping() == 0, 5, "the attacker's pings are dropped")

The host has a mount namespace too, with its own /sys, bpffs and cgroup v2, so that the programs see
an ordinary small machine and leave nothing on the real one. Nothing is ever attached to a device of
the machine itself. Whatever happens, the end of the block takes everything away and says what would
not go. Owner of all of it: the Lab; a test may not keep anything beyond it.

    namespace h (the host)                 namespace a (everybody else)
      eth0  198.18.0.1/24       <--veth-->   eth0  .254 and ::fe, the gateway
            2001:db8:0:1::1/64                     .66 and ::66, the attacker (source by default)
                                                   .67 .. .70, more of them
    with nets=2 also: eth1 198.18.1.1/24  <--veth-->  namespace b: 198.18.1.66
"""
import atexit
import glob
import itertools
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, "build")
PATIENCE = int(os.environ.get("SW_TEST_PATIENCE", "1"))  # a virtual machine without KVM is five times slower, and more
_seq = itertools.count(1)
_open_labs = []

# Prints "ready PORT BOOT_NS", the time just before listen(), when it listens (PORT 0: any), then serves one line to whoever comes.
LISTENER = """
import socket, sys, time
kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind((address, port))
began = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
if kind == "tcp":
    s.listen(16)
print("ready", s.getsockname()[1], began, flush=True)
while True:
    if kind == "tcp":
        c, _ = s.accept()
        c.send(b"hello\\n")
        c.close()
    else:
        data, peer = s.recvfrom(2048)
        s.sendto(data, peer)
"""

# Tries each port from a given source and prints those that answer.
CONNECT = """
import errno, socket, sys
source, target, timeout = sys.argv[1], sys.argv[2], float(sys.argv[3])
family = socket.AF_INET6 if ":" in target else socket.AF_INET
for port in map(int, sys.argv[4:]):
    s = socket.socket(family, socket.SOCK_STREAM)
    s.settimeout(timeout)
    s.bind((source, 0))
    try:
        s.connect((target, port))
        print(port, "open")
    except ConnectionRefusedError:
        print(port, "closed")
    except OSError as e:
        print(port, "silent" if isinstance(e, socket.timeout) or e.errno == errno.ETIMEDOUT else e)
    s.close()
"""


class LabError(AssertionError):
    pass


def boot_ns():
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


def _run(*argv, check=True, **kw):
    p = subprocess.run([str(a) for a in argv], capture_output=True, text=True, **kw)
    if check and p.returncode != 0:
        raise LabError(f"{' '.join(map(str, argv))}: {p.stderr.strip() or p.returncode}")
    return p


class EventStream:
    """Events of `sockwarden events --follow -j` as they come, each with "read_boot_ns", the time it was read."""

    def __init__(self, process):
        self.events, self._process = [], process
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        for line in self._process.stdout:
            try:
                self.events.append({**json.loads(line), "read_boot_ns": boot_ns()})
            except ValueError:
                continue

    def find(self, **want):
        """The first event whose fields are all as wanted (a callable judges its field), or None."""
        for e in list(self.events):
            if all(v(e.get(k)) if callable(v) else e.get(k) == v for k, v in want.items()):
                return e
        return None


class Lab:
    host, host6 = "198.18.0.1", "2001:db8:0:1::1"
    gateway, gateway6 = "198.18.0.254", "2001:db8:0:1::fe"
    attacker, attacker6 = "198.18.0.66", "2001:db8:0:1::66"
    others = ("198.18.0.67", "198.18.0.68", "198.18.0.69", "198.18.0.70")
    attacker_b = "198.18.1.66"

    def __init__(self, nets=1, config="", keep_bpffs=True, state_size=None):
        """config: YAML that joins the lab's own; state_size: bytes of a tmpfs for the state."""
        self.mark = f"sw{os.environ.get('SW_TEST_RUN', format(os.getpid(), 'x'))}-{next(_seq)}"
        self.dir = tempfile.mkdtemp(prefix=self.mark + ".")
        os.chmod(self.dir, 0o755)
        self.run_dir, self.state_dir = os.path.join(self.dir, "run"), os.path.join(self.dir, "state")
        self.bpffs = "/sys/fs/bpf/sockwarden"  # in the lab's mount namespace
        self.cgroup = "/sys/fs/cgroup/" + self.mark
        self.config_file = os.path.join(self.dir, "sockwarden.yaml")
        self.log_file = os.path.join(self.dir, "log")
        self.ns_host, self.ns_attack = self.mark + "h", self.mark + "a"
        self.ns_b = self.mark + "b" if nets > 1 else None
        self._extra, self._has_bpffs, self._state_size = config, keep_bpffs, state_size
        self._holder, self._children, self.daemon = None, [], None

    # ---- building and taking down

    def __enter__(self):
        _open_labs.append(self)
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind, value, trace):
        left = self.close()
        if left and kind is None:
            raise LabError("left behind: " + "; ".join(left))

    def _build(self):
        for d in (self.run_dir, self.state_dir):
            os.mkdir(d, 0o755)
        self.write_config(self._extra)
        for ns in filter(None, (self.ns_host, self.ns_attack, self.ns_b)):
            _run("ip", "netns", "add", ns)
            _run("ip", "-n", ns, "link", "set", "lo", "up")
        self._wire(self.ns_attack, "eth0", "198.18.0.", "2001:db8:0:1::", (254, 66, 67, 68, 69, 70), ("fe", "66", "67"))
        if self.ns_b:
            self._wire(self.ns_b, "eth1", "198.18.1.", "2001:db8:0:2::", (66, 67), ("66",))
        for via in (("-4", self.gateway), ("-6", self.gateway6)):
            _run("ip", via[0], "-n", self.ns_host, "route", "add", "default", "via", via[1])
        self._hold_mounts()

    def _wire(self, ns, dev, v4, v6, hosts, hosts6):
        _run("ip", "-n", self.ns_host, "link", "add", dev, "type", "veth", "peer", "name", "eth0", "netns", ns)
        self._addresses(self.ns_host, dev, [f"{v4}1/24"], [f"{v6}1/64"])
        # the first address is what unbound clients come from: the attacker's, never the gateway's
        self._addresses(ns, "eth0", [f"{v4}{h}/24" for h in sorted(hosts, key=lambda h: h == 254)], [f"{v6}{h}/64" for h in hosts6])

    @staticmethod
    def _addresses(ns, dev, v4, v6):
        _run("ip", "-n", ns, "link", "set", dev, "up")
        for a in v4:
            _run("ip", "-n", ns, "addr", "add", a, "dev", dev)
        for a in v6:
            _run("ip", "-n", ns, "addr", "add", a, "dev", dev, "nodad")

    def _hold_mounts(self):
        """A process that keeps the host's mount namespace: fresh /sys, bpffs and cgroup v2."""
        script = "set -e; mount -t sysfs sysfs /sys; mount -t cgroup2 cgroup2 /sys/fs/cgroup; mkdir %s; " % self.cgroup
        script += "mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null || true; "
        if self._has_bpffs:
            script += "mount -t bpf bpf /sys/fs/bpf; "
        if self._state_size:
            script += f"mount -t tmpfs -o size={self._state_size},mode=755 tmpfs {self.state_dir}; "
        script += "echo ready; exec sleep infinity"
        self._holder = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.ns_host}", "unshare", "--mount", "--propagation",
                                         "private", "sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        env=self._env())
        line = self._holder.stdout.readline()
        if line.strip() != "ready":
            raise LabError(f"the lab's mounts: {line} {self._holder.stdout.read()}")

    def close(self):
        """Takes everything away; what would not go, one line each."""
        if self in _open_labs:
            _open_labs.remove(self)
        left = []
        inside = os.readlink(f"/proc/{self._holder.pid}/ns/mnt") if self._holder and self._holder.poll() is None else None
        procs = self._children + [self.daemon]
        if inside:
            for pid in self._pids_in(inside):
                if pid != self._holder.pid:
                    self._signal(pid, signal.SIGKILL)
        for p in procs:
            if p and p.poll() is None:
                p.kill()
            if p:
                p.wait()
        if inside:
            end = time.monotonic() + 5
            while time.monotonic() < end and [p for p in self._pids_in(inside) if p != self._holder.pid]:
                time.sleep(0.01)
            left += [f"process {p}" for p in self._pids_in(inside) if p != self._holder.pid]
            r = _run(*self._enter(), "sh", "-c", f"find {self.cgroup} -depth -type d -exec rmdir {{}} +", check=False)
            if r.returncode != 0:
                left.append("cgroup: " + r.stderr.strip())
        if self._holder:
            self._holder.kill()
            self._holder.wait()
            self._holder.stdout.close()
        for ns in filter(None, (self.ns_host, self.ns_attack, self.ns_b)):
            if os.path.exists("/run/netns/" + ns):
                r = _run("ip", "netns", "delete", ns, check=False)
                if r.returncode != 0:
                    left.append(f"namespace {ns}: {r.stderr.strip()}")
        shutil.rmtree(self.dir, ignore_errors=True)
        return left + ([self.dir] if os.path.exists(self.dir) else [])

    @staticmethod
    def _signal(pid, sig):
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            pass

    @staticmethod
    def _pids_in(mnt):
        out = []
        for path in glob.glob("/proc/[0-9]*/ns/mnt"):
            try:
                if os.readlink(path) == mnt:
                    with open(os.path.join(path.rsplit("/", 2)[0], "stat"), encoding="utf-8", errors="replace") as f:
                        if f.read().rsplit(")", 1)[1].split()[0] != "Z":
                            out.append(int(path.split("/")[2]))
            except OSError:
                continue
        return out

    # ---- running things

    def _env(self):
        env = {k: v for k, v in os.environ.items() if k not in ("NOTIFY_SOCKET", "XDG_RUNTIME_DIR")}
        return {**env, "NO_COLOR": "1", "LC_ALL": "C.UTF-8"}

    def _enter(self):
        return ["nsenter", f"--net=/run/netns/{self.ns_host}", f"--mount=/proc/{self._holder.pid}/ns/mnt"]

    def on_host(self, *argv, check=False, timeout=60, **kw):
        """Runs a command on the host: its network, its mounts."""
        return _run(*self._enter(), *argv, check=check, timeout=timeout, env=self._env(), **kw)

    def attack(self, *argv, ns=None, check=False, timeout=60, **kw):
        """Runs a command in the attacker's network namespace (nmap, hping3, curl, ...)."""
        return _run("nsenter", f"--net=/run/netns/{ns or self.ns_attack}", *argv, check=check, timeout=timeout, env=self._env(), **kw)

    def spawn(self, *argv, on_host=True, in_cgroup=True, **kw):
        """Starts a process that ends with the lab; on the host it lives in the watched cgroup."""
        argv = [str(a) for a in argv]
        if on_host:
            if in_cgroup:
                argv = ["sh", "-c", f"echo $$ > {self.cgroup}/cgroup.procs; exec \"$@\"", "sh"] + argv
            argv = self._enter() + argv
        else:
            argv = ["nsenter", f"--net=/run/netns/{self.ns_attack}"] + argv
        p = subprocess.Popen(argv, env=self._env(), **{"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, **kw})
        self._children.append(p)
        return p

    def listen(self, port=0, kind="tcp", address="0.0.0.0", on_host=True):
        """Starts a listener: (port, boot time in ns just before listen(), process)."""
        p = self.spawn(sys.executable, "-S", "-E", "-c", LISTENER, kind, address, port, on_host=on_host)
        line = p.stdout.readline().split()
        if line[:1] != ["ready"]:
            raise LabError("the listener did not start: " + " ".join(line) + p.stdout.read())
        return int(line[1]), int(line[2]), p

    def connect(self, *ports, source=None, target=None, timeout=1.0):
        """What the attacker sees of each port: {port: "open" | "closed" | "silent"}."""
        target = target or self.host
        source = source or (self.attacker6 if ":" in target else self.attacker)
        r = self.attack(sys.executable, "-S", "-E", "-c", CONNECT, source, target, timeout, *ports, check=True)
        return {int(line.split()[0]): line.split(" ", 1)[1] for line in r.stdout.splitlines()}

    def ping(self, source=None, target=None, count=3, ns=None):
        """Number of answers to count pings, 50 ms apart."""
        target = target or self.host
        source = source or (self.attacker6 if ":" in target else self.attacker)
        r = self.attack("ping", "-n", "-q", "-i", "0.05", "-W", 0.3 * PATIENCE, "-c", count, "-I", source, target, ns=ns)
        m = re.search(r"(\d+) received", r.stdout)
        return int(m[1]) if m else 0

    def wait(self, fn, seconds, what, every=0.02):
        """Polls fn until it is true, and gives what it returned; fails after seconds (of a machine that is not emulated)."""
        end, last = time.monotonic() + seconds * PATIENCE, None
        while True:
            try:
                last = fn()
            except (LabError, KeyError, ValueError, IndexError) as e:
                last = None
                why = e
            else:
                why = last
            if last:
                return last
            if time.monotonic() > end:
                raise LabError(f"not within {seconds} s: {what} (last: {why!r})\n{self.log()[-3000:]}")
            time.sleep(every)

    # ---- sockwarden

    def write_config(self, extra=""):
        """The lab's own settings and extra (YAML); a top-level key of extra takes the place of the lab's."""
        blocks = {}
        for text in (self.base_config(), extra):
            for block in re.findall(r"^\w+:.*\n(?:[ -].*\n|\n)*", text, re.M):
                blocks[block.split(":")[0]] = block
        with open(self.config_file, "w", encoding="utf-8") as f:
            f.write("".join(blocks.values()))
        os.chmod(self.config_file, 0o644)

    @staticmethod
    def base_config():
        """What the lab's host has set: the packet hook, because auto takes tcx on a veth; no page, no syslog."""
        return "hook: native\nweb:\n  enabled: false\nalerts:\n  syslog:\n    enabled: false\n"

    def paths(self, has_config=True):
        out = ["--run-dir", self.run_dir, "--state-dir", self.state_dir, "--bpffs", self.bpffs, "--cgroup", self.cgroup]
        return out + (["--config", self.config_file] if has_config else [])

    def start(self, *args, wait=True, seconds=20, env=None):
        """Starts the whole program; waits until `status` answers."""
        argv = self._enter() + [os.path.join(BUILD, "sockwardend"), "--supervise", "--foreground", "--libexec", BUILD,
                                *self.paths(), *map(str, args)]
        with open(self.log_file, "ab") as log:
            self.daemon = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                           env={**self._env(), **(env or {})}, start_new_session=True)
        if wait:
            self.wait(self.is_up, seconds, "sockwarden is up")
        return self.daemon

    def is_up(self):
        if self.daemon and self.daemon.poll() is not None:
            code, self.daemon = self.daemon.returncode, None
            raise SystemError(f"sockwardend ended with {code}:\n{self.log()[-4000:]}")
        return self.cli("status")[0] in (0, 6)

    def stop(self, sig=signal.SIGTERM, seconds=15):
        """Stops the guard (and so what it supervises); its exit status."""
        d, self.daemon = self.daemon, None
        d.send_signal(sig)
        try:
            return d.wait(seconds * PATIENCE)
        except subprocess.TimeoutExpired:
            d.kill()
            d.wait()
            raise LabError(f"sockwardend did not stop within {seconds} s:\n{self.log()[-3000:]}") from None

    def pids(self, program):
        """Pids of build/PROGRAM on the host, by the file they run."""
        mnt = os.readlink(f"/proc/{self._holder.pid}/ns/mnt")
        out = []
        for pid in self._pids_in(mnt):
            try:
                exe = os.readlink(f"/proc/{pid}/exe")
            except OSError:
                continue
            if os.path.basename(exe).split(" ")[0] == program:
                out.append(pid)
        return out

    def kill(self, program, sig=signal.SIGKILL, seconds=5):
        """Kills every process of a program and waits until those are gone; their pids."""
        pids = self.pids(program)
        for pid in pids:
            self._signal(pid, sig)
        self.wait(lambda: not set(pids) & set(self.pids(program)), seconds, f"{program} is dead")
        if program == "sockwardend" and self.daemon:
            self.daemon.wait()
            self.daemon = None
        return pids

    def kill_all(self):
        """kill -9 of guard, engine and the others, the guard first so that nothing comes back."""
        for program in ("sockwardend", "sockwarden-engine", "sockwarden-net", "sockwarden-web", "sockwarden-config"):
            self.kill(program)

    def cli(self, *args, timeout=20, **kw):
        """Runs the command line on the host: (exit status, stdout, stderr)."""
        r = self.on_host(os.path.join(BUILD, "sockwarden"), *self.cli_paths(), *args, timeout=timeout * PATIENCE, **kw)
        return r.returncode, r.stdout, r.stderr

    def cli_paths(self):
        return ["--run-dir", self.run_dir, "--state-dir", self.state_dir, "--bpffs", self.bpffs]

    def cli_json(self, *args, ok=(0, 1, 6), **kw):
        """The parsed output of a command with -j."""
        code, out, err = self.cli(*args, "-j", **kw)
        if code not in ok:
            raise LabError(f"sockwarden {' '.join(map(str, args))}: exit {code}: {err.strip()}")
        try:
            return json.loads(out)
        except ValueError as e:
            raise LabError(f"sockwarden {' '.join(map(str, args))} -j: {e}: {out[:500]!r} {err[:500]!r}") from None

    def ok(self, *args, **kw):
        """The command's output; fails unless it exits 0."""
        code, out, err = self.cli(*args, **kw)
        if code != 0:
            raise LabError(f"sockwarden {' '.join(map(str, args))}: exit {code}: {(err or out).strip()}")
        return out

    def follow(self, *args):
        """Follows the events: an EventStream. args: further words of the command, such as "--all"."""
        p = self.spawn(os.path.join(BUILD, "sockwarden"), *self.cli_paths(), "events", "--follow", "-j", *args, in_cgroup=False,
                       stderr=subprocess.DEVNULL)
        return EventStream(p)

    def counter(self, reason, field="packets"):
        """A counter of status by its reason's word."""
        return next(c[field] for c in self.cli_json("status")["counters"] if c["reason"] == reason)

    def pinned(self, name):
        """The entries of a pinned map, read by bpftool: no process of ours is needed."""
        r = self.on_host("/usr/sbin/bpftool", "-j", "map", "dump", "pinned", self.pin(name), check=True)
        return json.loads(r.stdout)

    def pin(self, name):
        r = self.on_host("find", "/sys/fs/bpf", "-name", name, check=True)
        paths = r.stdout.split()
        if not paths:
            raise LabError(f"no pin {name}")
        return paths[0]

    def pinned_counter(self, index, words=3, field=0):
        """A sum over CPUs of pinned `counters`, by enum sw_reason."""
        for e in self.pinned("counters"):
            if int.from_bytes(bytes(int(b, 16) for b in e["key"]), "little") == index:
                total = 0
                for v in e["values"]:
                    raw = bytes(int(b, 16) for b in v["value"])[:8 * words]
                    total += int.from_bytes(raw[8 * field:8 * field + 8], "little")
                return total
        raise LabError(f"counters has no entry {index}")

    def log(self):
        try:
            with open(self.log_file, encoding="utf-8", errors="replace") as f:
                return f.read()
        except OSError:
            return ""


def _close_all():
    for lab in list(_open_labs):
        lab.close()


def _on_term(_signo, _frame):
    sys.exit(143)  # runs the atexit handlers, and so takes the labs down


atexit.register(_close_all)
signal.signal(signal.SIGTERM, _on_term)
