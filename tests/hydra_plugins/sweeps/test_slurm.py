"""Slurm, as far as it can be pretended: shell scripts in place of its tools."""

import os
import sys
from pathlib import Path

import pytest

from tests.conftest import FakeTasks, RunCli
from tests.hydra_plugins.sweeps.test_launchers import statuses, words

FAKE_SLURM = """#!{python}
# Runs the tasks of a job array, one after the other and without being waited for.
import os, re, shutil, subprocess, sys
script = sys.argv[-1]
if sys.argv[1] != "--run":
    kept = shutil.copy(script, os.path.dirname(__file__))  # submitit moves it
    subprocess.Popen(
        [sys.executable, __file__, "--run", kept], start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    print("Submitted batch job 100")
    sys.exit()
array = re.search("array=0-([0-9]+)", open(script).read())
for task in range(int(array[1]) + 1):
    more = {"JOB_ID": 100 + task, "ARRAY_JOB_ID": 100, "ARRAY_TASK_ID": task, "PROCID": 0}
    more |= {"JOB_NODELIST": "here", "NTASKS": 1, "JOB_NUM_NODES": 1, "NODEID": 0, "LOCALID": 0}
    env = {**os.environ, **{"SLURM_" + key: str(value) for key, value in more.items()}}
    output = open(os.path.join(os.path.dirname(script), str(task) + ".txt"), "w")
    subprocess.run(["bash", script], env=env, stdout=output, stderr=output)
"""
FAKE_SRUN = """#!/bin/bash
while [[ $1 == -* ]]; do
  case $1 in --output|--error) shift;; esac
  shift
done
exec "$@"
"""
FAKE_SACCT = """#!/bin/bash
echo 'JobID|State|NodeList'
for i in 0 1 2 3; do echo "100_$i|RUNNING|here"; done
"""
FAKE_TOOLS = {
    "sbatch": FAKE_SLURM,
    "srun": FAKE_SRUN,
    "sacct": FAKE_SACCT,
    "scancel": "#!/bin/bash\n",
}


@pytest.mark.slow
def test_slurm_as_far_as_it_can_be_pretended(
    run_cli: RunCli, fake_tasks: FakeTasks, tmp_path: Path
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, text in FAKE_TOOLS.items():
        (tools / name).write_text(text.replace("{python}", sys.executable))
        (tools / name).chmod(0o755)
    asked = words(fake_tasks, "basic", "task.kind=odd_fails", "updates=1,2,4")
    slurm = ("hydra/launcher=submitit_slurm", "hydra.launcher.partition=gpu")
    path = f"{tools}{os.pathsep}{os.environ['PATH']}"
    more = (
        "hydra.launcher.gpus_per_node=1",
        "+hydra.launcher.additional_parameters.mail-type=END",
    )
    done = run_cli(*asked, *slurm, *more, **fake_tasks.env, PATH=path)
    assert done.code == 2, done.err
    assert statuses(tmp_path / "sweep", 0, 1, 2) == ["failed", "finished", "finished"], done.err
    text = (tmp_path / "sweep" / ".submitit" / "100" / "100_submission.sh").read_text()
    wanted = ("partition=gpu", "gpus-per-node=1", "time=1440", "mem=16GB", "cpus-per-task=4")
    for line in (*wanted, "signal=USR2@120", "array=0-2%3", "mail-type=END", "job-name=impasto"):
        assert f"#SBATCH --{line}" in text, text
