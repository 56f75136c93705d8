"""Tokens on the System screen, links to share on a model's."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from core import shares, tokens
from core.errors import Refused, Unauthorized
from core.studio import Studio
from tests.pages.conftest import Visit, add, add_model, calm, words


def press(app: AppTest, label: str) -> AppTest:
    [button] = [one for one in app.button if one.label == label]
    return button.click().run()


def test_a_token_is_shown_once_and_then_only_its_name(visit: Visit, studio: Studio) -> None:
    app = visit("system")
    app.text_input[0].set_value("<b>Line</b> 2")
    app = press(app, "Make a token")
    assert calm(app)
    secret = app.code[0].value
    assert tokens.check(studio, secret).name == "<b>Line</b> 2"
    app = press(app, "I have copied it")
    assert secret not in words(app)
    assert secret not in words(visit("system"))


def test_a_token_is_taken_back_with_a_button(visit: Visit, studio: Studio) -> None:
    _, secret = tokens.make(studio, "Line 2")
    app = press(visit("system"), "Revoke")
    assert calm(app) and "1 token revoked" in words(app)
    with pytest.raises(Unauthorized):
        tokens.check(studio, secret)


def test_a_token_without_a_name_gets_a_sentence(visit: Visit, studio: Studio) -> None:
    app = press(visit("system"), "Make a token")
    assert calm(app) and app.warning
    assert tokens.all_of(studio) == []


def test_there_is_an_end_to_tokens(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST", 2)
    first, _ = tokens.make(studio, "1")
    tokens.make(studio, "2")
    with pytest.raises(Refused):
        tokens.make(studio, "3")
    tokens.revoke(studio, first.id)
    tokens.make(studio, "3")


def test_a_link_to_share_is_shown_once_with_its_code_and_taken_back(visit: Visit, studio: Studio) -> None:
    model = add_model(studio, add(studio, "Fruit", {"apple": 5, "pear": 5}))
    app = visit("models", model=model.id, view="share")
    assert calm(app) and "A page to share" in words(app)
    assert shares.open_ones(studio, model.id) == [], "off until somebody makes one"
    app = press(app, "Make a link")
    link = app.code[0].value
    assert "/share#look_" in link and "QR code of the link" in words(app)
    assert shares.check(studio, link.partition("#")[2]).id == model.id
    app = press(app, "I have copied it")
    assert link not in words(app)
    app = press(app, "Revoke")
    assert calm(app) and shares.open_ones(studio, model.id) == []
