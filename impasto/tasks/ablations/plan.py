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
        after: The run that it needs, which trains its renderer.
    """

    folder: Path
    overrides: tuple[str, ...]
    after: "Job | None" = None


@dataclass(frozen=True)
class Plan:
    """Rows at a scale.

    Attributes:
        rows: The experiments.
        base: Overrides of every run.
        seeds: Of every variant.
        folder: Where the runs go.
        asked: Overrides of the command that asked for them.
        renderer: Overrides of the runs that train renderers, one for each stroke kind; None where
            there is no need of any.
    """

    rows: Sequence[Row]
    base: Sequence[str]
    seeds: Sequence[int]
    folder: Path
    asked: Sequence[str]
    renderer: Sequence[str] | None = None

    def runs(self, variant: Sequence[str]) -> list[Job]:
        """The runs of a variant, one per seed; rows that ask for the same share them."""
        name = re.sub(r"[^\w.=-]+", "-", "_".join(variant)).strip("-") or "base"
        first = self._renderer_of(variant)
        weights = [] if first is None else [f"renderer.weights={first.folder}"]
        return [
            Job(
                self.folder / name / f"seed{seed}",
                ("task=train", *self.base, *weights, *variant, f"seed={seed}"),
                first,
            )
            for seed in self.seeds
        ]

    def _renderer_of(self, variant: Sequence[str]) -> Job | None:
        """The run that trains the renderer of a variant's stroke kind."""
        if self.renderer is None:
            return None
        kind = [word for word in (*self.base, *variant) if word.startswith("stroke=")][-1:]
        folder = self.folder / "-".join(["renderer", *kind])
        return Job(folder, ("task=pretrain", *self.renderer, *kind))

    def jobs(self) -> list[Job]:
        """Every run once: renderers, all variants' first seeds, then the second ones, and so on.

        So a plan that is stopped early has something to say on every row.
        """
        by_variant = [self.runs(v) for row in self.rows for v in row.variants.values()]
        in_turn = [job for jobs in zip(*by_variant, strict=True) for job in jobs]
        renderers = [job.after for job in in_turn if job.after is not None]
        return list(dict.fromkeys([*renderers, *in_turn]))


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
    base = [*size["base"], *vary]
    # Weights that were given are those of the plan's own kind of strokes.
    given_weights = any(word.startswith("renderer.weights=") for word in base)
    renderer = None if given_weights else size.get("renderer")
    asked = ["task=ablations", f"scale={scale}"]
    asked += [f"rows=[{','.join(keys)}]"] if chosen is not None else []
    asked += [f"vary={json.dumps(list(vary), separators=(',', ':'))}"] if vary else []
    learned = None if renderer is None else [*renderer, *vary]
    return Plan(rows, base, size["seeds"], folder, asked, learned)
