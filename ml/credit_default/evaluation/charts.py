"""The pictures of the report, as SVG; the same evaluation gives the same bytes."""

import io
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Final

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import roc_curve

from credit_default.evaluation.explanation import PartialDependence
from credit_default.evaluation.measurement import Evaluation
from credit_default.evaluation.uncertainty import proportion
from credit_default.metrics import CALIBRATION_BINS

# Okabe and Ito (2008), "Color Universal Design": told apart with every kind of colour vision.
_BLUE: Final = "#0072B2"
_VERMILLION: Final = "#D55E00"
_GREY: Final = "#6b6b6b"
_STYLE: Final = Path(__file__).parent / "templates" / "charts.mplstyle"
_SQUARE: Final = (5.2, 5.0)
_WIDE: Final = (8.4, 4.2)


def _picture(draw: Callable[[Evaluation], Figure]) -> Callable[[Evaluation], bytes]:
    """Runs a drawing function under the common style and returns its figure as SVG."""

    @wraps(draw)
    def drawn(evaluation: Evaluation) -> bytes:
        with mpl.rc_context(fname=_STYLE):
            content = io.BytesIO()
            draw(evaluation).savefig(content, format="svg", metadata={"Date": None})
            return content.getvalue()

    return drawn


@_picture
def roc(evaluation: Evaluation) -> Figure:
    """True against false positive rate at every cut."""
    figure, axes = _axes(_SQUARE, "ROC curve", "False positive rate", "True positive rate")
    false_positive_rate, true_positive_rate, _ = roc_curve(evaluation.defaulted, evaluation.probability)
    auc, decisions = evaluation.measures["auc"], evaluation.decisions
    label = f"model, AUC {auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}]"
    axes.plot(false_positive_rate, true_positive_rate, color=_BLUE, lw=2, label=label)
    axes.plot([0, 1], [0, 1], color=_GREY, lw=1, ls="--", label="chance, AUC 0.5")
    if decisions.false_positive_rate and decisions.true_positive_rate:
        at = (decisions.false_positive_rate.value, decisions.true_positive_rate.value)
        axes.plot(*at, "o", color=_VERMILLION, ms=9, label=f"threshold {evaluation.threshold}")
    axes.set(xlim=(0, 1), ylim=(0, 1.01), aspect="equal")
    axes.legend(loc="lower right")
    return figure


@_picture
def reliability(evaluation: Evaluation) -> Figure:
    """Observed against forecast default rate in ten groups of equal size."""
    figure, axes = _axes(_SQUARE, "Reliability", "Mean forecast probability of default", "Observed default rate")
    order = np.argsort(evaluation.probability, kind="stable")
    bins = np.array_split(order, CALIBRATION_BINS)
    forecast = [float(evaluation.probability[rows].mean()) for rows in bins]
    observed = [proportion(int(evaluation.defaulted[rows].sum()), len(rows)) for rows in bins]
    points = [(x, rate) for x, rate in zip(forecast, observed, strict=True) if rate]
    axes.errorbar(
        [x for x, _ in points],
        [rate.value for _, rate in points],
        yerr=np.array([(rate.value - rate.low, rate.high - rate.value) for _, rate in points]).T,
        fmt="o-",
        color=_BLUE,
        capsize=3,
        label="tenth of the clients, 95 % interval",
    )
    end = 1.05 * max(max(forecast), *(rate.high for _, rate in points))
    axes.plot([0, end], [0, end], color=_GREY, lw=1, ls="--", label="perfect calibration")
    axes.set(xlim=(0, end), ylim=(0, end), aspect="equal")
    axes.legend(loc="upper left")
    return figure


@_picture
def score_distribution(evaluation: Evaluation) -> Figure:
    """Where the forecasts of those who defaulted and of the others lie."""
    figure, axes = _axes(_WIDE, "Forecasts by outcome", "Forecast probability of default", "Share of the group (%)")
    bins = np.linspace(0, 1, 41).tolist()
    for outcome, name, colour, line in ((0, "did not default", _BLUE, "-"), (1, "defaulted", _VERMILLION, "--")):
        group = evaluation.probability[evaluation.defaulted == outcome]
        weights = np.full(len(group), 100 / len(group))
        axes.hist(group, bins, weights=weights, color=colour, alpha=0.25)
        label = f"{name} ({len(group):,} clients)"
        axes.hist(group, bins, weights=weights, color=colour, histtype="step", lw=1.8, ls=line, label=label)
    axes.axvline(evaluation.threshold, color="black", lw=1.2, ls=":", label=f"threshold {evaluation.threshold}")
    axes.set(xlim=(0, 1))
    axes.legend(loc="upper right")
    return figure


@_picture
def importance(evaluation: Evaluation) -> Figure:
    """AUC lost when an input is shuffled."""
    figure, axes = _axes(_WIDE, "Permutation importance", "Loss of AUC when the input is shuffled", "")
    ranked = evaluation.importances[::-1]
    axes.barh(
        [importance.feature.name for importance in ranked],
        [importance.mean for importance in ranked],
        xerr=[importance.deviation for importance in ranked],
        color=_BLUE,
        capsize=3,
    )
    axes.grid(visible=False, axis="y")
    return figure


@_picture
def partial_dependence(evaluation: Evaluation) -> Figure:
    """Mean forecast as one input varies, a panel for each."""
    dependences = evaluation.dependences
    rows = -(-len(dependences) // 2)
    figure = Figure(figsize=(8.8, 2.6 * rows))
    panels = figure.subplots(rows, 2, sharey=True).flat
    for axes, dependence in zip(panels, dependences, strict=False):
        _dependence(axes, dependence)
    figure.suptitle("Partial dependence", fontweight="bold")
    figure.supylabel("Mean forecast probability of default")
    return figure


def _dependence(axes: Axes, dependence: PartialDependence) -> None:
    axes.plot(dependence.values, dependence.probability, "o-", color=_BLUE, ms=3.5, lw=1.5)
    if dependence.missing is not None:
        axes.axhline(dependence.missing, color=_VERMILLION, lw=1.5, ls="--", label="missing")
        axes.legend(loc="upper right")
    axes.set_title(dependence.feature.name, fontsize=10, pad=10)
    axes.set_xlabel(dependence.feature.unit)
    if dependence.feature.maximum is not None:  # few whole numbers
        axes.set_xticks(dependence.values)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.10g}")


def _axes(size: tuple[float, float], title: str, horizontal: str, vertical: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size)
    axes = figure.subplots()
    axes.set(title=title, xlabel=horizontal, ylabel=vertical)
    return figure, axes
