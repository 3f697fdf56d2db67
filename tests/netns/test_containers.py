# SPDX-License-Identifier: GPL-3.0-or-later
"""Names of containers and pods: from cgroups and from the files that runtimes write, here by the tests themselves."""
import json
import sys

import pytest
from lab import LISTENER, Lab

WEB, NEXT, MINER, POD, ODD = (c * 64 for c in "abcd0")
UID = "0a1b2c3d-0000-1111-2222-0123456789ab"
POD_SLICE = f"kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod{UID.replace('-', '_')}.slice"
POD_NAMES = {"container": POD[:12], "container_name": "web", "image": "docker.io/library/nginx:1.25", "pod": "cart-7d9f", "namespace": "shop",
             "pod_uid": UID}


def docker(container, name, image):
    text = json.dumps({"ID": container, "Name": "/" + name, "Config": {"Image": image, "Labels": {}}})
    return f"/var/lib/docker/containers/{container}/config.v2.json", text


def bundle(container, **annotations):
    text = json.dumps({"ociVersion": "1.1.0", "annotations": {f"io.kubernetes.cri.{k.replace('_', '-')}": v for k, v in annotations.items()}})
    return f"/run/containerd/io.containerd.runtime.v2.task/k8s.io/{container}/config.json", text


def put(lab, path, text):
    lab.on_host("sh", "-c", 'mkdir -p "$(dirname "$1")"; cat > "$1"', "sh", path, input=text, check=True)


def run_in(lab, group, *argv):
    where = f"{lab.cgroup}/{group}"
    return lab.spawn("sh", "-c", 'mkdir -p "$0"; echo $$ > "$0/cgroup.procs"; exec "$@"', where, *argv, in_cgroup=False)


def listen_in(lab, group, port=0):
    p = run_in(lab, group, sys.executable, "-S", "-E", "-c", LISTENER, "tcp", "0.0.0.0", port)
    return int(p.stdout.readline().split()[1]), p


def rows(lab, *args):
    return {s["lport"]: s for s in lab.cli_json("sockets", "list", "-t", *args)["sockets"]}


@pytest.fixture
def runtimes():
    """A host with the files of its runtimes, in its own /run and /var/lib."""
    with Lab() as lab:
        for d in ("/run", "/var/lib"):
            lab.on_host("mount", "-t", "tmpfs", "tmpfs", d, check=True)
        put(lab, *docker(WEB, "front", "registry.test/shop/front:2"))
        put(lab, *docker(NEXT, "front2", "registry.test/shop/front:2"))
        put(lab, *docker(MINER, "front3", "miner:latest"))
        put(lab, *bundle(POD, container_name="web", image_name="docker.io/library/nginx:1.25", sandbox_name="cart-7d9f",
                         sandbox_namespace="shop"))
        put(lab, bundle(ODD)[0], '{"ociVersion":')
        lab.start()
        lab.wait(lambda: lab.cli_json("status")["inventory"]["complete"], 30, "the inventory is complete")
        yield lab


def test_image_pod_and_name_are_told_in_events_and_lists_even_of_a_process_that_was_gone_at_once(runtimes):
    events, execs = runtimes.follow(), runtimes.follow("--kind", "exec")
    pod, _ = listen_in(runtimes, f"{POD_SLICE}/cri-containerd-{POD}.scope")
    web, _ = listen_in(runtimes, f"docker-{WEB}.scope")
    odd, _ = listen_in(runtimes, f"docker-{ODD}.scope")
    listed = rows(runtimes)
    assert {k: listed[pod].get(k) for k in POD_NAMES} == POD_NAMES
    assert (listed[web]["container_name"], listed[web]["image"]) == ("front", "registry.test/shop/front:2")
    assert listed[odd]["container"] == ODD[:12] and "image" not in listed[odd]
    told = runtimes.wait(lambda: events.find(kind="socket", action="listen", lport=pod), 10, "the listener is told")
    assert {k: told.get(k) for k in POD_NAMES} == POD_NAMES

    def lives_for_a_moment():  # again, because a host that starts very many programs has some of them summed up
        run_in(runtimes, f"{POD_SLICE}/cri-containerd-{POD}.scope", "true").wait()
        return execs.find(comm="true", container=POD[:12])
    gone = runtimes.wait(lives_for_a_moment, 20, "the exec is told", every=0.2)
    assert {k: gone.get(k) for k in POD_NAMES} == POD_NAMES
    for wanted, ports in ((POD[:5], {pod}), (POD, {pod}), ("web", {pod}), ("nginx", {pod}), ("nginx:1.25", {pod}), ("cart-7d9f", {pod}),
                          ("front", {web}), ("shop/front:2", {web}), ("shop/fro", set()), (ODD[:12], {odd})):
        assert set(rows(runtimes, "--container", wanted)) == ports, wanted
    wide = runtimes.ok("sockets", "list", "-t", "-o", "wide")
    assert "shop/cart-7d9f/web" in wide and "registry.test/shop/front:2" in wide


def test_what_a_pod_sends_to_a_listed_place_names_process_user_container_and_pod(runtimes):
    lab, listed = runtimes, "198.18.0.70"
    lab.on_host("sh", "-c", f"echo {listed} > {lab.dir}/bad.txt; echo evil.test >> {lab.dir}/bad.txt", check=True)
    lab.ok("trails", "import", f"{lab.dir}/bad.txt")
    group = f"{POD_SLICE}/cri-containerd-{POD}.scope"
    names = {"container": POD[:12], "container_name": "web", "pod": "cart-7d9f", "namespace": "shop", "uid": 0}

    def finding(rule, process):
        found = lab.wait(lambda: [f for f in lab.cli_json("findings")["findings"] if f["rule"] == rule and f["process"] == process], 10,
                         f"{rule} of {process}")
        assert {k: found[0].get(k) for k in names} == names, found[0]
        return found[0]

    assert run_in(lab, group, "ping", "-n", "-q", "-c", "5", "-i", "0.2", listed).wait(30) == 0
    lab.wait(lambda: finding("trail-egress", "ping")["count"] == 5, 10, "five packets are one finding")
    run_in(lab, group, "curl", "-s", "-m", "1", f"http://{listed}:9/").wait(30)
    assert finding("trail-connect", "curl")["destination_port"] == 9
    lab.wait(lambda: "refused when enforcing: 1" in lab.log(), 10, "the domain is known")
    run_in(lab, group, "dig", "+tries=1", "+time=1", "@" + lab.gateway, "a.evil.test").wait(30)
    assert finding("trail-dns", "dig")["trail"] == "evil.test"


def test_a_new_container_of_the_same_image_is_no_change_and_one_of_another_is(runtimes):
    port, p = listen_in(runtimes, f"docker-{WEB}.scope", 8093)

    def change():
        return next((c["change"] for c in runtimes.cli_json("sockets", "diff")["changes"] if c["key"] == f"tcp/0.0.0.0:{port}"), None)
    assert change() in ("new", "container-on-host")
    runtimes.ok("sockets", "baseline", "save", "default")
    for container, expected in ((NEXT, None), (MINER, "executable-changed")):
        p.kill()
        p.wait()
        _, p = listen_in(runtimes, f"docker-{container}.scope", port)
        assert rows(runtimes)[port]["container"] == container[:12]
        assert change() == expected
