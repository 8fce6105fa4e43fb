"""Composing the config ahead of the run, and Hydra's complaints as one line each."""

import argparse
import difflib
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from hydra import compose, initialize_config_dir, version
from hydra._internal.hydra import Hydra
from hydra._internal.utils import create_config_search_path, get_args_parser
from hydra.core.config_loader import ConfigLoader
from hydra.core.config_search_path import ConfigSearchPath, SearchPathQuery
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from impasto.errors import UserError, first_line
from impasto.launch.validation.refused import refused_key
from impasto.tasks.runs.run_folder import program

ROOT = Path(__file__).resolve().parents[2]  # where the packages lie
# Installed, the configs lie in the package; in a checkout, beside it.
CONF = next(path for path in (ROOT / "impasto" / "conf", ROOT / "conf") if path.is_dir())
CONFIG_NAME = "config"


def choices(conf: Path, group: str) -> list[str]:
    """The choices of a group, in alphabetical order; experiments may lie in folders of theirs."""
    pattern = "**/*.yaml" if group == "experiment" else "*.yaml"
    paths = [path.relative_to(conf / group) for path in (conf / group).glob(pattern)]
    return sorted(path.with_suffix("").as_posix() for path in paths)


def groups(conf: Path) -> list[str]:
    """The project's config groups, in alphabetical order."""
    apart = ("hydra", "local")  # Hydra's own, and this machine's settings
    return sorted(path.name for path in conf.iterdir() if path.is_dir() and path.name not in apart)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse Hydra's own flags; what it does not know is a mistake of one line, not a page."""
    parser = get_args_parser()

    def complain(message: str) -> NoReturn:
        raise UserError(message, f"{' '.join(program())} --hydra-help shows the flags")

    parser.error = complain  # type: ignore[method-assign]
    args = parser.parse_args(arguments)
    if args.experimental_rerun:
        what = "--experimental-rerun runs code of the file that it is given"
        raise UserError(what, "give the overrides again, or go on by resume=FOLDER")
    args.multirun = args.multirun or "hydra.mode=MULTIRUN" in args.overrides
    return args


def compose_run(overrides: Sequence[str]) -> DictConfig:
    """Compose the config of a single run, with its `hydra` section.

    Raises:
        UserError: The overrides don't compose.
    """
    with composed(parse(overrides)) as (_, cfg):
        return cfg


@contextmanager
def composed(args: argparse.Namespace) -> Iterator[tuple[ConfigLoader, DictConfig]]:
    """Compose the config of a run, or of a sweep before its jobs vary it.

    Args:
        args: Hydra's flags and the overrides, as Hydra's parser gives them.

    Yields:
        Hydra's loader, with which a sweep composes its jobs, and the config with its `hydra`
        section.

    Raises:
        UserError: The overrides don't compose.
    """
    mode = RunMode.MULTIRUN if args.multirun else RunMode.RUN
    overrides = [*args.overrides, *(["hydra.mode=MULTIRUN"] if args.multirun else [])]
    version.setbase("1.3")
    GlobalHydra.instance().clear()
    try:
        with explained(args.overrides):
            parsed = OverridesParser.create().parse_overrides(overrides)
            if not any(override.get_key_element() == "task" for override in parsed):
                raise UserError("no task is given", f"add one of {_named(CONF, 'task')}")
            hydra = Hydra.create_main_hydra2("run", _search_path(args))
            name = args.config_name or CONFIG_NAME
            cfg = hydra.compose_config(name, overrides, run_mode=mode)
        yield hydra.config_loader, cfg
    finally:
        GlobalHydra.instance().clear()


def _search_path(args: argparse.Namespace) -> ConfigSearchPath:
    """Folders of configs: the project's, or those of Hydra's flags."""
    search = create_config_search_path(str(Path(args.config_path or CONF).absolute()))
    if args.config_dir is not None:
        folder = Path(args.config_dir).absolute()
        if not folder.is_dir():
            raise UserError(f"{folder} is no folder", "give --config-dir a folder of configs")
        search.prepend("command-line", f"file://{folder}", SearchPathQuery(provider="schema"))
    return search


@contextmanager
def explained(overrides: Sequence[str]) -> Iterator[None]:
    """Turn what Hydra complains about into an error of the user."""
    try:
        yield
    except UserError:
        raise
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        GlobalHydra.instance().clear()  # to look for a key of another name it composes again
        raise explain(error, CONF, overrides) from error


def one_at_a_time(overrides: Sequence[str]) -> Iterator[list[str]]:
    """Yield a sweep's overrides with first values, then with each further value of each.

    That finds what is wrong with any of them without composing the whole product.
    """
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    values = [_values(override) for override in parsed]
    first = [options[0] for options in values]
    yield first
    for i, options in enumerate(values):
        for option in options[1:]:
            yield [*first[:i], option, *first[i + 1 :]]


def _values(override: Override) -> list[str]:
    """An override as plain overrides, one per value of its sweep."""
    key = override.get_key_element()
    if override.is_discrete_sweep():
        return [f"{key}={value}" for value in override.sweep_string_iterator()]
    interval = override.value()
    if isinstance(interval, IntervalSweep):
        return [f"{key}={value}" for value in _samples(interval)]
    return [override.input_line or ""]


def _samples(interval: IntervalSweep) -> list[float]:
    """Both ends of an interval, and what lies between them: of a float no whole number."""
    start, end = interval.start, interval.end
    if start is None or end is None:
        return []
    between = start + (end - start) / math.pi
    whole = isinstance(start, int) and isinstance(end, int)
    return [start, end, int(between) if whole else between]


def explain(error: Exception, conf: Path, overrides: Sequence[str]) -> UserError:
    """Say in one line what Hydra or OmegaConf complains about, and what to do."""
    if isinstance(error, OverrideParseException):
        example = "write key=value, and quote what is special: \"key='a, b'\""
        return UserError(f"{error.override!r} can't be read as an override", example)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, choice = error.missing_cfg_file.partition("/")
        if group not in groups(conf):  # hydra/launcher, say
            group, _, choice = error.missing_cfg_file.rpartition("/")
        known = _named(conf, group) if group in groups(conf) else ", ".join(error.options or ())
        return UserError(f"{group} has no choice {choice!r}", f"choose from {known}")
    message = str(error)
    if unfit := re.match(r"In 'experiment/([^']+)': Could not override '([^']+)'", message):
        what = f"experiment {unfit[1]!r} sets {unfit[2]}, which is not there"
        return UserError(what, "choose the task that it is for, or another experiment")
    if unknown := re.search(r"Could not (?:override|delete)[^']*'([^']+)'", message):
        key = unknown[1]
        if (refusal := refused_key(key)) is not None:
            return refusal
        todo = f"did you mean {_nearest(key, conf, overrides)!r}? {_help(conf, overrides)}"
        return UserError(f"unknown key {key!r}", todo)
    if several := re.search(r"Ambiguous value for argument '(.+)'", message):
        todo = "add -m to run one after the other, or write a list as key=[a,b]"
        return UserError(f"{several[1]} has several values", todo)
    if isinstance(error, ConfigCompositionException) and isinstance(
        error.__cause__, OmegaConfBaseException
    ):
        error = error.__cause__
    return UserError(first_line(error), _help(conf, overrides))


def _help(conf: Path, overrides: Sequence[str]) -> str:
    tasks = {f"task={name}" for name in choices(conf, "task")}
    task = next((word for word in overrides if word in tasks), "task=")
    return f"{' '.join(program())} {task} --help shows the groups, choices and knobs"


def _named(conf: Path, group: str) -> str:
    return ", ".join(f"{group}={choice}" for choice in choices(conf, group))


def _nearest(key: str, conf: Path, overrides: Sequence[str]) -> str:
    """The key of the composed config, or the group, that resembles a wrong one most."""
    known_groups = groups(conf)
    sought = (*known_groups, "hydra.searchpath")  # without which a group may lack its choice
    chosen = [line for line in overrides if line.partition("=")[0] in sought]
    sound = [line for line in chosen if "{" not in line]  # a choice, not values in its place
    with initialize_config_dir(str(conf), version_base="1.3"):
        cfg = compose(CONFIG_NAME, overrides=sound, return_hydra_config=key.startswith("hydra"))
    keys = [*known_groups, *_keys(OmegaConf.to_container(cfg), "")]
    leaf = key.rpartition(".")[2]
    return max(keys, key=lambda known: _likeness(key, leaf, known))


def _likeness(key: str, leaf: str, known: str) -> float:
    """Similarity of two keys, from 0 to 1; `root` finds `data.root`, and short keys come first."""
    whole = difflib.SequenceMatcher(None, key, known).ratio()
    last = difflib.SequenceMatcher(None, leaf, known.rpartition(".")[2]).ratio()
    return max(whole, 0.95 * last - 0.01 * known.count("."))


def _keys(node: object, prefix: str) -> Iterator[str]:
    if isinstance(node, dict):
        for name, child in node.items():
            if not str(name).startswith("_"):
                yield f"{prefix}{name}"
                yield from _keys(child, f"{prefix}{name}.")
