# SPDX-License-Identifier: BSD-2-Clause
"""What the nodes of an access link wait for: the way from a solicitation to the
advertisement."""
import json
import subprocess

from world import BIN, HA, PMA_LAST, Failure

BATCH = 200                     # solicitations of one sample


def rs_ra(world, res, reps):
    nodes = BATCH * reps
    world.access()
    with world.ha(nodes), world.pma(nodes):
        daemons = [solicit(world, k * BATCH) for k in range(reps)]
    bare = subprocess.Popen([f"{BIN}/access", "mode=bare",
                             f"netns={world['gen'].path}", "if=acc0",
                             f"local={PMA_LAST}", f"ha={HA}"])
    try:
        floors = [solicit(world, k * BATCH) for k in range(reps)]
    finally:
        bare.kill()
        bare.wait()
    for d, f in zip(daemons, floors):
        res["rs-ra"].add(middle(d), middle(f))
    worst = max(max(d) for d in daemons)
    res.remarks.append(f"RS to RA: the longest of {nodes} took "
                       f"{worst / 1000:.1f} ms")


def solicit(world, first):
    out = subprocess.run(
        [f"{BIN}/access", "mode=solicit", f"netns={world['mn'].path}",
         "if=eth0", f"from={first}", f"count={BATCH}"], text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100)
    if out.returncode != 0:
        raise Failure(out.stdout.strip())
    return json.loads(out.stdout)


def middle(values):
    return sorted(values)[len(values) // 2]


__all__ = ["rs_ra"]
