"""Tables as people have them: taken rightly, or refused in words with the remedy. Right values are computed here."""

import io

import numpy as np
import pytest

import eeviz as ee
from eeviz.core.table import given

N, E, C = 900, 3, 10
RNG = np.random.default_rng(5)
LABEL = RNG.integers(0, C, N)
LOGITS = RNG.standard_normal((N, E, C))
LOGITS[np.arange(N), :, LABEL] += np.array([2.0, 3.5, 5.0])
COST = {"macs": ee.Cost(backbone=[1e6, 2e6, 4e6], heads=[1e5, 1e5, 1e4])}
SOFT = np.exp(LOGITS - LOGITS.max(-1, keepdims=True))
SOFT /= SOFT.sum(-1, keepdims=True)
TOP = SOFT.max(-1)


def made(logits=LOGITS, label=LABEL, **fields):
    return ee.ExitRecords.from_logits(logits, label, COST, **fields)


@pytest.mark.parametrize(
    ("label", "words"),
    [
        (LABEL + 1, r"lies in 1 to 10, but 10 classes are counted from 0: subtract 1"),
        (np.clip(LABEL, 0, 8) + 1, "subtract 1"),  # the last class absent: only the answers tell
        (np.where(np.arange(N) % 50, LABEL, 255), r"class 255 \(18 samples\) lies outside the 10 classes"),
        (np.where(np.arange(N) % 50, LABEL, -100), "class -100"),
        (np.eye(C)[LABEL], r"one-hot rows of 10 classes; give label.argmax\(axis=1\)"),
        (LABEL.astype(float) + 0.5, "whole numbers"),
        (np.array([str(x) for x in LABEL]), "expected plain numbers, got <U"),
        (LABEL[:-1], "must agree"),
    ],
)
def test_labels_that_cannot_be_are_refused(label, words):
    with pytest.raises(ValueError, match=words):
        made(label=label)


@pytest.mark.parametrize("label", [LABEL[:, None], LABEL.astype(float), LABEL.astype(np.uint8), LABEL.tolist()])
def test_labels_in_other_forms_are_taken(label):
    assert np.array_equal(made(label=label).label, LABEL)


def test_labels_from_1_that_are_right_stay():
    """Class 0 is absent: nothing is wrong with these."""
    keep = LABEL > 0
    assert np.array_equal(made(LOGITS[keep], LABEL[keep]).label, LABEL[keep])


def test_probabilities_are_recognised():
    for values in (SOFT, SOFT.astype(np.float32), SOFT.round(4)):
        records = made(values)
        assert np.allclose(records.confidence, TOP, atol=1e-3)  # rounded rows sum to 1 within 5e-4
        assert "are probabilities" in records.notes[0]
    assert made().notes == ()
    assert made(np.log(SOFT)).notes == ()  # log-probabilities are logits
    assert np.allclose(made(np.log(SOFT)).confidence, TOP, atol=1e-6)


def test_masked_classes_are_classes_that_cannot_be():
    masked = LOGITS.copy()
    masked[np.arange(N), :, (LABEL + 1) % C] = -np.inf
    want = np.exp(masked - masked.max(-1, keepdims=True))
    want = (want / want.sum(-1, keepdims=True)).max(-1)
    records = made(masked)
    assert np.allclose(records.confidence, want, atol=1e-6)
    assert np.isfinite(records.logits).all()
    assert "-inf" in records.notes[0]
    masked[3, 1] = -np.inf
    with pytest.raises(ValueError, match=r"every class is masked .* at sample 3, exit 2"):
        made(masked)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_it_says_where_a_logit_is_not_finite(value):
    spoiled = LOGITS.copy()
    spoiled[7, 2, 4] = value
    with pytest.raises(ValueError, match=f"{value} at sample 7, exit 3, class 4"):
        made(spoiled)


def roc_area(confidence, right):
    """By its definition: the share of pairs in order, ties half."""
    yes, no = confidence[right][:, None], confidence[~right][None]
    return ((yes > no) + 0.5 * (yes == no)).mean()


def test_a_confidence_that_falls_with_rightness_is_told():
    entropy = (-(SOFT * np.log(np.clip(SOFT, 1e-30, 1))).sum(-1) / np.log(C)).astype(np.float32)
    predicted = LOGITS.argmax(-1)
    records = ee.ExitRecords(entropy, predicted, LABEL, COST)
    area = roc_area(entropy[:, 0], predicted[:, 0] == LABEL)
    assert area < 0.3
    assert f"At exit 1 the surest answers are the least right (area under the ROC curve {area:.2f})" in records.notes[0]
    assert ee.ExitRecords(1 - entropy, predicted, LABEL, COST).notes == ()
    assert ee.ExitRecords(np.full((N, E), 0.5), predicted, LABEL, COST).notes == ()  # ties say nothing
    coarse = np.round(entropy, 1)  # many ties
    told = given.falling(coarse, predicted == LABEL[:, None], records.exits)
    assert f"{roc_area(coarse[:, 0], predicted[:, 0] == LABEL):.2f}" in told[0]


def test_chance_is_not_told():
    """Random confidences: at most as often as three standard errors allow."""
    rng = np.random.default_rng(0)
    told = sum(bool(given.falling(rng.random((200, 1)), rng.random((200, 1)) < 0.7, ("e",))) for _ in range(400))
    assert told <= 4


def test_huge_classes_are_no_numbers_of_classes():
    with pytest.raises(ValueError, match=r"class 4,000,000,00. .*identifiers"):
        ee.ExitRecords(TOP, LOGITS.argmax(-1), LABEL + 4_000_000_000, COST)


def test_names_as_bytes_are_read():
    records = ee.ExitRecords(TOP, LOGITS.argmax(-1), LABEL, COST, exits=(b"first", b"second", b"final"))
    assert records.exits == ("first", "second", "final")


def test_a_cost_of_nothing_is_told():
    free = {"macs": ee.Cost([0, 0, 0], [0, 0, 0])}
    assert "Cost 'macs' is 0 for every exit." in ee.ExitRecords(TOP, LOGITS.argmax(-1), LABEL, free).notes


def test_tensors_are_taken_in_every_type():
    torch = pytest.importorskip("torch")
    values = torch.tensor(LOGITS, dtype=torch.float32, requires_grad=True)
    assert np.allclose(made(values, torch.tensor(LABEL)).confidence, TOP, atol=1e-5)
    assert made(values.bfloat16()).logits.dtype == np.float32
    assert np.allclose(made(values.bfloat16()).confidence, TOP, atol=0.02)
    with pytest.raises(ValueError, match="complex64; float32 or float16 can be kept"):
        made(values.to(torch.complex64))


def test_a_misspelled_field_is_told():
    with pytest.raises(ValueError, match=r"'group_' is no field of records; did you mean 'group'\?"):
        made(group_=np.arange(N))


def npz(**arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def test_files_are_read_by_the_same_rules():
    sizes = {"backbone": COST["macs"].backbone, "heads": COST["macs"].heads}
    with pytest.raises(ValueError, match=r"mine.npz: array 'label' is missing; .*did you mean 'labels'\?"):
        ee.ExitRecords.load(npz(logits=LOGITS, labels=LABEL, **sizes), "mine.npz")
    with pytest.raises(ValueError, match=r"mine.npz: label: lies in 1 to 10"):
        ee.ExitRecords.load(npz(logits=LOGITS, label=LABEL + 1, **sizes), "mine.npz")
    records = ee.ExitRecords.load(npz(logits=SOFT, label=LABEL, exits=np.array([b"a", b"b", b"c"]), **sizes))
    assert records.exits == ("a", "b", "c")
    assert "are probabilities" in records.notes[0]
    again = ee.ExitRecords.load(records.to_bytes())
    assert again.notes == records.notes


def test_a_cut_keeps_the_remarks():
    records = made(SOFT)
    assert records.subset(slice(0, 100)).remarks == records.remarks
    assert records.columns([0, 2]).remarks == records.remarks
