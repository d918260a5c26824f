"""Judges a model directory as the service does, before it is registered.

The service judges again, and what it says counts: src/model-registry. docs/exporters.md shows both on the same models.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
import onnxruntime as ort
import pandas as pd
import yaml
from mlflow.models import Model
from onnxruntime.capi import onnxruntime_pybind11_state as ort_errors

from credit_default import class_labels
from credit_default.arrays import BoolArray, Float32Array, FloatArray
from credit_default.class_labels import Declared, DefaultClass
from credit_default.refused import RefusedModelError

# Under `metadata:` in MLmodel; the rest of that belongs to whoever logged the model.
OUR_KEY: Final = "credit_default"
DEFAULT_CLASS_TAG: Final = "default_class"
NULLABLE_TAG: Final = "nullable_features"

_KNOWN_TOLERANCE: Final = 1e-5
# What rounding makes of a probability at its ends, of the sum of two, and of a row that is scored alone.
_ROUNDING: Final = 1e-6
_SUM_TOLERANCE: Final = 1e-3
_ALONE_TOLERANCE: Final = 1e-5
_EXAMPLE_ROWS: Final = 64
_MADE_ROWS: Final = 64
_PROBE_ROWS: Final = 3
# Largest values of made rows, for inputs that nothing is known of.
_SCALES: Final = (1.0, 10.0, 1000.0, 100_000.0)


@dataclass(frozen=True)
class Accepted:
    """What the service would make of a model.

    Attributes:
        inputs: their names, in the model's order.
        nullable: those that may be missing.
        default_class: which class is the default, and where that is said.
        warnings: what was not used, and why.
    """

    inputs: tuple[str, ...]
    nullable: frozenset[str]
    default_class: DefaultClass
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class _Trial:
    """Rows [width] to try a model on: of known probabilities, of its input example, and made up."""

    known: list[Float32Array]
    example: list[Float32Array]
    made: list[Float32Array]

    @property
    def rows(self) -> list[Float32Array]:
        return [*self.known, *self.example, *self.made]


@dataclass(frozen=True)
class _Description:
    """What MLmodel says."""

    onnx_path: str
    members: dict[str, Any]
    is_ours: bool
    names: tuple[str, ...] | None
    width: int | None
    warnings: list[str] = field(default_factory=list)


def members(metadata: object) -> dict[str, Any]:
    """What `metadata:` of an MLmodel says to the service: the members under our key, else those that stood there once.

    Raises:
        RefusedModelError: what is under our key has not its form.
    """
    return _read_members(metadata)[0]


def check(directory: Path, tags: Mapping[str, str] | None = None) -> Accepted:
    """Judges the model in `directory`.

    Args:
        directory: of MLflow.
        tags: of the version, as far as the service reads them.

    Raises:
        RefusedModelError: the service must refuse it.
    """
    tags = tags or {}
    if not (directory / "MLmodel").is_file():
        raise RefusedModelError(f"{directory} has no MLmodel file: it is no model directory of MLflow.")
    description = _describe((directory / "MLmodel").read_text(encoding="utf-8"))
    file = directory / description.onnx_path
    if not file.is_file():
        raise RefusedModelError(
            f"MLmodel names {description.onnx_path}, and there is no such file. Save the model again."
        )
    session = _Session(file.read_bytes(), description.names, description.width)
    names = description.names or tuple(f"f{i}" for i in range(session.width))
    warnings = [*description.warnings, *_strangers(description, names), *_unused_tags(description, tags)]
    trial = _Trial(
        _known_rows(description.members.get("known_rows"), session.width),
        _example_rows(directory, description.names, session.width),
        _made_rows(names, description.members.get("feature_ranges", {})),
    )
    output, columns = session.probability_output(trial.rows)
    default = class_labels.choose(session.proto, output, columns, _declared(description, tags))

    def score(rows: Sequence[Float32Array]) -> FloatArray:
        scores: FloatArray = session.run(output, rows).reshape(len(rows), -1)[:, default.column].astype(np.float64)
        return scores

    _try(score, columns, description.members.get("known_rows"), trial)
    nullable = description.members.get("nullable_features")
    given = set(_by_tag(tags, names) if nullable is None else nullable)
    shown = {name for i, name in enumerate(names) if any(np.isnan(row[i]) for row in (*trial.known, *trial.example))}
    return Accepted(names, frozenset(given | shown), default, tuple(warnings))


# What MLmodel says


def _describe(text: str) -> _Description:
    try:
        document = yaml.safe_load(text)
        data = document["flavors"]["onnx"]["data"]
        signature = json.loads((document.get("signature") or {}).get("inputs") or "null")
    except (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RefusedModelError(
            "MLmodel cannot be read, or has no `onnx` flavor: save the model with mlflow.onnx.save_model or log_model, "
            "and with "
            "metadata of plain Python values: convert those of NumPy with float(), int() or .tolist() before."
        ) from error
    ours, is_ours, warnings = _read_members(document.get("metadata"))
    width, signed = _signature(signature)
    named = ours.get("feature_names")
    if named and signed and list(named) != list(signed):
        raise RefusedModelError(
            "MLmodel says twice what the inputs are called, and not the same: its feature_names are "
            f"{', '.join(named)}, the columns "
            f"of its signature {', '.join(signed)}. Give both in the order that the model was trained with, or leave "
            "feature_names out."
        )
    names = tuple(named or signed or ()) or None
    if names and len(set(names)) != len(names):
        raise RefusedModelError("MLmodel has a name of an input twice. Save the model with distinct names.")
    return _Description(data, ours, is_ours, names, len(named) if named else width, warnings)


def _signature(columns: Any) -> tuple[int | None, list[str] | None]:  # noqa: ANN401 -- JSON
    """The number of inputs, and their names; None for what is open. A single column of arrays holds all inputs."""
    if not columns:
        return None, None
    if "tensor-spec" in columns[0]:
        shape = columns[0]["tensor-spec"]["shape"]
        return (shape[-1] if shape and shape[-1] > 0 else None), None
    if len(columns) == 1 and columns[0]["type"] in ("array", "any"):
        return None, None
    names = [column.get("name") for column in columns]
    return len(columns), names if all(isinstance(name, str) and name for name in names) else None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""


def _is_list_of(holds: Callable[[Any], bool], value: object) -> bool:
    return isinstance(value, list) and all(holds(each) for each in value)


def _is_table_of(holds: Callable[[Any], bool], value: object) -> bool:
    return isinstance(value, dict) and all(holds(each) for each in value.values())


def _is_range(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and all(each is None or _is_number(each) or (isinstance(each, float) and math.isinf(each)) for each in value)
    )


def _is_histogram(value: object) -> bool:
    return (
        isinstance(value, dict)
        and set(value) <= {"edges", "counts", "missing"}
        and _is_list_of(_is_number, value.get("edges"))
        and _is_list_of(_is_number, value.get("counts"))
        and _is_number(value.get("missing", 0))
    )


def _is_reference(value: object) -> bool:
    return (
        isinstance(value, dict)
        and set(value) <= {"features", "score", "quality"}
        and _is_table_of(_is_histogram, value.get("features"))
        and _is_histogram(value.get("score"))
    )


def _are_known_rows(value: object) -> bool:
    if not isinstance(value, dict) or not set(value) <= {"inputs", "probabilities", "tolerance"}:
        return False
    inputs, probabilities = value.get("inputs"), value.get("probabilities")
    is_cell: Callable[[Any], bool] = lambda cell: (  # noqa: E731 -- it says one thing
        cell is None or _is_number(cell) or (isinstance(cell, float) and math.isnan(cell))
    )
    return (
        _is_list_of(lambda row: _is_list_of(is_cell, row), inputs)
        and _is_list_of(_is_probability, probabilities)
        and 0 < len(inputs) == len(probabilities)  # type: ignore[arg-type]
        and _is_number(value.get("tolerance", _KNOWN_TOLERANCE))
        and value.get("tolerance", _KNOWN_TOLERANCE) > 0
    )


def _is_probability(value: object) -> bool:
    return _is_number(value) and 0 <= value <= 1  # type: ignore[operator]


# The members that were read before they had a key of their own.
_FIRST_MEMBERS: Final[dict[str, tuple[str, Callable[[Any], bool]]]] = {
    "name": ("text", _is_text),
    "feature_names": ("a list of names", lambda value: _is_list_of(_is_text, value) and len(value) > 0),
    "feature_descriptions": ("texts by input", lambda value: _is_table_of(lambda each: isinstance(each, str), value)),
    "feature_ranges": ("[min, max] by input, null for an open end", lambda value: _is_table_of(_is_range, value)),
    "nullable_features": ("a list of inputs", lambda value: _is_list_of(lambda each: isinstance(each, str), value)),
    "allow_signature_change": ("true or false", lambda value: isinstance(value, bool)),
    "threshold": ("a number from 0 to 1", _is_probability),
    "known_rows": ("inputs, probabilities (one for each row), and a tolerance above 0 or none", _are_known_rows),
    "training_metrics": ("numbers by name", lambda value: _is_table_of(_is_number, value)),
    "reference": ("features and score, histograms of edges, counts and missing", _is_reference),
}
_MEMBERS: Final[dict[str, tuple[str, Callable[[Any], bool]]]] = {
    **_FIRST_MEMBERS,
    "default_class": ("the label of a class", lambda value: _is_text(value) or isinstance(value, int)),
    # Known, and not used by this release of the service.
    **{
        name: ("anything", lambda _: True)
        for name in ("holdout", "dataset", "directions", "outcome_horizon_days", "trained_until", "explanation")
    },
}


def _read_members(metadata: object) -> tuple[dict[str, Any], bool, list[str]]:
    if not isinstance(metadata, dict):
        return {}, False, []
    if OUR_KEY not in metadata:
        faults = _faults(metadata, _FIRST_MEMBERS)
        if not faults:
            return (
                {name: value for name, value in metadata.items() if name in _MEMBERS and name != "default_class"},
                False,
                [],
            )
        warning = (
            f"Nothing under metadata in MLmodel is used, because not all of it has the form that the service reads "
            f"({'; '.join(faults)}). What is meant for the service goes under metadata.{OUR_KEY}: "
            "docs/model-contract.md."
        )
        return {}, False, [warning]
    ours = metadata[OUR_KEY] or {}
    unknown = (
        [f"{name}: there is no such member" for name in ours if name not in _MEMBERS]
        if isinstance(ours, dict)
        else ["no table"]
    )
    faults = [*unknown, *(_faults(ours, _MEMBERS) if isinstance(ours, dict) else [])]
    if faults:
        raise RefusedModelError(
            f"metadata.{OUR_KEY} in MLmodel is not what the model contract asks for ({'; '.join(faults)}): correct it "
            "and save the "
            "model again. docs/model-contract.md has all members and their forms."
        )
    return dict(ours), True, []


def _faults(given: Mapping[str, Any], forms: Mapping[str, tuple[str, Callable[[Any], bool]]]) -> list[str]:
    return [
        f"{name} must be {form}" for name, (form, holds) in forms.items() if name in given and not holds(given[name])
    ]


def _strangers(description: _Description, names: Sequence[str]) -> list[str]:
    """Names in the metadata that are no inputs: mistakes under our key, and beside it perhaps somebody else's."""
    said = description.members
    mentioned = {
        "feature_descriptions": said.get("feature_descriptions", {}),
        "feature_ranges": said.get("feature_ranges", {}),
        "nullable_features": said.get("nullable_features", []),
        "reference.features": said.get("reference", {}).get("features", {}),
    }
    unknown = {member: [str(name) for name in given if name not in names] for member, given in mentioned.items()}
    found = [f"{member} names {', '.join(given)}" for member, given in unknown.items() if given]
    if not found:
        return []
    fault = f"{'; '.join(found)}, which the model does not have as inputs (they are {', '.join(names)})."
    if not description.is_ours:
        return [f"metadata in MLmodel: {fault}"]
    raise RefusedModelError(f"metadata.{OUR_KEY} in MLmodel: {fault} Correct the names, and save the model again.")


def _by_tag(tags: Mapping[str, str], names: Sequence[str]) -> list[str]:
    given = [name.strip() for name in tags.get(NULLABLE_TAG, "").split(",") if name.strip()]
    unknown = [name for name in given if name not in names]
    if unknown:
        raise RefusedModelError(
            f"The version's tag {NULLABLE_TAG} names {', '.join(unknown)}, which the model does not have as inputs "
            f"(they are {', '.join(names)}). Correct the tag: names with commas between."
        )
    return given


def _unused_tags(description: _Description, tags: Mapping[str, str]) -> list[str]:
    return [
        f"The tag {tag} is not used: the metadata in MLmodel says it."
        for tag in (DEFAULT_CLASS_TAG, NULLABLE_TAG)
        if tag in tags and tag in description.members
    ]


def _declared(description: _Description, tags: Mapping[str, str]) -> Declared | None:
    label = description.members.get("default_class")
    if label is not None:
        return Declared(str(label).lower() if isinstance(label, bool) else str(label), "metadata")
    return Declared(tags[DEFAULT_CLASS_TAG], "tag") if DEFAULT_CLASS_TAG in tags else None


# What the graph takes and gives


class _Session:
    """A graph of one float32 input [N, width]."""

    def __init__(self, content: bytes, names: Sequence[str] | None, declared: int | None) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._session = ort.InferenceSession(content, options, providers=["CPUExecutionProvider"])
            self.proto = onnx.load_from_string(content)
        except Exception as error:  # onnxruntime and protobuf have no common kind
            raise RefusedModelError(
                "onnxruntime cannot load the ONNX file: it is damaged, or uses operators newer than this runtime. "
                "Export it again."
            ) from error
        self._input, self.width = _sole_input(self._session.get_inputs(), len(names) if names else declared)

    def run(self, output: str, rows: Sequence[Float32Array]) -> Any:  # noqa: ANN401 -- onnxruntime has no types
        """The output's values for rows [N, width]."""
        return self._session.run([output], {self._input: np.stack(rows)})[0]

    def probability_output(self, rows: Sequence[Float32Array]) -> tuple[str, int]:
        """Its name, and how many columns it has."""
        outputs = self._session.get_outputs()
        floats = [each.name for each in outputs if each.type == "tensor(float)"]
        values = self._probe(floats, rows) if floats else {}
        shaped = {
            name: value
            for name, value in values.items()
            if value.shape[1:] in ((), (1,), (2,)) and len(value) == _PROBE_ROWS
        }
        good = {name: value for name, value in shaped.items() if value.shape[1:] != (2,) or _add_up(value)}
        best = [name for name, value in good.items() if value.shape[1:] == (2,)] or list(good)
        chosen = [name for name in best if "prob" in name.lower()] if len(best) > 1 else best
        if len(chosen) == 1:
            return chosen[0], 2 if good[chosen[0]].shape[1:] == (2,) else 1
        if best:
            raise RefusedModelError(
                f"Several outputs could be the probabilities ({', '.join(best)}). Export the model with one float "
                "output of them."
            )
        if shaped:
            raise RefusedModelError(
                f"The two columns of {', '.join(shaped)} do not add up to 1, so they are raw scores and not "
                "probabilities. "
                "Export the model with its sigmoid or calibration included (skl2onnx: without raw_scores)."
            )
        is_map = any(not each.type.startswith("tensor") for each in outputs)
        hint = (
            "Its probabilities are a sequence of maps: export with zipmap=False."
            if is_map
            else "Export a binary classifier with its probabilities as float32 [N, 2] or [N]."
        )
        raise RefusedModelError(f"The model has no probability output. {hint}")

    def _probe(self, names: Sequence[str], rows: Sequence[Float32Array]) -> dict[str, Any]:
        failure: Exception | None = None
        for start in range(0, len(rows) - _PROBE_ROWS + 1, _PROBE_ROWS):
            try:
                values = self._session.run(list(names), {self._input: np.stack(rows[start : start + _PROBE_ROWS])})
                return dict(zip(names, values, strict=True))
            except _RUN_ERRORS as error:
                failure = failure or error
        raise RefusedModelError(
            f"The model cannot score {_PROBE_ROWS} rows together. Export it with a dynamic batch dimension on every "
            "output."
        ) from failure


_RUN_ERRORS: Final = (ort_errors.Fail, ort_errors.RuntimeException, ort_errors.InvalidArgument, ValueError)


def _sole_input(inputs: Sequence[Any], declared: int | None) -> tuple[str, int]:
    if len(inputs) != 1:
        raise RefusedModelError(
            f"The model has {len(inputs)} inputs ({', '.join(each.name for each in inputs)}); it must have one. "
            "Export it with one float tensor of shape [N, d] that holds all features."
        )
    [given] = inputs
    if given.type != "tensor(float)":
        raise RefusedModelError(
            f"The model's input is {given.type}; it must be float32. Export it with "
            "initial_types=[('input', FloatTensorType([None, d]))] and encode categories beforehand."
        )
    if given.shape and len(given.shape) != 2:
        raise RefusedModelError("The model's input must have two dimensions. Export it with shape [None, d].")
    batch, width = given.shape or (None, None)
    if isinstance(batch, int) and batch > 0:
        raise RefusedModelError(f"The model's input has a fixed batch size of {batch}. Export it with shape [None, d].")
    in_graph = width if isinstance(width, int) and width > 0 else None
    agreed = in_graph or declared
    if agreed is None:
        raise RefusedModelError(
            "Neither the ONNX graph nor MLmodel says how many inputs the model takes. Save it with a signature."
        )
    if declared not in (None, agreed):
        raise RefusedModelError(
            f"The ONNX graph takes {agreed} inputs but MLmodel declares {declared}. Save the model with the signature "
            "and feature "
            "names that belong to it."
        )
    return given.name, agreed


def _add_up(scores: Float32Array) -> bool:
    """Rows that give no numbers say nothing."""
    sums = scores.sum(axis=1)
    return bool((~np.isfinite(sums) | (np.abs(sums - 1) <= _SUM_TOLERANCE)).all())


# The rows that it is tried on

Score = Callable[[Sequence[Float32Array]], FloatArray]


def _known_rows(known: Mapping[str, Any] | None, width: int) -> list[Float32Array]:
    inputs = known["inputs"] if known else []
    for i, row in enumerate(inputs):
        if len(row) != width:
            raise RefusedModelError(
                f"Known row {i} has {len(row)} inputs, the model takes {width}. Save the model again."
            )
    return [_row(row) for row in inputs]


def _row(values: Sequence[float | None]) -> Float32Array:
    return np.array([np.nan if value is None else value for value in values], dtype=np.float32)


def _example_rows(directory: Path, names: Sequence[str] | None, width: int) -> list[Float32Array]:
    """Without rows of zeros, which people write where they have no row at hand."""
    try:
        example = Model.load(str(directory)).load_input_example(str(directory))
        if isinstance(example, pd.DataFrame):
            example = example[list(names)] if names and set(names) == set(example.columns) else example
            example = example.to_numpy(np.float32)
        rows = np.atleast_2d(np.asarray(example, dtype=np.float32))
    except Exception:  # an example in whatever form is no fault of the model
        return []
    if rows.ndim != 2 or rows.shape[1] != width:
        return []
    return [row for row in rows if np.any(row)][:_EXAMPLE_ROWS]


def _made_rows(names: Sequence[str], ranges: Mapping[str, Sequence[float | None]]) -> list[Float32Array]:
    """Within the ranges of the inputs, else of several sizes; the same each time."""
    random = np.random.default_rng(1)

    def cell(name: str, scale: float) -> float:
        low, high = (None if end is None or math.isinf(end) else end for end in ranges.get(name, (None, None)))
        start = low if low is not None else 0 if high is None else high - scale
        return start + random.random() * ((high if high is not None else start + scale) - start)

    scales = [_SCALES[row * len(_SCALES) // _MADE_ROWS] for row in range(_MADE_ROWS)]
    return [np.array([cell(name, scale) for name in names], dtype=np.float32) for scale in scales]


def _try(score: Score, columns: int, known_rows: Mapping[str, Any] | None, trial: _Trial) -> None:
    known = _score_each(score, trial.known)
    _check_probabilities(known, "known row", "known rows")
    if known_rows:
        _check_expected(known, known_rows)
    _check_probabilities(_score_each(score, trial.example), "row", "rows of its input example")
    if not known_rows:
        _check_no_margin(_score_each(score, trial.made), columns, has_example=bool(trial.example))
    tolerance = max(_ALONE_TOLERANCE, (known_rows or {}).get("tolerance", 0))
    together = _score_each(score, trial.rows)
    alone = np.concatenate([_score_each(score, [row]) for row in trial.rows])
    both = np.isfinite(together)
    if not (np.abs(together - alone) <= tolerance)[both].all():
        raise RefusedModelError(
            "The model scores a row otherwise when it is alone than among others. Export it so that a row is scored by "
            "itself "
            "(without dynamic quantization, or statistics over the batch)."
        )


def _score_each(score: Score, rows: Sequence[Float32Array]) -> FloatArray:
    """NaN for a row that cannot be scored: it makes the run of all of them fail."""
    if not rows:
        return np.empty(0)
    try:
        return score(rows)
    except _RUN_ERRORS as error:
        scores = np.full(len(rows), np.nan)
        failures = 0
        for i, row in enumerate(rows):
            try:
                [scores[i]] = score([row])
            except _RUN_ERRORS:
                failures += 1
        if failures == 0:
            raise RefusedModelError(
                f"The model scores {len(rows)} rows one by one and not together. "
                "Export it with a dynamic batch dimension on every output."
            ) from error
        return scores


def _is_outside(scores: FloatArray) -> BoolArray:
    return np.isfinite(scores) & ((scores < -_ROUNDING) | (scores > 1 + _ROUNDING))


def _check_probabilities(scores: FloatArray, one: str, many: str) -> None:
    outside = _is_outside(scores)
    wrong = np.flatnonzero(~np.isfinite(scores) | outside)
    if not len(wrong):
        return
    which = f"{one} {wrong[0]} of {len(scores)} {many}"
    if outside[wrong[0]]:
        raise _no_probabilities("outside 0 to 1", which, "Export it with its sigmoid or calibration included.")
    raise _no_probabilities("not finite", which, "Have the graph take such a row, or leave the row out.")


def _check_expected(scores: FloatArray, known: Mapping[str, Any]) -> None:
    tolerance = known.get("tolerance", _KNOWN_TOLERANCE)
    differences = np.abs(scores - known["probabilities"])
    off = np.flatnonzero(~(differences <= tolerance))
    if len(off):
        raise RefusedModelError(
            f"Known row {off[0]} of {len(scores)} is off by {differences[off[0]]:.2g} (tolerance {tolerance}): "
            "the ONNX file is not the model that MLmodel describes. Save the model again."
        )


def _check_no_margin(scores: FloatArray, columns: int, *, has_example: bool) -> None:
    """Two columns that add up to 1 are seldom a margin, and rounding can take large made rows out of 0 to 1."""
    outside, infinite, most = _is_outside(scores).sum(), (~np.isfinite(scores)).sum(), len(scores) / 2
    proof = "If it gives probabilities, save it with known_rows or an input_example of real rows."
    if outside > (most if columns == 2 else 0):
        remedy = f"Export it with its sigmoid or calibration included. {proof}"
        raise _no_probabilities("outside 0 to 1", f"{outside} of {len(scores)} rows that were made to try it", remedy)
    if infinite > most and not has_example:
        where = f"{infinite} of {len(scores)} rows that were made to try it"
        raise _no_probabilities("not finite", where, f"Export it again. {proof}")


def _no_probabilities(why: str, where: str, remedy: str) -> RefusedModelError:
    return RefusedModelError(f"The model gives scores that are not probabilities ({why}) for {where}. {remedy}")
