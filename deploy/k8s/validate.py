"""Validates rendered manifests strictly, without a network.

What a schema does not name is an error, and so is a kind that no schema describes.

    python deploy/k8s/validate.py --kubernetes VERSION [VERSION...] --crds FILE [FILE...] -- MANIFESTS...
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from jsonschema import Draft202012Validator, ValidationError

Schemas = dict[tuple[str, str], dict[str, Any]]


def main() -> int:
    """Returns the exit status: 0 when all is valid."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubernetes", nargs="+", required=True, metavar="VERSION")
    parser.add_argument("--crds", nargs="+", required=True, type=Path, metavar="FILE")
    parser.add_argument("manifests", nargs="+", type=Path)
    options = parser.parse_args()
    schemas = custom_schemas(options.crds)
    valid = 0
    errors = []
    for file in options.manifests:
        for resource in filter(None, yaml.safe_load_all(file.read_text())):
            for version in options.kubernetes:
                error = what_is_wrong(resource, version, schemas)
                if error is None:
                    valid += 1
                else:
                    name = f"{resource['kind']} {resource['metadata']['name']}"
                    errors.append(f"{file}: {name}, Kubernetes {version}: {error}")
    print(*errors, sep="\n", end="\n" if errors else "", file=sys.stderr)
    print(f"{valid} valid, {len(errors)} not, against Kubernetes {' and '.join(options.kubernetes)}")
    return 1 if errors or not valid else 0


def what_is_wrong(resource: dict[str, Any], version: str, schemas: Schemas) -> str | None:
    """Of a resource in this version of Kubernetes; None where nothing is."""
    schema = schemas.get((resource["apiVersion"], resource["kind"]))
    try:
        if schema is not None:
            Draft202012Validator(schema).validate(resource)
        elif kubernetes_validate.validate(resource, version, strict=True) != version:
            return "there are no schemas of this version"
    except ValidationError as error:
        return f"{error.json_path}: {error.message}"
    except kubernetes_validate.SchemaNotFoundError as error:
        return str(error.message)
    return None


def custom_schemas(files: Iterable[Path]) -> Schemas:
    """By apiVersion and kind, those of custom resource definitions."""
    specs = [yaml.safe_load(file.read_text())["spec"] for file in files]
    return {
        (f"{spec['group']}/{version['name']}", spec["names"]["kind"]): closed(version["schema"]["openAPIV3Schema"])
        for spec in specs
        for version in spec["versions"]
    }


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """The API server drops without a word what a definition does not name; here it is refused."""
    inside = {key: closed(value) if isinstance(value, dict) else value for key, value in schema.items()}
    is_object = isinstance(schema.get("properties"), dict)
    if is_object and not schema.get("x-kubernetes-preserve-unknown-fields"):
        return {"additionalProperties": False, **inside}
    return inside


if __name__ == "__main__":
    sys.exit(main())
