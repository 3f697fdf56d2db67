# SPDX-License-Identifier: GPL-3.0-or-later
"""CrowdSec's local API for tests: one of ours that does what it is told, and Debian's own, both in the lab's namespace."""
import json
import os
import socket
import sys
import time

import pytest

from debs import unpacked

KEY = "s3cretk3y0123456789"
PASSWORD = "n3ver-t0-be-l0gged"
NULLS = {"new": None, "deleted": None}

# A bouncer gets the files of its directory: "whole" again and again, "delta" once; "status" is HTTP's, "until" the end of
# decisions whose duration is UNTIL. Each question is a line of "asked". A machine's login gets the next token, its alerts
# 401 unless they bear the last one; "login", "alerts" and "delete" are the status to answer with instead. Each post is a line of
# "posted", each deletion of "deleted". What was posted is found again as Debian's 1.4.6 tells it, decisions numbered from 1.
API = """
import http.server, json, os, sys, time, urllib.parse
os.chdir(sys.argv[1])
n_tokens = 0
alerts = []
def read(name, otherwise):
    try:
        with open(name, encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return otherwise
def take(name, otherwise):
    text = read(name, otherwise)
    if os.path.exists(name):
        os.unlink(name)
    return text
def note(name, **row):
    with open(name, "a", encoding="utf-8") as f:
        f.write(json.dumps(row) + "\\n")
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args): pass
    def answer(self, status, body):
        self.send_response(int(status))
        self.send_header("Content-Length", str(len(body.encode())))
        self.end_headers()
        self.wfile.write(body.encode())
    def do_GET(self):
        if self.path.startswith("/v1/alerts?"):
            value = urllib.parse.parse_qs(self.path)["value"][0]
            self.answer(200, json.dumps([a for a in alerts if a["source"]["value"] == value] or None))
            return
        note("asked", path=self.path, key=self.headers.get("X-Api-Key"), agent=self.headers.get("User-Agent"))
        nulls = '{"new":null,"deleted":null}'
        body = read("whole", nulls) if "startup=true" in self.path else take("delta", nulls)
        self.answer(read("status", "200"), body.replace("UNTIL", f"{float(read('until', '0')) - time.time():.6f}s"))
    def do_POST(self):
        global n_tokens
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        bearer = self.headers.get("Authorization")
        if self.path == "/v1/watchers/login":
            status = int(read("login", "200"))
            n_tokens += status == 200
            text = json.dumps({"code": 200, "expire": "2099-01-01T00:00:00+01:00", "token": f"token{n_tokens}"})
        else:
            is_old = take("revoke", None) is not None or bearer != f"Bearer token{n_tokens}"
            status = 401 if is_old else int(read("alerts", "201"))
            for a in body if status == 201 else []:
                alerts.append({**a, "decisions": [{**d, "id": len(alerts) + 1} for d in a["decisions"]]})
            text = '["1"]'
        note("posted", path=self.path, body=body, bearer=bearer, status=status)
        self.answer(status, text if status < 300 else "{}")
    def do_DELETE(self):
        note("deleted", path=self.path, bearer=self.headers.get("Authorization"))
        self.answer(read("delete", "200"), '{"nbDeleted":"1"}')
site = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2])), Handler)
print(site.server_port, flush=True)
site.serve_forever()
"""

CONFIG = """common: {{daemonize: false, log_media: stdout, log_level: info, working_dir: {0}}}
config_paths: {{config_dir: {0}, data_dir: {0}, simulation_path: {0}/simulation.yaml, hub_dir: {0}, index_path: {0}/index.json,
  notification_dir: {0}/none, plugin_dir: {0}/none}}
crowdsec_service: {{acquisition_path: {0}/acquis.yaml, parser_routines: 1}}
plugin_config: {{user: nobody, group: nogroup}}
db_config: {{log_level: info, type: sqlite, db_path: {0}/crowdsec.db}}
api:
  client: {{credentials_path: {0}/credentials.yaml}}
  server: {{log_level: info, listen_uri: "127.0.0.1:8080", profiles_path: {0}/profiles.yaml}}
prometheus: {{enabled: false}}
"""


def decision(number, value, scope="Ip", duration="3h59m59.1386s", **more):
    return {"id": number, "origin": "cscli", "scenario": "crowdsecurity/ssh-bf", "scope": scope, "type": "ban", "value": value,
            "duration": duration, **more}


def bans(lab):
    return {b["net"]: b for b in lab.cli_json("bans")["bans"] if b["origin"] == "crowdsec"}


class Bridge:
    """A lab whose host runs a local API of ours."""

    def __init__(self, lab):
        self.lab, self.dir, self.port = lab, f"{lab.dir}/api", 0
        os.mkdir(self.dir)
        self.key(KEY)

    def key(self, text):
        with open(f"{self.lab.dir}/key", "w", encoding="ascii") as f:
            f.write(text + "\n")
        os.chmod(f"{self.lab.dir}/key", 0o644)

    def put(self, name, answer):
        text = answer if isinstance(answer, str) else json.dumps({**NULLS, **answer})
        with open(f"{self.dir}/{name}.new", "w", encoding="utf-8") as f:
            f.write(text)
        os.rename(f"{self.dir}/{name}.new", f"{self.dir}/{name}")

    def serve(self, port=0):
        self.server = self.lab.spawn(sys.executable, "-S", "-E", "-c", API, self.dir, port)
        self.port = int(self.server.stdout.readline())

    def start(self, extra="", more=""):
        self.lab.write_config(f"crowdsec:\n  url: http://127.0.0.1:{self.port}/\n  key_file: {self.lab.dir}/key\n  interval: 1s\n{extra}{more}")
        self.lab.start()

    def noted(self, name):
        try:
            with open(f"{self.dir}/{name}", encoding="utf-8") as f:
                return [json.loads(line) for line in f]
        except FileNotFoundError:
            return []

    def asked(self):
        return self.noted("asked")

    def metrics(self):
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(f"{self.lab.run_dir}/control.sock")
            s.sendall(b'{"id":1,"verb":"metrics"}\n')
            with s.makefile("rb") as lines:
                text = json.loads(lines.readline())["data"]["text"]
        return dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))

    def status(self):
        return self.lab.cli_json("status")["crowdsec"]

    def bans(self):
        return bans(self.lab)

    def wait_bans(self, *nets, seconds=15):
        self.lab.wait(lambda: set(self.bans()) == set(nets), seconds, f"the bans are {nets}; there are {self.bans()}")

    def wait_status(self, what, **want):
        return self.lab.wait(lambda: all(self.status()[k] == v for k, v in want.items()) and self.status(), 15, what)


class Machine(Bridge):
    """The same, whose host reports to it too."""

    def start(self, extra="", more=""):
        path = f"{self.lab.dir}/password"
        with open(path, "w", encoding="ascii") as f:
            f.write(PASSWORD + "\n")
        os.chmod(path, 0o644)
        super().start(f"  machine: lab\n  machine_password_file: {path}\n{extra}", more)

    def posted(self, path="/v1/alerts", status=None):
        return [r for r in self.noted("posted") if r["path"] == path and status in (None, r["status"])]

    def deleted(self):
        return [r["path"] for r in self.noted("deleted")]

    def reported(self):
        return [a["source"]["value"] for p in self.posted(status=201) for a in p["body"]]

    def reports(self):
        return self.status()["reports"]

    def wait_reported(self, *values):
        self.lab.wait(lambda: self.reported() == list(values), 30, f"{values} are reported; there are {self.reported()}")


class Debians:
    """Debian's CrowdSec: its local API alone, without the central one."""

    URL = "http://127.0.0.1:8080/"

    def __init__(self, lab):
        self.root, why = unpacked("crowdsec")
        if not self.root:
            pytest.skip(why)
        self.lab, self.dir = lab, f"{lab.dir}/crowdsec"
        os.makedirs(f"{self.dir}/none")
        profiles = 'name: none\nfilters: ["false"]\ndecisions: [{type: ban, duration: 4h}]\non_success: break\n'
        for name, text in (("config.yaml", CONFIG.format(self.dir)), ("simulation.yaml", "simulation: false\n"), ("acquis.yaml", ""),
                           ("index.json", "{}"), ("profiles.yaml", profiles)):
            with open(f"{self.dir}/{name}", "w", encoding="ascii") as f:
                f.write(text)
        self.cscli("machines", "add", "here", "--password", "only-here", "-f", f"{self.dir}/credentials.yaml", "--url", self.URL)
        for name in ("lab", "another"):
            self.cscli("machines", "add", name, "--password", PASSWORD, "-f", "/dev/null")
        self.cscli("bouncers", "add", "sockwarden", "-k", KEY)
        with open(f"{self.dir}/log", "w", encoding="utf-8") as log:
            self.server = lab.spawn(f"{self.root}/usr/bin/crowdsec", "-c", f"{self.dir}/config.yaml", "-no-cs", stdout=log)

    def cscli(self, *args):
        return self.lab.on_host(f"{self.root}/usr/bin/cscli", "-c", f"{self.dir}/config.yaml", *args, check=True).stdout

    def report(self, machine, *addresses, minutes=120):
        """What another host's sockwarden reports as that machine: its decision on each address."""
        url, now = self.URL + "v1", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())

        def post(path, body, *args):
            return self.lab.on_host("curl", "-sSf", *args, "-d", json.dumps(body), url + path, check=True).stdout

        token = json.loads(post("/watchers/login", {"machine_id": machine, "password": PASSWORD, "scenarios": []}))["token"]
        post("/alerts", [{"scenario": "sockwarden/scan", "scenario_hash": "", "scenario_version": "1", "message": "a scan", "events_count": 1,
                          "events": [], "start_at": now, "stop_at": now, "capacity": 0, "leakspeed": "0s", "simulated": False,
                          "remediation": True, "source": {"scope": "Ip", "value": a, "ip": a},
                          "decisions": [{"origin": "sockwarden", "type": "ban", "scope": "Ip", "value": a, "duration": f"{minutes}m",
                                         "scenario": f"sockwarden/{machine}/scan", "simulated": False}]} for a in addresses],
             "-H", f"Authorization: Bearer {token}")

    def in_force(self):
        """(value, scenario) of the decisions that it has now."""
        alerts = json.loads(self.cscli("decisions", "list", "-a", "-o", "json")) or []
        return {(d["value"], d["scenario"]) for a in alerts for d in a["decisions"] if not d["duration"].startswith("-")}

    def connect(self, bridge):
        """Starts the bridge's lab beside it, and waits for an answer."""
        bridge.port = 8080
        bridge.start()
        self.lab.wait(lambda: bridge.status()["last_good_at"], 30, "its local API has answered")
        return bridge

    def stop(self):
        self.server.terminate()
        self.server.wait()
