"""The hardware lab as a person uses it, in Voila and in JupyterLab: look, compare, undo, measure bits and this host, explore."""

from hosts import fits
from playwright.sync_api import expect

READY = ["done", False]
PHASE = "[lab.phase, bool(lab.state.rounding)]"


def opened(host, page, **query):
    lab = host.open(page, "tests/hardware.ipynb", **query)
    lab.until(PHASE, lambda now: now == READY, 90)
    expect(lab.output.locator(".js-plotly-plot .main-svg").first).to_be_visible(timeout=60_000)
    return lab


def test_a_visit(host, page):
    lab = opened(host, page)
    out = lab.output
    press = lambda name: out.get_by_role("button", name=name, exact=True).click()  # noqa: E731

    # the first screen: figures, every layer in a bar, the sentence below
    expect(out.get_by_text("array used by exits").first).to_be_visible()
    expect(out.get_by_text("layers in the order in which a sample meets them")).to_be_visible()
    layers = lab.python("len(lab.reading.layers)")
    bars = page.evaluate(
        """() => [...document.querySelectorAll(".js-plotly-plot")].map((c) => c._fullLayout?.xaxis?.tickvals?.length)"""
    )
    assert layers in bars

    # another accelerator and another cost, then back again
    out.get_by_label("Accelerator").select_option("eyeriss_like")
    lab.until("[lab.phase, lab.reading and lab.reading.name]", lambda now: now == ["done", "eyeriss_like"], 30)
    out.get_by_label("Least").select_option("latency")
    lab.until("[lab.phase, lab.settings.cost]", lambda now: now == ["done", "latency"], 30)
    assert "hw=eyeriss_like" in lab.python("lab.url")
    press("↶ Undo")
    press("↶ Undo")
    lab.until("[lab.phase, lab.reading and lab.reading.name]", lambda now: now == ["done", "edge_tpu_like"], 30)
    expect(out.get_by_label("Accelerator")).to_have_value("edge_tpu_like")

    # with the keyboard to the other tabs
    out.get_by_role("tab", name="Layers by cost").focus()
    expect(out.get_by_text("most expensive of")).to_be_visible()
    out.get_by_role("tab", name="On other hardware").click()
    expect(out.get_by_role("cell", name="cortex-m0-m4")).to_be_visible()
    out.get_by_role("tab", name="By another cost").click()
    expect(out.get_by_text("Every line is charged with energy x latency")).to_be_visible()

    # bits: measured in the background, the page goes on
    press("▶ Measure these bits")
    lab.until(PHASE, lambda now: now == READY, 90)
    lab.until("[list(one.pair) for one in lab.rounded]", lambda now: now == [["32/32", "32/32"], ["8/8", "8/8"]], 30)
    expect(out.get_by_role("cell", name="8/8 bits", exact=True)).to_be_visible()
    expect(out.get_by_text("Measured at 8/8 bits")).to_be_visible()

    # fine-tuned at these bits: before and after side by side
    press("▶ Fine-tune at these bits")
    lab.until("[len(lab.rounded), bool(lab.state.rounding)]", lambda now: now == [3, False], 120)
    expect(out.get_by_role("cell", name="8/8 bits, fine-tuned", exact=True)).to_be_visible()
    expect(out.get_by_text("Fine-tuned on 1,024 images at 8/8 bits")).to_be_visible()

    # this host, measured beside the accelerators; going back and forth measures nothing again
    out.get_by_label("Accelerator").select_option("this host, measured")
    lab.until("[lab.phase, lab.reading and lab.reading.name]", lambda now: now == ["done", "this-host"], 90)
    times = lab.python("[one.heads.tolist() for one in lab.clocked]")
    assert len(times) == 4
    expect(out.get_by_text("Energy is not measured on this host").first).to_be_visible()
    out.get_by_label("Accelerator").select_option("edge_tpu_like")
    lab.until("[lab.phase, lab.reading and lab.reading.name]", lambda now: now == ["done", "edge_tpu_like"], 30)
    out.get_by_label("Least").select_option("energy x latency")
    lab.until("[lab.phase, lab.settings.cost]", lambda now: now == ["done", "energy x latency"], 30)
    assert lab.python("[one.heads.tolist() for one in lab.clocked]") == times

    # the explorer opens below, charged with the accelerator's cost
    press("Open in the explorer")
    lab.until("lab.explorer is not None and lab.explorer.cost", lambda cost: cost == "energy x latency", 60)
    expect(out.get_by_role("slider").first).to_be_visible(timeout=60_000)


def test_it_fits_the_window_and_tells_what_does_not_fit(voila, new_page):
    page = new_page(1024, 900)
    lab = opened(voila, page, theme="dark", hw="abacus")
    expect(lab.output.get_by_role("alert").filter(has_text="The address does not fit")).to_be_visible()
    fits(page)
