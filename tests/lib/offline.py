# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line alone: run with nothing there, on a terminal, or against an engine that only says what the test wants."""
import json
import os
import pty
import select
import signal
import socket
import subprocess
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLI = os.path.join(ROOT, "build", "sockwarden")
STATUS = {"mode": "observe", "enforcing": False, "version": "9.9", "host": "h\x1b[2J", "uptime_sec": 3700,
          "interfaces": [{"name": "eth0", "hook": "native", "driver": "veth", "why": "asked for"}],
          "counters": [{"reason": "ban", "packets": 3, "bytes": 4096, "dropped": 0}], "losses": [{"name": "packet-events-lost", "count": 2}],
          "bans": 1, "allow": 2, "trails": {"lists": 1, "entries4": 5, "entries6": 6}, "processes": [{"name": "engine", "pid": 7}],
          "degraded": []}


def run(*args, run_dir="/nonexistent", env=None, **kw):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SSH_")}
    argv = [CLI, "--run-dir", str(run_dir), "--state-dir", "/nonexistent", "--bpffs", str(run_dir) + "/pins", *map(str, args)]
    return subprocess.run(argv, capture_output=True, text=True, timeout=20, env={**clean, "LC_ALL": "C.UTF-8", **(env or {})}, **kw)


def on_terminal(engine, *args, answer=None, timeout=10, env=None):
    """Runs the command on a terminal of its own: (exit status, what the terminal showed)."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(CLI, [CLI, "--run-dir", engine.run_dir if engine else "/nonexistent", *args],
                  {"TERM": "xterm", "LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"], **(env or {})})
    shown, end = b"", time.monotonic() + timeout
    while time.monotonic() < end:
        if select.select([fd], [], [], 0.1)[0]:
            try:
                shown += os.read(fd, 4096)
            except OSError:
                break
        if answer and b"[y/N]" in shown:
            os.write(fd, answer)
            answer = None
    else:
        os.kill(pid, signal.SIGKILL)
    os.close(fd)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode()


class Engine:
    """A control socket that answers each verb with what `replies` holds, and keeps what it was asked."""

    def __init__(self, run_dir):
        self.run_dir, self.replies, self.asked, self.texts = str(run_dir), {}, [], []
        self.hangs, self.closed = False, threading.Event()

    def __enter__(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.bind(os.path.join(self.run_dir, "control.sock"))
        self.sock.listen()
        threading.Thread(target=self._serve, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.closed.set()
        self.sock.close()

    def _serve(self):
        while True:
            try:
                conn, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(conn,), daemon=True).start()

    def _answer(self, conn):
        data = b""
        with conn:
            while not data.endswith(b"\n"):
                more, fds, _, _ = socket.recv_fds(conn, 65536, 4)
                if not more:
                    return
                data += more
                for fd in fds:
                    with os.fdopen(fd) as f:
                        self.texts.append(f.read())
            q = json.loads(data)
            self.asked.append((q["verb"], q.get("args", {})))
            if self.hangs:
                self.closed.wait(30)
                return
            r = self.replies.get(q["verb"], {})
            for item in r.get("items", []):
                conn.sendall(json.dumps({"id": q["id"], "item": item}).encode() + b"\n")
            if "error" in r:
                line = {"id": q["id"], "ok": False, "error": r["error"]}
            else:
                line = {"id": q["id"], "ok": True, "data": {"schema_version": 1, **r.get("data", {})}}
            conn.sendall(json.dumps(line).encode() + b"\n")

    def cli(self, *args, **kw):
        return run(*args, run_dir=self.run_dir, **kw)
