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


def conditions(measures: Mapping[str, float], parity: float, champion_auc: float | None) -> list[Condition]:
    """What a candidate must fulfil to take over.

    Args:
        measures: the candidate's, as `metrics.summarise` gives them, on clients that neither version was trained on.
        parity: largest difference between the candidate's ONNX model and LightGBM on its known rows.
        champion_auc: AUC of the present version on the same clients; without one, the bar for training stands in.
    """
    bars = {bar.metric: bar for bar in training.BARS}
    if champion_auc is None:
        auc_limit, limit_source = bars["auc"].at_least, "the bar"
    else:
        auc_limit, limit_source = champion_auc - AUC_ALLOWANCE, f"the present version's less {AUC_ALLOWANCE}"
    auc, ece, ece_limit = measures["auc"], measures["ece"], bars["ece"].at_most
    # A NaN fulfils no comparison, and so no condition.
    return [
        Condition(f"AUC {auc:.4f} >= {auc_limit:.4f}, {limit_source}", auc >= auc_limit),
        Condition(f"calibration error {ece:.4f} <= {ece_limit}, the bar", ece <= ece_limit),
        Condition(
            f"ONNX {parity:.1e} <= {PARITY_TOLERANCE} from LightGBM, on the known rows", parity <= PARITY_TOLERANCE
        ),
    ]
