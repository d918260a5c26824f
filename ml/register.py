"""Registers a model that the service can serve in MLflow, as a new version, and can make it the first live one."""

import argparse
import logging
import sys
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion

from credit_default import commands, contract, model_directory
from credit_default.features import NAMES
from credit_default.model_directory import SavedModel, UnusableModelError
from credit_default.refused import RefusedModelError
from credit_default.registry import manifest, runs
from credit_default.registry.errors import RegistryError, check_configured
from credit_default.registry.versions import PRODUCTION, Versions

HERE = Path(__file__).resolve().parent


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    try:
        check_configured()
        model = model_directory.read(options.directory)
        versions = Versions(options.name or _own_name(options.directory, model))
        if options.if_none and versions.exist():
            print(f"{versions.name} has versions already: nothing is registered.")
            return 0
        tags = {contract.DEFAULT_CLASS_TAG: options.default_class} if options.default_class else {}
        version = register(versions, options.directory, model, tags)
        if options.alias:
            point_if_unused(versions, options.alias, version, model)
        else:
            print(f"Next: {way_to_live(version, model)}")
    except (UnusableModelError, RegistryError, RefusedModelError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def register(versions: Versions, directory: Path, model: SavedModel, tags: dict[str, str]) -> ModelVersion:
    """The version that holds these files: the one there is, else a new one; with the tags either way.

    Raises:
        RefusedModelError: the service must refuse it with its tags; nothing was registered, and no tag set.
    """
    digest = manifest.digest(directory)
    present = versions.of_digest(digest)
    accepted = contract.check(directory, {**(present.tags if present else {}), **tags})
    for warning in accepted.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    default = accepted.default_class
    if default.source == "assumed":
        print("warning: the graph names no classes: its last column is taken for that of default.", file=sys.stderr)
    else:
        print(f"The default class is {default.label}, by its {default.source}.")
    if present:
        versions.tag(present, tags)
        print(f"{directory} is already version {present.version} of {versions.name}.")
        return present
    with runs.start("register") as run_id:
        runs.log_training(run_id, {}, model.metadata)
        version = versions.register(directory, run_id, tags)
    print(f"Registered {directory} as version {version.version} of {versions.name}, SHA-256 {digest}.")
    return version


def point_if_unused(versions: Versions, alias: str, version: ModelVersion, model: SavedModel) -> None:
    """Points the alias at the version unless it points anywhere already: then moving it takes a comparison."""
    holder = versions.at_alias(alias)
    if holder is None:
        versions.move_alias(alias, version, expected=None)
        print(f"{alias} is version {version.version}.")
    elif holder.version == version.version:
        print(f"{alias} is version {version.version} already.")
    else:
        print(f"{alias} stays at version {holder.version}. To move it: {way_to_live(version, model)}")


def way_to_live(version: ModelVersion, model: SavedModel) -> str:
    """What to do to have the version go live: a command where its inputs can be computed here, for a comparison."""
    if model.input_names == list(NAMES):
        return commands.promotion(version.name, version.version, None)
    return (
        f"compare version {version.version} with the live one yourself, and point the alias of {version.name} at it in "
        "MLflow."
    )


def _own_name(directory: Path, model: SavedModel) -> str:
    name = model.metadata.get("name")
    if name is None:
        raise UnusableModelError(
            f"{directory} does not say what it is called. Pass {commands.option('name', 'NAME')}, the registered model "
            "to add the version to."
        )
    return str(name)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog="The MLflow server is the one that MLFLOW_TRACKING_URI names. "
        "Files that are registered already are not registered again.",
    )
    parser.add_argument(
        "directory",
        nargs="?",
        type=Path,
        metavar="DIR",
        default=HERE / "model",
        help="an MLflow ONNX model directory (default: ml/model)",
    )
    parser.add_argument(
        "--name",
        help="the registered model to add the version to (default: what the model's metadata says)",
    )
    parser.add_argument(
        "--alias",
        help=f"point this alias, such as {PRODUCTION}, at the version if it points at none yet",
    )
    parser.add_argument(
        "--default-class",
        metavar="LABEL",
        help="the label of the class that means default, where there are others than 0 and 1: the tag default_class",
    )
    parser.add_argument(
        "--if-none",
        action="store_true",
        help="do nothing where the model has a version already, whichever",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
