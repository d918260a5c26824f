"""Which column of a model's probabilities is that of default, decided as in src/model-registry/default-class.ts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import onnx
from onnx import numpy_helper

from credit_default.refused import RefusedModelError

Source = Literal["labels", "metadata", "tag", "assumed"]

# Between a classifier and the graph's outputs; nobody's exporter writes longer ways.
_MAX_STEPS: Final = 64
_LABEL_LISTS: Final = ("classlabels_int64s", "classlabels_ints", "classlabels_strings")
# They change what a tensor looks like, not which class its values speak of.
_PASS_ON: Final = frozenset({"Identity", "Cast", "Reshape", "Squeeze", "Unsqueeze", "Flatten"})
# They change the scores of classes, and not their order.
_RESCALE: Final = frozenset({"Normalizer", "Softmax", "Clip", "Mul", "Div"})
# For a graph that names none: programs that score say class 1 and mean the second column, or the only one.
_UNNAMED: Final = ("0", "1")


@dataclass(frozen=True)
class Declared:
    """The label that somebody says means default, and where."""

    label: str
    source: Source


@dataclass(frozen=True)
class DefaultClass:
    """Which class is the default.

    Attributes:
        label: as the graph has it; 1 where it names no classes.
        source: where that is said.
        column: of its probability.
    """

    label: str
    source: Source
    column: int


@dataclass(frozen=True)
class _Origin:
    """Labels, and the classifier that gives them; None where the graph itself looks them up."""

    labels: tuple[str, ...]
    classifier: int | None


def choose(model: onnx.ModelProto, output: str, columns: int, declared: Declared | None) -> DefaultClass:
    """Decides which column is that of default.

    Args:
        model: the graph.
        output: the name of its output of probabilities.
        columns: of that output; a single one is the probability of the second class.
        declared: what the version says.

    Raises:
        RefusedModelError: that cannot be known, or contradicts the graph.
    """
    labels, unclear = _labels(model, output)
    if unclear:
        raise RefusedModelError(
            "The graph has class labels, and which of its columns belongs to which cannot be told. "
            "Export the classifier with its own label output."
        )
    names = labels or _UNNAMED
    if len(names) != 2:
        raise RefusedModelError(f"The graph names {len(names)} classes ({_quoted(names)}). Export a binary classifier.")
    if declared is None and not _is_ordinary(names):
        raise RefusedModelError(
            f"The model's classes are {_quoted(names)}, and nothing says which of them is the default. Pass "
            f"--default-class {names[0]} or --default-class {names[1]}, which sets the tag default_class on the "
            "version, or save the "
            f"model with metadata={{'credit_default': {{'default_class': {names[0]!r}}}}}."
        )
    place = _place(declared, names)
    if place is None:
        where = "The tag default_class" if declared and declared.source == "tag" else "default_class in the metadata"
        raise RefusedModelError(
            f"{where} is none of the model's classes ({_quoted(names)}). Set it to the one that means default."
        )
    if columns == 1 and place == 0:
        raise RefusedModelError(
            f"The model gives one column, which counts as the probability of {_quoted(names[1:])}, and its default "
            "class is "
            f"{_quoted(names[:1])}. Export both columns."
        )
    source: Source = declared.source if declared else "labels" if labels else "assumed"
    return DefaultClass(names[place], source, 0 if columns == 1 else place)


def _place(declared: Declared | None, names: Sequence[str]) -> int | None:
    if declared and declared.label in names:
        return names.index(declared.label)
    # YAML writes true and Python True for what exporters write as 1.
    if declared and not (_is_ordinary(names) and declared.label.lower() in ("0", "1", "false", "true")):
        return None
    wanted = _is_positive(declared.label) if declared else True
    return next(place for place, name in enumerate(names) if _is_positive(name) == wanted)


def _is_positive(label: str) -> bool:
    return label.lower() in ("1", "true")


def _is_ordinary(labels: Sequence[str]) -> bool:
    """Whether labels are those that every reader takes alike."""
    return sorted(label.lower() for label in labels) in (["0", "1"], ["false", "true"])


def _labels(model: onnx.ModelProto, output: str) -> tuple[tuple[str, ...] | None, bool]:
    """The labels of the columns, None where the graph has none; and whether it has some that cannot be placed."""
    graph = _Graph(model)
    integers, texts = graph.label_outputs()
    scored = graph.origin_of_scores(output)
    found = [origin for name in [*integers, *texts] if (origin := graph.origin_of_label(name, _MAX_STEPS))]
    # One value is no choice of classes but something else that the graph gives, such as a version.
    chosen = [origin for origin in found if len(origin.labels) > 1]
    if chosen:
        predicted = chosen[0]
        rivals = [other for other in chosen if other.labels != predicted.labels]
        both = None not in (predicted.classifier, scored and scored.classifier)
        if scored and both and predicted.classifier != scored.classifier:
            rivals.append(scored)
        if rivals:
            raise RefusedModelError(
                f"The graph's outputs are those of different classifiers (classes {_quoted(predicted.labels)}; "
                f"{_quoted(rivals[0].labels)}). Export the one classifier whose probabilities are to be served."
            )
        return predicted.labels, False
    if texts:
        return None, True
    return (scored.labels if scored else None), not scored and graph.has_other_labels()


class _Graph:
    def __init__(self, model: onnx.ModelProto) -> None:
        self._graph = model.graph
        self._producers = {name: place for place, node in enumerate(model.graph.node) for name in node.output}
        self._constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
        for node in model.graph.node:
            for each in node.attribute:
                if node.op_type == "Constant" and each.name == "value":
                    self._constants[node.output[0]] = numpy_helper.to_array(each.t)

    def label_outputs(self) -> tuple[list[str], list[str]]:
        """The outputs that tell the predicted class, by their type: whole numbers, texts."""
        kinds = {value.name: value.type.tensor_type.elem_type for value in self._graph.output}
        integers = (onnx.TensorProto.INT64, onnx.TensorProto.INT32, onnx.TensorProto.BOOL)
        return (
            [name for name, kind in kinds.items() if kind in integers],
            [name for name, kind in kinds.items() if kind == onnx.TensorProto.STRING],
        )

    def has_other_labels(self) -> bool:
        lists = (_labels_of(node) for node in self._graph.node)
        return any(labels is not None and not _is_ordinary(labels) for labels in lists)

    def origin_of_label(self, tensor: str, steps: int) -> _Origin | None:
        if tensor in self._constants:
            values = self._constants[tensor].ravel().tolist()
            return _Origin(tuple(_text(value) for value in values), None)
        place = self._producers.get(tensor)
        if place is None or steps == 0:
            return None
        node = self._graph.node[place]
        own = _labels_of(node)
        if own is not None:
            return _Origin(own, place) if tensor == node.output[0] else None
        # The place of the largest score.
        if node.op_type == "ArgMax":
            return _Origin(_UNNAMED, None)
        # What passes a label on, or a list of labels and which of them.
        if node.op_type in _PASS_ON or node.op_type in ("ArrayFeatureExtractor", "Gather"):
            return self.origin_of_label(node.input[0], steps - 1)
        if node.op_type == "LabelEncoder":
            return _translated(self.origin_of_label(node.input[0], steps - 1), node)
        return None

    def origin_of_scores(self, output: str) -> _Origin | None:
        tensor = output
        for _ in range(_MAX_STEPS):
            place = self._producers.get(tensor)
            node = None if place is None else self._graph.node[place]
            own = None if node is None else _labels_of(node)
            if node is not None and own is not None:
                return _Origin(own, place) if len(node.output) > 1 and tensor == node.output[1] else None
            maps = (each for each in self._graph.node if each.op_type == "ZipMap" and each.input[0] == tensor)
            mapped = next((labels for each in maps if (labels := _labels_of(each))), None)
            if mapped:
                return _Origin(mapped, None)
            if node is None or not node.input or node.op_type not in _PASS_ON | _RESCALE:
                return None
            tensor = node.input[0]
        return None


def _translated(origin: _Origin | None, node: onnx.NodeProto) -> _Origin | None:
    lists = _lists(node)
    keys = lists.get("keys_int64s") or lists.get("keys_strings")
    values = lists.get("values_strings") or lists.get("values_int64s")
    if origin is None or not keys or not values or not set(origin.labels) <= set(keys):
        return None
    return _Origin(tuple(values[keys.index(label)] for label in origin.labels), None)


def _labels_of(node: onnx.NodeProto) -> tuple[str, ...] | None:
    """An empty list is one that the exporter left at its default."""
    lists = _lists(node)
    return next((lists[name] for name in _LABEL_LISTS if lists.get(name)), None)


def _lists(node: onnx.NodeProto) -> dict[str, tuple[str, ...]]:
    return {each.name: tuple(_text(value) for value in (*each.ints, *each.strings)) for each in node.attribute}


def _text(value: object) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _quoted(labels: Sequence[str]) -> str:
    return ", ".join(json.dumps(label, ensure_ascii=False) for label in labels)
