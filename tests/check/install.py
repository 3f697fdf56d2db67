#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""make install places every file where its units look for it, keeps a configuration, and uninstall takes all else."""
import glob
import os
import re
import shutil
import subprocess
import tempfile

from common import ROOT, finish

MODES = {"bin/sockwarden": 0o755, "sbin/sockwardend": 0o755, "libexec/sockwarden/sockwarden-engine": 0o755,
         "libexec/sockwarden/sockwarden-net": 0o755, "libexec/sockwarden/sockwarden-web": 0o755,
         "libexec/sockwarden/sockwarden-config": 0o755, "lib/systemd/system/sockwardend.service": 0o644,
         "lib/systemd/system/sockwarden-engine.service": 0o644, "lib/systemd/system/sockwarden-net.service": 0o644,
         "lib/systemd/system/sockwarden-web.service": 0o644, "lib/sysusers.d/sockwarden.conf": 0o644,
         "lib/tmpfiles.d/sockwarden.conf": 0o644, "share/doc/sockwarden/README.md": 0o644,
         "share/doc/sockwarden/CHANGELOG.md": 0o644, "share/doc/sockwarden/architecture.md": 0o644,
         "share/doc/sockwarden/manual.md": 0o644, "share/doc/sockwarden/performance.md": 0o644,
         "share/doc/sockwarden/scaling.svg": 0o644}


MODES |= {"share/sockwarden/rules/" + os.path.basename(p): 0o644 for p in glob.glob(os.path.join(ROOT, "feeds/rules/*.yaml"))}


def make(*args):
    p = subprocess.run(["make", "-C", ROOT, "--no-print-directory", *args], capture_output=True, text=True, check=False)
    return "" if p.returncode == 0 else f"make {' '.join(args)}: {p.stdout[-1000:]}{p.stderr[-1000:]}"


def files_in(top):
    return {os.path.relpath(os.path.join(d, f), top): os.stat(os.path.join(d, f)).st_mode & 0o777
            for d, _, names in os.walk(top) for f in names}


def check_prefix(dest, prefix):
    wrong = [make("install", f"DESTDIR={dest}", f"PREFIX={prefix}")]
    want = {f"{prefix[1:]}/{path}": mode for path, mode in MODES.items()} | {"etc/sockwarden/sockwarden.yaml": 0o640}
    got = files_in(dest)
    wrong += [f"PREFIX={prefix}: {p} is missing" for p in sorted(want.keys() - got.keys())]
    wrong += [f"PREFIX={prefix}: {p} is not expected" for p in sorted(got.keys() - want.keys())]
    wrong += [f"PREFIX={prefix}: {p} has mode {got[p]:o}, should be {m:o}" for p, m in want.items() if p in got and got[p] != m]
    for unit in glob.glob(f"{dest}{prefix}/lib/systemd/system/*.service"):
        with open(unit, encoding="utf-8") as f:
            for line in f:
                if line.startswith(("ExecStart=", "Documentation=")):
                    paths = re.findall(r"(?:^|\s|file:)(/\S+)", line.split("=", 1)[1])
                    wrong += [f"{os.path.basename(unit)}: {p} is not installed" for p in paths if not os.path.exists(dest + p)]
    config = f"{dest}/etc/sockwarden/sockwarden.yaml"
    with open(config, "a", encoding="utf-8") as f:
        f.write("# mine\n")
    wrong.append(make("install", f"DESTDIR={dest}", f"PREFIX={prefix}"))
    with open(config, encoding="utf-8") as f:
        wrong += [] if "# mine" in f.read() else ["install overwrote a configuration"]
    wrong.append(make("uninstall", f"DESTDIR={dest}", f"PREFIX={prefix}"))
    wrong += [f"PREFIX={prefix}: uninstall left {p}" for p in files_in(dest) if p != "etc/sockwarden/sockwarden.yaml"]
    return [w for w in wrong if w]


def main():
    wrong = []
    for prefix in ("/usr", "/usr/local"):
        dest = tempfile.mkdtemp(prefix="install.")
        try:
            wrong += check_prefix(dest, prefix)
        except OSError as e:
            wrong.append(f"PREFIX={prefix}: {e}")
        finally:
            shutil.rmtree(dest)
    finish(wrong)


main()
