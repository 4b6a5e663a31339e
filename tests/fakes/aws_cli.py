"""The AWS CLI as it is, which comes packed within a package of the construct kit."""

from __future__ import annotations

import io
import sys
import tarfile
import zipfile
from importlib.resources import files
from pathlib import Path

_CLI = "package/lib/layer.zip"


def unpack(folder: Path) -> Path:
    """Unpack it, and return the folder that ``aws`` is found in."""
    [packed] = [
        one
        for one in (files("aws_cdk.asset_awscli_v1") / "_jsii").iterdir()
        if one.name.endswith(".tgz")
    ]
    with packed.open("rb") as file, tarfile.open(fileobj=file) as archive:
        inner = archive.extractfile(_CLI)
        assert inner is not None
        with zipfile.ZipFile(io.BytesIO(inner.read())) as layer:
            layer.extractall(folder / "layer")  # noqa: S202 - of a locked package
    found = folder / "bin"
    found.mkdir()
    command = found / "aws"
    script = folder / "layer" / "awscli" / "aws"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -s "{script}" "$@"\n')
    command.chmod(0o755)
    return found
