"""What the papers found and what was found here, row by row."""

from collections.abc import Sequence
from pathlib import Path

from painting.errors import UserError
from painting.images import atomic_write
from tasks.ablations.plan import Job, Plan, Row
from tasks.comparison.report import write_report
from tasks.comparison.runs import Run, read_run
from tasks.comparison.statistics import Spread, Verdict, judge, spread
from tasks.comparison.table import compare_runs
from tasks.run_folder import command, read_summary

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
    sections = [section for row in plan.rows if (section := _section(folder, plan, row))]
    if not sections:
        raise UserError(f"no run in {plan.folder} has finished", "see output.log in their folders")
    title = (
        "# Ablations\n\n"
        f"{len(plan.seeds)} seeds of every variant, all with "
        f"`{command(['task=train', *plan.base])}`. L2 of the test split, mean ± sample standard "
        "deviation; a difference below twice the pooled standard deviation is none that was seen."
    )
    path = folder / "report.md"
    with atomic_write(path) as temporary:
        temporary.write_text("\n\n".join([title, *sections]) + "\n", encoding="utf-8")
    return path


def _section(folder: Path, plan: Plan, row: Row) -> str:
    """A row of the report; empty if none of its runs has finished."""
    runs = {name: _finished(plan.runs(v)) for name, v in row.variants.items()}
    everything = [run for own in runs.values() for run in own]
    if not everything:
        return ""
    l2 = {name: spread(run.figure("l2") for run in own) for name, own in runs.items()}
    own_folder = folder / row.key
    own_folder.mkdir(exist_ok=True)
    write_report(own_folder, compare_runs(everything))
    baseline = l2[next(iter(row.variants))]
    lines = [
        "| variant | command adds | runs | test L2 | verdict |",
        "| --- | --- | --- | --- | --- |",
    ]
    for number, (name, overrides) in enumerate(row.variants.items()):
        verdict = Verdict.BASELINE if number == 0 else judge(l2[name], baseline)
        added = f"`{' '.join(overrides)}`" if overrides else ""
        lines.append(f"| {name} | {added} | {len(runs[name])} | {_text(l2[name])} | {verdict} |")
    parts = [
        f"## ({row.key}) {row.title}",
        f"{row.source}. *The paper:* {row.paper}",
        "\n".join(lines),
        _claims(row, l2),
        f"![Validation L2 by update]({row.key}/l2_by_update.png)",
        f"[Curves, times and paintings]({row.key}/report.md)",
    ]
    return "\n\n".join(part for part in parts if part)


def _claims(row: Row, l2: dict[str, Spread]) -> str:
    """What became of each claim of the paper here."""
    said = [
        f"- {better} below {worse}: {_SAID[judge(l2[better], l2[worse])]}"
        for better, worse in row.claims
    ]
    return "*Here:*\n\n" + "\n".join(said) if said else ""


def _finished(jobs: Sequence[Job]) -> list[Run]:
    return [read_run(j.folder) for j in jobs if read_summary(j.folder).get("status") == "finished"]


def _text(figures: Spread) -> str:
    if figures.mean is None:
        return "–"
    return f"{figures.mean:.5f}" + ("" if figures.std is None else f" ± {figures.std:.5f}")
