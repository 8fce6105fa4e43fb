"""How many faults of which kind, and which of them befall the same run."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence

from tests.chaos.faults import KINDS
from tests.chaos.recipes import Recipe

AT_ONCE = 16  # faults that one run takes


def counts(faults: int, names: Sequence[str], possible: Mapping[str, bool]) -> Counter[str]:
    """How many of each kind: one of each at least, the rest by their shares.

    Args:
        faults: How many together.
        names: The kinds that are wanted.
        possible: Whether this machine allows a kind; one that isn't listed is.
    """
    wanted = [name for name in names if possible.get(name, True)]
    together = sum(KINDS[name].share for name in wanted)
    exact = {name: faults * KINDS[name].share / together for name in wanted}
    found = Counter({name: max(1, int(exact[name])) for name in wanted})
    # The largest remainders first; if one of each is too many, the smallest shares give way.
    by_remainder = sorted(wanted, key=lambda name: int(exact[name]) - exact[name])
    for name in by_remainder * 2:
        if found.total() >= faults:
            break
        found[name] += 1
    for name in sorted(wanted, key=lambda name: KINDS[name].share):
        if found.total() > faults:
            found[name] -= 1
    return +found


def take(left: Counter[str], recipe: Recipe, disk: bool, chosen: random.Random) -> list[str]:
    """Draw what befalls one run, in order, out of what is left: at the end what belongs there."""
    fitting = [n for n in left.elements() if KINDS[n]().fits(recipe, disk)]
    # What only few runs can have comes first, so that it is not left over.
    rare = [
        name
        for name in fitting
        if not KINDS[name]().fits(recipe, not disk) or "fits" in KINDS[name].__dict__
    ]
    common = [name for name in fitting if name not in rare]
    chosen.shuffle(rare)
    chosen.shuffle(common)
    taken = [*rare[: AT_ONCE // 3], *common]
    taken = taken[:AT_ONCE]
    chosen.shuffle(taken)
    return sorted(taken, key=lambda name: KINDS[name].ending)
