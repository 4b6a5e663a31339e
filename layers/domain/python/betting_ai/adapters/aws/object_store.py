"""Raw payloads in S3."""

from __future__ import annotations

import hashlib
import re
import zlib
from dataclasses import dataclass, field
from typing import Any, Final

from betting_ai.adapters.aws.clients import FAILURES, client, code_of, told
from betting_ai.errors import (
    InvalidInputError,
    ObjectDamagedError,
    ObjectMissingError,
    StorageUnavailableError,
)

MISSING: Final = frozenset({"404", "NoSuchKey", "NotFound"})
EXISTS: Final = frozenset({"412", "PreconditionFailed"})
AT_ONCE: Final = frozenset({"409", "ConditionalRequestConflict"})

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LEVEL: Final = 6


@dataclass(frozen=True)
class S3Objects:
    """Whole objects of one bucket.

    Attributes:
        bucket: its name.
    """

    bucket: str
    _s3: Any = field(default_factory=lambda: client("s3"), repr=False)

    def read(self, key: str) -> bytes | None:
        """An object; None where there is none.

        Raises:
            StorageUnavailableError: S3 cannot be reached, or refuses.
        """
        try:
            found: bytes = self._s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        except FAILURES as error:
            if code_of(error) in MISSING:
                return None
            raise _unavailable(self.bucket, error) from error
        return found

    def write(self, key: str, content: bytes, *, once: bool = False, kind: str = "") -> bool:
        """Put an object.

        Args:
            key: its name.
            content: its bytes.
            once: leave one that is there as it is.
            kind: media type; bytes by default.

        Returns:
            Whether it was written.

        Raises:
            StorageUnavailableError: S3 cannot be reached, or refuses.
        """
        condition = {"IfNoneMatch": "*"} if once else {}
        try:
            self._s3.put_object(
                Bucket=self.bucket,
                Key=key,
                Body=content,
                ContentType=kind or "application/octet-stream",
                ChecksumAlgorithm="SHA256",
                **condition,
            )
        except FAILURES as error:
            # Who writes the same name at the same instant writes the same bytes.
            if once and code_of(error) in EXISTS | AT_ONCE:
                return False
            raise _unavailable(self.bucket, error) from error
        return True

    def tagged(self, key: str) -> tuple[bytes | None, str | None]:
        """An object and its ETag, for `replace`; None and None where there is none.

        Raises:
            StorageUnavailableError: S3 cannot be reached, or refuses.
        """
        try:
            found = self._s3.get_object(Bucket=self.bucket, Key=key)
            return bytes(found["Body"].read()), str(found["ETag"])
        except FAILURES as error:
            if code_of(error) in MISSING:
                return None, None
            raise _unavailable(self.bucket, error) from error

    def replace(self, key: str, content: bytes, tag: str | None) -> bool:
        """Put an object in the place of the one with an ETag, or where there was none.

        Returns:
            Whether it was: not where another was put there meanwhile.

        Raises:
            StorageUnavailableError: S3 cannot be reached, or refuses.
        """
        if tag is None:
            return self.write(key, content, once=True)
        try:
            self._s3.put_object(
                Bucket=self.bucket, Key=key, Body=content, IfMatch=tag, ChecksumAlgorithm="SHA256"
            )
        except FAILURES as error:
            if code_of(error) in EXISTS | AT_ONCE | MISSING:
                return False
            raise _unavailable(self.bucket, error) from error
        return True

    def holds(self, key: str) -> bool:
        """Whether there is an object of this name.

        Raises:
            StorageUnavailableError: S3 cannot be reached, or refuses.
        """
        try:
            self._s3.head_object(Bucket=self.bucket, Key=key)
        except FAILURES as error:
            if code_of(error) in MISSING:
                return False
            raise _unavailable(self.bucket, error) from error
        return True

    def names(self, prefix: str) -> list[str]:
        """The objects whose names begin so, in order of their names.

        Raises:
            StorageUnavailableError: S3 cannot be reached, or refuses.
        """
        try:
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=prefix
            )
            return [one["Key"] for page in pages for one in page.get("Contents", ())]
        except FAILURES as error:
            raise _unavailable(self.bucket, error) from error


@dataclass(frozen=True)
class S3RawStore:
    """`betting_ai.ports.object_store.RawStore`: payloads under ``raw/<aa>/<sha256>``, compressed.

    Attributes:
        objects: the bucket.
    """

    objects: S3Objects

    def put(self, content: bytes) -> str:
        """Keep the bytes, once; returns their digest in hexadecimal."""
        sha256 = hashlib.sha256(content).hexdigest()
        self.objects.write(_key(sha256), zlib.compress(content, _LEVEL), once=True)
        return sha256

    def get(self, sha256: str) -> bytes:
        """The bytes of a digest, verified.

        Raises:
            ObjectMissingError: nothing is kept under this digest.
            ObjectDamagedError: what is kept does not have this digest.
            StorageUnavailableError: S3 cannot be reached, or refuses.
        """
        found = self.objects.read(_key(sha256))
        if found is None:
            raise ObjectMissingError(f"no raw payload {sha256} is kept; fetch it again")
        try:
            content = zlib.decompress(found)
        except zlib.error:
            content = b""
        if hashlib.sha256(content).hexdigest() != sha256:
            raise ObjectDamagedError(
                f"s3://{self.objects.bucket}/{_key(sha256)} is damaged; restore an earlier version"
            )
        return content

    def holds(self, sha256: str) -> bool:
        """Whether something is kept under this digest."""
        return self.objects.holds(_key(sha256))

    def discard(self, sha256: str) -> None:
        """Nothing: a bucket keeps what came, also what could not be read, for a closer look."""
        _key(sha256)


def _key(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise InvalidInputError(f"{sha256!r} is no SHA-256 in hexadecimal")
    return f"raw/{sha256[:2]}/{sha256}"


def _unavailable(bucket: str, error: BaseException) -> StorageUnavailableError:
    return StorageUnavailableError(f"s3://{bucket} cannot be used: {told(error)}")
