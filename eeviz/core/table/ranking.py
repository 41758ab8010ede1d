"""How well confidences rank an exit's own failures: risk against coverage."""

from __future__ import annotations

import numpy as np

from .records import ExitRecords


def risk_coverage(records: ExitRecords, exit_index: int) -> tuple[np.ndarray, np.ndarray]:
    """Coverage (K,) and selective risk (K,), both shares, of one exit as its threshold falls, a point a distinct confidence.

    Coverage is the (weighted) share of samples at or above the threshold, risk the error among them. Source: El-Yaniv and
    Wiener 2010 (JMLR 11, 1605).
    """
    confidence, units = records.confidence[:, exit_index], records.units.astype(np.float64)
    order = np.argsort(-confidence, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(confidence[order]) != 0, True))  # ties leave together
    kept = np.cumsum(units[order])[ends]
    wrong = np.cumsum((units * ~records.correct[:, exit_index])[order])[ends]
    return kept / kept[-1], wrong / np.maximum(kept, 1e-300)


def risk_coverage_area(records: ExitRecords) -> np.ndarray:
    """(E,) area under each exit's risk-coverage curve (AURC), a share: the error among those that an exit would answer,
    averaged over all coverages; lower is better, an exit's own error for confidences that say nothing.

    Samples of equal confidence share their risk. Source: Geifman, Uziel and El-Yaniv 2019 (arXiv:1805.08206).

    >>> import eeviz as ee
    >>> from eeviz.core.table.ranking import risk_coverage_area
    >>> areas = risk_coverage_area(ee.load_demo("fashion").validation)
    """
    areas = []
    for k in range(records.exits_count):
        coverage, risk = risk_coverage(records, k)
        areas.append(float(np.sum(risk * np.diff(coverage, prepend=0.0))))
    return np.array(areas)
