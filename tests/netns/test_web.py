# SPDX-License-Identifier: GPL-3.0-or-later
"""sockwarden-web with an engine and a guard that are ours; at the end, its metrics with the real ones."""
import gzip
import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time

import pytest
from fake import BUILD, Control, Guard, Namespace, Program, wait

YAML = "web: {port: 0}\n"
STATUS = {"mode": "observe", "enforcing": False, "interfaces": [{"name": "eth0"}], "store": {"error": ""}}


class Connection(http.client.HTTPConnection):
    """To a port of the namespace."""

    def __init__(self, ns, port):
        super().__init__("127.0.0.1", port, timeout=8)
        self.ns = ns

    def connect(self):
        self.sock = self.ns.socket(socket.AF_INET)
        self.sock.settimeout(8)
        self.sock.connect((self.host, self.port))


class World:
    def __init__(self, ns, yaml=YAML, engine=True):
        self.ns = ns
        self.dir = tempfile.mkdtemp(prefix="sw-web-")
        self.guard = Guard(self.dir, yaml)
        self.engine = None
        self.links = {"good"}
        if engine:
            self.start_engine()
        self.web = Program(f"{BUILD}/sockwarden-web", "--run-dir", self.dir, prefix=ns.exec)

    def __enter__(self):
        return self

    def redeem(self, args):
        if args["token"] not in self.links:
            return None
        self.links.remove(args["token"])
        return {"role": "viewer"}

    def start_engine(self, **answers):
        self.engine = Control(self.dir, {"status": STATUS, "web.redeem": self.redeem, "web.listening": {},
                                         "bans": {"bans": []}, "metrics": {"text": "up 1\n"}, **answers})

    @property
    def port(self):
        return wait(lambda: next((a["port"] for v, a in self.engine.asked if v == "web.listening"), 0),
                    why="where it listens: " + self.web.text)

    def ask(self, path, method="GET", port=None, body=None, **headers):
        c = Connection(self.ns, port or self.port)
        c.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()}, body=body)
        r = c.getresponse()
        r.body = r.read()
        c.close()
        return r

    def login(self):
        """The cookie of a fresh session."""
        self.links.add("link")
        r = self.ask("/login?token=link")
        assert r.status == 303, r.body
        return r.headers["Set-Cookie"].split(";")[0]

    def __exit__(self, *args):
        assert self.web.end() == 0, self.web.text
        if self.engine:
            self.engine.close()
        self.guard.close()
        shutil.rmtree(self.dir)


@pytest.fixture(scope="module")
def ns():
    n = Namespace("web")
    yield n
    n.close()


def test_it_is_alive_without_the_engine_and_ready_with_it(ns):
    with World(ns) as w:
        port = w.port
        assert w.ask("/readyz").status == 200
        assert json.loads(w.ask("/readyz").body) == {"ready": True, "reasons": []}
        w.engine.close()
        wait(lambda: w.ask("/readyz", port=port).status == 503, why="not ready")
        assert w.ask("/healthz", port=port).status == 200
        assert json.loads(w.ask("/readyz", port=port).body)["reasons"] == ["the engine is not running"]
        w.start_engine()
        wait(lambda: w.ask("/readyz", port=port).status == 200, why="ready again")


@pytest.mark.parametrize("change, reason", [
    ({"store": {"error": "disk full"}}, "the store: disk full"),
    ({"mode": "unknown", "interfaces": []}, "the guard does not answer"),
    ({"interfaces": []}, "no network device is watched"),
])
def test_an_engine_that_is_failing_is_not_ready(ns, change, reason):
    with World(ns) as w:
        w.engine.answers["status"] = {**STATUS, **change}
        r = w.ask("/readyz")
        assert r.status == 503 and json.loads(r.body)["reasons"] == [reason]


def test_a_link_logs_in_once(ns):
    with World(ns) as w:
        r = w.ask("/login?token=good")
        assert r.status == 303 and r.headers["Location"] == "/"
        cookie = r.headers["Set-Cookie"]
        assert "HttpOnly" in cookie and "SameSite=Strict" in cookie and "Max-Age=43200" in cookie
        name, value = cookie.split(";")[0].split("=")
        assert name == "sockwarden" and len(value) == 32
        again = w.ask("/login?token=good")
        assert again.status == 401 and "Set-Cookie" not in again.headers and b"sockwarden web" in again.body


def test_nothing_but_probes_and_metrics_is_told_without_a_session(ns):
    with World(ns) as w:
        for cookie in ("", "sockwarden=", "sockwarden=00000000000000000000000000000000"):
            r = w.ask("/", Cookie=cookie)
            assert r.status == 401 and b"sockwarden web" in r.body and b"listeners" not in r.body
            for path in ("status", "listeners", "bans", "findings", "events", "trails"):
                assert w.ask(f"/api/{path}", Cookie=cookie).status == 401, path
        assert not [v for v, _ in w.engine.asked if v not in ("events", "web.listening")]


def test_the_page_and_its_data_come_with_a_session(ns):
    with World(ns) as w:
        cookie = w.login()
        assert b"What this host sees and does" in w.ask("/", Cookie=cookie).body
        assert json.loads(w.ask("/api/bans", Cookie=cookie).body)["bans"] == []
        r = w.ask("/api/findings", Cookie=cookie)
        assert r.status == 502 and json.loads(r.body)["error"]["message"] == "no such luck"


def test_a_token_is_text_whatever_it_holds(ns):
    with World(ns) as w:
        assert w.ask("/login?token=%22%2C%22x%22%3A%22%0A%FF").status == 401
        asked = [a for v, a in w.engine.asked if v == "web.redeem"]
        assert list(asked[0]) == ["token"]
        assert w.ask("/login").status == 401


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "localhost.evil.example"])
def test_a_host_of_another_name_is_refused(ns, host):
    with World(ns) as w:
        r = w.ask("/metrics", Host=host)
        assert r.status == 421 and b"up 1" not in r.body
        assert w.ask("/metrics", Host="localhost:1").status == 200


def test_every_answer_has_the_headers_that_guard_a_browser(ns):
    with World(ns) as w:
        cookie = w.login()
        for path in ("/", "/app.js", "/style.css", "/healthz", "/readyz", "/metrics", "/api/bans", "/api/findings", "/none"):
            for c in ("", cookie):
                h = w.ask(path, Cookie=c).headers
                csp = h["Content-Security-Policy"]
                assert "default-src 'none'" in csp and "script-src 'self'" in csp and "unsafe" not in csp, path
                assert h["X-Content-Type-Options"] == "nosniff" and h["Referrer-Policy"] == "no-referrer"
                assert h["Cache-Control"] in ("no-store", "no-cache")
                assert "Access-Control-Allow-Origin" not in h
        assert w.ask("/api/bans", Cookie=cookie).headers["Cache-Control"] == "no-store"


def test_the_page_has_nothing_inline_and_nothing_from_elsewhere(ns):
    with World(ns) as w:
        page = w.ask("/", Cookie=w.login()).body.decode() + w.ask("/").body.decode()
        for bad in ("<style", " style=", "onclick", "onload", "http://", "https://", "<script>"):
            assert bad not in page, bad
        script = w.ask("/app.js").body.decode()
        for bad in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
            assert bad not in script, bad


def test_assets_are_packed_and_known_by_their_tag(ns):
    with World(ns) as w:
        plain = w.ask("/app.js")
        packed = w.ask("/app.js", Accept_Encoding="gzip")
        assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(packed.body) == plain.body
        again = w.ask("/app.js", If_None_Match=plain.headers["ETag"])
        assert again.status == 304 and not again.body


def test_other_methods_and_paths_are_refused(ns):
    with World(ns) as w:
        for method in ("POST", "PUT", "DELETE", "OPTIONS", "PATCH"):
            r = w.ask("/api/bans", method, body=b"x" * 10)
            assert r.status == 405 and r.headers["Allow"] == "GET, HEAD", method
        for path in ("/../etc/passwd", "/index.html", "/login.html", "/api", "/api/", "/api/status/x", "//"):
            assert w.ask(path).status == 404, path
        assert w.ask("/healthz", "HEAD").status == 200


def test_metrics_pass_through_in_the_form_that_prometheus_reads(ns):
    with World(ns) as w:
        r = w.ask("/metrics")
        assert r.body == b"up 1\n" and r.headers["Content-Type"].startswith("text/plain; version=0.0.4")


def test_events_arrive_as_they_happen_and_the_engines_leave_too(ns):
    with World(ns) as w:
        c = Connection(w.ns, w.port)
        c.request("GET", "/api/events", headers={"Cookie": w.login()})
        r = c.getresponse()
        assert r.status == 200 and r.headers["Content-Type"] == "text/event-stream"
        assert r.readline() == b"retry: 2000\n" and r.readline() == b"\n"
        wait(lambda: w.engine.followers)
        w.engine.tell({"kind": "ban", "text": "line\nbreak </script>"})
        assert r.readline() == b"event: event\n"
        data = r.readline()
        assert json.loads(data[6:]) == {"kind": "ban", "text": "line\nbreak </script>"}
        assert r.readline() == b"\n"
        w.engine.drop()
        assert r.readline() == b"event: engine\n" and r.readline() == b'data: {"connected":false}\n'
        c.close()


def test_a_page_that_reads_slowly_loses_events_and_is_told_how_many(ns):
    with World(ns) as w:
        s = w.ns.socket(socket.AF_INET)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.settimeout(8)
        s.connect(("127.0.0.1", w.port))
        s.sendall(f"GET /api/events HTTP/1.1\r\nHost: localhost\r\nCookie: {w.login()}\r\n\r\n".encode())
        assert b"retry: 2000" in s.recv(4096)
        wait(lambda: w.engine.followers)
        for n in range(6000):
            w.engine.tell({"kind": "packet", "text": "x" * 1000, "n": n})
        assert w.ask("/healthz").status == 200  # others are served meanwhile
        resident = int(next(x for x in open(f"/proc/{w.web.p.pid}/status", encoding="ascii") if "VmRSS" in x).split()[1])
        assert resident < 40 << 10
        got = b""
        stop = threading.Event()

        def beat():
            while not stop.is_set():
                w.engine.tell({"kind": "system", "text": "still here"})
                time.sleep(0.05)

        t = threading.Thread(target=beat)
        t.start()
        while b"event: lost" not in got:
            got = got[-100:] + s.recv(65536)
        stop.set()
        t.join()
        s.close()


def test_silent_connections_do_not_keep_others_out_for_good(ns):
    with World(ns) as w:
        port, idle = w.port, []
        for _ in range(80):
            s = w.ns.socket(socket.AF_INET)
            s.settimeout(5)
            s.connect(("127.0.0.1", port))
            idle.append(s)
        for s in idle:
            s.close()
        wait(lambda: answers(w, port), why="an answer after the idle ones went")


def answers(w, port):
    try:
        return w.ask("/healthz", port=port).status == 200
    except (OSError, http.client.HTTPException):
        return False


def test_a_request_that_is_too_large_is_refused(ns):
    with World(ns) as w:
        assert w.ask("/healthz", X_Large="x" * 60000).status in (400, 413, 431)
        assert w.ask("/" + "x" * 60000).status in (400, 404, 413, 414, 431)
        assert w.ask("/healthz").status == 200


def test_a_port_that_is_taken_is_said_and_tried_again(ns):
    taken = ns.listen("127.0.0.1")
    with World(ns, f"web: {{port: {taken.getsockname()[1]}}}\n") as w:
        wait(lambda: "cannot listen on 127.0.0.1" in w.web.text, why="the error")
        assert w.web.p.poll() is None
        taken.close()
        assert w.ask("/healthz").status == 200


def test_without_a_page_it_waits_for_a_configuration_that_wants_one(ns):
    with World(ns, "web: {enabled: false}\n") as w:
        wait(lambda: "wants no page" in w.web.text)
        assert not w.engine.asked
        w.guard.configure(YAML)
        assert w.ask("/healthz").status == 200
        w.guard.configure("web: {enabled: false}\n")
        assert w.web.p.wait(10) == 75
        w.web = Program(f"{BUILD}/sockwarden-web", "--run-dir", w.dir, prefix=ns.exec)
        wait(lambda: "wants no page" in w.web.text)


def test_another_port_in_the_configuration_ends_it_for_a_new_start(ns):
    with World(ns) as w:
        assert w.port
        cookie = w.login()
        w.guard.configure("web: {port: 0}\nalerts: {mail: {throttle: 9m}}\n")
        wait(lambda: len(w.guard.roles) == 2, why="HELLO again")
        assert w.ask("/", Cookie=cookie).status == 200  # sessions outlive what does not concern the page
        w.guard.configure("web: {port: 0, address: '::1'}\n")
        assert w.web.p.wait(10) == 75
        w.web = Program(f"{BUILD}/sockwarden-web", "--run-dir", w.dir, prefix=ns.exec)
        wait(lambda: len(w.guard.roles) == 4)


def test_it_ends_at_once_though_requests_wait(ns):
    hang = threading.Event()
    with World(ns) as w:
        cookie = w.login()
        w.engine.answers["bans"] = lambda args: hang.wait(15) and None
        streams = []
        for path in ("/api/events", "/api/bans"):
            c = Connection(w.ns, w.port)
            c.request("GET", path, headers={"Cookie": cookie})
            streams.append(c)
        streams[0].getresponse()
        wait(lambda: any(v == "bans" for v, _ in w.engine.asked))
        begin = time.monotonic()
        assert w.web.end() == 0, w.web.text
        assert time.monotonic() - begin < 3
        hang.set()


def test_it_has_no_capability_and_a_filter(ns):
    with World(ns) as w:
        assert w.port
        status = dict(line.rstrip("\n").split(":\t", 1) for line in open(f"/proc/{w.web.p.pid}/status", encoding="ascii")
                      if ":\t" in line)
        assert int(status["CapEff"], 16) == 0 and status["Seccomp"] == "2" and status["NoNewPrivs"] == "1"
