"""The flip board: the pictures that two models differ on, by what became of them."""

from __future__ import annotations

from core import comparing, datasets
from core.comparing import Comparison, Turn
from core.studio import Studio
from pages.components.gallery import gallery
from pages.parts import markup, pickers
from pages.parts.text import count
from pages.parts.theme import label_colour
from pages.pictures import row

MOST = 60
TURNS: dict[Turn, str] = {
    "fixed": "Fixed",
    "broken": "Broken",
    "both_wrong": "Still wrong",
    "both_right": "Still right",
}
NONE: dict[Turn, str] = {
    "fixed": "It puts nothing right that the other gets wrong.",
    "broken": "It breaks nothing that the other gets right.",
    "both_wrong": "There is no picture that both get wrong.",
    "both_right": "There is no picture that both get right.",
}


def draw(studio: Studio, found: Comparison) -> None:
    markup.section("Flip board", "pictures by what became of them")
    options: dict[str, str] = {turn: f"{words} {count(found.many(turn))}" for turn, words in TURNS.items()}
    first = next((turn for turn in TURNS if found.many(turn)), "fixed")
    picked = pickers.pills("Became", "turn", options, first, lambda: None)
    turn: Turn = next(one for one in TURNS if one == picked)
    some = comparing.flips(studio, found, turn, MOST)
    if not some:
        return markup.draw(markup.words(NONE[turn], quiet=True))
    labels = datasets.labels(studio, found.after.dataset_id)
    named = [{"id": one.id, "name": one.name, "color": label_colour(one.position)} for one in labels]
    told = [row(one.image) | {"suggestion": one.after, "confidence": one.confidence} for one in some]
    page = f"{found.before.folder}|{found.after.folder}|{turn}"
    gallery(f"flips-{found.after.id}", found.after.dataset_id, told, named, page=page, total=len(some))
    many = found.many(turn)
    if many > len(some):
        markup.draw(markup.words(f"The first {len(some)} of {count(many, 'picture')}.", quiet=True, small=True))
