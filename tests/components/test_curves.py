"""Curves that move by themselves, in the same two charts, with the best epoch in sight."""

from __future__ import annotations

import math

import pytest
from playwright.sync_api import expect

from tests.components.conftest import Show, World

pytestmark = pytest.mark.browser
RANGE = "plot => plot._fullLayout.xaxis.range"


def test_the_curves_move_by_asking_only_for_what_is_new(show: Show, world: World) -> None:
    world.reset(steps_a_poll=20)
    page = show("curves&run=1&every=0.2")
    page.get_by_text('changed={"state": "succeeded", "wish": null, "begun": true}').wait_for()
    polls = world.state["curve_polls"]
    assert polls[0] == -1 and polls == sorted(polls) and len(polls) >= 12
    drawn = page.locator(".plot").first.evaluate("plot => plot.data.map(trace => trace.x.length)")
    assert drawn[0] == 240 and drawn[1] == 12, "all points of both curves came, though in pieces"
    expect(page.locator(".badge")).to_have_text("Finished")


def test_a_zoom_is_kept_while_the_curve_moves(show: Show, world: World) -> None:
    world.reset(steps_a_poll=1)  # it goes on for more than a minute
    page = show("curves&run=1&every=0.3")
    plot = page.locator(".plot").first
    plot.locator(".main-svg").first.wait_for()
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 100, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 200, steps=8)
    page.mouse.up()
    page.wait_for_function("([plot]) => plot._fullLayout.xaxis.range[0] > 0.5", arg=[plot.element_handle()])
    zoomed = plot.evaluate(RANGE)
    plot.evaluate("plot => plot.marked = true")
    before = len(world.state["curve_polls"])
    page.wait_for_function(f"fetch('/fake/state').then(r => r.json()).then(s => s.curve_polls.length > {before + 3})")
    assert plot.evaluate(RANGE) == zoomed
    assert plot.evaluate("plot => plot.marked === true"), "the chart was built anew"


def test_the_best_epoch_is_ringed_with_its_value(show: Show) -> None:
    page = show("curves&run=2")
    page.locator(".plot").nth(1).get_by_text("best 92.4 %").wait_for()
    ring = page.locator(".plot").nth(1).evaluate("plot => [plot.data[2].x[0], plot.data[2].marker.symbol]")
    assert ring == [9, "circle-open"]


def test_of_few_validation_pictures_the_best_is_a_count(show: Show, world: World) -> None:
    world.reset(few=12)
    page = show("curves&run=2")
    page.locator(".plot").nth(1).get_by_text("best 11 of 12").wait_for()
    expect(page.locator(".figure", has_text="Best")).to_have_text("Best11 of 12, epoch 9")
    pointed = page.locator(".plot").nth(1).evaluate("plot => [plot.data[1].hovertemplate, plot.data[1].text[8]]")
    assert "gets %{text} validation pictures right" in pointed[0] and pointed[1] == "11 of 12"


def test_a_finished_run_is_looked_at_once(show: Show, world: World) -> None:
    page = show("curves&run=2")
    page.locator(".badge", has_text="Finished").wait_for()
    page.wait_for_timeout(700)
    assert world.state["curve_polls"] == [-1]
    expect(page.get_by_text("changed=null")).to_be_visible()


def test_a_waiting_run_says_so_in_place_of_curves(show: Show) -> None:
    page = show("curves&run=3")
    page.get_by_text("The curves begin when its turn comes.").first.wait_for()
    expect(page.locator(".badge")).to_have_text("Waiting in the queue")


def test_a_run_that_waits_for_a_person_is_not_called_paused(show: Show) -> None:
    page = show("curves&run=4")
    page.get_by_text("The curves begin once it goes on.").first.wait_for()
    expect(page.locator(".badge")).to_have_text("Waiting for your answer")


def test_a_server_that_is_away_is_told_and_the_curves_go_on(show: Show, world: World) -> None:
    world.reset(steps_a_poll=2)
    page = show("curves&run=1&every=0.2")
    page.locator(".main-svg").first.wait_for()
    page.route("**/curve?*", lambda route: route.abort())
    page.get_by_text("The server does not answer just now.").wait_for()
    page.unroute("**/curve?*")
    expect(page.get_by_text("The server does not answer just now.")).to_be_hidden()


def test_smoothing_draws_a_calmer_line_and_keeps_the_raw_one_faint(show: Show) -> None:
    page = show("curves&run=2")
    plot = page.locator(".plot").first
    plot.locator(".main-svg").first.wait_for()
    raw = plot.evaluate("plot => plot.data[0].y")
    page.get_by_label("Smooth the training curves").fill("0.9")
    page.wait_for_function("([plot]) => plot.data.length === 4", arg=[plot.element_handle()])
    line, faint, opacity = plot.evaluate("plot => [plot.data[0].y, plot.data[3].y, plot.data[3].opacity]")
    assert faint == raw and opacity < 0.5

    def roughness(values: list[float]) -> float:
        return sum(abs(a - b) for a, b in zip(values, values[1:], strict=False))

    assert roughness(line) < roughness(raw) / 4
    assert plot.evaluate("plot => plot.data[1].y.length") == 12, "validation is as it was measured"


def test_the_log_axis_keeps_the_best_epoch_at_its_place(show: Show) -> None:
    page = show("curves&run=2")
    plot = page.locator(".plot").first
    plot.locator(".main-svg").first.wait_for()
    page.get_by_role("button", name="Log axis").click()
    page.wait_for_function("([plot]) => plot._fullLayout.yaxis.type === 'log'", arg=[plot.element_handle()])
    ring, note = plot.evaluate("plot => [plot.data[2].y[0], plot.layout.annotations[0].y]")
    assert note == pytest.approx(math.log10(ring))
    assert page.locator(".plot").nth(1).evaluate("plot => plot._fullLayout.yaxis.type") == "linear"


def test_another_run_is_laid_over_this_one_and_taken_off_again(show: Show, world: World) -> None:
    world.reset(steps_a_poll=2)
    page = show("curves&run=1&every=0.3")
    plot = page.locator(".plot").first
    plot.locator(".main-svg").first.wait_for()
    page.get_by_text("Compare with other runs").click()
    page.get_by_label("2: resnet18, 12 epochs").check()
    plot.get_by_text("run 2").wait_for()
    assert plot.evaluate("plot => plot.data.at(-1).x.length") == 12
    page.get_by_label("2: resnet18, 12 epochs").uncheck()
    plot.get_by_text("run 2").wait_for(state="detached")


def test_what_it_takes_of_the_machine_is_folded_until_somebody_asks(show: Show) -> None:
    page = show("curves&run=2")
    page.locator(".main-svg").first.wait_for()
    expect(page.get_by_text("Pictures a second")).to_be_hidden()
    page.get_by_text("Learning rate, speed, memory").click()
    expect(page.get_by_text("Pictures a second")).to_be_visible()
    expect(page.locator("figure.small", has_text="Memory")).to_be_hidden()  # this run did not measure it
    assert page.locator("figure.small .plot").first.evaluate("plot => plot.data[0].y[0]") == 0.001


def test_the_coach_speaks_below_the_progress(show: Show) -> None:
    page = show("curves&run=2")
    expect(page.get_by_role("status")).to_contain_text("It is learning: epoch 12. Nothing to do.")


def test_a_young_run_has_the_room_it_needs_and_an_old_one_all_of_it(show: Show, world: World) -> None:
    world.reset(steps_a_poll=1)
    page = show("curves&run=1&every=0.2")
    page.locator(".main-svg").first.wait_for()
    assert page.locator(".plot").first.evaluate(RANGE)[1] == pytest.approx(5.15)
    assert page.locator(".plot").first.evaluate("plot => plot.layout.xaxis.dtick") == 1, "no tick within an epoch"
    world.faults(steps_a_poll=100)
    page.wait_for_function(
        "([plot]) => plot._fullLayout.xaxis.range[1] > 12", arg=[page.locator(".plot").first.element_handle()]
    )
