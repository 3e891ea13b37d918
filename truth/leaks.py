"""The gates of the diagnosis: how often it is right, and how often it cries wolf."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from salesops_kit.worlds.nulls import NULLS
from truth.diagnoses import (
    LARGE,
    SIZES,
    Named,
    Planted,
    Told,
    told_of_noisy_region,
    told_of_nothing,
    told_of_quality,
    told_of_several,
    told_of_speed,
)
from truth.gates import Gate

Spread = Callable[[Callable[[Any], Any], Iterable[Any]], list[Any]]
ALARM_BOUND = 0.09  # of a test that promises 0.05
# signal from, signal below, least share of worlds in which the exact place comes first
POWER = ((3.0, 4.0, 0.60), (4.0, 5.0, 0.80), (5.0, float("inf"), 0.95))
_STATED = ((0.0, 0.5), (0.5, 0.75), (0.75, 0.95), (0.95, 1.01))  # classes of certainty
_OFF = 0.12  # that a stated certainty may be off
_FEWEST = 10  # statements of a class from which on it is judged
_COVER = (0.85, 0.95)  # of an interval that promises 0.90
_NAMED = "The same companies: significant at an error rate of 5 % for all that was looked at."
_SEASONAL = "season"  # everything falls there, and may be said to
LARGE_NULLS = ("noise_15",)  # the hardest for large companies


@dataclass(frozen=True)
class LeakSizes:
    """How many worlds each gate of the diagnosis sees."""

    quality: int = 200
    speed: int = 200
    noisy: int = 120
    several: int = 60


@dataclass(frozen=True)
class FalseLeakSizes:
    """How many worlds of each kind of company without a leak are seen."""

    nothing: int = 200


def leak_gates(spread: Spread, first: int, sizes: LeakSizes) -> list[Gate]:
    """Measure how the diagnosis finds what was planted."""
    dropped, slowed, regions, many = (
        spread(work, range(first + begin, first + begin + n))
        for begin, work, n in (
            (60_000, told_of_quality, sizes.quality),
            (70_000, told_of_speed, sizes.speed),
            (80_000, told_of_noisy_region, sizes.noisy),
            (90_000, told_of_several, sizes.several),
        )
    )
    gates = [
        *power_gates("fewer go on", dropped, "quality"),
        *rival_gates(dropped),
        *power_gates("slower", slowed, "speed"),
        *noisy_gates(regions),
        *several_gates(many),
        month_gate([*dropped, *slowed]),
        *effect_gates(dropped, slowed),
        *certainty_gates([*dropped, *slowed, *regions, *many]),
    ]
    return [gate for gate in gates if gate.worlds]


def false_leak_gates(spread: Spread, first: int, sizes: FalseLeakSizes) -> list[Gate]:
    """Measure how often a company without a leak is said to have one."""
    nothing = sizes.nothing
    calm = {(name, SIZES[0]): _nulls(spread, name, SIZES[0], first + 100_000 + 1_000 * place,
                                     nothing)
            for place, name in enumerate(NULLS)}  # fmt: skip
    calm |= {(name, LARGE): _nulls(spread, name, LARGE, first + 120_000 + 1_000 * place, nothing)
             for place, name in enumerate(LARGE_NULLS)}  # fmt: skip
    return [gate for gate in false_alarm_gates(calm) if gate.worlds]


def _nulls(spread: Spread, name: str, deals: int, first: int, number: int) -> list[Told]:
    return spread(told_of_nothing, [(name, deals, first + i) for i in range(number)])


def power_gates(what: str, told: Sequence[Told], kind: str) -> list[Gate]:
    """How often the planted stage and group come first, by the signal of the cause."""
    gates = []
    for low, high, least in POWER:
        inside = [one for one in told if low <= one.planted[0].signal < high]
        if not inside:
            continue
        first = sum(_first(one, kind) for one in inside)
        gates.append(Gate(
            f"leak ({what}), signal {_span(low, high)}: exact stage and group first",
            "Of companies of 6,000 to 25,000 deals in which one cause was planted in a stage and a "
            "group of one or two dimensions, how often exactly this place comes first among some "
            "thousand, whether it is significant or not. Signal: z-value of the best possible test "
            "that is told place and month, within the last twelve months.",
            first, len(inside), lowest=least,
        ))  # fmt: skip
        named = sum(bool(one.named_exactly(one.planted[0])) for one in inside)
        gates.append(Gate("… and named as a finding", _NAMED, named, len(inside)))
    return gates


def rival_gates(told: Sequence[Told]) -> list[Gate]:
    """What is in use today, told the month in which it began."""
    gates = []
    for low, high, _ in POWER:
        inside = [one for one in told if low <= one.planted[0].signal < high]
        for name, way in (("cohort", "conversion of entries, z-test"),
                          ("contribution", "largest contribution to the fall")):  # fmt: skip
            if inside:
                gates.append(Gate(
                    f"… in use today, signal {_span(low, high)}: {way}",
                    "The same companies; the method is told in which month the cause began.",
                    sum(_named_by_rival(one, name) for one in inside), len(inside),
                ))  # fmt: skip
    return gates


def noisy_gates(told: Sequence[Told]) -> list[Gate]:
    text = (
        "Companies of 25,000 deals with month noise of sd 0.15 in every region, in which one "
        "region advances 30 % fewer deals from one stage."
    )
    first = sum(_first(one, "quality") for one in told)
    named = sum(bool(one.named_exactly(one.planted[0])) for one in told)
    return [
        Gate("leak in a noisy company: exact stage and region first", text, first, len(told),
             lowest=0.75),
        Gate("… and named as a finding", _NAMED, named, len(told), lowest=0.80),
    ]  # fmt: skip


def several_gates(told: Sequence[Told]) -> list[Gate]:
    named = [(one, leak) for one in told for leak in one.clear]
    right = sum(_is_planted(one, leak) for one, leak in named)
    planted = [(one, cause) for one in told for cause in one.planted]
    found = sum(bool(one.named_exactly(cause)) for one, cause in planted)
    text = "Companies of 25,000 deals with none to three causes of 40 % in different stages."
    return [
        Gate("several leaks: those named are right", text, right, len(named), lowest=0.90),
        Gate("… those planted are named", text, found, len(planted)),
    ]


def month_gate(told: Sequence[Told]) -> Gate:
    """How often a named leak begins in the month named, or next to it."""
    pairs = [pair for pair in _exact(told) if pair[0].signal >= POWER[1][0]]
    near = sum(abs(leak.month - cause.month) <= 1 for cause, leak in pairs)
    return Gate(
        "leak named: month of its begin, ± 1", "Signal of 4 or more, named at the exact place.",
        near, len(pairs), lowest=0.95,
    )  # fmt: skip


def effect_gates(dropped: Sequence[Told], slowed: Sequence[Told]) -> list[Gate]:
    gates = []
    for what, told in (("log-odds of going on", dropped), ("log of the stay", slowed)):
        pairs = _exact(told)
        held = sum(leak.lower <= cause.change <= leak.upper for cause, leak in pairs)
        gates.append(Gate(
            f"leak named: 90 % interval of its size ({what})",
            "How often the interval holds the planted change, of causes named at the exact place; "
            "those that were named are larger by luck, which the interval allows for.",
            held, len(pairs), *_COVER,
        ))  # fmt: skip
    return gates


def certainty_gates(told: Sequence[Told]) -> list[Gate]:
    """Whether a stated certainty is as often right as it says."""
    stated = [(leak.certainty, _is_planted(one, leak)) for one in told for leak in one.named]
    gates = []
    for low, high in _STATED:
        inside = [(value, right) for value, right in stated if low <= value < high]
        if len(inside) < _FEWEST:
            continue
        mean = sum(value for value, _ in inside) / len(inside)
        gates.append(Gate(
            f"certainty stated: {low:.0%} – {min(high, 1):.0%} (mean {mean:.2f})",
            "Of leaks told with such a certainty, how many are planted in exactly that stage and "
            "group; the target is the mean of what was stated, ± 0.12.",
            sum(right for _, right in inside), len(inside),
            max(mean - _OFF, 0.0), min(mean + _OFF, 1.0),
        ))  # fmt: skip
    return gates


def false_alarm_gates(calm: dict[tuple[str, int], list[Told]]) -> list[Gate]:
    gates = []
    for (name, deals), told in calm.items():
        seasonal = name == _SEASONAL
        alarms = sum(_cries(one, groups_alone=seasonal) for one in told)
        more = "; that everything falls may be said, no group may be named" if seasonal else ""
        gates.append(Gate(
            f"false leak: {name}, {deals:,} deals",
            f"How often anything is said to be worse where nothing is{more}.",
            alarms, len(told), bound_at_most=ALARM_BOUND,
        ))  # fmt: skip
    rivals = [one.rivals["cohort"] for told in calm.values() for one in told if one.rivals]
    gates.append(Gate(
        "… in use today: conversion of entries, z-test",
        "How often it names anything where nothing at all happened, false discovery rate 5 %.",
        sum(rival.alarm for rival in rivals), len(rivals),
    ))  # fmt: skip
    return gates


def _cries(one: Told, *, groups_alone: bool) -> bool:
    """Tell whether anything is said to be worse, or a group is named."""
    if groups_alone:
        return any(leak.place.where for leak in one.clear)
    return bool(one.named)


def _first(one: Told, kind: str) -> bool:
    return one.suspects[kind][:1] == (one.planted[0].place,)


def _is_planted(one: Told, leak: Named) -> bool:
    return any((cause.kind, cause.place) == (leak.kind, leak.place) for cause in one.planted)


def _exact(told: Sequence[Told]) -> list[tuple[Planted, Named]]:
    return [(cause, leak) for one in told for cause in one.planted
            for leak in one.named_exactly(cause)]  # fmt: skip


def _named_by_rival(one: Told, name: str) -> bool:
    place, rival = one.planted[0].place, one.rivals[name]
    return (rival.stage, rival.where) == (place.stage, place.where)


def _span(low: float, high: float) -> str:
    return f"≥ {low:g}" if high == float("inf") else f"{low:g}–{high:g}"
