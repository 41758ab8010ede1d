"""The router's page side in Chromium, without a kernel: the rule against Python's, then every control by its role."""

import base64
import os
import re
import shutil

import numpy as np
import pytest

from eeviz.core.metrics import threshold_for_share, wilson
from eeviz.core.policy import Policy, route
from eeviz.core.records import Cost, ExitRecords, ProductCost
from eeviz.core.text import quantity
from eeviz.ui.router import Router

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect

pytestmark = pytest.mark.browser

TABLES = 2000
LEVELS = np.float32([0, 0.1, 0.25, 0.3, 0.5, 0.7, 0.9, 0.99, 1])  # few, so that ties are everywhere

LOAD = """async (source) => {
  const url = URL.createObjectURL(new Blob([source], {type: "text/javascript"}));
  window.router = await import(url);
}"""
BYTES = "const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;"


@pytest.fixture(scope="module")
def chromium():
    path = os.environ.get("EEVIZ_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def page(chromium):
    page = chromium.new_page(viewport={"width": 1200, "height": 800})
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    yield page
    page.close()
    assert errors == []


def text64(values) -> str:
    return base64.b64encode(bytes(values)).decode()


def mount(page, router, theme_light=True):
    """Mount `router` in a blank page as its kernel-less self; window.sent collects what Python would hear."""
    page.set_content(
        f'<body data-jp-theme-light="{"true" if theme_light else "false"}"><style>{router._css}</style><div id="el">'
    )
    page.evaluate(LOAD, router._esm)
    state = {name: getattr(router, name) for name in ("thresholds", "interval", "hidden", "projector")}
    buffers = {name: text64(getattr(router, f"_{name}")) for name in ("confidence", "right", "units")}
    page.evaluate(
        """([state, buffers]) => {"""
        + BYTES
        + """
        const units = bytes(buffers.units);
        window.sent = [];
        window.handle = router.mount(document.getElementById("el"), {
          ...state, confidence: new Float32Array(bytes(buffers.confidence)), right: new Uint8Array(bytes(buffers.right)),
          units: units.byteLength ? new Float64Array(units) : null,
        }, {onRest: (thresholds) => window.sent.push(thresholds)});
        window.frames_ = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        }""",
        [router._spec | state, buffers],
    )


def sent(page):
    return page.evaluate("window.sent")


def random_case(rng):
    samples, exits = int(rng.integers(1, 60)), int(rng.integers(1, 8))
    if rng.random() < 0.6:
        confidence = rng.choice(LEVELS, (samples, exits))
    else:
        confidence = rng.random((samples, exits), dtype=np.float32)
    costs = [Cost(np.sort(rng.random(exits)) * 1e6, rng.random(exits) * 1e4, unit) for unit in ("J", "s")]
    records = ExitRecords(
        confidence,
        rng.integers(0, 3, (samples, exits)),
        rng.integers(0, 3, samples),
        {"macs": ProductCost(*costs) if rng.random() < 0.3 else costs[0]},
        weight=rng.random(samples) + 0.01 if rng.random() < 0.3 else None,
    )
    thresholds = []
    for k in range(exits - 1):
        tie = float(rng.choice(records.confidence[:, k]))
        one_up = float(np.nextafter(np.float32(tie), np.float32(2)))
        value = [None, 0.0, 1.0, tie, one_up, float(rng.random()), float(rng.choice(LEVELS))][rng.integers(7)]
        thresholds.append(None if value is None else min(value, 1.0))
    return records, Policy(tuple(thresholds))


def test_the_page_routes_like_python_to_the_last_sample(page):
    rng = np.random.default_rng(20)
    cases, expected = [], []
    for _ in range(TABLES):
        records, policy = random_case(rng)
        router = Router(records, policy)
        buffers = [text64(b) for b in (router._confidence, router._right, router._units)]
        cases.append([router._spec, router.thresholds, *buffers])
        expected.append(route(records, policy))
    page.set_content("<body>")
    page.evaluate(LOAD, Router._esm)
    answers = page.evaluate(
        """(cases) => {"""
        + BYTES
        + """
        return cases.map(([spec, thresholds, confidence, right, units]) => {
          const table = {...spec, confidence: new Float32Array(bytes(confidence)), right: new Uint8Array(bytes(right)),
                         units: units ? new Float64Array(bytes(units)) : null};
          const exitOf = new Array(table.samples);
          const { count } = router.route(table, thresholds, exitOf);
          const now = router.figures(table, thresholds);
          return {exitOf, count: [...count], accuracy: now.accuracy, mean: now.mean, worst: now.worst, cost: [...now.cost],
                  exitAccuracy: [...now.exitAccuracy].map((a) => Number.isNaN(a) ? null : a)};
        });}""",
        cases,
    )
    ties = 0
    for answer, routing, (spec, thresholds, *_) in zip(answers, expected, cases, strict=True):
        assert answer["exitOf"] == routing.exit_of.tolist(), (spec, thresholds)
        assert answer["count"] == routing.count.tolist()
        assert answer["accuracy"] == routing.accuracy
        assert answer["exitAccuracy"] == [None if np.isnan(a) else a for a in routing.exit_accuracy]
        assert answer["cost"] == pytest.approx(routing.cost_at.tolist(), rel=1e-14)
        assert answer["mean"] == pytest.approx(routing.mean_cost, rel=1e-12)
        assert answer["worst"] == pytest.approx(routing.worst_cost, rel=1e-14)
        ties += sum(t is not None and 0 < t < 1 for t in thresholds)
    assert ties > TABLES / 2  # the draw did put thresholds among the confidences


def test_a_slider_position_gives_its_share_and_a_short_decimal(page):
    rng = np.random.default_rng(1)
    confidence = np.sort(rng.beta(5, 0.5, 1000).astype(np.float32))
    page.set_content("<body>")
    page.evaluate(LOAD, Router._esm)
    shares = [0, 0.001, 0.1, 0.5, 0.9, 0.999, 1]
    found = page.evaluate(
        """([values, shares]) => { const sorted = new Float32Array(values);
        return shares.map((share) => { const t = router.thresholdForShare(sorted, share); return [t, router.decimal(t)]; }); }""",
        [confidence.tolist(), shares],
    )
    for share, (threshold, shown) in zip(shares, found, strict=True):
        assert np.float32(float(shown)) == np.float32(threshold)  # the number shown is the number used
        assert (confidence >= np.float32(threshold)).sum() == round(share * 1000)
    assert found[0][0] == 1
    assert found[-1][0] == 0


def test_ties_put_all_equal_samples_on_one_side(page):
    page.set_content("<body>")
    page.evaluate(LOAD, Router._esm)
    found = page.evaluate("router.thresholdForShare(new Float32Array([.2, .5, .5, .5, .5, .8]), 0.34)")
    assert 0.2 < found <= 0.5


def test_quantities_and_intervals_read_like_pythons(page):
    page.set_content("<body>")
    page.evaluate(LOAD, Router._esm)
    for value, unit in [(5234567, "MACs"), (123456, "MACs"), (999, "MACs"), (1.234e9, "MACs"), (0.00212, "s"), (3.21e-7, "J")]:
        shown = page.evaluate("([value, unit]) => router.quantity(value, unit).join(' ')", [value, unit])
        assert shown == quantity(value, unit)
    low, high = page.evaluate("router.wilson(93, 100)")
    assert (low, high) == pytest.approx((wilson(93, 100).low, wilson(93, 100).high), abs=1e-12)


def demo(samples=500, names=None, position=None, **options):
    rng = np.random.default_rng(0)
    confidence = rng.random((samples, 4))
    label = rng.integers(0, 5, samples)
    predicted = np.where(rng.random((samples, 4)) < [0.8, 0.85, 0.9, 0.93], label[:, None], (label[:, None] + 1) % 5)
    records = ExitRecords(
        confidence, predicted, label, {"macs": Cost([1e6, 2e6, 3e6, 4e6], [1e5] * 4)}, position=position,
        **{key: options.pop(key) for key in ("weight", "removable", "group") if key in options},
    )  # fmt: skip
    policy = options.pop("policy", None) or Policy(tuple(threshold_for_share(records, k, 0.5) for k in range(3)))
    return records, Router(records, policy, names=names, **options)


def shown_result(page):
    return page.get_by_role("region", name="Result").inner_text()


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
    assert re.match(r"Of 500 samples, 50\.0 % leave at Exit 1, .* reach the final classifier; .* are answered right", summary)


def test_the_headline_says_what_python_says(page):
    records, router = demo()
    mount(page, router)
    routing = route(records, router.policy)
    low, high = (100 * end for end in (wilson(int(routing.right.sum()), 500).low, wilson(int(routing.right.sum()), 500).high))
    text = shown_result(page)
    assert "validation, chosen here: optimistic" in text
    assert f"{100 * routing.accuracy:.2f} %" in text
    assert f"95 % interval {low:.1f}–{high:.1f} %" in text
    assert f"{routing.mean_cost / 1e6:.2f} M MACs" in text
    assert f"{routing.worst_cost / 1e6:.2f} M MACs" in text
    assert f"{100 * (1 - routing.mean_cost / 4.1e6):.1f} %" in text
    for share in routing.share:
        assert f"{100 * share:.1f} %" in text


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
        new MutationObserver((all) => { for (const m of all) for (const n of m.addedNodes) if (n.nodeType === 1) window.made++; })
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


def test_names_are_text_never_html(page):
    names = ["<img src=x onerror=window.broken=1>", "<b>two</b>", '"three"', "</script><script>window.broken=1</script>"]
    _, router = demo(names=names)
    mount(page, router)
    page.evaluate("window.frames_()")
    assert page.evaluate("window.broken") is None
    assert page.locator(".ee-router b", has_text="two").count() == 0
    assert page.locator(".ee-router img").count() == 0
    expect(page.get_by_role("spinbutton", name="<b>two</b> threshold")).to_be_visible()
    assert "<b>two</b>" in page.locator(".ee-summary").inner_text()


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


@pytest.mark.parametrize(
    ("part", "selector"),
    [
        ("headline", ".ee-headline"),
        ("sliders", ".ee-controls"),
        ("picture", ".ee-picture"),
        ("summary", ".ee-summary"),
        ("switches", ".ee-switch span >> nth=0"),
        ("boxes", "input[type=number] >> nth=0"),
    ],
)
def test_teachers_hide_parts(page, part, selector):
    _, router = demo(hide=[part])
    mount(page, router)
    expect(page.locator(selector)).to_be_hidden()
    page.evaluate("window.handle.set({hidden: []})")
    expect(page.locator(selector)).to_be_visible()


def test_the_interval_of_weighted_records_waits_for_python(page):
    _, router = demo(weight=np.linspace(0.1, 2, 500))
    mount(page, router)
    assert "95 % interval …" in shown_result(page)
    page.evaluate("window.handle.set({interval: '95 % interval 80.1–85.2 %'})")
    page.evaluate("window.frames_()")
    assert "95 % interval 80.1–85.2 %" in shown_result(page)
    page.get_by_role("slider", name="Exit 1 share leaving").press("ArrowRight")
    page.evaluate("window.frames_()")
    assert "95 % interval …" in shown_result(page)


def test_ribbons_are_as_wide_as_their_samples(page):
    records, router = demo()
    mount(page, router)
    routing = route(records, router.policy)
    heights = page.evaluate(
        """() => { const last = (node) => { const d = node.getAttribute("d"); const [, from, , to] =
             d.match(/ (-?[\\d.]+)H([\\d.]+)V(-?[\\d.]+)/) ?? [0, 0, 0, 0]; return to - from; };
        return {right: [...document.querySelectorAll("path.ee-right")].map(last),
                wrong: [...document.querySelectorAll("path.ee-wrong")].map(last)}; }"""
    )
    right = [int(routing.right[routing.exit_of == k].sum()) for k in range(4)]
    wrong = (routing.count - right).tolist()
    total = sum(heights["right"]) + sum(heights["wrong"])
    assert heights["right"] == pytest.approx([total * n / 500 for n in right], abs=0.05)
    assert heights["wrong"] == pytest.approx([total * n / 500 for n in wrong], abs=0.05)


@pytest.mark.parametrize("projector", [False, True])
@pytest.mark.parametrize("width", [500, 700, 1024, 1440])
def test_nothing_is_clipped_or_overlaps(page, width, projector):
    _, router = demo(projector=projector, samples=12345)
    page.set_viewport_size({"width": width, "height": 900})
    mount(page, router)
    page.evaluate("window.frames_()")
    faults = page.evaluate(
        """() => { const svg = document.querySelector(".ee-picture svg").getBoundingClientRect(), faults = [];
        const texts = [...document.querySelectorAll(".ee-picture text")].filter((t) => t.textContent)
          .map((t) => [t.textContent, t.getBoundingClientRect()]);
        for (const [text, b] of texts)
          if (b.left < svg.left - 1 || b.right > svg.right + 1 || b.top < svg.top - 1 || b.bottom > svg.bottom + 1)
            faults.push(`clipped: ${text}`);
        texts.forEach(([text, a], i) => texts.slice(i + 1).forEach(([other, b]) => {
          if (Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1 && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3)
            faults.push(`${text} over ${other}`); }));
        for (const node of document.querySelectorAll(".ee-live, .ee-number, .ee-below"))
          if (node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).overflow === "hidden") faults.push(node.textContent);
        if (document.documentElement.scrollWidth > innerWidth) faults.push("the page scrolls sideways");
        return faults; }"""
    )
    assert faults == []


def test_it_follows_the_width_of_its_place(page):
    _, router = demo()
    mount(page, router)
    picture = page.locator(".ee-picture svg")
    wide = picture.bounding_box()["width"]
    page.set_viewport_size({"width": 900, "height": 800})
    page.wait_for_function("(wide) => document.querySelector('.ee-picture svg').getBoundingClientRect().width < wide", arg=wide)
    page.set_viewport_size({"width": 600, "height": 800})
    expect(page.locator(".ee-stacked")).to_be_visible()


def test_colours_follow_the_theme(page):
    fill = "getComputedStyle(document.querySelector('pattern rect')).fill"
    _, router = demo()
    mount(page, router)
    light = page.evaluate(fill)
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    assert page.evaluate(fill) != light


def test_other_records_replace_everything(page):
    _, router = demo()
    mount(page, router)
    page.evaluate(
        """() => window.handle.setData({samples: 2, exits: 2, names: ["A", "B"], colors: {light: ["red", "blue"], dark: ["red", "blue"]},
        patterns: ["", "/"], positions: [0, 1], removable: true, terms: [{backbone: [1, 2], heads: [0, 0]}], unit: "s", static: 2,
        note: "", wilson: true, thresholds: [0.5], interval: "", hidden: [], projector: false,
        confidence: new Float32Array([0.4, 0.5]), right: new Uint8Array([1, 1, 0, 1]), units: null})"""
    )
    page.evaluate("window.frames_()")
    expect(page.get_by_role("group", name="A", exact=True)).to_contain_text("50.0 % leave here, 100.0 % of them right")
    assert "50.00 %" in shown_result(page)
    assert page.get_by_role("slider").count() == 1
