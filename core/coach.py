"""The coach: what a person who has seen a thousand curves would say of this one, in one calm sentence.

Rules, no model, and no memory but the curve itself: the epochs are read from the first to the last, and each moves the
judgement at most once. So the same curve always gives the same words, a curve that grew by an epoch goes on from what
was said before, and what was said is only taken back when the curve has clearly turned, not when it twitches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from core.words import of_hundred

RISEN_EPOCHS = 3  # so long validation loss stays above its lowest before that is called memorising
RISEN = 1.05  # and so much
LEVEL_SHARE, LEVEL_EPOCHS = 0.15, 4  # no better for this share of the run, and so many epochs: levelled off
FLAT_EPOCHS, FLAT = 4, 0.93  # after so many epochs training loss is still that close to guessing,
CHANCE = 1.6  # and not so many times as many are right as by chance
WILD = 2.0  # a loss that many times that of guessing can only come from too large a step
LEAP, LEAP_SHARE = 1.25, 0.03  # training loss so far above its lowest, by so much of guessing: a leap
CHANCE_ERRORS, MISTAKE = 3.0, 2.0  # standard errors that chance explains; what a mistake costs, in nats, more or less
LEAPS, CALM_EPOCHS = 3, 6  # so many leaps in so many epochs
FEW = 20  # pictures of a label: with fewer, no setting helps as much as more pictures
GAP = 0.2  # training accuracy beyond validation accuracy


class Kind(StrEnum):
    EARLY = "early"  # too early to tell
    LEARNING = "learning"
    LEVEL = "level"  # gets no better
    PERFECT = "perfect"  # cannot get better
    MEMORISING = "memorising"
    FEW = "few"  # has too few pictures to do anything but memorise
    FLAT = "flat"  # does not learn
    UNSTABLE = "unstable"
    WILD = "wild"  # left all bounds; nothing but a smaller rate helps
    DONE = "done"
    CUT_OFF = "cut off"  # ended while it still got better


class Tone(StrEnum):
    GOOD = "good"
    CALM = "calm"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class Epoch:
    """One point of the validation curve; losses in nats, accuracies 0..1; None is not a number, or not measured."""

    epoch: int  # 0: what the run began with
    train_loss: float | None
    train_accuracy: float | None
    val_loss: float | None
    val_accuracy: float | None


@dataclass(frozen=True, slots=True)
class Situation:
    """What the curve itself does not say."""

    planned: int  # epochs
    labels: int
    learned_from: int  # pictures
    checked_on: int | None = None  # pictures; None: not known
    learning_rate: float = 0.0  # the highest of the schedule; 0: not known
    patience: int = 0  # epochs without a new best after which it stops by itself; 0: it does not
    ended: str = ""  # empty while it runs; else done, early, diverged, stopped

    @property
    def guessing(self) -> float:
        """The loss of who knows nothing."""
        return math.log(max(self.labels, 2))

    @property
    def few(self) -> bool:
        return self.learned_from < FEW * self.labels


@dataclass(frozen=True, slots=True)
class Advice:
    kind: Kind
    sentence: str  # what happens
    action: str  # one thing to do, or empty
    tone: Tone


def advise(epochs: Sequence[Epoch], situation: Situation) -> Advice | None:
    """What to say after these epochs; None before the first one is over."""
    if not any(one.epoch for one in epochs):
        return None
    said = _Said(Kind.EARLY, 0)
    for count in range(1, len(epochs) + 1):
        said = _judge(said, epochs[:count], situation)
    return _after(said.kind, epochs, situation) if situation.ended else _during(said.kind, epochs, situation)


# ---- judging -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Said:
    kind: Kind
    alarms: int  # how often memorising was said and had to be taken back: each time it takes longer to say it again


def _judge(before: _Said, seen: Sequence[Epoch], situation: Situation) -> _Said:
    """The judgement after the last of `seen`, given that after those before it."""
    kind = _kind(before, seen, situation)
    warned = before.kind in (Kind.MEMORISING, Kind.FEW) and kind not in (Kind.MEMORISING, Kind.FEW)
    return _Said(kind, before.alarms + warned)


def _kind(before: _Said, seen: Sequence[Epoch], situation: Situation) -> Kind:
    if _wild(seen, situation, before.kind):
        return Kind.WILD
    fresh = best_of(seen) is seen[-1]
    if _memorising(seen, before, fresh) and (situation.few or before.kind is not Kind.UNSTABLE):
        return Kind.FEW if situation.few else Kind.MEMORISING
    if (leaps := _leaps(seen, situation)) >= LEAPS or (before.kind is Kind.UNSTABLE and leaps):
        return Kind.UNSTABLE
    if _flat(seen, situation, before.kind):
        return Kind.FLAT
    if _perfect(seen, before.kind):
        return Kind.PERFECT
    if not fresh and (before.kind is Kind.LEVEL or _since_better(seen) >= _patience(situation)):
        return Kind.LEVEL
    return Kind.EARLY if _trained(seen) < 2 else Kind.LEARNING


def _trained(seen: Sequence[Epoch]) -> int:
    return sum(one.epoch > 0 for one in seen)


def best_of(seen: Sequence[Epoch]) -> Epoch:
    """The epoch whose weights are kept: highest accuracy, then lowest loss, then the earliest."""
    return max(seen, key=lambda one: (one.val_accuracy or 0.0, -(one.val_loss or math.inf), -one.epoch))


def _lowest(seen: Sequence[Epoch]) -> Epoch:
    return min(seen, key=lambda one: math.inf if one.val_loss is None else one.val_loss)


def _since_better(seen: Sequence[Epoch]) -> int:
    """Epochs since either the best epoch or the lowest validation loss, whichever came last."""
    return seen[-1].epoch - max(best_of(seen).epoch, _lowest(seen).epoch)


def _patience(situation: Situation) -> int:
    return max(LEVEL_EPOCHS, round(LEVEL_SHARE * situation.planned))


def _wild(seen: Sequence[Epoch], situation: Situation, before: Kind) -> bool:
    """No number any more, or all bounds were left and since then it only guesses."""
    now, bound = seen[-1], FLAT * situation.guessing
    if now.val_loss is None:
        return True
    losses = [one.train_loss for one in seen if one.train_loss is not None]
    if not losses or losses[-1] < bound:
        return False
    return before is Kind.WILD or (max(losses) > WILD * situation.guessing and now.val_loss > bound)


def _leaps(seen: Sequence[Epoch], situation: Situation) -> int:
    """In how many of the last epochs training loss was far above what it had come down to."""
    leaps, lowest = 0, math.inf
    for at, one in enumerate(seen):
        loss = math.inf if one.train_loss is None else one.train_loss
        least = max(LEAP_SHARE * situation.guessing, _noise(loss, situation.learned_from))
        leapt = LEAP * lowest < loss < math.inf and loss - lowest > least
        leaps += leapt and at >= len(seen) - CALM_EPOCHS
        lowest = min(lowest, loss)
    return leaps


def _noise(loss: float, pictures: int) -> float:
    """How far the mean loss of an epoch strays by chance, which with few pictures is far.

    Most of the loss comes from the few pictures that are answered wrongly, a share p of them, each of about MISTAKE:
    then the mean is p * MISTAKE, and the variance of one picture's loss about MISTAKE times the mean.
    """
    return CHANCE_ERRORS * math.sqrt(MISTAKE * loss / max(pictures, 1))


def _flat(seen: Sequence[Epoch], situation: Situation, before: Kind) -> bool:
    losses = [one.train_loss for one in seen if one.train_loss is not None]
    enough = len(losses) >= FLAT_EPOCHS
    bound = FLAT if before is not Kind.FLAT else FLAT - 0.03  # once said, it takes a little more to take it back
    by_chance = (best_of(seen).val_accuracy or 0.0) < CHANCE / max(situation.labels, 2)
    return enough and by_chance and min(losses) > bound * situation.guessing


def _memorising(seen: Sequence[Epoch], before: _Said, fresh: bool) -> bool:
    now, lowest = seen[-1], _lowest(seen)
    if now is lowest or lowest.val_loss is None or now.val_loss is None:
        return False
    if before.kind in (Kind.MEMORISING, Kind.FEW):
        return now.val_loss > RISEN * lowest.val_loss  # a lucky epoch of higher accuracy does not end it
    if fresh:
        return False
    needed = RISEN_EPOCHS + 2 * before.alarms
    since = [one.val_loss for one in seen if one.epoch > lowest.epoch]
    risen = len(since) >= needed and all(loss and loss > RISEN * lowest.val_loss for loss in since[-needed:])
    return risen and now.train_loss is not None and lowest.train_loss is not None and now.train_loss < lowest.train_loss


def _perfect(seen: Sequence[Epoch], before: Kind) -> bool:
    accuracy = seen[-1].val_accuracy or 0.0
    return accuracy >= 0.995 or (before is Kind.PERFECT and accuracy >= 0.98)


# ---- saying ------------------------------------------------------------------------------------------


def _right(epoch: Epoch, situation: Situation) -> str:
    return f"{of_hundred(epoch.val_accuracy or 0.0, situation.checked_on)} validation pictures"


def _kept(best: Epoch) -> str:
    return (
        "the weights it began with are the best so far" if best.epoch == 0 else f"epoch {best.epoch} is the best so far"
    )


def _smaller(situation: Situation) -> str:
    return _again(situation.learning_rate / 10, "a tenth of this one", "a tenth as large")


def _larger(situation: Situation) -> str:
    return _again(situation.learning_rate * 10, "ten times this one", "ten times as large")


def _again(rate: float, compared: str, unknown: str) -> str:
    if not rate:
        return f"Start again with a learning rate {unknown}."
    return f"Start again with learning rate {rate:.2g}, {compared}.".replace("e-0", "e-")


def _during(kind: Kind, seen: Sequence[Epoch], situation: Situation) -> Advice:
    best, lowest, now = best_of(seen), _lowest(seen), seen[-1]
    stop = "Stop and keep the best; more epochs would hardly help."
    if situation.patience:
        stop = f"Nothing to do: it stops by itself after {situation.patience} epochs without a new best."
    match kind:
        case Kind.EARLY:
            return Advice(
                kind, f"It has begun: {_right(now, situation)} right. Two or three epochs say more.", "", Tone.CALM
            )
        case Kind.LEARNING:
            return Advice(kind, f"It is learning: {_right(best, situation)} right, and {_kept(best)}.", "", Tone.GOOD)
        case Kind.LEVEL:
            return Advice(
                kind, f"It has levelled off: {_kept(best)}, with {_right(best, situation)} right.", stop, Tone.CALM
            )
        case Kind.PERFECT:
            said = f"There is little left to learn here: {_right(best, situation)} right."
            return Advice(kind, said, "Try it on new pictures; they say more now than more epochs.", Tone.GOOD)
        case Kind.MEMORISING:
            return Advice(kind, f"{_rising(lowest, now)} The best, epoch {best.epoch}, is kept.", stop, Tone.WARN)
        case Kind.FEW:
            return Advice(
                kind, f"{_rising(lowest, now)} {_few(situation)}", "Add more pictures of each label.", Tone.WARN
            )
        case Kind.FLAT:
            said = f"It has hardly learned in {_trained(seen)} epochs"
            said = f"{said}: {_right(best, situation)} right is close to guessing."
            return Advice(kind, said, _larger(situation), Tone.WARN)
        case Kind.UNSTABLE:
            said = f"The loss leaps up again and again, so the steps are too large; {_kept(best)}."
            return Advice(kind, said, _smaller(situation), Tone.WARN)
        case _:
            return Advice(
                Kind.WILD,
                "The loss has left all bounds: the learning rate is too high.",
                _smaller(situation),
                Tone.WARN,
            )


def _rising(lowest: Epoch, now: Epoch) -> str:
    return (
        f"It is now memorising: validation loss has been above its lowest for {now.epoch - lowest.epoch} epochs, "
        "while training loss went on falling."
    )


def _few(situation: Situation) -> str:
    each = situation.learned_from // max(situation.labels, 1)
    return f"It learns from about {each} pictures of each label, which is few."


def _after(kind: Kind, seen: Sequence[Epoch], situation: Situation) -> Advice:
    best, now = best_of(seen), seen[-1]
    kept = (
        f"Epoch {best.epoch} is kept: {_right(best, situation)} right."
        if best.epoch
        else f"What it began with is kept: {_right(best, situation)} right."
    )
    if situation.ended == "diverged" or kind is Kind.WILD:
        return Advice(Kind.WILD, f"The loss left all bounds. {kept}", _smaller(situation), Tone.WARN)
    if kind is Kind.FLAT:
        return Advice(kind, f"It hardly learned. {kept}", _larger(situation), Tone.WARN)
    if kind is Kind.UNSTABLE:
        return Advice(kind, f"The loss leapt up again and again. {kept}", _smaller(situation), Tone.WARN)
    if kind is Kind.FEW:
        return Advice(
            kind, f"It began to memorise. {kept} {_few(situation)}", "Add more pictures of each label.", Tone.WARN
        )
    if situation.ended == "done" and kind is Kind.LEARNING and best is now:
        return Advice(Kind.CUT_OFF, f"It was still getting better when it ended. {kept}", "Train longer.", Tone.CALM)
    if kind is Kind.MEMORISING:
        return Advice(kind, f"It memorised after epoch {best.epoch}. {kept}", "See what it gets wrong.", Tone.CALM)
    if situation.ended == "early":
        said = f"It stopped by itself: nothing better came in {now.epoch - best.epoch} epochs. {kept}"
        return Advice(Kind.DONE, said, "See what it gets wrong.", Tone.GOOD)
    return Advice(Kind.DONE, f"It has learned what it could. {kept}", "See what it gets wrong.", Tone.GOOD)
