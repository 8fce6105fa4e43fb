"""What docs/security.md claims of configs and weights: they run no code of others'."""

import contextlib
import json
import pickle
import re
import shutil
from pathlib import Path

import pytest
import torch
import yaml
from omegaconf import OmegaConf
from safetensors.torch import save_file

from impasto.errors import UserError
from impasto.launch.build import build
from impasto.launch.validation.targets import TRUST, check_hydra, check_targets
from impasto.networks.features import ClassifierFeatures
from impasto.persistence import exports
from impasto.persistence.exports import read_export
from impasto.persistence.model_zoo import FOLDER as SHELF
from impasto.persistence.tensors import Unreadable, read_tensors
from impasto.rl.policy import PaintingPolicy
from impasto.tasks.publish.learning_to_paint import read_state
from lightning_modules import AtomicCheckpointIO
from tests.bad_input_files import Payload
from tests.conftest import CONF, Compose, RunMain

EMPTY = OmegaConf.create({"agent": {}, "task": {}})


@pytest.fixture
def trap(tmp_path: Path) -> Path:
    """A folder that is there when code from a file has run."""
    return tmp_path / "trapped"


@pytest.fixture(params=["pickle", "zip"])
def malicious(request: pytest.FixtureRequest, tmp_path: Path, trap: Path) -> Path:
    """A file of weights that makes the trap when it is unpickled."""
    path, content = tmp_path / "weights.pt", {"state_dict": Payload(trap)}
    if request.param == "zip":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    return path


def test_the_payload_works(malicious: Path, trap: Path) -> None:
    with contextlib.suppress(RuntimeError):  # it is no file of torch's, which is seen too late
        torch.load(malicious, weights_only=False)
    assert trap.is_dir()


def test_no_loader_runs_code_of_a_pickle(malicious: Path, trap: Path) -> None:
    with pytest.raises(Unreadable):
        read_tensors(malicious)
    for load in (
        read_state,
        AtomicCheckpointIO().load_checkpoint,
        lambda path: ClassifierFeatures("alexnet", ["features.1"], str(path)),
    ):
        with pytest.raises(UserError):
            load(malicious)
    assert not trap.exists()


def test_the_project_unpickles_in_no_other_way() -> None:
    unsafe = re.compile(
        r"weights_only=False|allow_pickle=True|pickle\.loads?\(|yaml\.load\(|unsafe_load|"
        r"\beval\(\w|\bexec\(|os\.system|shell=True|trust_remote_code|tarfile|extractall"
    )
    root = CONF.parent
    packages = ("impasto", "lightning_modules", "datamodules", "hydra_plugins")
    files = [root / "run.py", *(one for name in packages for one in (root / name).rglob("*.py"))]
    assert len(files) > 100
    found = [
        f"{path.relative_to(root)}: {line.strip()}"
        for path in files
        for line in path.read_text(encoding="utf-8").splitlines()
        if unsafe.search(line) and path.name != "targets.py"
    ]
    assert found == [
        # A safe loader, and what a process is told by the one that started it.
        "impasto/io/files.py: return yaml.load(text, loader)",
        "impasto/launch/ddp_worker.py: "
        "task: Task = pickle.load(sys.stdin.buffer)  # from our own parent",
    ]
    loads = [path for path in files if "torch.load(" in path.read_text(encoding="utf-8")]
    for path in loads:
        text = path.read_text(encoding="utf-8")
        assert text.count("torch.load(") == text.count("weights_only=True")


# ---- configs


def targets_of(node: object) -> set[str]:
    if isinstance(node, list):
        return {target for child in node for target in targets_of(child)}
    if not isinstance(node, dict):
        return set()
    below = {target for child in node.values() for target in targets_of(child)}
    return below | ({node["_target_"]} if isinstance(node.get("_target_"), str) else set())


def test_all_of_the_config_is_allowed(compose_config: Compose) -> None:
    found: set[str] = set()
    for path in CONF.rglob("*.yaml"):
        found |= targets_of(yaml.safe_load(path.read_text(encoding="utf-8")))
    assert len(found) > 60
    for target in sorted(found):
        if target.startswith(("hydra_plugins.", "impasto.launch.")):
            continue
        if target.startswith("impasto.tasks.") and target.rpartition(".")[2][0].islower():
            check_targets({"_target_": target}, "task.call")
        else:
            check_targets(
                {"_target_": "impasto.tasks.train.train", "agent": {"_target_": target}}, EMPTY
            )
    for task in ("train", "paint"):
        check_hydra(compose_config(f"task={task}"))


HOSTILE = [
    "os.system",
    "subprocess.run",
    "builtins.eval",
    "shutil.rmtree",
    "torch.load",
    "torch.hub.load",
    "impasto.io.images.os.system",  # through a module of the project
    "impasto.io.images.os.remove",
    "impasto.rendering.torch.load",
    "torch.optim.adam.torch.load",
    "impasto.tasks.ablations.runner.subprocess.Popen",
    "lightning_modules.agents.off_policy.torch.hub.load",
    "lightning_modules.DDPG.load_from_checkpoint",  # Lightning's, which unpickles
    "pytorch_lightning.LightningModule.load_from_checkpoint",
    "impasto.persistence.exports.write_export",  # functions of the project that write or delete
    "impasto.persistence.atomic.atomic_write",
    "impasto.tasks.train.train",  # a task, but not the task itself
    "impasto.launch.build.build",
    "impasto.launch.menus.build",
    "hydra.utils.instantiate",
    "functools.partial",
    "impasto.strokes.Circle.__init__.__globals__",
    "numpy.load",
    "pathlib.Path.unlink",
]


@pytest.mark.parametrize("target", HOSTILE)
def test_a_config_calls_nothing_else(target: str, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    node = {
        "_target_": "impasto.tasks.train.train",
        "agent": {"_target_": target, "_args_": [str(victim)]},
    }
    with pytest.raises(UserError, match=r"agent\._target_ names .*, which is not"):
        build(node, "task.call")
    assert victim.is_dir()


def test_what_is_escaped_is_not_looked_up_later(trap: Path) -> None:
    late = f"${{oc.create:{{_target_: os.mkdir, path: {trap}}}}}"
    node = {"_target_": "torch.optim.SGD", "_partial_": True, "params": [late]}
    with pytest.raises(UserError, match=r"task\.call\.agent\.params\.0 holds"):
        build(
            {"_target_": "impasto.tasks.train.train", "_partial_": True, "agent": node}, "task.call"
        )
    with pytest.raises(UserError, match="holds"):
        build(node, "task.call")
    assert not trap.exists()


@pytest.mark.parametrize(
    "target",
    ["impasto.tasks.ablations.runner._start", "impasto.tasks.paint._read_or_skip", "os.system"],
)
def test_a_task_is_a_public_function_of_tasks(target: str) -> None:
    with pytest.raises(UserError, match=r"_target_ names"):
        check_targets({"_target_": target}, "task.call")


def test_a_hostile_experiment_runs_nothing(tmp_path: Path, trap: Path, run_main: RunMain) -> None:
    conf = tmp_path / "theirs"
    (conf / "experiment").mkdir(parents=True)
    parts = {
        "target": {"agent": {"actor": {"_target_": "os.mkdir", "_args_": [str(trap)]}}},
        "callback": {"hydra": {"callbacks": {"x": {"_target_": "os.mkdir", "path": str(trap)}}}},
        "logging": {
            "hydra": {"job_logging": {"handlers": {"x": {"()": "os.mkdir", "path": str(trap)}}}}
        },
        "external": {"hydra": {"job_logging": {"handlers": {"file": {"filename": "ext://os.x"}}}}},
        # By a name that leads through Hydra, or logging, into another's.
        "detour": {
            "hydra": {
                "callbacks": {"x": {"_target_": "hydra.core.utils.os.mkdir", "path": str(trap)}}
            }
        },
        "below": {
            "hydra": {"sweeper": {"x": {"_target_": "impasto.launch.validation.targets.os.mkdir"}}}
        },
        "factory": {
            "hydra": {
                "job_logging": {"handlers": {"x": {"()": "logging.os.mkdir", "path": str(trap)}}}
            }
        },
        # By a section that lies outside of Hydra's.
        "elsewhere": {
            "theirs": {"x": {"_target_": "os.mkdir", "path": str(trap)}},
            "hydra": {"callbacks": "${theirs}"},
        },
        "decoded": {"hydra": {"callbacks": {"x": "${oc.decode:'{_target_: os.mkdir, path: x}'}"}}},
    }
    for name, content in parts.items():
        text = "# @package _global_\n" + yaml.safe_dump(content)
        (conf / "experiment" / f"{name}.yaml").write_text(text)
        search = f"hydra.searchpath=[file://{conf}]"
        done = run_main("task=train", "renderer=analytic", f"experiment={name}", search)
        assert done.code == 2, done.err
        refused = r"^error: .*( names .*, which is not what| takes a section from elsewhere)"
        assert re.search(refused, done.err), done.err
        assert done.err.count("\n") == 1
    assert not trap.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["theirs"]


def test_ones_own_package_is_trusted_by_the_environment_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_strokes.py").write_text(
        "from impasto.strokes import Circle\nclass Ring(Circle):\n    name = 'my_ring'\n"
        "    __abstract__ = True\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    node = {"_target_": "impasto.tasks.train.train", "agent": {"_target_": "my_strokes.Missing"}}
    monkeypatch.delenv(TRUST, raising=False)
    with pytest.raises(UserError, match=f"set {TRUST}=PACKAGE in the environment"):
        check_targets(node, "task.call")
    monkeypatch.setenv(TRUST, "other, my_strokes")
    (tmp_path / "my_strokes.py").write_text("class Ring:\n    pass\n")
    check_targets({**node, "agent": {"_target_": "my_strokes.Ring"}}, "task.call")
    with pytest.raises(UserError, match="which is not there"):
        check_targets(node, "task.call")
    with pytest.raises(UserError, match="names my_strokes_too"):
        check_targets({**node, "agent": {"_target_": "my_strokes_too.Ring"}}, "task.call")


# ---- exported weights


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    folder = Path(shutil.copytree(SHELF / "digits", tmp_path / "agent"))
    (folder / "SHA256SUMS").unlink()
    return folder


@pytest.mark.parametrize(
    "target",
    [
        "os.mkdir",
        "impasto.io.images.os.mkdir",
        "impasto.persistence.exports.write_export",
        "impasto.persistence.tensors.Path",
        "impasto.io.images.uuid.os.mkdir",
        "painting",
    ],
)
def test_an_exported_config_builds_classes_of_painting_alone(
    target: str, agent: Path, trap: Path
) -> None:
    config = yaml.safe_load((agent / exports.CONFIG).read_text())
    config["actor"] = {"_target_": target, "in_channels": 9, "out_features": 65, "path": str(trap)}
    (agent / exports.CONFIG).write_text(yaml.safe_dump(config))
    with pytest.raises(UserError, match=r"config\.yaml: actor (names|can't be built)"):
        PaintingPolicy.load(agent)
    assert not trap.exists()


def test_an_exported_config_is_yaml_that_makes_no_objects(agent: Path, trap: Path) -> None:
    (agent / exports.CONFIG).write_text(f'kind: !!python/object/apply:os.mkdir ["{trap}"]\n')
    with pytest.raises(UserError, match="can't be read as exported weights"):
        PaintingPolicy.load(agent)
    assert not trap.exists()


@pytest.mark.parametrize("name", ["../secret.safetensors", "/secret.safetensors", "x/../y", ".."])
def test_an_index_names_files_of_its_own_folder(name: str, agent: Path) -> None:
    save_file({"secret": torch.ones(1)}, agent.parent / "secret.safetensors")
    name = name if name[0] == "." else str(agent.parent) + name
    index = {"weight_map": {"secret": name}}
    (agent / "weights.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UserError, match=r"weight_map\.secret is "):
        read_export(agent)
