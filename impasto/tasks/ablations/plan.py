"""Plan of the ablations: rows of variants, most of which share runs."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from impasto.errors import UserError


@dataclass(frozen=True)
class Row:
    """One experiment of a paper.

    Attributes:
        key: Its letter.
        title: What it is about.
        source: Where it stands.
        paper: What was found there, in a sentence.
        variants: Overrides by name; the first is what the others are judged by.
        claims: Pairs of names, of which the first has the lower L2 in the paper.
    """

    key: str
    title: str
    source: str
    paper: str
    variants: Mapping[str, Sequence[str]]
    claims: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Job:
    """One run.

    Attributes:
        folder: Its run folder.
        overrides: Its command, without the program and where it runs.
    """

    folder: Path
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """Rows at a scale.

    Attributes:
        rows: The experiments.
        base: Overrides of every run.
        seeds: Of every variant.
        folder: Where the runs go.
        asked: Overrides of the command that asked for them.
    """

    rows: Sequence[Row]
    base: Sequence[str]
    seeds: Sequence[int]
    folder: Path
    asked: Sequence[str]

    def runs(self, variant: Sequence[str]) -> list[Job]:
        """The runs of a variant, one per seed; rows that ask for the same share them."""
        name = re.sub(r"[^\w.=-]+", "-", "_".join(variant)).strip("-") or "base"
        return [
            Job(
                self.folder / name / f"seed{seed}",
                ("task=train", *self.base, *variant, f"seed={seed}"),
            )
            for seed in self.seeds
        ]

    def jobs(self) -> list[Job]:
        """Every run once: all variants' first seeds, then the second ones, and so on.

        So a plan that is stopped early has something to say on every row.
        """
        by_variant = [self.runs(v) for row in self.rows for v in row.variants.values()]
        in_turn = [job for jobs in zip(*by_variant, strict=True) for job in jobs]
        return list(dict.fromkeys(in_turn))


def read_plan(
    plan: Mapping[str, Any],
    scale: str,
    chosen: Sequence[str] | None,
    vary: Sequence[str],
    folder: Path,
) -> Plan:
    """The plan of a config.

    Args:
        plan: ``scales`` and ``rows``, as in conf/task/ablations.yaml; what a row says under ``at``
            and a scale's name takes the place of what it says otherwise.
        scale: A name of ``scales``.
        chosen: Letters of rows; None is all.
        vary: Further overrides of every run.
        folder: Where the runs go.

    Raises:
        UserError: There is no such scale or row, or a claim is about no variant.
    """
    if scale not in plan["scales"]:
        names = ", ".join(plan["scales"])
        raise UserError(f"scale is {scale!r}", f"choose from {names}")
    if chosen is not None and not isinstance(chosen, Sequence):
        raise UserError(f"rows is {chosen}", "give letters of rows, such as rows=[a,c]")
    keys = list(plan["rows"]) if chosen is None else [str(key) for key in chosen]
    rows = []
    for key in keys:
        if key not in plan["rows"]:
            raise UserError(f"rows has no {key!r}", f"choose from {', '.join(plan['rows'])}")
        given = dict(plan["rows"][key])
        elsewhere = given.pop("at", {})
        row = Row(key=key, **{**given, **elsewhere.get(scale, {})})
        for name in (name for claim in row.claims for name in claim):
            if name not in row.variants:
                raise UserError(f"row {key} claims something about {name!r}", "name a variant")
        rows.append(row)
    size = plan["scales"][scale]
    asked = ["task=ablations", f"scale={scale}"]
    asked += [f"rows=[{','.join(keys)}]"] if chosen is not None else []
    asked += [f"vary={json.dumps(list(vary), separators=(',', ':'))}"] if vary else []
    return Plan(rows, [*size["base"], *vary], size["seeds"], folder, asked)
