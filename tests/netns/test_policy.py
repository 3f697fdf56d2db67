# SPDX-License-Identifier: GPL-3.0-or-later
"""The socket policy: what it does not allow is told with process, user and rule; a policy is learnt from what is seen."""
import os
import shutil
import subprocess
import sys

LISTEN = """
import os, socket, sys
os.setuid(int(sys.argv[2]))
s = socket.socket(socket.AF_INET6 if sys.argv[3:] else socket.AF_INET)
try:
    s.bind(("", int(sys.argv[1])))
    s.listen(5)
    print("listens", flush=True)
    sys.stdin.read()
except PermissionError:
    print("refused", flush=True)
"""


def python(lab, name):
    """A copy of the interpreter, so that a rule can name it."""
    path = os.path.join(lab.dir, name)
    if not os.path.exists(path):
        shutil.copy(os.path.realpath(sys.executable), path)
    return path


def serve(lab, port, uid=0, *more, program="server"):
    p = lab.spawn(python(lab, program), "-S", "-E", "-c", LISTEN, port, uid, *more, stdin=subprocess.PIPE)
    return p, p.stdout.readline().strip()


def start(lab, policy):
    lab.write_config(policy)
    lab.start()
    lab.wait(lambda: lab.cli_json("status")["inventory"]["complete"], 10, "the first inventory is complete")


def told(lab, rule, port):
    return [f for f in lab.cli_json("findings")["findings"] if f["rule"] == rule and f.get("destination_port") == port]


def offenders(lab):
    """Ports of this lab: the inventory has every namespace's."""
    return {s["port"] for s in lab.cli_json("policy", "check")["sockets"] if s["executable"].startswith(lab.dir)}


def test_listeners_and_connects_that_no_rule_allows_are_findings(lab):
    start(lab, f"""policy:
  default: observe
  listen:
    - executable: "{lab.dir}/server"
      user: root
      ports: 4100, 4200-4300
  connect:
    - networks: {lab.gateway}
""")
    assert [serve(lab, port)[1] for port in (4100, 4250, 4400)] == ["listens"] * 3
    assert serve(lab, 4101, 65534, "6")[1] == "listens"
    found = lab.wait(lambda: told(lab, "policy-listen", 4400), 5, "the listener is told of")
    assert found[0]["process"] == "server" and found[0]["severity"] == "medium" and found[0]["uid"] == 0
    assert "no rule of policy.listen allows" in found[0]["title"] and "user root" in found[0]["title"]
    assert lab.wait(lambda: told(lab, "policy-listen", 4101), 5, "so is another user's")[0]["uid"] == 65534
    assert not told(lab, "policy-listen", 4250)
    assert not [f for f in lab.cli_json("findings")["findings"] if f.get("process", "").startswith("sockwarden")]
    rules = lab.cli_json("policy", "show")["rules"]
    assert [(r["list"], r["rule"], r["hits"]) for r in rules][0] == ("listen", 1, 2)
    code, out, _ = lab.cli("policy", "check")
    assert code == 1 and "4400" in out and "4250" not in out
    # where it connects to: the gateway is allowed, another host is not
    for to in (lab.gateway, lab.others[0]):
        lab.spawn(python(lab, "client"), "-S", "-E", "-c",
                  f"import socket; s=socket.socket(); s.setblocking(False); s.connect_ex(('{to}', 4999))").wait(10)
    found = lab.wait(lambda: told(lab, "policy-connect", 4999), 5, "the connect is told of")
    assert [(f["process"], f["subject"]) for f in found] == [("client", lab.others[0])]


def test_what_is_learnt_allows_what_it_was_learnt_from(lab):
    start(lab, "")
    assert serve(lab, 4100)[1] == "listens" and serve(lab, 4300, 65534, program="other")[1] == "listens"
    lab.wait(lambda: {4100, 4300} <= {s["lport"] for s in lab.cli_json("sockets", "list")["sockets"]}, 5, "both are seen")
    assert lab.cli("policy", "check")[0] == 0, "without rules all is allowed"
    passing = serve(lab, 4200, program="passing")[0]
    assert connect(lab, lab.gateway, 4998) == "failed", "who asks and is gone is remembered"
    lab.wait(lambda: f"{lab.dir}/client" in lab.ok("policy", "learn"), 5, "the connect is seen")
    passing.kill()
    passing.wait()
    lab.stop()  # and over a restart
    lab.start()
    lab.wait(lambda: lab.cli_json("status")["inventory"]["complete"], 10, "the inventory is complete again")
    policy = lab.ok("policy", "learn", "--for", "1h")
    assert f"executable: {lab.dir}/server" in policy and "user: nobody" in policy and "4300" in policy
    listen, connects = policy.split("  connect:")
    assert f"{lab.dir}/passing" in listen and f"{lab.dir}/client" in connects and '"4998"' in connects
    assert f"{lab.dir}/client" not in listen and "sockwarden-" not in policy
    assert lab.cli_json("policy", "learn", "--for", "1h")["policy"] in policy
    lab.write_config(policy)
    lab.daemon.send_signal(1)
    lab.wait(lambda: lab.cli_json("status")["policy"]["listen_rules"], 10, "the configuration is reloaded")
    assert not offenders(lab) & {4100, 4300}
    assert serve(lab, 4500)[1] == "listens"
    lab.wait(lambda: told(lab, "policy-listen", 4500), 5, "what was not there is told of")
    assert 4500 in offenders(lab)
    assert not told(lab, "policy-listen", 4100) and not told(lab, "policy-listen", 4300)


CONNECT = """
import os, socket, sys
os.setuid(int(sys.argv[3]))
s = socket.socket()
s.settimeout(10)
try:
    s.connect((sys.argv[1], int(sys.argv[2])))
    print("connected")
except PermissionError:
    print("refused")
except OSError as e:
    print("failed")
"""


def connect(lab, to, port, uid=0, program="client"):
    p = lab.spawn(python(lab, program), "-S", "-E", "-c", CONNECT, to, port, uid)
    return p.stdout.readline().strip()


def policy(lab):
    return f"""policy:
  default: allow
  listen:
    - executable: "{lab.dir}/server"
      ports: 4100
    - ports: 4100-4199
      protocol: tcp
      action: deny
    - executable: "{lab.dir}/be*"
      networks: 0.0.0.0
      user: nobody
      action: deny
    - executable: "{lab.dir}/[x]"
      action: deny
  connect:
    - networks: {lab.gateway}
      ports: 4998
    - user: nobody
      ports: 4990-4999
      action: deny
"""


def test_what_the_policy_denies_is_refused_while_armed(lab):
    start(lab, policy(lab))
    assert serve(lab, 4150, program="other")[1] == "listens", "observing refuses nothing"
    assert lab.wait(lambda: told(lab, "policy-listen", 4150), 5, "but it is told of")
    assert "can only be observed" in lab.cli("policy", "check")[2], "a pattern is beyond the kernel"
    assert lab.cli("arm")[0] in (0, 6)
    assert serve(lab, 4151, program="other")[1] == "refused"
    assert serve(lab, 4151, 0, "6", program="other")[1] == "refused"
    assert serve(lab, 4100)[1] == "listens", "the rule before allows it"
    assert serve(lab, 4400, 65534, program="beta")[1] == "refused" and serve(lab, 4401, program="beta")[1] == "listens"
    assert serve(lab, 4402, 65534, program="alpha")[1] == "listens"
    assert serve(lab, 4160, 54321, program="beta")[1] == "refused", "a user without a name"
    assert lab.wait(lambda: told(lab, "policy-listen", 4160), 5, "he is told of by his number")[0]["uid"] == 54321
    found = lab.wait(lambda: told(lab, "policy-listen", 4151), 5, "the refusal is told of")
    assert found[0]["process"] == "other" and "was refused to listen on" in found[0]["title"]
    assert "rule 2 of policy.listen" in found[0]["title"] and "user root" in found[0]["title"]
    assert connect(lab, lab.gateway, 4999, 65534) == "refused"
    assert connect(lab, lab.gateway, 4998, 65534) == "failed" and connect(lab, lab.gateway, 4999) == "failed"
    found = lab.wait(lambda: told(lab, "policy-connect", 4999), 5, "so is a connect")
    assert found[0]["subject"] == lab.gateway and "by rule 2 of policy.connect" in found[0]["title"]
    lost = {row["name"]: row["count"] for row in lab.cli_json("status")["losses"]}
    assert lost["binds-refused"] >= 3 and lost["connects-refused"] >= 1
    # nobody is left to decide: what was refused stays refused
    lab.kill_all()
    assert serve(lab, 4152, program="other")[1] == "refused"
    assert connect(lab, lab.gateway, 4999, 65534) == "refused"


def state_of(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        return f.read().rsplit(")", 1)[1].split()[0]


def found(lab, rule, program):
    return [f for f in lab.cli_json("findings")["findings"] if f["rule"] == rule and f.get("process") == program]


TRY_TWICE = """
import socket, sys, time
def attempt(port):
    s = socket.socket()
    try:
        s.bind(("", port))
    except PermissionError:
        return "refused"
print(attempt(4150), flush=True)
sys.stdin.read()
"""


def test_who_is_refused_is_frozen_or_killed_and_can_be_released(lab):
    start(lab, f"""policy:
  listen:
    - executable: "{lab.dir}/cold"
      action: deny
      then: freeze
    - executable: "{lab.dir}/dead"
      action: deny
      then: kill
""")
    assert lab.cli("arm")[0] in (0, 6)
    cold, dead = (lab.spawn(python(lab, name), "-S", "-E", "-c", TRY_TWICE, stdin=subprocess.PIPE)
                  for name in ("cold", "dead"))
    told_cold = lab.wait(lambda: found(lab, "policy-freeze", "cold"), 10, "the one is frozen")[0]
    pid = told_cold["pid"]
    assert "was frozen" in told_cold["title"] and state_of(pid) == "T"
    assert lab.wait(lambda: found(lab, "policy-kill", "dead"), 10, "the other is killed")
    assert dead.wait(10) != 0
    assert [(h["pid"], h["verb"]) for h in lab.cli_json("policy", "held")["held"]] == [(pid, "freeze")]
    lab.ok("policy", "release", str(pid))
    lab.wait(lambda: state_of(pid) != "T", 5, "it runs again")
    assert not lab.cli_json("policy", "held")["held"]
    # a cgroup is cut off but for loopback, and gets its traffic back
    cut = lab.spawn("sh", "-c", f"mkdir {lab.cgroup}/cut; echo $$ > {lab.cgroup}/cut/cgroup.procs; echo $$; exec cat",
                    stdin=subprocess.PIPE, in_cgroup=False)
    shell = cut.stdout.readline().strip()
    probe = ["sh", "-c", f"echo $$ > {lab.cgroup}/cut/cgroup.procs; exec ping -c 1 -W 1 {lab.gateway}"]
    assert lab.on_host(*probe).returncode == 0
    code, _, said_done = lab.cli("policy", "isolate", shell)
    assert code == 0 and f"process {shell} is isolated; back: sockwarden policy release {shell}" in said_done
    assert lab.on_host(*probe).returncode != 0, "nothing leaves it"
    assert lab.on_host("sh", "-c", f"echo $$ > {lab.cgroup}/cut/cgroup.procs; exec ping -c 1 -W 5 127.0.0.1").returncode == 0
    lab.ok("policy", "release", shell)
    lab.wait(lambda: lab.on_host(*probe).returncode == 0, 5, "it has its traffic back")
    for protected in (1, lab.pids("sockwarden-engine")[0]):
        code, _, err = lab.cli("policy", "kill", str(protected))
        assert code != 0 and ("process 1" in err or "sockwarden" in err), err
    cold.kill()


# Forks for as long as it lives: some 25 children at a time.
FORKING = """
import os, signal, sys, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(os.getpid(), flush=True)
while True:
    if os.fork() == 0:
        time.sleep(0.05)
        os._exit(0)
    time.sleep(0.002)
"""
BOX = "docker-" + "c" * 64 + ".scope"


def group(lab, *more):
    return "/".join((lab.cgroup, BOX, *more))


def run_in(lab, where, *argv):
    return lab.spawn("sh", "-c", 'mkdir -p "$0"; echo $$ > "$0/cgroup.procs"; exec "$@"', where, *argv, in_cgroup=False, stdin=subprocess.PIPE)


def in_box(lab):
    """Processes of the container that are no zombies, by the cgroups' own lists."""
    out = lab.on_host("sh", "-c", f"cat {group(lab)}/cgroup.procs {group(lab)}/*/cgroup.procs").stdout
    return [p for p in out.split() if p != "0"]


def is_frozen(lab):
    return "frozen 1" in lab.on_host("cat", group(lab) + "/cgroup.events").stdout


def box(lab):
    """A container of three: one that sleeps, one below in a cgroup of its own, one that forks without end."""
    run_in(lab, group(lab), "sleep", "1000")
    run_in(lab, group(lab, "inner"), "sleep", "1000")
    forking = run_in(lab, group(lab), sys.executable, "-S", "-E", "-c", FORKING)
    return forking.stdout.readline().strip()


def test_a_whole_container_is_frozen_and_released_isolated_and_released_and_killed_while_it_forks(lab):
    start(lab, "")
    inner_pid = None
    box(lab)
    outside = lab.spawn("sleep", "1000")
    lab.wait(lambda: len(in_box(lab)) > 3, 10, "it forks")
    inner_pid = lab.on_host("cat", group(lab, "inner") + "/cgroup.procs").stdout.strip()
    lab.ok("policy", "freeze", inner_pid, "--container")
    lab.wait(lambda: is_frozen(lab), 10, "all of it is frozen, though the process named is in a cgroup below")
    assert [(h["verb"], h["whole"], h["cgroup"].endswith(BOX)) for h in lab.cli_json("policy", "held")["held"]] == [("freeze", True, True)]
    assert state_of(outside.pid) != "T"
    lab.ok("policy", "release", inner_pid)
    lab.wait(lambda: not is_frozen(lab), 10, "it runs again")
    probe = ["sh", "-c", f"echo $$ > {group(lab)}/cgroup.procs; exec ping -c 1 -W 1 {lab.gateway}"]
    assert lab.on_host(*probe).returncode == 0
    lab.ok("policy", "isolate", inner_pid, "--container")
    assert lab.on_host(*probe).returncode != 0
    lab.ok("policy", "release", inner_pid)
    assert lab.wait(lambda: lab.on_host(*probe).returncode == 0, 10, "it has its traffic back")
    lab.ok("policy", "kill", inner_pid, "--container")
    lab.wait(lambda: not in_box(lab), 10, "nothing of it is left, what was being forked included")
    assert outside.poll() is None
    code, _, err = lab.cli("policy", "freeze", str(outside.pid), "--container")
    assert code != 0 and "in no container" in err and not lab.cli_json("policy", "held")["held"]


def test_a_container_that_the_policy_refuses_is_isolated_only_when_a_rule_says_so(lab):
    start(lab, f"""policy:
  listen:
    - executable: "{lab.dir}/told"
      action: deny
    - executable: "{lab.dir}/cut"
      action: deny
      then: isolate
""")
    assert lab.cli("arm")[0] in (0, 6)
    probe = ["sh", "-c", f"echo $$ > {group(lab)}/cgroup.procs; exec ping -c 1 -W 1 {lab.gateway}"]
    quiet = run_in(lab, group(lab, "inner"), python(lab, "told"), "-S", "-E", "-c", LISTEN, "8086", "0")
    assert quiet.stdout.readline().strip() == "refused"
    lab.wait(lambda: told(lab, "policy-listen", 8086), 10, "it is told")
    assert lab.on_host(*probe).returncode == 0 and not lab.cli_json("policy", "held")["held"], "nothing is done unless a rule says so"
    cut = run_in(lab, group(lab, "inner"), python(lab, "cut"), "-S", "-E", "-c", TRY_TWICE)
    row = lab.wait(lambda: found(lab, "policy-isolate", "cut"), 10, "it is isolated")[0]
    assert "with its container was isolated" in row["title"], row
    assert lab.on_host(*probe).returncode != 0, "all of the container"
    assert lab.on_host("ping", "-c", "1", "-W", "2", lab.gateway).returncode == 0, "and nobody else"
    lab.ok("policy", "release", str(row["pid"]))
    lab.wait(lambda: lab.on_host(*probe).returncode == 0, 10, "it has its traffic back")
    cut.kill()


SPECIAL = """
import socket, struct, sys
what, ip = sys.argv[1], sys.argv[2:] == ["6"]
family = socket.AF_INET6 if ip else socket.AF_INET
try:
    if what == "raw":
        s = socket.socket(family, socket.SOCK_RAW, socket.IPPROTO_ICMPV6 if ip else socket.IPPROTO_ICMP)
    elif what == "packet":
        s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    else:
        s = socket.socket(family)
        if what == "bind0":
            s.bind(("", 0))
        s.listen(5)
        s.settimeout(20)
        print(s.getsockname()[1], flush=True)
        try:
            s.accept()
        except TimeoutError:
            print("listens on", flush=True)
        except OSError as e:
            print("closed", e.errno, flush=True)
        sys.exit()
    print("open", flush=True)
    sys.stdin.read()
except PermissionError:
    print("refused", flush=True)
"""


def special(lab, program, *args):
    p = lab.spawn(python(lab, program), "-S", "-E", "-c", SPECIAL, *args, stdin=subprocess.PIPE)
    return p, p.stdout.readline().strip()


def said(lab, program):
    return [f["title"] for f in lab.cli_json("findings")["findings"] if f["rule"] == "policy-listen" and f.get("process") == program]


def test_raw_sockets_and_ports_of_the_kernels_choice_are_refused_by_rules_that_say_so(lab):
    start(lab, f"""policy:
  default: deny
  listen:
    - executable: "{lab.dir}/good"
    - executable: "{lab.dir}/part"
      protocol: raw
      ports: 17
      action: deny
    - executable: "{lab.dir}/fine*"
    - protocol: raw
      action: deny
    - ports: "0"
      protocol: tcp
      action: deny
""")
    for what, text in (("raw", "has a raw socket of IP protocol 1, by rule 4 of policy.listen"), ("bind0", "by rule 5"), ("listen0", "by rule 5")):
        def is_told(what=what, text=text):  # the rules come into the kernel a moment after the start
            assert special(lab, "seen-" + what, what)[1] == "open" if what == "raw" else special(lab, "seen-" + what, what)[1].isdigit()
            return [t for t in said(lab, "seen-" + what) if text in t]
        lab.wait(is_told, 20, f"{what} is told of, and observing refuses nothing")
    assert lab.cli("arm")[0] in (0, 6)
    assert [special(lab, "bad", *w)[1] for w in (("raw",), ("raw", "6"), ("bind0",), ("bind0", "6"))] == ["refused"] * 4
    assert [special(lab, "good", "raw")[1], special(lab, "part", "raw")[1]] == ["open", "refused"]
    assert special(lab, "good", "bind0")[1].isdigit() and special(lab, "good", "listen0")[1].isdigit()
    assert special(lab, "fine", "raw")[1] == "open"
    titles = lab.wait(lambda: len(said(lab, "bad")) >= 2 and said(lab, "bad"), 5, "they are told of")
    assert any("was refused a raw socket of IP protocol 1, by rule 4" in t for t in titles), titles
    assert any("was refused to listen on 0.0.0.0 a port of the kernel's choice, by rule 5" in t for t in titles), titles
    # what was refused is nowhere in the list
    rows = [s for s in lab.cli_json("sockets", "list", "-a", "-w")["sockets"] if "/bad" in str(s["processes"])]
    assert not rows
    # a listen() without a bind is asked of nobody: it is closed a moment later
    for ip in ((), ("6",)):
        p, port = special(lab, "late", "listen0", *ip)
        assert port.isdigit()
        assert p.stdout.readline().split() == ["closed", "22"], "accept says that it listens no more"
    assert lab.wait(lambda: [t for t in said(lab, "late") if "and was closed, by rule 5" in t], 5, "and told of")


def test_a_packet_socket_that_no_hook_can_refuse_is_told_of_and_its_process_frozen(lab):
    start(lab, """policy:
  listen:
    - protocol: packet
      action: deny
      then: freeze
""")
    assert "packet" in lab.cli("policy", "show")[1] and "asks nobody about packet sockets" in lab.cli("policy", "show")[2]
    assert lab.cli("arm")[0] in (0, 6)
    p, text = special(lab, "sniff", "packet")
    assert text == "open"
    assert lab.wait(lambda: found(lab, "policy-freeze", "sniff"), 10, "it is frozen")[0]["pid"] == p.pid
    assert state_of(p.pid) == "T"
    assert any("has a packet socket" in t for t in said(lab, "sniff"))
    lab.ok("policy", "release", str(p.pid))
    p.kill()
