from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import names
from core.errors import Refused


@pytest.mark.parametrize("name", ["../../etc", "<b>", "=1+1", "![t](http://x.invalid/t.png)", "苹果", "007", 'a","b'])
def test_a_name_that_can_be_seen_is_kept_literally(name: str) -> None:
    assert names.clean(name) == name


def test_two_spellings_of_one_name_become_one() -> None:
    assert names.clean("Cafe\u0301") == names.clean("Café") == "Café"
    assert names.clean("  hat \t") == "hat"


def test_direction_tricks_and_control_characters_go() -> None:
    assert names.clean("gpj\u202egnp.exe\x00\x07") == "gpjgnp.exe"


def test_an_emoji_family_stays_together() -> None:
    family = "👩\u200d👩\u200d👧\u200d👦"
    assert names.clean(family) == family


@given(st.text())
def test_a_clean_name_is_short_printable_and_stays_as_it_is(name: str) -> None:
    cleaned = names.clean(name)
    assert len(cleaned) <= names.MAX_LENGTH
    assert names.clean(cleaned) == cleaned
    assert not any(ord(c) < 32 for c in cleaned)


def test_a_name_of_which_nothing_can_be_seen_is_refused() -> None:
    with pytest.raises(Refused, match="label needs a name"):
        names.require(" \u200b\x00", "label")


def test_ten_comes_after_two() -> None:
    assert sorted(["10", "2", "b1", "a"], key=names.natural_key) == ["2", "10", "a", "b1"]
