"""Surrogates: scikit-learn models that predict what an evaluation would give, and how well they rank."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.stats import kendalltau
from sklearn.base import clone
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel
from sklearn.kernel_ridge import KernelRidge
from sklearn.model_selection import KFold
from sklearn.neural_network import MLPRegressor
from sklearn.tree import DecisionTreeRegressor
from threadpoolctl import threadpool_limits

FOLDS = 5
FIRST, LATEST = 100, 300  # samples that are fitted when there are more
LEAST = 8  # samples below which nothing is fitted
SURE = 0.25  # of the error for samples left out: no deviation is smaller, whatever a Gaussian process says


def _forest(seed: int):
    return RandomForestRegressor(60, min_samples_leaf=2, max_features=0.5, oob_score=True, random_state=seed, n_jobs=1)


def _gaussian(seed: int):
    kernel = ConstantKernel(1.0) * Matern(length_scale=2.0, length_scale_bounds=(0.1, 100), nu=2.5)
    kernel += WhiteKernel(1e-2, (1e-5, 1.0))
    return GaussianProcessRegressor(kernel, normalize_y=True, random_state=seed)


def _published_gaussian(seed: int):
    return GaussianProcessRegressor(
        ConstantKernel(1.0) * RBF(1.0, (0.05, 100)) + WhiteKernel(1e-3, (1e-6, 1.0)),
        normalize_y=True,
        random_state=seed,
    )


MODELS = MappingProxyType({"forest": _forest, "gaussian process": _gaussian})
PUBLISHED = MappingProxyType(  # adaptive switching chooses one of these (MSuNAS, Lu et al. 2020, arXiv:2007.10396)
    {
        "RBF": lambda seed: KernelRidge(kernel="rbf", alpha=1e-2, gamma=0.05),
        "GP": _published_gaussian,
        "CART": lambda seed: DecisionTreeRegressor(min_samples_leaf=2, random_state=seed),
        "MLP": lambda seed: MLPRegressor(
            hidden_layer_sizes=(64, 64), solver="lbfgs", alpha=1e-2, max_iter=200, random_state=seed
        ),
    }
)


@dataclass(frozen=True, eq=False)
class Fitted:
    """Fitted models. predict(X (N, F)) -> (N, T): means weighted by rank correlation. tau : model -> Kendall tau.

    spread (T,) : root mean square error of predictions for samples left out.
    deviation(X (N, F)) -> (N, T): how unsure the Gaussian process is of the mean there, noise of the samples taken off
    (Rasmussen & Williams 2006, eq. 2.26); at least SURE of spread, and spread where no Gaussian process was fitted.
    """

    predict: Callable[[np.ndarray], np.ndarray]
    tau: MappingProxyType
    spread: np.ndarray
    deviation: Callable[[np.ndarray], np.ndarray]


def tau_of(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Kendall tau, mean over targets (N, T); 0 where one side is constant."""
    taus = [kendalltau(truth[:, t], predicted[:, t]).statistic for t in range(truth.shape[1])]
    return float(np.mean([0.0 if np.isnan(tau) else tau for tau in taus]))


def fit(X: np.ndarray, y: np.ndarray, seed: int, models=MODELS, switch: bool = False) -> Fitted:
    """Fit models to X (N, F) and targets y (N, T); tau is that of predictions for samples left out of the fit.

    Left out: a forest's out-of-bag samples, else one of five folds (a Gaussian process keeps its kernel's parameters).

    switch : predict by the model of highest tau alone (adaptive switching); else by all, weighted by max(tau, 0.05).
    Of more than FIRST + LATEST samples the first and the latest are fitted. Raises ValueError for fewer than `LEAST`.
    """
    if len(X) < LEAST:
        raise ValueError(f"{len(X)} samples are too few for a surrogate, {LEAST} are needed.")
    if len(X) > FIRST + LATEST:
        kept = np.r_[:FIRST, len(X) - LATEST : len(X)]
        X, y = np.asarray(X)[kept], np.asarray(y)[kept]
    X, y = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.float64).reshape(len(X), -1)
    centre, scale = X.mean(axis=0), X.std(axis=0)
    scale[scale == 0] = 1.0
    Z = (X - centre) / scale
    folds = list(KFold(min(FOLDS, len(Z)), shuffle=True, random_state=seed).split(Z))
    fitted, tau, left_out = {}, {}, np.empty((len(models), *y.shape))
    with warnings.catch_warnings(), threadpool_limits(1):  # more threads would change the last bits, and the proposals
        # a length scale at its bound and an unfinished likelihood search are no news: tau says how good a model is
        warnings.simplefilter("ignore", ConvergenceWarning)
        for i, (name, make) in enumerate(models.items()):
            fitted[name] = make(seed).fit(Z, _target(y))
            left_out[i] = _left_out(fitted[name], Z, y, folds)
            tau[name] = tau_of(y, left_out[i])
    weight = np.array([max(value, 0.05) for value in tau.values()])
    if switch:
        weight = (np.arange(len(weight)) == int(np.argmax(list(tau.values())))).astype(float)
    weight /= weight.sum()
    chosen = [(w, fitted[name]) for w, name in zip(weight, models, strict=True) if w > 0]
    together = np.tensordot(weight, left_out, axes=1)  # (N, T)
    tau["together"] = tau_of(y, together)

    def predict(features: np.ndarray) -> np.ndarray:
        scaled = (np.asarray(features, dtype=np.float64) - centre) / scale
        with threadpool_limits(1):
            return sum(w * _predict(model, scaled, y.shape[1]) for w, model in chosen)

    spread = np.sqrt(np.mean((y - together) ** 2, axis=0))
    gaussian = next((model for model in fitted.values() if isinstance(model, GaussianProcessRegressor)), None)

    def deviation(features: np.ndarray) -> np.ndarray:
        scaled = (np.asarray(features, dtype=np.float64) - centre) / scale
        if gaussian is None:
            return np.tile(spread, (len(scaled), 1))
        with threadpool_limits(1):
            _, unsure = gaussian.predict(scaled, return_std=True)
        return np.maximum(_without_noise(gaussian, unsure.reshape(-1, y.shape[1]), y), SURE * spread)

    return Fitted(predict, MappingProxyType(tau), spread, deviation)


def _left_out(fitted, Z: np.ndarray, y: np.ndarray, folds) -> np.ndarray:
    """(N, T) predictions of samples by models that have not seen them."""
    if hasattr(fitted, "oob_prediction_"):
        return fitted.oob_prediction_.reshape(y.shape)
    model = clone(fitted)
    if isinstance(fitted, GaussianProcessRegressor):
        model.set_params(kernel=fitted.kernel_, optimizer=None)
    predicted = np.empty(y.shape)
    for train, test in folds:
        predicted[test] = _predict(model.fit(Z[train], _target(y[train])), Z[test], y.shape[1])
    return predicted


def _without_noise(gaussian: GaussianProcessRegressor, deviation: np.ndarray, y: np.ndarray) -> np.ndarray:
    """(N, T) standard deviation of the mean, of that of a new sample; y (N', T) : targets of the fit."""
    scale = np.where(y.std(axis=0) > 0, y.std(axis=0), 1.0) if gaussian.normalize_y else 1.0
    kernel = gaussian.kernel_.get_params()
    noise = sum(value.noise_level for value in kernel.values() if isinstance(value, WhiteKernel))
    return np.sqrt(np.maximum(deviation**2 - noise * np.square(scale), 0.0))


def _target(y: np.ndarray) -> np.ndarray:
    return y[:, 0] if y.shape[1] == 1 else y


def _predict(model, Z: np.ndarray, targets: int) -> np.ndarray:
    return np.asarray(model.predict(Z)).reshape(len(Z), targets)
