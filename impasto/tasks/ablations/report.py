"""Report of the papers' results beside those found here, row by row."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from impasto.errors import UserError
from impasto.persistence.atomic import atomic_write
from impasto.tasks.ablations.plan import Job, Plan, Row
from impasto.tasks.runs.comparison.report import figure_text, write_report
from impasto.tasks.runs.comparison.runs import Run, read_run
from impasto.tasks.runs.comparison.statistics import Verdict, judge
from impasto.tasks.runs.comparison.table import compare_variants
from impasto.tasks.runs.comparison.variants import Variant
from impasto.tasks.runs.markup import markdown_table
from impasto.tasks.runs.run_folder import command, read_summary

_SAID = {
    Verdict.BETTER: "**agrees**",
    Verdict.WORSE: "**disagrees**",
    Verdict.NO_DIFFERENCE: "no difference seen",
    Verdict.ONE_SEED: "one seed: no verdict",
    Verdict.NOTHING: "not run yet",
}


def write_ablations(folder: Path, plan: Plan) -> Path:
    """Write ``report.md``, and each row's own report into a folder of its letter.

    Args:
        folder: Where.
        plan: Whose runs lie in its folder, as far as they have come.

    Raises:
        UserError: No run has finished.
    """
    results = [result for row in plan.rows if (result := _results(plan, row)).runs]
    if not results:
        raise UserError(
            f"no run in {plan.folder} has finished", "see the .log files beside their folders"
        )
    sections = [_section(folder, one) for one in results]
    title = (
        f"# Ablations\n\nMade by `{command(plan.asked)}`: {len(plan.seeds)} seeds of each variant, "
        f"all with `{command(['task=train', *plan.base])}` and what the variant adds. L2 of the "
        "test split, mean ± sample standard deviation; a difference below twice the pooled "
        "standard deviation is none that was seen."
    )
    parts = [part for part in (title, _overview(results), *sections) if part]
    path = folder / "report.md"
    with atomic_write(path) as temporary:
        temporary.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return path


@dataclass(frozen=True)
class _Results:
    """Results of a row: finished runs and their L2, by variant."""

    row: Row
    by_variant: dict[str, list[Run]]

    @property
    def runs(self) -> list[Run]:
        return [run for runs in self.by_variant.values() for run in runs]

    @property
    def l2(self) -> dict[str, pd.Series]:
        return {
            name: pd.Series([run.metric("l2") for run in runs], dtype=float).dropna()
            for name, runs in self.by_variant.items()
        }

    def claims(self) -> list[tuple[str, str]]:
        """Each claim of the paper, and what became of it here."""
        l2 = self.l2
        return [
            (f"{better} below {worse}", _SAID[judge(l2[better], l2[worse])])
            for better, worse in self.row.claims
        ]


def _results(plan: Plan, row: Row) -> _Results:
    return _Results(row, {name: _finished(plan.runs(v)) for name, v in row.variants.items()})


def _overview(results: Sequence[_Results]) -> str:
    """All claims in one table."""
    claims = [(one.row.key, *claim) for one in results for claim in one.claims()]
    table = pd.DataFrame(claims, columns=["", "the papers' claim", "here"])
    return "" if table.empty else markdown_table(table)


def _section(folder: Path, result: _Results) -> str:
    """A row of the report."""
    row, l2 = result.row, result.l2
    own_folder = folder / row.key
    own_folder.mkdir(exist_ok=True)
    variants = [
        Variant(name, name, tuple(runs)) for name, runs in result.by_variant.items() if runs
    ]
    write_report(own_folder, compare_variants(variants))
    baseline = l2[next(iter(row.variants))]
    table = pd.DataFrame(
        {
            "variant": name,
            "command adds": f"`{' '.join(overrides)}`" if overrides else "",
            "runs": len(result.by_variant[name]),
            "test L2": figure_text(l2[name], ".5f"),
            "verdict": judge(l2[name], baseline) if number else Verdict.BASELINE,
        }
        for number, (name, overrides) in enumerate(row.variants.items())
    )
    said = "\n".join(f"- {claim}: {said}" for claim, said in result.claims())
    parts = [
        f"## ({row.key}) {row.title}",
        f"{row.source}. *The paper:* {row.paper}",
        markdown_table(table),
        f"*Here:*\n\n{said}" if said else "",
        f"![Validation L2 by update]({row.key}/l2_by_update.png)",
        f"[Curves, times and paintings]({row.key}/report.md)",
    ]
    return "\n\n".join(part for part in parts if part)


def _finished(jobs: Sequence[Job]) -> list[Run]:
    return [read_run(j.folder) for j in jobs if read_summary(j.folder).get("status") == "finished"]
