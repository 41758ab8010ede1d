"""Every control of the router by its role and name: mouse, keyboard, bad input, what Python hears."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect
from router_page import demo, mount, sent, shown_result

from eeviz.core.table.policy import Policy, route


def test_everything_has_a_role_and_a_name(page):
    _, router = demo()
    mount(page, router)
    for k in (1, 2, 3):
        expect(page.get_by_role("switch", name=f"Exit {k} on")).to_be_checked()
        expect(page.get_by_role("slider", name=f"Exit {k} share leaving")).to_have_attribute(
            "aria-valuetext", re.compile(r"50\.0 % of all samples are confident enough, threshold 0\.\d+")
        )
        expect(page.get_by_role("spinbutton", name=f"Exit {k} threshold")).to_be_visible()
    expect(page.get_by_role("img", name="Routing picture")).to_be_visible()
    summary = page.locator(".ee-summary").inner_text()
    assert page.get_by_role("img", name="Routing picture").get_attribute("aria-describedby") == page.locator(
        ".ee-summary"
    ).get_attribute("id")
    assert re.match(
        r"Of 500 samples, 50\.0 % leave at Exit 1, .* reach the final classifier; .* are answered right", summary
    )


def test_a_drag_redraws_at_once_and_tells_python_once(page):
    records, router = demo()
    mount(page, router)
    slider = page.get_by_role("slider", name="Exit 1 share leaving")
    before = shown_result(page)
    box = slider.bounding_box()
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] / 2, y)
    page.mouse.down()
    for step in range(1, 11):
        page.mouse.move(box["x"] + box["width"] * (0.5 + 0.03 * step), y)
        page.evaluate("window.frames_()")
    assert shown_result(page) != before
    page.mouse.up()
    page.wait_for_function("window.sent.length > 0")
    page.wait_for_timeout(300)
    assert len(sent(page)) == 1
    routing = route(records, Policy(tuple(sent(page)[0])))
    assert routing.share[0] > 0.7
    expect(page.get_by_role("group", name="Exit 1")).to_contain_text(f"{100 * routing.share[0]:.1f} % leave here")
    expect(page.get_by_role("status")).to_contain_text(f"{100 * routing.share[0]:.1f} % leave at Exit 1")


def test_a_drag_creates_no_element(page):
    _, router = demo()
    mount(page, router)
    page.evaluate(
        """() => { window.made = 0;
        const elements = (change) => [...change.addedNodes].filter((node) => node.nodeType === 1).length;
        new MutationObserver((changes) => changes.forEach((change) => (window.made += elements(change))))
          .observe(document.body, {subtree: true, childList: true}); }"""
    )
    slider = page.get_by_role("slider", name="Exit 2 share leaving")
    slider.focus()
    for _ in range(10):
        page.keyboard.press("ArrowRight")
        page.evaluate("window.frames_()")
    assert page.evaluate("window.made") == 0


def test_a_burst_of_input_is_one_redraw(page):
    _, router = demo()
    mount(page, router)
    redraws = page.evaluate(
        """async () => { let redraws = 0;
        const path = document.querySelector("path.ee-right");
        new MutationObserver(() => redraws++).observe(path, {attributes: true});
        const slider = document.querySelector("input[type=range]");
        for (let value = 10; value < 60; value++) { slider.value = value; slider.dispatchEvent(new Event("input")); }
        await window.frames_();
        return redraws; }"""
    )
    assert redraws == 1


def test_the_keyboard_alone_does_everything(page):
    _, router = demo()
    mount(page, router)
    page.keyboard.press("Tab")
    expect(page.get_by_role("switch", name="Exit 1 on")).to_be_focused()
    page.keyboard.press("Space")
    page.wait_for_function("window.sent.length === 1")
    assert sent(page)[0][0] is None
    expect(page.get_by_role("group", name="Exit 1")).to_contain_text("removed")
    expect(page.get_by_role("slider", name="Exit 1 share leaving")).to_be_disabled()
    page.keyboard.press("Space")
    page.wait_for_function("window.sent.length === 2")
    assert sent(page)[1] == router.thresholds  # switching on brings the old threshold back
    page.keyboard.press("Tab")
    slider = page.get_by_role("slider", name="Exit 1 share leaving")
    expect(slider).to_be_focused()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("window.sent.length === 3")
    assert float(slider.input_value()) == pytest.approx(51, abs=0.5)
    page.keyboard.press("Home")
    expect(page.get_by_role("group", name="Exit 1")).to_contain_text("nobody leaves here")
    page.keyboard.press("Tab")
    box = page.get_by_role("spinbutton", name="Exit 1 threshold")
    expect(box).to_be_focused()
    expect(box).to_have_value("1")
    page.keyboard.press("ArrowDown")
    expect(box).to_have_value("0.99")
    page.keyboard.press("Shift+ArrowDown")
    expect(box).to_have_value("0.989")
    page.wait_for_function("window.sent.at(-1)[0] === Math.fround(0.989)")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_a_typed_threshold_is_the_float32_of_what_was_typed(page):
    _, router = demo()
    mount(page, router)
    box = page.get_by_role("spinbutton", name="Exit 2 threshold")
    box.fill("0.9")
    box.press("Enter")
    page.wait_for_function("window.sent.length > 0")
    assert sent(page)[-1][1] == float(np.float32(0.9))
    expect(box).to_have_value("0.9")


@pytest.mark.parametrize("text", ["1.5", "-0.2", "", "1e9"])
def test_a_bad_typed_threshold_is_refused_in_words_and_the_view_stands(page, text):
    _, router = demo()
    mount(page, router)
    before = shown_result(page)
    box = page.get_by_role("spinbutton", name="Exit 2 threshold")
    shown = box.input_value()
    box.fill(text)
    box.press("Enter")
    expect(page.get_by_role("alert").filter(has_text="between 0 and 1")).to_be_visible()
    expect(box).to_have_attribute("aria-invalid", "true")
    assert shown_result(page) == before
    box.blur()
    expect(box).to_have_value(shown)
    expect(page.get_by_role("alert").filter(has_text=f"kept {shown}")).to_be_visible()
    assert sent(page) == []
    box.fill("0.5")
    expect(page.get_by_role("alert").filter(has_text="0")).to_have_count(0)


def test_python_moves_the_controls_without_an_echo(page):
    records, router = demo()
    mount(page, router)
    page.evaluate("window.handle.set({thresholds: [Math.fround(0.25), null, 0]})")
    page.evaluate("window.frames_()")
    expect(page.get_by_role("spinbutton", name="Exit 1 threshold")).to_have_value("0.25")
    expect(page.get_by_role("switch", name="Exit 2 on")).not_to_be_checked()
    routing = route(records, Policy((0.25, None, 0)))
    assert f"{100 * routing.accuracy:.2f} %" in shown_result(page)
    page.wait_for_timeout(250)
    assert sent(page) == []


def test_thresholds_of_other_records_are_ignored(page):
    _, router = demo()
    mount(page, router)
    before = shown_result(page)
    page.evaluate("window.handle.set({thresholds: [0.5]})")
    page.evaluate("window.frames_()")
    assert shown_result(page) == before


def test_alternatives_at_one_position_exclude_each_other(page):
    _, router = demo(position=[0, 0, 1, 2], policy=Policy((0.5, None, 0.5)))
    mount(page, router)
    page.get_by_role("switch", name="Exit 2 on").check()
    expect(page.get_by_role("switch", name="Exit 1 on")).not_to_be_checked()
    page.wait_for_function("window.sent.length === 1")
    assert sent(page)[0][0] is None
    assert sent(page)[0][1] is not None


def test_exits_that_cannot_be_removed_have_no_working_switch(page):
    _, router = demo(removable=False)
    mount(page, router)
    expect(page.get_by_role("switch", name="Exit 1 on")).to_be_disabled()
    expect(page.get_by_role("slider", name="Exit 1 share leaving")).to_be_enabled()


def test_a_locked_router_shows_but_does_not_move(page):
    _, router = demo(hide=["lock"])
    mount(page, router)
    expect(page.get_by_role("slider", name="Exit 1 share leaving")).to_be_disabled()
    expect(page.get_by_role("spinbutton", name="Exit 1 threshold")).to_be_disabled()
    expect(page.get_by_role("switch", name="Exit 1 on")).to_be_disabled()
