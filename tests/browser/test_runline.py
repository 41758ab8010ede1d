"""The run line under the keyboard: a button that is switched off hands the keyboard on. No server: a model made up here."""

from pathlib import Path

from playwright.sync_api import expect

import eeviz.ui

STATIC = Path(eeviz.ui.__file__).parent / "static"
PAGE = """<body><div id="here"></div><script type="module">
import widget from "./runline.js";
const names = ["start", "pause", "step", "resume", "stop"], ears = [];
const values = {buttons: names.map((name) => [name, name, ""]), label: "Search", allowed: ["start", "step"], main: "start", progress: []};
window.sent = [];
const model = {get: (name) => values[name], on: (_, ear) => ears.push(ear), off() {}, send: (message) => sent.push(message.name)};
window.allow = (allowed, main) => (Object.assign(values, {allowed, main}), ears.forEach((ear) => ear()));
widget.render({model, el: document.getElementById("here")});
</script>"""


def serve(route):
    name = route.request.url.rsplit("/", 1)[1]
    if name == "page.html":
        route.fulfill(body=PAGE, content_type="text/html")
    else:
        route.fulfill(body=(STATIC / name).read_text(), content_type="text/javascript")


def test_a_search_runs_under_the_keyboard_alone(page):
    page.route("http://eeviz.test/**", serve)
    page.goto("http://eeviz.test/page.html")
    button = lambda name: page.get_by_role("button", name=name)  # noqa: E731
    allow = lambda main, *allowed: page.evaluate("([a, m]) => allow(a, m)", [list(allowed), main])  # noqa: E731

    button("start").press("Enter")
    allow("start", "stop")  # opening
    allow("pause", "pause", "stop")
    expect(button("pause")).to_be_focused()
    page.keyboard.press("Space")
    allow("resume", "start", "step", "resume", "stop")
    expect(button("resume")).to_be_focused()

    button("step").press("Enter")  # comes back after its one evaluation
    allow("pause", "pause", "stop")
    allow("resume", "start", "step", "resume", "stop")
    expect(button("step")).to_be_focused()
    assert page.evaluate("sent") == ["start", "pause", "step"]

    button("resume").click()  # a click with the mouse leaves the keyboard alone
    allow("pause", "pause", "stop")
    expect(button("pause")).not_to_be_focused()
