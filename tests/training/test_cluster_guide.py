"""What BUILD.md says about clusters: its scripts run, with stand-ins for what only a cluster has."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from contrast_tfdata.training.cluster import Cluster

GUIDE = (Path(__file__).parents[2] / "BUILD.md").read_text()
RECORD = 'printf "%s\\n%s\\n" "$TF_CONFIG" "$*" >> "$RECORDED"\n'
"""A python that notes what it was called with, and where."""


def block(language):
    """Returns the one block of the guide in a language."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return text


@pytest.fixture
def machine(tmp_path):
    """Runs bash with commands of its own first in the PATH; returns how it ended, and what its `python`s noted."""

    def run(script, commands, *arguments, **environment):
        folder = tmp_path / "commands"
        folder.mkdir(exist_ok=True)
        for name, text in commands.items():
            (folder / name).write_text(f"#!/bin/bash\n{text}")
            (folder / name).chmod(0o755)
        recorded = tmp_path / "recorded"
        recorded.write_text("")
        path = f"{folder}:{os.environ['PATH']}"
        words = ["bash", "-c", script, "contrast.sh", *arguments]
        result = subprocess.run(
            words,
            env={"PATH": path, "RECORDED": str(recorded), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        lines = recorded.read_text().splitlines()
        return result, list(zip(lines[::2], lines[1::2], strict=True))

    return run


SCONTROL = """case $1 in
  show) printf "node7\\nnode9\\n" ;;
  requeue) echo "requeued $2" ;;
esac
"""
SRUN = """shift
for SLURM_PROCID in 0 1; do SLURM_PROCID=$SLURM_PROCID "$@"; done
exit $SRUN_CODE
"""
"""Runs the command once for each task, one after the other."""


@pytest.mark.parametrize(
    ("code", "restarts", "requeued"),
    [(0, 0, False), (75, 0, True), (137, 3, True), (75, 20, False), (65, 0, False), (1, 0, False)],
)
def test_slurm_script(machine, code, restarts, requeued):
    result, calls = machine(
        block("bash"),
        {"scontrol": SCONTROL, "srun": SRUN, "python": RECORD},
        "--records_dir=/shared/my records",
        "--workdir=/shared/run",
        SLURM_JOB_ID="12345",
        SLURM_JOB_NODELIST="node[7,9]",
        SLURM_RESTART_COUNT=str(restarts),
        SRUN_CODE=str(code),
    )
    assert result.returncode == code, result.stderr
    assert ("requeued 12345" in result.stdout) is requeued
    clusters = [Cluster.from_environment({"TF_CONFIG": text}) for text, _ in calls]
    assert [each.rank for each in clusters] == [0, 1]
    assert {each.tasks for each in clusters} == {(("worker", 0, "node7:22345"), ("worker", 1, "node9:22345"))}
    words = "-m contrast_tfdata.train --strategy=multi_worker --records_dir=/shared/my records --workdir=/shared/run"
    assert {arguments for _, arguments in calls} == {words}


def test_kubernetes_manifest(machine):
    service, job = yaml.safe_load_all(block("yaml"))
    pods = job["spec"]["template"]["spec"]
    assert (service["kind"], job["kind"], job["spec"]["completionMode"]) == ("Service", "Job", "Indexed")
    # Pods of a job are named for it and found through the headless service that they name.
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    assert service["metadata"]["name"] == pods["subdomain"]
    assert service["spec"]["clusterIP"] == "None"
    (container,) = pods["containers"]
    given = {each["name"]: each["value"] for each in container["env"]}
    assert int(given["NUM_WORKERS"]) == job["spec"]["completions"] == job["spec"]["parallelism"]
    (rule,) = job["spec"]["podFailurePolicy"]["rules"]
    assert pods["restartPolicy"] == "Never"  # which a failure policy needs
    assert 75 not in rule["onExitCodes"]["values"]
    assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in pods["volumes"]}
    bash, option, script = container["command"]
    assert (bash, option) == ("bash", "-c")
    for index in range(2):
        result, calls = machine(script, {"python": RECORD}, JOB_COMPLETION_INDEX=str(index), **given)
        assert result.returncode == 0, result.stderr
        ((text, arguments),) = calls
        cluster = Cluster.from_environment({"TF_CONFIG": text})
        names = [f"{job['metadata']['name']}-{rank}.{pods['subdomain']}:2222" for rank in range(2)]
        assert (cluster.rank, [address for *_, address in cluster.tasks]) == (index, names)
        assert arguments.startswith("-m contrast_tfdata.train --strategy=multi_worker ")


def test_the_example_of_tf_config_is_one():
    (text,) = re.findall(r'`(\{"cluster".*?\}\})`', GUIDE)
    assert Cluster.from_environment({"TF_CONFIG": text}).rank == json.loads(text)["task"]["index"]
