"""Actor and environment, painting and exported."""

import re
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor

from impasto.errors import UserError
from impasto.networks import Actor
from impasto.painters import AgentPainter
from impasto.renderers import AnalyticRenderer, NeuralRenderer, Renderer
from impasto.rendering import draw
from impasto.rl.environment import PaintingEnvironment
from impasto.rl.policy import PaintingPolicy
from impasto.strokes import Bezier, Line, MyPaint, Pixel

SIZE, B = 16, 3
BACKGROUND = (0.2, 0.1, 0.0)


def policy(
    strokes: int = 5, bundle: int = 2, renderer: Renderer | None = None, **actor: object
) -> PaintingPolicy:
    torch.manual_seed(0)
    environment = PaintingEnvironment(
        renderer or AnalyticRenderer(Line(), SIZE), strokes, bundle, BACKGROUND
    )
    arguments = {"blocks": [1, 1], "width": 4, **actor}
    made = PaintingPolicy(Actor(9, environment.action_dim, **arguments), environment)
    for _ in range(3):  # batch statistics that are not those of the start
        made.actor(environment.observe(environment.reset(targets())))
    return made


def targets() -> Tensor:
    return torch.rand(B, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize(("strokes", "bundle"), [(5, 2), (4, 2), (1, 5), (7, 1)])
def test_exactly_so_many_strokes(strokes: int, bundle: int) -> None:
    painter = policy(strokes, bundle)
    found, canvas = painter.paint(targets())
    assert found.shape == (B, strokes, 11)
    assert 0 <= found.min() <= found.max() <= 1
    # With the exact renderer the agent saw what the strokes draw.
    drawn = draw(painter.stroke, found, SIZE, SIZE, BACKGROUND)
    torch.testing.assert_close(canvas, drawn)


def test_each_bundle_sees_the_canvas_before_it() -> None:
    painter = policy(strokes=4, bundle=2)
    found, _ = painter.paint(targets())
    painter.eval()
    world = painter.environment
    state = world.reset(targets())
    with torch.no_grad():
        for step in range(2):
            action = painter.actor(world.observe(state))
            torch.testing.assert_close(found[:, 2 * step : 2 * step + 2].flatten(1), action)
            state = world.step(state, action)
    assert (found[:, :2] - found[:, 2:]).abs().max() > 1e-4


@pytest.mark.parametrize("training", [True, False])
def test_painting_changes_nothing(training: bool) -> None:
    painter = policy().train(training)
    before = {key: value.clone() for key, value in painter.state_dict().items()}
    random = torch.get_rng_state()
    first, _ = painter.paint(targets())
    again, _ = painter.paint(targets())
    assert torch.equal(first, again)
    assert painter.actor.training == training
    assert torch.equal(torch.get_rng_state(), random)
    for key, value in painter.state_dict().items():
        assert torch.equal(value, before[key])  # batch statistics too
    assert not first.requires_grad


def test_a_larger_picture_is_seen_at_the_canvas_size_by_its_means() -> None:
    painter, picture = policy(), targets()
    assert painter.seen(picture) is picture
    twice = picture.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    twice[:, :, ::2] += 0.1
    twice[:, :, 1::2] -= 0.1
    torch.testing.assert_close(painter.seen(twice), picture)


def test_a_picture_is_painted_alone_as_in_a_batch() -> None:
    painter = policy()
    together, _ = painter.paint(targets())
    alone, _ = painter.paint(targets()[1:2])
    torch.testing.assert_close(together[1:2], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "renderer",
    [AnalyticRenderer(Line(), SIZE), NeuralRenderer(Bezier(), SIZE, [8], 4)],
    ids=["analytic", "neural"],
)
@pytest.mark.parametrize("actor", [{}, {"norm": "group", "hidden": 8, "residual": 1.0}])
def test_a_loaded_policy_paints_the_same(
    tmp_path: Path, renderer: Renderer, actor: dict[str, object]
) -> None:
    painter = policy(renderer=renderer, **actor)
    painter.environment.relative_color = bool(actor)
    painter.save(tmp_path / "agent")
    for where in (tmp_path / "agent", tmp_path, str(tmp_path)):
        loaded = PaintingPolicy.load(where)
        for found, expected in zip(loaded.paint(targets()), painter.paint(targets()), strict=True):
            assert torch.equal(found, expected)
        world = loaded.environment
        assert (world.strokes, world.bundle, world.background) == (5, 2, BACKGROUND)
        assert loaded.canvas_size == SIZE
        assert not any(p.requires_grad for p in loaded.parameters())
        assert not loaded.training


def test_what_is_no_agent_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        PaintingPolicy.load(tmp_path / "nothing")
    policy().save(tmp_path / "agent")
    config_file = tmp_path / "agent" / "config.yaml"
    config = yaml.safe_load(config_file.read_text())
    for change, message in [
        ({"kind": "renderer"}, "holds a renderer, not an agent"),
        ({"bundle": 3}, "do not fit"),
        (
            {"actor": {**config["actor"], "width": 8}},
            "the weights beside it are those of a smaller",
        ),
        ({"actor": {**config["actor"], "_target_": "subprocess.run"}}, "subprocess"),
    ]:
        config_file.write_text(yaml.safe_dump(config | change))
        if "bundle" not in change:  # an actor's outputs do not say of how many strokes they are
            with pytest.raises(UserError, match=message):
                PaintingPolicy.load(tmp_path)
    del config["actor"]
    config_file.write_text(yaml.safe_dump(config))
    with pytest.raises(UserError, match=r"config\.yaml: lacks actor"):
        PaintingPolicy.load(tmp_path)


@pytest.mark.parametrize(
    ("wanted", "has"),
    [
        ({"stroke": Bezier()}, "has `stroke` line, not bezier — set `stroke=line"),
        ({"bundle": 5}, "has `bundle` 2, not 5 — set `bundle=2"),
        ({"canvas_size": 128}, f"has `canvas_size` {SIZE}, not 128 — set `canvas_size={SIZE}"),
    ],
)
def test_refuses_another_shape(tmp_path: Path, wanted: dict[str, object], has: str) -> None:
    policy().save(tmp_path / "agent")
    with pytest.raises(UserError, match=re.escape(has)):
        PaintingPolicy.load(tmp_path, **wanted)
    fitting = PaintingPolicy.load(tmp_path, stroke=Line(), bundle=2, canvas_size=SIZE)
    assert fitting.stroke.name == "line"


LIMITED = Line(opaque=True, max_width=0.1, palette=[[0.0, 0.0, 0.0], [0.9, 0.1, 0.5]])


def test_strokes_are_within_their_limits_and_are_what_was_painted() -> None:
    painter = policy(renderer=AnalyticRenderer(LIMITED, SIZE))
    found, canvas = painter.paint(targets())
    assert (found[..., [5, 7]] == 1).all()
    assert found[..., [4, 6]].max() < (0.1 - 1 / 128) * 2
    assert {tuple(color) for color in found[..., 8:].flatten(0, 1).tolist()} <= {
        tuple(color) for color in torch.tensor(LIMITED.palette).tolist()
    }
    drawn = draw(painter.stroke, found, SIZE, SIZE, BACKGROUND)
    torch.testing.assert_close(canvas, drawn)


def test_an_export_keeps_its_limits_and_refuses_others(tmp_path: Path) -> None:
    policy(renderer=AnalyticRenderer(LIMITED, SIZE)).save(tmp_path / "agent")
    for asked in (None, Line(), Line(opaque=True), LIMITED):
        assert PaintingPolicy.load(tmp_path, stroke=asked).stroke.limits() == LIMITED.limits()
    with pytest.raises(UserError, match=r"has `max_width` 0\.1, not 0\.3"):
        PaintingPolicy.load(tmp_path, stroke=Line(max_width=0.3))
    with pytest.raises(UserError, match=r"has `max_length` null, not 0\.3"):
        PaintingPolicy.load(tmp_path, stroke=Line(max_length=0.3))
    policy(renderer=AnalyticRenderer(Pixel(grid=8), SIZE)).save(tmp_path / "agent")
    with pytest.raises(UserError, match=r"has `grid` 8, not 16"):
        PaintingPolicy.load(tmp_path, stroke=Pixel())


def test_an_agent_of_a_changed_brush_says_what_to_give(tmp_path: Path) -> None:
    def brush(opaque: float) -> MyPaint:
        return MyPaint("a.myb", {"opaque": {"base_value": opaque, "inputs": {}}})

    policy(renderer=AnalyticRenderer(brush(1.0), SIZE)).save(tmp_path / "agent")
    assert PaintingPolicy.load(tmp_path, stroke=brush(1.0)).stroke.name == "mypaint"
    with pytest.raises(UserError, match=r"has the settings of stroke\.brush ") as caught:
        PaintingPolicy.load(tmp_path, stroke=brush(0.5))
    assert caught.value.todo == "give the file that it has learned with, or train one with this"


def test_an_agents_painter_takes_limits_that_are_its_own(tmp_path: Path) -> None:
    policy(renderer=AnalyticRenderer(LIMITED, SIZE)).save(tmp_path / "agent")
    for asked in (None, Bezier(), Bezier(opaque=True)):  # of the default kind only limits count
        assert AgentPainter.load(tmp_path, asked).stroke.limits() == LIMITED.limits()
    with pytest.raises(UserError, match=r"has `max_width` 0\.1, not 0\.3"):
        AgentPainter.load(tmp_path, Bezier(max_width=0.3))


def test_an_agent_has_no_picture_to_find_colors_in() -> None:
    with pytest.raises(UserError, match=r"`palette=4`: .* give the colours"):
        PaintingEnvironment(AnalyticRenderer(Line(palette=4), SIZE), 5, 1)
