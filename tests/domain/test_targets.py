"""Flattening, over targets that nobody wrote: weights, bands and what is refused."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.targets.targets import MAX_DEPTH, TargetRefused, flatten
from domain.values.snapshot import BandGiven, Target, TargetComponent
from policy import in_force

POLICY = in_force(date(2026, 11, 20))
ONE = Decimal(1)


def line(what: str, weight: Decimal, threshold: BandGiven | None = None) -> TargetComponent:
    """`X`, `model M`, `target T` or `cash`."""
    kind, _, ref = what.rpartition(" ")
    if what == "cash":
        return TargetComponent("cash", None, weight, threshold)
    return TargetComponent(kind or "security", ref, weight, threshold)  # type: ignore[arg-type]


@st.composite
def nested(draw: st.DrawFn) -> dict[str, Target]:
    """Targets T0 to T3, each of which may contain later ones."""
    targets = {}
    for at in range(4):
        names = ["X", "Y", "model M", "cash", *(f"target T{later}" for later in range(at + 1, 4))]
        picked = draw(st.lists(st.sampled_from(names), max_size=5))
        left, lines = 100, []
        for what in picked:
            percent = draw(st.integers(0, left))
            left -= percent
            relative = draw(st.sampled_from((None, None, "0", "0.3", "1")))
            lines.append(
                line(what, Decimal(percent) / 100, BandGiven(relative=Decimal(relative)) if relative else None)
            )
        targets[f"T{at}"] = Target(f"T{at}", "", tuple(lines))
    return targets


@settings(derandomize=True, database=None, deadline=None, max_examples=300)
@given(nested())
def test_flat_weights_are_the_whole_and_their_bands_nest(targets: dict[str, Target]) -> None:
    flat = flatten(targets["T0"], targets, POLICY)
    assert sum(each.weight for each in flat) == ONE
    assert flat[-1].key == "cash"
    assert len({each.key for each in flat}) == len(flat)
    for each in flat:
        bounds = [each.threshold.lower, each.precision.lower, each.weight, each.precision.upper, each.threshold.upper]
        assert [Decimal(0), *bounds, ONE] == sorted([Decimal(0), *bounds, ONE]), each


@settings(derandomize=True, database=None, deadline=None, max_examples=100)
@given(nested())
def test_a_sub_target_weighs_what_it_weighs_alone_times_its_share(targets: dict[str, Target]) -> None:
    """Nesting adds up by itself: each way's weight is the product along it."""

    def weights(name: str, share: Decimal) -> dict[str, Decimal]:
        found: dict[str, Decimal] = {"cash": share}
        for each in targets[name].components:
            part = share * each.weight
            found["cash"] -= part
            below = weights(str(each.ref), part) if each.kind == "target" else {each.key: part}
            for key, weight in below.items():
                found[key] = found.get(key, Decimal(0)) + weight
        return found

    assert {each.key: each.weight for each in flatten(targets["T0"], targets, POLICY)} == weights("T0", ONE)


def chain(length: int) -> dict[str, Target]:
    """T0 contains T1, which contains T2, and so on."""
    targets = {f"T{at}": Target(f"T{at}", "", (line(f"target T{at + 1}", ONE),)) for at in range(length)}
    return targets | {f"T{length}": Target(f"T{length}", "", (line("X", ONE),))}


def test_sub_targets_nest_deep_but_not_without_end() -> None:
    assert flatten(chain(MAX_DEPTH)["T0"], chain(MAX_DEPTH), POLICY)[0].weight == 1
    with pytest.raises(TargetRefused, match=r"T0 has sub-targets in sub-targets more than 20 deep \(TARGET-2\)"):
        flatten(chain(5000)["T0"], chain(5000), POLICY)


def test_a_weight_below_0_is_refused() -> None:
    target = Target("T", "", (line("X", Decimal("-0.1")),))
    with pytest.raises(TargetRefused, match=r"target T: a weight is below 0 \(TARGET-1\)"):
        flatten(target, {"T": target}, POLICY)
