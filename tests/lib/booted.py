# SPDX-License-Identifier: GPL-3.0-or-later
"""A lab whose host has booted: systemd is process 1 there, and sockwarden is installed and run by its units.

    with Booted(config="decoys: {tcp: unused}\\n") as host:
        host.enable()
        host.cli("status")

The host's root is this machine's own, read only, under a layer in memory; it has its own processes, users' files,
mounts, bpffs, cgroup and network. Of this machine's services none is started: the target is one of ours.
"""
import os
import subprocess

from lab import ROOT, Lab, LabError, _run

UNITS = ("sockwardend", "sockwarden-engine", "sockwarden-net", "sockwarden-web")
TARGET = "[Unit]\nDescription=a host in a lab\nRequires=sysinit.target\nAfter=sysinit.target\nAllowIsolate=yes\n"

# $1: the lab's directory. A layer over /, and what systemd expects of a machine; then systemd.
BOOT = """set -e
mount -t tmpfs -o mode=755 tmpfs "$1/layer"
mkdir "$1/layer/up" "$1/layer/work"
mount -t overlay overlay -o "lowerdir=/,upperdir=$1/layer/up,workdir=$1/layer/work" "$1/root"
cd "$1/root"
make -s -C "$2" install DESTDIR="$PWD"
cp "$1/lab.target" etc/systemd/system/lab.target
cp "$1/sockwarden.yaml" etc/sockwarden/sockwarden.yaml
: >etc/fstab
: >etc/machine-id
rm -rf var/log/journal run/* etc/.updated var/.updated
touch etc/.updated var/.updated
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t bpf bpf sys/fs/bpf
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tracefs tracefs sys/kernel/tracing 2>/dev/null || true
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
mkdir dev/pts dev/shm
for d in null zero full random urandom tty; do : >dev/$d; mount --bind /dev/$d dev/$d; done
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mkdir -p mnt/old
pivot_root . mnt/old
umount -l /mnt/old
exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin SW_TEST_RUN="$SW_TEST_RUN" \\
  /lib/systemd/systemd --unit=lab.target --log-target=journal --show-status=no
"""


class Booted(Lab):
    def __init__(self, **kw):
        super().__init__(**kw)
        self.init = None  # the pid of its process 1, as seen from here

    @staticmethod
    def base_config():
        return "hook: native\n"

    def paths(self, has_config=True):
        raise LabError("a host that has booted runs sockwarden where it is installed")

    def cli_paths(self):
        return []

    def _hold_mounts(self):
        for d in ("layer", "root"):
            os.mkdir(os.path.join(self.dir, d), 0o755)
        with open(os.path.join(self.dir, "lab.target"), "w", encoding="utf-8") as f:
            f.write(TARGET)
        script = "set -e; mount -t sysfs sysfs /sys; mount -t cgroup2 cgroup2 /sys/fs/cgroup; " \
                 f"mkdir {self.cgroup}; echo $$ >{self.cgroup}/cgroup.procs; " \
                 "exec unshare --pid --cgroup --ipc --uts --mount --propagation private --fork --kill-child sh -c \"$1\" sh \"$2\" \"$3\""
        self._holder = subprocess.Popen(["nsenter", f"--net=/run/netns/{self.ns_host}", "unshare", "--mount", "--propagation", "private",
                                         "sh", "-c", script, "sh", BOOT, self.dir, ROOT],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                        env=self._env())
        self.wait(self._find_init, 60, "the host boots")
        self.wait(lambda: self.on_host("systemctl", "is-active", "lab.target").stdout.strip() == "active", 60, "the host is up")

    def _find_init(self):
        if self._holder.poll() is not None:
            raise SystemError(f"the host did not boot: {self._holder.stdout.read()}")
        try:
            with open(f"/proc/{self._holder.pid}/task/{self._holder.pid}/children", encoding="utf-8") as f:
                child = f.read().split()[0]
            if os.readlink(f"/proc/{child}/exe").endswith("/systemd"):
                self.init = int(child)
        except OSError:  # one that prepares the boot has just ended
            pass
        return self.init

    def _enter(self):
        if self.init is None:
            raise LabError("the host has not booted")
        return ["nsenter", "-t", str(self.init), "--mount", "--net", "--pid", "--ipc", "--uts", "--cgroup", "env",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin"]

    def spawn(self, *argv, on_host=True, in_cgroup=False, **kw):
        return super().spawn(*argv, on_host=on_host, in_cgroup=False, **kw)

    def cli(self, *args, timeout=20, **kw):
        r = self.on_host("sockwarden", *args, timeout=timeout, **kw)
        return r.returncode, r.stdout, r.stderr

    def enable(self, seconds=40):
        """What README says after `make install`; returns when the units are active."""
        self.on_host("sh", "-ec", "systemd-sysusers; systemd-tmpfiles --create; systemctl daemon-reload", check=True)
        self.on_host("systemctl", "enable", "--now", "sockwardend", timeout=seconds, check=True)
        self.wait(lambda: all(self.is_active(u) for u in UNITS), seconds, "all units are active")
        self.wait(lambda: self.cli("status")[0] in (0, 6), seconds, "the engine answers")

    def is_active(self, unit):
        return self.on_host("systemctl", "is-active", unit).stdout.strip() == "active"

    def main_pid(self, unit):
        return int(self.on_host("systemctl", "show", "-P", "MainPID", unit, check=True).stdout)

    def put(self, path, text, mode=0o644):
        """Writes a file of the host."""
        self.on_host("sh", "-c", "mkdir -p \"${1%/*}\"; cat >\"$1\"; chmod \"$2\" \"$1\"", "sh", path, f"{mode:o}", input=text, check=True)

    def get(self, path):
        """A file of the host; empty when there is none."""
        return self.on_host("cat", path).stdout

    def log(self):
        return self.on_host("journalctl", "--no-pager", "-o", "cat", "-u", "sockwarden*").stdout if self.init else ""

    def close(self):
        left = []
        if self._holder:
            self._holder.kill()  # --kill-child: its process 1 goes, and with that every process of the host
            self._holder.wait()
            self._holder.stdout.close()
            self._holder, self.init = None, None
            left = self._remove_cgroup()
        return left + super().close()

    def _remove_cgroup(self):
        script = "mount -t cgroup2 cgroup2 /mnt; for i in $(seq 50); do find /mnt/$1 -depth -type d -exec rmdir {} + 2>/dev/null; " \
                 "[ -d /mnt/$1 ] || exit 0; sleep 0.1; done; exit 1"
        r = _run("unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh", self.mark, check=False)
        return [] if r.returncode == 0 else [f"cgroup {self.mark}: {r.stderr.strip()}"]
