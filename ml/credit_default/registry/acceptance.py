"""The rule by which a new version may take over from the one in production."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from credit_default import training
from credit_default.export import PARITY_TOLERANCE

# A quarter of the standard error of the AUC on 6,000 clients (Hanley and McNeil 1982): chance may cost that much.
AUC_ALLOWANCE: Final = 0.002


@dataclass(frozen=True)
class Condition:
    """Something that a candidate must fulfil, with what was measured."""

    text: str
    holds: bool


def conditions(
    measures: Mapping[str, float], parity: float, champion_auc: float | None, ece_by_chance: float
) -> list[Condition]:
    """What a candidate must fulfil to take over.

    Args:
        measures: the candidate's, as `metrics.summarise` gives them, on clients that neither version was trained on.
        parity: largest difference between the candidate's ONNX model and LightGBM on its known rows.
        champion_auc: AUC of the present version on the same clients; without one, the bar for training stands in.
        ece_by_chance: calibration error that a perfect model exceeds in one such sample of twenty. The bar is for all
            clients of the training data; on fewer, chance alone is more than that.
    """
    bars = {bar.metric: bar for bar in training.BARS}
    if champion_auc is None:
        auc_limit, limit_source = bars["auc"].at_least, "the bar"
    else:
        auc_limit, limit_source = champion_auc - AUC_ALLOWANCE, f"the present version's less {AUC_ALLOWANCE}"
    auc, ece = measures["auc"], measures["ece"]
    ece_limit, ece_source = bars["ece"].at_most, "the bar"
    if ece_by_chance > ece_limit:
        ece_limit, ece_source = ece_by_chance, "what chance exceeds in one sample of twenty"
    # A NaN fulfils no comparison, and so no condition.
    return [
        Condition(f"AUC {auc:.4f} >= {auc_limit:.4f}, {limit_source}", auc >= auc_limit),
        Condition(f"calibration error {ece:.4f} <= {ece_limit:.4f}, {ece_source}", ece <= ece_limit),
        Condition(
            f"ONNX {parity:.1e} <= {PARITY_TOLERANCE} from LightGBM, on the known rows", parity <= PARITY_TOLERANCE
        ),
    ]
