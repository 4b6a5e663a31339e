"""Model artifacts in S3, with what was read before at hand on this machine."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from betting_ai.adapters.aws.clients import FAILURES, client, code_of, told
from betting_ai.adapters.aws.object_store import MISSING
from betting_ai.errors import ModelMissingError, StorageUnavailableError

FRESH_SECONDS: Final = 60.0
"""So long a file is not asked for again."""

_UNCHANGED: Final = frozenset({"304", "NotModified"})
_log: Final = logging.getLogger("betting_ai.models")


@dataclass(frozen=True)
class S3ModelStore:
    """`betting_ai.ports.model_store.ModelStore` over a bucket.

    A file that was read once is asked for by its ETag, so that it travels again only when it has
    changed. Where S3 does not answer, what was read last is still good: it was checked by its
    manifest, and is checked by it again.

    Attributes:
        bucket: its name.
        cache: folder of what was read; made with the first file.
    """

    bucket: str
    cache: Path
    _s3: Any = field(default_factory=lambda: client("s3"), repr=False)
    _fresh: dict[str, float] = field(default_factory=dict, init=False, compare=False, repr=False)

    def read(self, path: str) -> bytes:
        """The bytes of one file.

        Raises:
            ModelMissingError: there is no such file.
            StorageUnavailableError: S3 does not answer, and it was never read before.
        """
        tag, kept = self._kept(path)
        if kept is not None and time.monotonic() < self._fresh.get(path, 0.0):
            return kept
        known = {"IfNoneMatch": tag} if kept is not None else {}
        try:
            answer = self._s3.get_object(Bucket=self.bucket, Key=path, **known)
            content, tag = bytes(answer["Body"].read()), str(answer["ETag"])
        except FAILURES as error:
            code = code_of(error)
            if code in MISSING:
                raise ModelMissingError(
                    f"model file {path} is missing from s3://{self.bucket}; `models publish` puts "
                    "it there"
                ) from None
            if kept is None:
                raise StorageUnavailableError(
                    f"s3://{self.bucket} cannot be used: {told(error)}"
                ) from error
            if code not in _UNCHANGED:
                _log.warning("models as read before", extra={"file": path, "why": told(error)})
            content = kept
        else:
            self._keep(path, tag, content)
        self._fresh[path] = time.monotonic() + FRESH_SECONDS
        return content

    def _kept(self, path: str) -> tuple[str, bytes | None]:
        """What was read before, and its ETag."""
        place = self._place(path)
        try:
            head, _, content = place.read_bytes().partition(b"\n")
            return str(json.loads(head)["etag"]), content
        except (OSError, ValueError, KeyError, TypeError):
            return "", None

    def _keep(self, path: str, tag: str, content: bytes) -> None:
        """Whole or not at all; without room for it, it is asked for each time."""
        place = self._place(path)
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            handle, scratch = tempfile.mkstemp(dir=place.parent, prefix=".")
            try:
                with os.fdopen(handle, "wb") as file:
                    file.write(json.dumps({"etag": tag}).encode() + b"\n" + content)
                Path(scratch).replace(place)
            except BaseException:
                Path(scratch).unlink(missing_ok=True)
                raise
        except OSError as error:
            _log.warning("no room to keep a model", extra={"file": path, "why": error.strerror})

    def _place(self, path: str) -> Path:
        return self.cache / hashlib.sha256(f"{self.bucket}/{path}".encode()).hexdigest()
