"""What `task=evaluate` measures: an agent, or painters on pictures."""

from pathlib import Path
from typing import Any

import pytest

from impasto.errors import UserError
from impasto.tasks.evaluate import task
from impasto.tasks.serve.menus import Choice
from tests.conftest import RunMain

MENU: Any = {name: Choice(lambda name=name: f"a {name}") for name in ("agent", "optimize")}


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """What is measured with such arguments."""
    monkeypatch.setattr(task, "evaluate_agent", lambda policy, *rest: {"agent": policy})
    monkeypatch.setattr(
        task, "evaluate_painters", lambda painters, images, *rest, **named: {**painters, **named}
    )

    def measured(policy: Any = lambda: "mine", **arguments: Any) -> dict[str, Any]:
        return task.evaluate(policy, None, MENU, tmp_path, **arguments)  # type: ignore[arg-type]

    return measured


def test_without_pictures_it_is_the_agent(measured: Any) -> None:
    assert measured() == {"agent": "mine"}
    assert measured(images="", names=["agent"]) == {"agent": "mine"}


def test_with_pictures_no_agent_is_loaded(measured: Any) -> None:
    def fail() -> None:
        raise AssertionError

    own = {"optimize": "a optimize", "device": "cpu", "counts": [3], "size": None}
    assert measured(fail, images="a.png", counts=[3]) == own
    agents = {"agent": "a agent", "device": "cpu", "counts": None, "size": None}
    assert measured(images="a.png", painter="agent") == agents
    assert list(measured(images="a.png", names=["optimize", "agent"]))[:2] == ["optimize", "agent"]
    assert measured(images="a.png", names="agent") == agents


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["optimize", "brush"], "painter has no choice 'brush' — choose from painter=agent, "),
        (3, "painters is 3 — give some of painters=[agent,optimize]"),
        ([], r"painters is [] — give some of painters=[agent,optimize]"),
    ],
)
def test_painters_that_are_none_are_refused(measured: Any, names: Any, says: str) -> None:
    with pytest.raises(UserError) as error:
        measured(images="a.png", names=names)
    assert str(error.value).startswith(says)


def test_a_mistake_leaves_nothing(run_main: RunMain, tmp_path: Path) -> None:
    done = run_main("task=evaluate", "image=no.png", "hydra.run.dir=out")
    assert done.code == 2
    assert "no.png" in done.err  # neither an agent nor data are asked for
    assert "agent.weights" not in done.err
    assert not (tmp_path / "out").exists()
