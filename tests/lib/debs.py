# SPDX-License-Identifier: GPL-3.0-or-later
"""Debian packages that tests read or measure against, unpacked under build/ and never installed: no service starts."""
import glob
import os
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def unpacked(package):
    """The directory that holds the package's files, fetched by apt on first use; (path, None) or (None, why not)."""
    base = os.path.join(ROOT, "build/debs", package)
    root = os.path.join(base, "root")
    if os.path.isdir(root):
        return root, None
    shutil.rmtree(base, ignore_errors=True)
    os.makedirs(base)
    p = subprocess.run(["apt-get", "-q", "download", package], cwd=base, capture_output=True, text=True, check=False)
    deb = glob.glob(os.path.join(base, "*.deb"))
    if p.returncode or not deb:
        return None, f"apt-get download {package}: {p.stderr.strip()[-300:] or 'nothing came'}"
    p = subprocess.run(["dpkg-deb", "-x", deb[0], root + ".new"], capture_output=True, text=True, check=False)
    if p.returncode:
        return None, f"dpkg-deb -x {package}: {p.stderr.strip()[-300:]}"
    os.rename(root + ".new", root)
    return root, None
