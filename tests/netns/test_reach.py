# SPDX-License-Identifier: GPL-3.0-or-later
"""What goes out and comes in by sockwarden-net, with the whole program: a feed in force, a mail sent."""
import os
import subprocess

import pytest
from lab import Lab

# Serves DIR/list over HTTPS and prints its port; then an SMTP sink that writes each mail to DIR/mail.N.
SITE = """
import http.server, os, socket, ssl, sys, threading
where, address = sys.argv[1:]
os.chdir(where)
class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args): pass
site = http.server.ThreadingHTTPServer((address, 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("cert.pem", "key.pem")
site.socket = context.wrap_socket(site.socket, server_side=True)
threading.Thread(target=site.serve_forever, daemon=True).start()
smtp = socket.create_server((address, 0))
print(site.server_port, smtp.getsockname()[1], flush=True)
n = 0
while True:
    c, _ = smtp.accept()
    f = c.makefile("rwb", 0)
    f.write(b"220 sink\\r\\n")
    for line in f:
        if line[:4].upper() == b"DATA":
            f.write(b"354 go\\r\\n")
            body = b""
            for part in f:
                if part == b".\\r\\n":
                    break
                body += part
            n += 1
            open(f"mail.{n}", "wb").write(body)
        f.write(b"221 bye\\r\\n" if line[:4].upper() == b"QUIT" else b"250 fine\\r\\n")
        if line[:4].upper() == b"QUIT":
            break
    c.close()
"""


@pytest.fixture
def reached():
    """A host whose feed and mail server are at the attacker's side of the wire."""
    with Lab() as lab:
        site = f"{lab.dir}/site"
        os.mkdir(site)
        address = lab.attacker
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-days", "2", "-subj", "/CN=test", "-addext", f"subjectAltName=IP:{address}",
                        "-keyout", f"{site}/key.pem", "-out", f"{site}/cert.pem"], check=True, capture_output=True)
        for path in (lab.dir, site):
            os.chmod(path, 0o755)
        with open(f"{site}/list", "w", encoding="ascii") as f:
            f.write("# lab\n198.18.0.67\n198.18.99.0/24\n")
        p = lab.spawn("/usr/bin/python3", "-c", SITE, site, address, on_host=False, stdout=subprocess.PIPE, text=True)
        https, smtp = p.stdout.readline().split()
        lab.site = site
        lab.write_config(f"feeds:\n  - name: lab\n    url: https://{address}:{https}/list\n    ca_file: {site}/cert.pem\n"
                         f"alerts:\n  mail:\n    to: root@lab.example\n    smtp:\n      url: smtp://{address}:{smtp}\n"
                         "    min_severity: low\n  syslog:\n    enabled: false\n")
        lab.start()
        yield lab


def entries(lab):
    lists = {x["name"]: x for x in lab.cli_json("trails", "list")["lists"]}
    return lists.get("lab", {}).get("entries4", 0)


def test_a_feed_is_fetched_by_itself_and_in_force(reached):
    reached.wait(lambda: entries(reached) == 2, 20, "the feed's list is there")
    assert reached.cli_json("check", "198.18.99.7")["listed"]
    with open(f"{reached.site}/list", "a", encoding="ascii") as f:
        f.write("198.18.98.1\n")
    reached.ok("feeds", "update", "lab")
    reached.wait(lambda: entries(reached) == 3, 20, "the new list is there")
    with open(f"{reached.site}/list", "w", encoding="ascii") as f:
        f.write("<html>this is no list</html>\n" * 20)
    reached.ok("feeds", "update", "lab")
    reached.wait(lambda: any("lab" in x for x in reached.cli_json("status")["degraded"]), 20, "the refusal is told")
    assert entries(reached) == 3


def test_a_finding_becomes_a_mail_with_the_hosts_name(reached):
    reached.wait(lambda: entries(reached) == 2, 20, "the feed's list is there")
    port, _, _ = reached.listen()
    reached.connect(port, source="198.18.0.67")
    path = f"{reached.site}/mail.1"
    reached.wait(lambda: os.path.exists(path) and os.path.getsize(path), 30, "a mail arrives")
    with open(path, "rb") as f:
        mail = f.read()
    host = reached.cli_json("status")["host"]
    assert f"Subject: [sockwarden] {host}: ".encode() in mail and b"To: root@lab.example\r\n" in mail
    assert b"198.18.0.67" in mail or str(port).encode() in mail
