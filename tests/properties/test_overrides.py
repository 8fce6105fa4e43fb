"""The command line, for any text: it is understood, or refused in one line."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import HealthCheck, assume, example, given, settings
from omegaconf import OmegaConf

from impasto.launch.arguments import quote, quote_paths, verbatim_keys
from impasto.launch.compose import CONF, composed, parse
from impasto.launch.outcome import USER_ERROR, outcome_before_job
from impasto.launch.validation.targets import check_hydra
from impasto.launch.validation.validate import validate

KEYS = sorted(verbatim_keys(CONF))
# What the shell can hand over: no NUL, no surrogates that are not escaped bytes.
text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
notation = st.text(st.sampled_from(" \\'\"$,[](){}=~:@+-.*?!abc019eé\n\t"), max_size=12)
quiet = settings(
    deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@settings(quiet, max_examples=150)
@example("${oc.env:HOME}")
@example("\\${x}")
@example("\\")
@example("'")
@example("a'b\"c\\'d")
@given(value=text | notation)
def test_any_text_survives_quoting(value: str) -> None:
    assume(value != "???")  # OmegaConf's mark for nothing; `quote_paths` makes ./??? of it
    override = OverridesParser.create().parse_override(f"image={quote(value)}")
    cfg = OmegaConf.create({"image": override.value()})
    assert cfg.image == value


@settings(quiet, max_examples=8)
@given(value=text | notation)
def test_a_file_of_any_name_is_the_picture_that_is_meant(value: str) -> None:
    quoted = quote_paths([f"image={value}"], KEYS)
    if value.startswith("~/") or value == "???":
        return  # these stand for something else, unless there is such a file
    if quoted == [f"image={value}"]:
        return  # in Hydra's own notation, such as a list of pictures
    with initialize_config_dir(str(CONF), version_base="1.3"):
        assert compose("config", overrides=["task=paint", *quoted]).image == value


@pytest.fixture
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    GlobalHydra.instance().clear()


word = (
    st.sampled_from(
        [
            *KEYS,
            "task",
            "agent",
            "stroke",
            "strokes",
            "bundle",
            "canvas.size",
            "canvas",
            "agent.tau",
            "painter.steps",
            "export",
            "+new",
            "~seed",
            "hydra.run.dir",
            "hydra.job.name",
            "reward@x",
        ]
    )
    | notation
)
value = st.sampled_from(
    [
        "0",
        "1e400",
        "nan",
        "null",
        "[]",
        "{}",
        "{a:1}",
        "${seed}",
        "${x}",
        "a,b",
        "range(1,3)",
        "td3",
    ]
)
override = st.builds("{}={}".format, word, value | notation | text) | notation | text


@settings(quiet, max_examples=60)
@example(overrides=["export={gif:3}"])
@example(overrides=["agent.tau=${agent.tau}"])
@example(overrides=["strokes='"])
@given(overrides=st.lists(override, max_size=2))
def test_any_overrides_are_understood_or_refused(overrides: list[str], somewhere: Path) -> None:
    arguments = ["task=train", *overrides]
    before = dict(os.environ)
    outcome = None
    try:
        with composed(parse(arguments)) as (_, cfg):
            check_hydra(cfg)
            validate(cfg)
    except Exception as error:
        outcome = outcome_before_job(error, CONF, arguments)
    if outcome is not None:
        assert outcome.code == USER_ERROR, (overrides, outcome.error)
        assert "\n" not in outcome.message
        assert " — " in outcome.message
    assert list(somewhere.iterdir()) == []
    assert dict(os.environ) == before
