"""What to try next, and which trial has no hope left: the only place that knows Optuna.

Optuna keeps nothing. Its study is built anew from our own rows for every question, and the sampler's seed comes from
the search and the trial's number: the same rows give the same answer, whoever died in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from core import spaces
from core.records import SearchKind
from core.spaces import Point, Space
from core.trials import Outcome, Tried

FIRST_TRIALS = 4  # by chance, before the sampler draws conclusions
WHOLE_TRIALS = 3  # that ran to their end, before any is ended early
WARM_UP = 1  # epochs after which nothing is judged yet
TRIES = 100  # to find a point that was not tried before

optuna.logging.set_verbosity(optuna.logging.WARNING)


def propose(kind: SearchKind, space: Space, seed: int, first: Point | None, tried: Sequence[Tried]) -> Point | None:
    """The next point, one that is not among the `tried`; None when there is none left.

    Args:
        first: where the search begins, if it is told.
        tried: every trial so far, by number.
    """
    if kind is SearchKind.GRID:
        return _of_grid(space, seed, len(tried))
    before = [one.point for one in tried]
    if first is not None and not tried:
        return first
    if (size := spaces.points(kind, space)) is not None and len(_different(before)) >= size:
        return None
    for attempt in range(TRIES):
        point = _ask(kind if attempt == 0 else SearchKind.RANDOM, space, [seed, len(tried), attempt], tried)
        if point not in before:
            return point
    return next((point for point in spaces.combinations(space) if point not in before), None) if size else None


def hopeless(tried: Sequence[Tried], place: int) -> bool:
    """Whether the open trial at this place is below the median of those that ran to their end, at its last epoch."""
    pruner = optuna.pruners.MedianPruner(n_startup_trials=WHOLE_TRIALS, n_warmup_steps=WARM_UP + 1)
    study = _study(optuna.samplers.RandomSampler(0), pruner)
    # Only the scores count here, so a study without parameters will do.
    _tell(study, [replace(one, point={}) for one in tried], {})
    trial = study.get_trials(deepcopy=False)[place]
    return bool(trial.intermediate_values) and study.pruner.prune(study, trial)


def importance(kind: SearchKind, space: Space, tried: Sequence[Tried]) -> dict[str, float]:
    """Dial -> the share of the differences between trials that goes back to it, 1 in all; {} where nothing differs.

    A functional ANOVA of the trials that showed something. One that was ended early counts with what it had reached,
    one that failed like the worst of the others: left out, they would hide the very dials that ruin a trial.
    """
    turned = {name: _distribution(kind, name, values) for name, values in space.items() if len(values) > 1}
    shown = [one for one in tried if one.outcome in (Outcome.WHOLE, Outcome.CUT) and one.scores]
    values = [max(one.scores.values()) for one in shown]
    lost = [one for one in tried if one.outcome is Outcome.LOST]
    if not turned or not values:
        return {}
    study = _study(optuna.samplers.RandomSampler(0), optuna.pruners.NopPruner())
    for one, value in zip([*shown, *lost], [*values, *[min(values)] * len(lost)], strict=True):
        whole = replace(one, scores={1: value}, outcome=Outcome.WHOLE)
        study.add_trial(_frozen(whole, turned))
    if min(values) == max(values):
        return {}
    # Loaded here: it brings scikit-learn, and most looks of a searcher ask for nothing of this kind.
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    found = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    return {name: float(share) for name, share in found.items()}


def _of_grid(space: Space, seed: int, number: int) -> Point | None:
    """In an order of chance, so that a budget that ends early has seen of everything."""
    points = spaces.combinations(space)
    order = np.random.default_rng([seed]).permutation(len(points))
    return points[order[number]] if number < len(points) else None


def _ask(kind: SearchKind, space: Space, seed: Sequence[int], tried: Sequence[Tried]) -> Point:
    number = int(np.random.SeedSequence(list(seed)).generate_state(1)[0])
    distributions = {name: _distribution(kind, name, values) for name, values in space.items()}
    sampler: optuna.samplers.BaseSampler = optuna.samplers.RandomSampler(number)
    if kind is SearchKind.TPE:
        sampler = optuna.samplers.TPESampler(n_startup_trials=FIRST_TRIALS, seed=number)
    study = _study(sampler, optuna.pruners.NopPruner())
    _tell(study, tried, distributions)
    params = study.ask(distributions).params
    return {
        name: _rounded(params[name], space[name]) if spaces.is_range(kind, name) else params[name] for name in space
    }


def _study(sampler: optuna.samplers.BaseSampler, pruner: optuna.pruners.BasePruner) -> optuna.Study:
    return optuna.create_study(direction="maximize", sampler=sampler, pruner=pruner)


def _tell(study: optuna.Study, tried: Sequence[Tried], distributions: Mapping[str, BaseDistribution]) -> None:
    for one in tried:
        study.add_trial(_frozen(one, distributions))


def _frozen(one: Tried, distributions: Mapping[str, BaseDistribution]) -> FrozenTrial:
    state, value = {
        Outcome.OPEN: (TrialState.RUNNING, None),
        Outcome.WHOLE: (TrialState.COMPLETE, max(one.scores.values(), default=0.0)),
        Outcome.CUT: (TrialState.PRUNED, None),
        Outcome.LOST: (TrialState.COMPLETE, 0.0),
        Outcome.VOID: (TrialState.FAIL, None),
    }[one.outcome]
    known = {name: one.point[name] for name in distributions if name in one.point}
    return create_trial(
        state=state,
        value=value,
        params=known,
        distributions={name: distributions[name] for name in known},
        intermediate_values=dict(one.scores),
    )


def _distribution(kind: SearchKind, name: str, values: Sequence[Any]) -> BaseDistribution:
    if spaces.is_range(kind, name):
        return FloatDistribution(values[0], values[1], log=True)
    return CategoricalDistribution(tuple(values))


def _rounded(number: float, ends: Sequence[float]) -> float:
    """To three digits, as people see it."""
    return min(max(float(f"{number:.3g}"), ends[0]), ends[1])


def _different(points: Sequence[Point]) -> list[Point]:
    return [point for at, point in enumerate(points) if point not in points[:at]]
