"""The tables that the report and the model card share."""

from collections.abc import Mapping
from dataclasses import dataclass
from html import escape
from typing import Final

from credit_default.evaluation.decisions import Confusion, Group
from credit_default.evaluation.measurement import Evaluation
from credit_default.evaluation.uncertainty import Estimate
from credit_default.features import FEATURES, Direction, Feature
from credit_default.training import BARS

_MEASURES: Final = {
    "auc": "AUC",
    "gini": "Gini coefficient",
    "ks": "Kolmogorov-Smirnov distance",
    "brier": "Brier score",
    "ece": "Expected calibration error",
}
_DIRECTIONS: Final = {Direction.RISING: "only rises", Direction.FALLING: "only falls", Direction.FREE: "is free"}


@dataclass(frozen=True)
class Table:
    """Cells of plain text under a header."""

    header: list[str]
    rows: list[list[str]]

    def markdown(self) -> str:
        """A table of GitHub-flavoured Markdown."""
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)

    def html(self) -> str:
        """A `<table>` element."""

        def row(cells: list[str], tag: str) -> str:
            return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

        body = "\n".join(row(cells, "td") for cells in self.rows)
        return f"<table>\n<thead>{row(self.header, 'th')}</thead>\n<tbody>\n{body}\n</tbody>\n</table>"


def performance(evaluation: Evaluation, recorded: Mapping[str, float]) -> Table:
    """Measures on the hold-out beside the cross-validated ones that the model's metadata records."""
    bars = {bar.metric: str(bar).removeprefix(f"{bar.metric} ") for bar in BARS}
    return Table(
        ["Measure", "Hold-out", "95 % interval", "Out of fold", "Bar", "Out of fold, unconstrained"],
        [
            [
                title,
                f"{evaluation.measures[name].value:.4f}",
                f"{evaluation.measures[name].low:.4f} to {evaluation.measures[name].high:.4f}",
                f"{recorded[name]:.4f}",
                bars.get(name, ""),
                f"{recorded[f'unconstrained_{name}']:.4f}",
            ]
            for name, title in _MEASURES.items()
        ],
    )


def confusion(decisions: Confusion) -> Table:
    """Counts of clients by what was predicted and what happened."""
    return Table(
        ["", "predicted: no default", "predicted: default"],
        [
            ["no default", f"{decisions.true_negatives:,}", f"{decisions.false_positives:,}"],
            ["default", f"{decisions.false_negatives:,}", f"{decisions.true_positives:,}"],
        ],
    )


def rates(decisions: Confusion) -> Table:
    """What the counts amount to."""
    return Table(
        ["Rate", "%, with 95 % interval", "Meaning"],
        [
            ["Selection rate", _rate(decisions.selection_rate), "of all clients, predicted to default"],
            ["True positive rate", _rate(decisions.true_positive_rate), "of those who defaulted, predicted to default"],
            ["False positive rate", _rate(decisions.false_positive_rate), "of the others, predicted to default"],
            ["Precision", _rate(decisions.precision), "of those predicted to default, defaulted"],
        ],
    )


def inputs() -> Table:
    """What the model is told about a client."""
    return Table(
        ["Input", "Unit", "Formula", "Range", "May be missing"],
        [[f.name, f.unit, f.formula, _range(f), "yes" if f.nullable else "no"] for f in FEATURES],
    )


def directions(default_rates: Mapping[str, list[float]]) -> Table:
    """How the forecast may move with each input, why, and what was seen in the data."""
    return Table(
        ["As it grows", "the forecast", "because", "Default rate from its lowest to its highest values (%)"],
        [
            [
                feature.name,
                _DIRECTIONS[feature.direction],
                feature.direction_reason,
                ", ".join(f"{100 * rate:.0f}" for rate in default_rates[feature.name]),
            ]
            for feature in FEATURES
        ],
    )


def fairness(groups: list[Group]) -> Table:
    """The decisions about each group."""
    return Table(
        [
            "Group",
            "Clients",
            "Defaulted",
            "Default rate (%)",
            "Selection rate (%)",
            "True positive rate (%)",
            "False positive rate (%)",
        ],
        [
            [
                f"{group.attribute}: {group.name}",
                f"{group.decisions.clients:,}",
                f"{group.decisions.defaulters:,}",
                _rate(group.decisions.default_rate),
                _rate(group.decisions.selection_rate),
                _rate(group.decisions.true_positive_rate),
                _rate(group.decisions.false_positive_rate),
            ]
            for group in groups
        ],
    )


def _rate(rate: Estimate | None) -> str:
    return f"{100 * rate.value:.1f} ({100 * rate.low:.1f} to {100 * rate.high:.1f})" if rate else "not defined"


def _range(feature: Feature) -> str:
    match feature.minimum, feature.maximum:
        case None, None:
            return "any number"
        case minimum, None:
            return f"{minimum:g} or more"
        case minimum, maximum:
            return f"{minimum:g} to {maximum:g}"
