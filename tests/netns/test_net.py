# SPDX-License-Identifier: GPL-3.0-or-later
"""sockwarden-net against servers that misbehave, in a network namespace of its own."""
import gzip
import http.server
import os
import shutil
import socket
import ssl
import stat
import subprocess
import tempfile
import threading
import time

import pytest
from fake import BUILD, FEED_DONE, FEED_NOW, MAIL, MAIL_DONE, POST, POST_DONE, RUN, RUN_DONE, WHOIS_DONE, Guard, Namespace, NetEngine, Program, TrailList, sealed, wait

PUBLIC = "2001:db8::1"  # on the namespace's loopback device, but not an address that leads inside
KEY = "k3yk3yk3yk3yk3yk3y01"
GOOD = "# a list\n198.18.7.0/24\n198.18.1.1 ; note\n2001:db8:7::/48\n198.18.1.1\n"

DROP = b'{"cidr":"198.18.4.0/24","sblid":"SBL1","rir":"x"}\n{"type":"metadata","timestamp":1795000000,"records":1}\n'


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def setup(self):
        self.request.settimeout(20)
        self.request = self.server.context.wrap_socket(self.request, server_side=True)
        super().setup()

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.server.asked.append((self.path, dict(self.headers)))
        self.close_connection = True
        getattr(self, "get_" + self.path.split("?")[0].strip("/").split("/")[0])()

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posted.append((self.path, dict(self.headers), body))
        self.close_connection = True
        statuses = {"/moved": 302, "/refuses": 403, "/once": 500 if len(self.server.posted) == 1 else 200}
        self.send(b"thanks", statuses.get(self.path.split("?")[0], 200), Location="/hook")

    def send(self, body, status=200, length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def get_good(self):
        self.send(GOOD.encode())

    def get_page(self):
        self.send(b"<html><body>log in first</body></html>\n" * 3, Content_Type="text/html; charset=utf-8")

    def get_careless(self):
        self.send(GOOD.encode(), Content_Type="text/html")

    def get_drop(self):
        self.send(DROP)

    def get_shortened(self):
        self.send(DROP, length=DROP.index(b'{"type"'))

    def get_longer(self):
        self.send(DROP, length=len(DROP) + 50)

    def get_urls(self):
        self.send(b"http://bad.example/x\nbad.example\n198.18.1.1:81\n")

    def get_tagged(self):
        if self.headers.get("If-None-Match") == '"one"':
            self.send_response(304)
            self.end_headers()
            self.wfile.write(b"198.18.66.66\n")  # a body where none may be
        else:
            self.send(GOOD.encode(), ETag='"one"', Last_Modified="Sun, 22 Nov 2026 06:00:00 GMT")

    def get_never(self):
        self.send(b"", 304)

    def get_packed(self):
        self.send(gzip.compress(GOOD.encode()), Content_Encoding="gzip")

    def get_shrinks(self):
        n = 1000 if len(self.server.asked) == 1 else 10
        self.send("".join(f"198.18.{i // 250}.{i % 250}\n" for i in range(n)).encode())

    def get_truncated(self):
        self.send(GOOD.encode(), length=100000)

    def get_halfgzip(self):
        whole = gzip.compress("".join(f"198.18.{i // 250}.{i % 250}\n" for i in range(5000)).encode())
        self.send(whole[:len(whole) // 2], Content_Encoding="gzip")

    def get_bomb(self):
        self.send(self.server.bomb, Content_Encoding="gzip")

    def get_endless(self):
        self.send_response(200)
        self.end_headers()
        block = b"198.18.1.1\n" * 6000
        for _ in range(8000):
            self.wfile.write(block)

    def get_slow(self):
        self.send_response(200)
        self.end_headers()
        for _ in range(200):
            self.wfile.write(b"#")
            time.sleep(0.1)

    def get_tohttp(self):
        self.send(b"", 302, Location=f"http://127.0.0.1:{self.server.server_port}/good")

    def get_inside(self):
        self.send(b"", 302, Location=f"https://127.0.0.1:{self.server.inner_port}/good")

    def get_once(self):
        self.send(b"198.18.66.66\n", 302, Location="/good")

    def get_loop(self):
        self.send(b"", 302, Location="/loop")

    def get_garbage(self):
        self.send(b"198.18.1.1\n" + os.urandom(20000) + b"\n" + b"<html>nonsense here</html>\n" * 50)

    def get_wide(self):
        self.send(b"198.18.1.1\n\n0.0.0.0/1\n")

    def get_all(self):
        self.send(b"198.18.1.1\n0.0.0.0/0\n")

    def get_empty(self):
        self.send(b"# nothing today\n")

    def get_broken(self):
        self.send(b"oops", 500)


class Site(http.server.ThreadingHTTPServer):
    daemon_threads = True
    bomb = None

    def __init__(self, ns, address, cert):
        self.asked, self.posted = [], []
        self.inner_port = 0
        super().__init__((address, 0), Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = ns.listen(address)
        self.server_port = self.socket.getsockname()[1]
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(cert, cert)
        host = f"[{address}]" if ":" in address else address
        self.url = f"https://{host}:{self.server_port}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # handshakes that fail are what is tested


@pytest.fixture(scope="module")
def place():
    """Directory, certificate and namespace for the whole file."""
    where = tempfile.mkdtemp(prefix="sw-net-")
    cert = f"{where}/cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=test", "-addext", f"subjectAltName=IP:127.0.0.1,IP:{PUBLIC}",
                    "-keyout", f"{where}/key.pem", "-out", cert], check=True, capture_output=True)
    with open(cert, "a", encoding="ascii") as out, open(f"{where}/key.pem", encoding="ascii") as key:
        out.write(key.read())
    ns = Namespace("net", PUBLIC)
    yield where, cert, ns
    ns.close()
    shutil.rmtree(where)


class World:
    """sockwarden-net with a guard, an engine and a site that are ours."""

    def __init__(self, place, path="good", feed="", extra="", address="127.0.0.1", ca=True, options=(), url=None, env=()):
        self.where, cert, self.ns = place
        self.run_dir = tempfile.mkdtemp(dir=self.where)
        self.site = Site(self.ns, address, cert)
        ca_line = f"\n    ca_file: {cert}" if ca else ""
        feeds = f'feeds:\n  - name: lab\n    url: "{url or self.site.url}/{path}"{ca_line}\n{feed}\n' if path else ""
        self.guard = Guard(self.run_dir, feeds + extra)
        self.engine = NetEngine(self.run_dir)
        self.net = Program(f"{BUILD}/sockwarden-net", "--run-dir", self.run_dir, "--verbose", *options, prefix=[*self.ns.exec, "env", *env])
        wait(lambda: self.engine.hellos, why="HELLO: " + self.net.text)

    def __enter__(self):
        return self

    def fetch(self, name="lab"):
        self.engine.send(FEED_NOW, name)
        m, fd = self.engine.next()
        assert m.op == FEED_DONE and m.feed == "lab"
        return m, fd

    def mail(self, text, ident=7, op=MAIL, done=MAIL_DONE):
        self.engine.send(op, ident=ident, fd=sealed(text))
        m, _ = self.engine.next()
        assert m.op == done and m.id == ident
        return m

    def post(self, text, ident=7):
        return self.mail(text, ident, POST, POST_DONE)

    def run(self, text, ident=7):
        return self.mail(text, ident, RUN, RUN_DONE)

    def __exit__(self, *args):
        assert self.net.end() == 0, self.net.text
        self.engine.close()
        self.guard.close()
        self.site.shutdown()
        self.site.server_close()


def test_a_list_arrives_sealed_sorted_and_with_its_action(place):
    with World(place) as w:
        m, fd = w.fetch()
        assert (m.result, m.http, m.entries) == (0, 200, 4), m
        t = TrailList(fd)
        assert t.seals & 0xe == 0xe
        assert t.nets == ["198.18.1.1/32", "198.18.7.0/24", "2001:db8:7::/48"]
        assert t.name == "lab" and t.origin == w.site.url + "/good"
        path, headers = w.site.asked[0]
        assert path == "/good" and headers["User-Agent"].startswith("sockwarden/")
        assert m.next > time.time() + 86400 * 0.8


def test_it_asks_again_only_for_what_has_changed_and_reads_no_body_of_a_304(place):
    with World(place, "tagged") as w:
        assert w.fetch("")[0].result == 0
        m, fd = w.fetch("")
        assert (m.result, m.unchanged, fd) == (0, 1, None), m
        assert w.site.asked[1][1]["If-None-Match"] == '"one"'
        assert w.site.asked[1][1]["If-Modified-Since"] == "Sun, 22 Nov 2026 06:00:00 GMT"
        m, fd = w.fetch("lab")  # by name: the whole list
        assert m.unchanged == 0 and fd is not None


def test_a_list_in_a_form_of_its_own_is_read(place):
    with World(place, "drop", "    parser: jsonl:cidr+records") as w:
        m, fd = w.fetch()
        assert m.result == 0 and TrailList(fd).nets == ["198.18.4.0/24"], m


@pytest.mark.parametrize("path, words", [("shortened", "cut off"), ("longer", "transfer closed")])
def test_a_list_of_a_wrong_length_is_refused(place, path, words):
    with World(place, path, "    parser: jsonl:cidr+records") as w:
        m, fd = w.fetch()
        assert m.result < 0 and fd is None and words in m.text, m


def test_a_page_is_no_list_and_a_list_that_is_called_a_page_is_one(place):
    with World(place, "page") as w:
        m, fd = w.fetch()
        assert m.result < 0 and fd is None and "text/html" in m.text, m
    with World(place, "careless") as w:
        assert w.fetch()[0].result == 0


def test_other_trails_are_counted_by_kind(place):
    with World(place, "urls", "    min_entries: 0") as w:
        m, fd = w.fetch()
        assert (m.result, m.entries, m.urls, m.domains, m.ports) == (0, 3, 1, 1, 1) and fd is not None, m


def test_a_304_that_nobody_asked_for_is_an_error(place):
    with World(place, "never") as w:
        m, fd = w.fetch()
        assert m.result < 0 and fd is None and "304" in m.text


def test_a_compressed_list_is_unpacked(place):
    with World(place, "packed") as w:
        assert w.fetch()[0].entries == 4


def test_a_list_that_shrank_waits_for_its_name(place):
    with World(place, "shrinks") as w:
        assert w.fetch("")[0].entries == 1000
        m, fd = w.fetch("")
        assert m.result < 0 and fd is None and "shrank from 1000 entries to 10" in m.text
        m, fd = w.fetch("lab")
        assert m.result == 0 and fd is not None


@pytest.mark.parametrize("path, words", [
    ("truncated", "transfer closed"),
    ("halfgzip", "gzip stream ends"),
    ("broken", "500"),
    ("wide", "line 3"),
    ("all", "0.0.0.0/0 is wider than /8"),
    ("empty", ""),
    ("garbage", "line "),
    ("tohttp", "http"),
    ("loop", "redirect"),
])
def test_what_is_no_list_is_refused_with_a_reason(place, path, words):
    with World(place, path) as w:
        m, fd = w.fetch()
        assert m.result < 0 and fd is None and m.text, m
        assert words in m.text, m.text
        wait(lambda: f"feed 'lab': {m.text}" in w.net.text, why="the log says it: " + w.net.text)
        assert m.next < time.time() + 90  # tried again sooner than in a day


def test_a_redirect_within_https_is_followed_and_its_body_is_not_read(place):
    with World(place, "once") as w:
        m, fd = w.fetch()
        assert m.result == 0 and "198.18.66.66/32" not in TrailList(fd).nets


def test_a_redirect_to_an_inner_address_is_refused_before_it_is_connected_to(place):
    with World(place, "inside", address=PUBLIC) as w:
        inner = Site(w.ns, "127.0.0.1", place[1])
        w.site.inner_port = inner.server_port
        m, fd = w.fetch()
        assert m.result < 0 and fd is None and "inside" in m.text, m
        assert not inner.asked
        inner.shutdown()
        inner.server_close()


def test_a_certificate_that_nobody_vouches_for_is_refused(place):
    with World(place, ca=False) as w:
        m, fd = w.fetch()
        assert m.result < 0 and fd is None and "certificate" in m.text, m
        assert not w.site.asked


def test_a_proxy_that_the_environment_names_is_asked_and_the_certificate_is_the_publishers(place):
    """Nobody listens at the feed's own address: what arrives came through the proxy, which is the site itself here."""
    where = f"https://[{PUBLIC}]:9"
    listener, lines = place[2].listen("127.0.0.1"), []
    with World(place, "good", url=where, env=[f"https_proxy=http://127.0.0.1:{listener.getsockname()[1]}"]) as w:
        def serve():
            client, address = listener.accept()
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            lines.append(head.split(b"\r\n")[0].decode())
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            w.site.process_request(client, address)

        threading.Thread(target=serve, daemon=True).start()
        m, fd = w.fetch()
        assert m.result == 0 and "198.18.7.0/24" in TrailList(fd).nets, m.text
        assert lines == [f"CONNECT [{PUBLIC}]:9 HTTP/1.1"]
    listener.close()


def test_a_slow_server_is_given_up(place):
    with World(place, "slow", options=["--fetch-timeout", "2s"]) as w:
        begin = time.monotonic()
        m, fd = w.fetch()
        assert m.result < 0 and fd is None
        assert time.monotonic() - begin < 6


def test_a_bomb_costs_no_memory(place):
    Site.bomb = Site.bomb or gzip.compress(bytes(600 << 20), 1)
    with World(place, "bomb") as w:
        m, fd = w.fetch()
        assert m.result < 0 and fd is None and m.text, m
        peak = max(int(line.split()[1]) for line in open(f"/proc/{pid_of(w)}/status", encoding="ascii")
                   if line.startswith("VmHWM"))
        assert peak < 64 << 10


def pid_of(w):
    """ip netns exec becomes the program."""
    return w.net.p.pid


def test_an_endless_list_is_cut_off(place):
    with World(place, "endless", "    max_entries: 1000000") as w:
        m, fd = w.fetch()
        assert m.result < 0 and fd is None and m.text, m


def test_a_key_in_the_url_is_shown_nowhere(place):
    with World(place, f"broken/{KEY}/list?auth={KEY}") as w:
        m, _ = w.fetch()
        assert m.result < 0
        assert KEY in w.site.asked[0][0]
        assert KEY not in m.text and KEY not in w.net.text


def test_the_origin_of_a_list_hides_its_key(place):
    with World(place, f"good/{KEY}?auth={KEY}") as w:
        m, fd = w.fetch()
        assert TrailList(fd).origin == w.site.url + "/good/***?auth=***"


def test_an_engine_that_comes_back_is_greeted_again_and_gets_its_list(place):
    with World(place) as w:
        w.engine.drop()
        wait(lambda: w.engine.hellos == 2, why="a second HELLO")
        wait(lambda: w.engine.peers)
        assert w.fetch()[0].result == 0


def test_a_changed_configuration_ends_it_with_the_word_for_a_new_start(place):
    with World(place, "") as w:
        w.guard.configure("alerts: {mail: {throttle: 7m}}\n")
        assert w.net.p.wait(10) == 75
        w.net = Program(f"{BUILD}/sockwarden-net", "--run-dir", w.run_dir, prefix=w.ns.exec)
        wait(lambda: w.engine.hellos == 2, why="started anew")


def test_it_has_no_capability_and_a_filter(place):
    with World(place) as w:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in open(f"/proc/{pid_of(w)}/status", encoding="ascii")
                      if ":\t" in line)
        assert int(status["CapEff"], 16) == 0 and status["Seccomp"] == "2" and status["NoNewPrivs"] == "1"


# ---- webhook

ALERT = b'{"schema_version":1,"title":"hello"}'


class Hooked(World):
    """The site takes posts; its address is known only once it listens, so a first site picks it."""

    def __init__(self, place, path="hook", rest="", ca=True):
        self.hook = Site(place[2], "127.0.0.1", place[1])
        self.url = f"{self.hook.url}/{path}"
        ca_line = f"    ca_file: {place[1]}\n" if ca else ""
        super().__init__(place, "", extra=f'alerts:\n  webhook:\n    url: "{self.url}"\n{ca_line}{rest}')

    def __exit__(self, *args):
        super().__exit__(*args)
        self.hook.shutdown()
        self.hook.server_close()


def test_an_alert_is_posted_with_the_headers_of_the_file_which_are_told_nobody(place):
    secret = f"{place[0]}/headers"
    with open(secret, "w", encoding="ascii") as f:
        f.write(f"# of the chat\nAuthorization: Bearer {KEY}\nX-Room: 7\n")
    with Hooked(place, f"hook?key={KEY}", f"    header_file: {secret}\n") as w:
        assert w.post(ALERT).result == 0
        path, headers, body = w.hook.posted[0]
        assert body == ALERT and path == f"/hook?key={KEY}"
        assert headers["Content-Type"] == "application/json" and headers["User-Agent"].startswith("sockwarden/")
        assert headers["Authorization"] == f"Bearer {KEY}" and headers["X-Room"] == "7"
        assert KEY not in w.net.text
        os.unlink(secret)
        m = w.post(ALERT, 8)
        assert m.result < 0 and "header_file" in m.text and len(w.hook.posted) == 1, m


def test_a_post_that_the_server_refused_can_be_sent_again(place):
    with Hooked(place, "once") as w:
        m = w.post(ALERT)
        assert m.result < 0 and "status 500" in m.text, m
        assert w.post(ALERT, 8).result == 0 and len(w.hook.posted) == 2


@pytest.mark.parametrize("path, words", [("refuses", "status 403"), ("moved", "status 302")])
def test_a_post_is_not_done_by_any_other_answer(place, path, words):
    with Hooked(place, path) as w:
        m = w.post(ALERT)
        assert m.result < 0 and words in m.text and len(w.hook.posted) == 1, m


def test_nothing_is_posted_to_a_server_that_nobody_vouches_for(place):
    with Hooked(place, f"hook/{KEY}", ca=False) as w:
        m = w.post(ALERT)
        assert m.result < 0 and "certificate" in m.text and KEY not in m.text + w.net.text, m
        assert not w.hook.posted


def test_a_server_that_is_away_is_an_error_in_words(place):
    with Hooked(place) as w:
        w.hook.shutdown()
        w.hook.server_close()
        m = w.post(ALERT)
        assert m.result < 0 and "connect" in m.text.lower(), m


def test_a_post_without_a_webhook_is_refused(place):
    with World(place, "") as w:
        m = w.post(ALERT)
        assert m.result < 0 and "no webhook" in m.text, m


# ---- mail

MESSAGE = b"From: sockwarden@lab\r\nTo: root@lab\r\nSubject: hello\r\n\r\nline\r\n.\r\n..two\r\n"


class SmtpSink(threading.Thread):
    """Takes mail; offers no TLS unless it is given a certificate to speak it from the start."""

    def __init__(self, ns, refuse=False):
        super().__init__(daemon=True)
        self.sock, self.mails, self.refuse = ns.listen("127.0.0.1"), [], refuse
        self.port = self.sock.getsockname()[1]
        self.start()

    def run(self):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            with c, c.makefile("rwb", 0) as f:
                self.serve(f)

    def serve(self, f):
        mail = {"to": []}
        f.write(b"220 sink\r\n")
        for line in f:
            word = line[:4].upper()
            if word == b"DATA":
                f.write(b"354 go\r\n")
                body = b""
                for part in f:
                    if part == b".\r\n":
                        break
                    body += part[1:] if part.startswith(b".") else part
                mail["body"] = body
                self.mails.append(mail)
            elif word == b"MAIL":
                mail["from"] = line.decode().strip()
            elif word == b"RCPT":
                if self.refuse:
                    f.write(b"550 nobody of that name\r\n")
                    continue
                mail["to"].append(line.decode().strip())
            elif word == b"QUIT":
                f.write(b"221 bye\r\n")
                return
            f.write(b"250 fine\r\n")


def mail_yaml(rest):
    return f"alerts:\n  mail:\n    to: 'root@lab, Night <night@lab>'\n    from: 'Watch <sw@lab>'\n{rest}"


def test_mail_goes_to_every_recipient_by_smtp_with_its_dots(place):
    sink = SmtpSink(place[2])
    with World(place, "", extra=mail_yaml(f"    smtp:\n      url: smtp://127.0.0.1:{sink.port}\n")) as w:
        assert w.mail(MESSAGE).result == 0
        assert sink.mails[0]["body"] == MESSAGE
        assert "<sw@lab>" in sink.mails[0]["from"]
        assert [t for t in sink.mails[0]["to"]] == ["RCPT TO:<root@lab>", "RCPT TO:<night@lab>"]
        assert w.mail(MESSAGE, 8).result == 0 and len(sink.mails) == 2
    sink.sock.close()


def test_a_mail_server_that_refuses_is_told_in_words(place):
    sink = SmtpSink(place[2], refuse=True)
    with World(place, "", extra=mail_yaml(f"    smtp:\n      url: smtp://127.0.0.1:{sink.port}\n")) as w:
        m = w.mail(MESSAGE)
        assert m.result < 0 and "550" in m.text, m
    sink.sock.close()


def test_a_password_never_travels_in_the_clear(place):
    sink = SmtpSink(place[2])
    secret = f"{place[0]}/password"
    with open(secret, "w", encoding="ascii") as f:
        f.write("s3cret\n")
    with World(place, "", extra=mail_yaml(f"    smtp:\n      url: smtp://127.0.0.1:{sink.port}\n"
                                          f"      user: me\n      password_file: {secret}\n")) as w:
        assert w.mail(MESSAGE).result < 0
        assert not sink.mails
    sink.sock.close()


def stub(where, text):
    path = tempfile.mktemp(dir=where, prefix="sendmail-")
    with open(path, "w", encoding="ascii") as f:
        f.write(text)
    os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
    return path


def test_mail_goes_to_the_sendmail_program_by_argv_with_local_line_ends(place):
    out = tempfile.mktemp(dir=place[0])
    path = stub(place[0], f'#!/bin/sh\nprintf "%s|" "$@" > {out}.args\ncat > {out}\n')
    with World(place, "", extra=mail_yaml(f"    sendmail: {path}\n")) as w:
        assert w.mail(MESSAGE).result == 0
        with open(out, "rb") as f:
            assert f.read() == MESSAGE.replace(b"\r\n", b"\n")
        with open(out + ".args", encoding="ascii") as f:
            assert f.read() == "-i|-f|sw@lab|--|root@lab|night@lab|"


def test_a_sendmail_program_that_fails_is_quoted(place):
    path = stub(place[0], "#!/bin/sh\necho 'mailbox full: \033[2J' >&2\nexit 75\n")
    with World(place, "", extra=mail_yaml(f"    sendmail: {path}\n")) as w:
        m = w.mail(MESSAGE)
        assert m.result < 0 and "status 75: mailbox full: \\x1b[2J" in m.text, m


def test_an_alert_command_gets_its_words_and_the_document_and_no_shell(place):
    out = tempfile.mktemp(dir=place[0])
    path = stub(place[0], f'#!/bin/sh\nprintf "%s|" "$@" > {out}.args\ncat > {out}\n')
    with World(place, "", extra=f"alerts:\n  command:\n    run: {path} $(id) 'a  b' --now\n") as w:
        assert w.run(MESSAGE).result == 0
        with open(out, "rb") as f:
            assert f.read() == MESSAGE
        with open(out + ".args", encoding="ascii") as f:
            assert f.read() == "$(id)|'a|b'|--now|"
        assert w.run(b"again", 8).result == 0
        with open(out, "rb") as f:
            assert f.read() == b"again"


def test_an_alert_command_that_fails_hangs_or_is_not_there_is_told(place):
    path = stub(place[0], "#!/bin/sh\necho 'no pager: \033[2J' >&2\nexit 3\n")
    with World(place, "", extra=f"alerts:\n  command:\n    run: {path}\n") as w:
        m = w.run(MESSAGE)
        assert m.result < 0 and "command ended with status 3: no pager: \\x1b[2J" in m.text, m
    path = stub(place[0], "#!/bin/sh\nsleep 1000 & sleep 1000\n")
    with World(place, "", extra=f"alerts:\n  command:\n    run: {path}\n    timeout: 1s\n") as w:
        m = w.run(MESSAGE)
        assert m.result < 0 and "command did not end within 1 s" in m.text, m
    path = stub(place[0], "#!/bin/sh\nexec >&- 2>&-\nsleep 1000\n")  # says no more, and goes on
    with World(place, "", extra=f"alerts:\n  command:\n    run: {path}\n    timeout: 1s\n") as w:
        for ident in (7, 8):
            m = w.run(MESSAGE, ident)
            assert m.result < 0 and "command did not end within 1 s" in m.text, m
    path = stub(place[0], "#!/bin/sh\nexec >&- 2>&-\nsleep 1\n")
    with World(place, "", extra=f"alerts:\n  command:\n    run: {path}\n    timeout: 60s\n") as w:
        assert w.run(MESSAGE).result == 0
    with World(place, "", extra=f"alerts:\n  command:\n    run: {place[0]}/absent\n") as w:
        m = w.run(MESSAGE)
        assert m.result < 0 and "No such file" in m.text, m
    with World(place, "") as w:
        assert "no command is configured" in w.run(MESSAGE).text


def whois(w, address, ident=9):
    w.engine.ask_whois(address, ident)
    m, _ = w.engine.next()
    assert m.op == WHOIS_DONE and m.id == ident
    return m, m.rest[24 + 32:].split(b"\0")[0].decode()


def whois_yaml(path):
    return mail_yaml(f"    whois: true\n    whois_program: {path}\n")


def test_whois_is_asked_by_argv_and_its_answer_is_chosen_and_clean(place):
    out = tempfile.mktemp(dir=place[0])
    path = stub(place[0], f'#!/bin/sh\nprintf "%s|" "$@" >> {out}\n'
                          'printf "%% hello\\r\\ninetnum: 193.0.0.0 - 193.0.7.255\\r\\nnetname:\\t\\033[2Jx\\r\\nremarks: no\\r\\n"\n')
    with World(place, "", extra=whois_yaml(path)) as w:
        m, text = whois(w, "193.0.6.139")
        assert m.result == 0 and text == "inetnum: 193.0.0.0 - 193.0.7.255\nnetname: \\x1b[2Jx\n", (m, text)
        assert m.rest[24:28] == bytes((193, 0, 0, 0)) and m.rest[40:44] == bytes((193, 0, 7, 255))
        assert whois(w, "2001:67c:2e8::1")[0].result == 0
        assert whois(w, "10.0.0.1")[0].result < 0
        with open(out, encoding="ascii") as f:
            assert f.read() == "193.0.6.139|2001:67c:2e8::1|"


def test_a_whois_that_never_ends_fails_or_is_not_there_is_told(place):
    path = stub(place[0], "#!/bin/sh\necho netname: first\nwhile :; do echo remarks: more; done\n")
    with World(place, "", extra=whois_yaml(path)) as w:
        m, text = whois(w, "193.0.6.139")
        assert m.result == 0 and text == "netname: first\n", m
    path = stub(place[0], "#!/bin/sh\necho 'getaddrinfo(whois.ripe.net): \033[2J' >&2\nexit 2\n")
    with World(place, "", extra=whois_yaml(path)) as w:
        assert "whois ended with status 2: getaddrinfo(whois.ripe.net): \\x1b[2J" in whois(w, "193.0.6.139")[0].text
    with World(place, "", extra=whois_yaml(f"{place[0]}/absent")) as w:
        m, _ = whois(w, "193.0.6.139")
        assert m.result < 0 and "absent: No such file" in m.text, m
    with World(place, "", extra=mail_yaml("")) as w:
        assert "alerts.mail.whois is off" in whois(w, "193.0.6.139")[0].text


def test_mail_without_a_recipient_is_refused(place):
    with World(place, "") as w:
        m = w.mail(MESSAGE)
        assert m.result < 0 and "no recipient" in m.text
