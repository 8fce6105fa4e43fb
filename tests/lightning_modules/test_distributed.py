"""Two ranks learn as one: gloo, two CPU processes."""

import csv
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributed import TCPStore

from impasto.runtime.ranks import STARTED_BY_US
from lightning_modules.distributed import average, gather, rank_count
from tests.conftest import ROOT, environment
from tests.lightning_modules.conftest import BATCH, make_trainer
from tests.lightning_modules.rank_pair import (
    UPDATES,
    WORLD,
    digits,
    exact_updates,
    fit,
    real_agent,
)

pytestmark = pytest.mark.xdist_group("ranks")


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the pair has left its results in: one pair for all tests."""
    folder = tmp_path_factory.mktemp("ranks")
    digits(folder / "cache").prepare_data()
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    shared = environment(
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(store.port),
        NODE_RANK="0",
        TORCHELASTIC_USE_AGENT_STORE="True",
        PYTHONPATH=str(ROOT),
        **{STARTED_BY_US: str(WORLD)},
    )
    program = [sys.executable, "-m", "tests.lightning_modules.rank_pair", str(folder)]
    outputs = [(folder / f"{rank}.log").open("wb") for rank in range(WORLD)]
    pair = [
        subprocess.Popen(
            program, env={**shared, "LOCAL_RANK": str(rank)}, stdout=output, stderr=output, cwd=ROOT
        )
        for rank, output in enumerate(outputs)
    ]
    try:
        codes = [process.wait(240) for process in pair]
    finally:
        for process, output in zip(pair, outputs, strict=True):
            process.kill()
            output.close()
    said = "\n".join((folder / f"{rank}.log").read_text()[-3000:] for rank in range(WORLD))
    assert codes == [0, 0], said
    return folder


@pytest.fixture(scope="module")
def left(results: Path) -> list[dict[str, Any]]:
    """What each rank has left."""
    return [torch.load(results / f"{rank}.pt") for rank in range(WORLD)]


def assert_same(found: dict[str, Tensor], expected: dict[str, Tensor]) -> None:
    assert found.keys() == expected.keys()
    assert [key for key in expected if not torch.equal(found[key], expected[key])] == []


# ---- two ranks of B are one of 2 B


@pytest.mark.parametrize("norm", ["weight", "batch"])
def test_averaged_gradients_and_all_updates_are_those_of_one_rank(
    left: list[dict[str, Any]], norm: str
) -> None:
    """Batch normalization only where it is synchronized; its running statistics, too."""
    alone = exact_updates(slice(None), seed=0, norm=norm)
    networks = {name.split(".")[0] for name in alone["gradients"]}
    assert networks == {"actor", "critic", "reward"}
    for rank in range(WORLD):
        for part in ("gradients", "state"):
            found, expected = left[rank][norm][part], alone[part]
            assert found.keys() == expected.keys()
            for name, value in expected.items():
                torch.testing.assert_close(found[name], value, rtol=0, atol=1e-9, msg=name)
    for network in networks:
        values = [v for name, v in alone["gradients"].items() if name.startswith(network)]
        assert {value.dtype for value in values} == {torch.float64}
        assert max(value.abs().max() for value in values) > 1e-4


# ---- a real run


def test_all_ranks_end_with_the_same_networks_and_statistics(left: list[dict[str, Any]]) -> None:
    first, second = (rank["run"]["state"] for rank in left)
    assert_same(second, first)
    assert any(name.endswith("running_var") for name in first)
    assert_same(left[1]["renderer"]["state"], left[0]["renderer"]["state"])


def test_each_rank_has_its_own_images_strokes_replay_and_randomness(
    left: list[dict[str, Any]],
) -> None:
    first, second = (rank["run"] for rank in left)
    rollouts = UPDATES // 4
    assert len(first["images"]) == len(second["images"]) == rollouts * BATCH
    assert set(first["images"]).isdisjoint(second["images"])
    for key in ("target", "canvas", "action"):
        assert not torch.equal(first["replay"][key], second["replay"][key])
    for key in ("generator", "global"):
        assert not torch.equal(first[key], second[key])
    assert not torch.equal(left[0]["renderer"]["strokes"], left[1]["renderer"]["strokes"])


def test_validation_is_the_mean_over_the_whole_split(
    results: Path, left: list[dict[str, Any]], tmp_path: Path
) -> None:
    """Four images on one rank and three on the other, none twice."""
    assert len(left[0]["run"]["measured"]) >= 2
    assert left[0]["run"]["measured"] == left[1]["run"]["measured"]
    agent = real_agent()
    agent.load_state_dict(left[0]["run"]["state"])
    alone = make_trainer(tmp_path).validate(agent, digits(results / "cache"), verbose=False)
    assert left[0]["run"]["measured"][-1] == pytest.approx(alone[0]["val_l2"], abs=1e-6)


def test_rank_0_alone_writes(results: Path) -> None:
    """But for the replays, which every rank writes beside the one checkpoint."""
    assert [path for path in (results / "1").rglob("*") if path.is_file()] == []
    with (results / "0" / "run" / "metrics.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["update"]) for row in rows] == list(range(2, UPDATES + 1, 2))
    names = sorted(path.name for path in (results / "run").iterdir())
    replays = ["-".join(name.split("-")[:3]) for name in names if name.startswith("replay")]
    assert replays == ["replay-12-0", "replay-12-1", "replay-8-0", "replay-8-1"]
    others = {name for name in names if not name.startswith("replay")}
    assert others == {"best.ckpt", "last.ckpt", "previous.ckpt"}


# ---- going on


def test_two_ranks_go_on_bit_for_bit(left: list[dict[str, Any]]) -> None:
    for rank in left:
        whole, parts = rank["run"], rank["parts"]
        assert_same(parts["state"], whole["state"])
        assert_same(parts["replay"], whole["replay"])
        for key in ("generator", "global"):
            assert torch.equal(parts[key], whole[key])
        assert parts["images"] == whole["images"][-len(parts["images"]) :] != []
        assert parts["measured"] == whole["measured"][-len(parts["measured"]) :] != []


def test_one_process_goes_on_with_what_two_have_left(
    results: Path, left: list[dict[str, Any]], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    agent = real_agent(UPDATES + 4)
    last = results / "run" / "last.ckpt"
    note = fit(agent, tmp_path, tmp_path / "checkpoints", digits(results / "cache"), last)
    assert agent.update_count == UPDATES + 4
    assert "saved by 2 process(es), going on in 1" in caplog.text
    assert "no longer bit for bit" in caplog.text
    seen = {image for rank in left for image in rank["run"]["images"]}
    assert len(note.images) == BATCH
    assert seen.isdisjoint(note.images)


def test_a_stop_asked_of_one_rank_stops_all_at_the_same_update(
    left: list[dict[str, Any]],
) -> None:
    stopped = (7, signal.SIGTERM)  # asked after 6 were agreed on
    assert [rank["stopped"] for rank in left] == [stopped, stopped]


def test_the_log_says_what_an_update_is(results: Path) -> None:
    said = (results / "0.log").read_text()
    assert f"2 ranks on cpu by gloo: batches of 5 each, {WORLD * 5} in every update" in said
    assert "0.01 (MultiStepLR), 0.01 (MultiStepLR), 0.001 (constant)" in said
    assert "in every update" not in (results / "1.log").read_text()


# ---- one process


def test_one_process_has_nothing_to_average(tmp_path: Path) -> None:
    assert STARTED_BY_US not in os.environ
    values = [torch.tensor([1.0, 3.0])]
    average(values)
    assert values[0].tolist() == [1.0, 3.0]
    assert rank_count() == 1
    assert gather(15) == [15]
