"""Every value a user meets prints in a line or a small table, and so does every part of it."""

import numpy as np
import pytest
from search_fakes import FakeEvaluator

import eeviz as ee

LINE, TABLE = 300, 1600
"""Characters that a value may print on one line, and over several."""
DEPTH = 4


def parts(value):
    """(name, part) of a value of ours: its public attributes, without calling methods."""
    for name in dir(value):
        if name.startswith("_") or isinstance(getattr(type(value), name, None), type(parts)):
            continue
        try:
            yield name, getattr(value, name)
        except (ValueError, ImportError, FileNotFoundError, AttributeError, KeyError):
            continue  # a figure that this value does not have


def ours(value) -> bool:
    return type(value).__module__.split(".")[0] == "eeviz" and not isinstance(value, type)


def too_long(value, way="", depth=DEPTH, seen=None) -> dict[str, tuple[str, int]]:
    """Way to each type whose values print too long -> the type and the characters; each type once."""
    seen = set() if seen is None else seen
    found = {}
    if isinstance(value, tuple | list | dict) and value:
        for inner in list(value.values() if isinstance(value, dict) else value)[:3]:
            found |= too_long(inner, f"{way}[…]", depth, seen)
        return found
    if not ours(value) or depth == 0 or type(value) in seen:
        return found
    seen.add(type(value))
    text = repr(value)
    if len(text) > (TABLE if "\n" in text else LINE):
        found[way or type(value).__name__] = (type(value).__name__, len(text))
    for name, part in parts(value):
        found |= too_long(part, f"{way or type(value).__name__}.{name}", depth - 1, seen)
    return found


@pytest.fixture(scope="module")
def searched():
    run = ee.search("compact", "fashion-mnist", evaluations=4, evaluator=FakeEvaluator())
    snapshots = list(run)
    yield run, snapshots[-1]
    run.close()


def test_the_walk_finds_what_is_too_long():
    class Long:
        __module__ = "eeviz.fake"

        def __repr__(self):
            return "x" * (LINE + 1)

    class Holder:
        __module__ = "eeviz.fake"
        inner = (Long(),)

        def __repr__(self):
            return "Holder"

    assert list(too_long(Holder())) == ["Holder.inner[…]"]


def test_tables_fronts_and_policies():
    demo = ee.load_demo("fashion")
    records = demo.validation
    policy = ee.tune(records, max_drop=0.01)
    values = [demo, demo.static, records, records.costs, ee.front(records), policy, ee.route(records, policy)]
    assert {way: size for value in values for way, size in too_long(value).items()} == {}


def test_searches(searched):
    run, snapshot = searched
    values = [run, snapshot, run.best(), run.archive, run.space, run.space.decode(run.space.smallest()), run.best().plan]
    assert {way: size for value in values for way, size in too_long(value).items()} == {}
    assert str(run.best()).startswith("Choice(candidate ")


def test_platforms_and_mappings():
    demo = ee.load_demo("speech")
    platform = ee.Platform.preset("sensor-gateway-cloud")
    values = [platform, platform.processors, platform.links]
    pytest.importorskip("torch")
    segments = ee.Segments.of(demo.network()) if hasattr(ee.Segments, "of") else None
    if segments is not None:
        values += [segments, platform.map(segments, demo.validation)]
    assert {way: size for value in values for way, size in too_long(value).items()} == {}


def test_what_augment_gives():
    pytest.importorskip("torch")
    from augment_fakes import fake

    made = fake(256)
    aug = ee.augment(made["model"], made["calibration"], training=made["training"], **made["options"])
    there = aug.mapped("sensor-gateway-cloud", "energy", max_drop=0.5)
    assert {way: size for value in (aug, there) for way, size in too_long(value).items()} == {}


def test_pages():
    explorer = ee.explore("fashion")
    values = [explorer, explorer.state, explorer.records, np.float32(1)]
    assert {way: size for value in values for way, size in too_long(value).items()} == {}
