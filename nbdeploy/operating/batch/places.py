"""Files here and in object storage, by path or address: the only file that knows fsspec."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

from nbdeploy.errors import Diagnostic, EnvironmentProblem

__all__ = ["Place", "place"]


@dataclass(frozen=True, slots=True)
class Place:
    """A file or folder: `path` as its file system wants it, `shown` as the user wrote it."""

    system: Any
    path: str
    shown: str

    @property
    def local(self) -> bool:
        return "file" in (self.system.protocol if isinstance(self.system.protocol, tuple) else (self.system.protocol,))

    @property
    def name(self) -> str:
        return self.path.rstrip("/").rpartition("/")[2]

    def __truediv__(self, name: str) -> Place:
        return Place(self.system, f"{self.path.rstrip('/')}/{name}", f"{self.shown.rstrip('/')}/{name}")

    def beside(self, name: str) -> Place:
        """Return the place of that name in the same folder."""
        folder, _, _ = self.path.rstrip("/").rpartition("/")
        shown, slash, _ = self.shown.rstrip("/").rpartition("/")
        return Place(self.system, f"{folder}/{name}", f"{shown}{slash}{name}")

    def is_file(self) -> bool:
        return bool(self.system.isfile(self.path))

    def is_folder(self) -> bool:
        return bool(self.system.isdir(self.path))

    def exists(self) -> bool:
        return bool(self.system.exists(self.path))

    def files(self) -> list[Place]:
        """Return the files of a folder and below it, by name; names that begin with `_` or `.` are no data."""
        found = sorted(self.system.find(self.path))
        root = self.path.rstrip("/")
        inside = [(path, path[len(root) + 1 :]) for path in found]
        return [
            Place(self.system, path, f"{self.shown.rstrip('/')}/{name}")
            for path, name in inside
            if not any(part[0] in "_." for part in name.split("/"))
        ]

    def matches(self) -> list[Place]:
        """Return the files that the path means where it has a `*`."""
        return [Place(self.system, path, path) for path in sorted(self.system.glob(self.path))]

    def fingerprint(self) -> list[Any]:
        """Return what changes when the file does: its size, and its time or digest."""
        about = self.system.info(self.path)
        changed = about.get("ETag") or about.get("etag") or about.get("mtime") or about.get("LastModified") or ""
        return [self.path, about.get("size"), str(changed or about.get("created", ""))]

    def size(self) -> int:
        return int(self.system.size(self.path) or 0)

    def read(self) -> IO[Any]:
        """Open the file; compressed ones give what was compressed."""
        import fsspec

        compression = fsspec.core.get_compression(self.path, "infer")
        opened: IO[Any] = self.system.open(self.path, "rb")
        return fsspec.compression.compr[compression](opened, mode="rb") if compression else opened

    @contextmanager
    def writing(self) -> Iterator[IO[bytes]]:
        """Write a file that is there whole or not at all: under another name first, or as object stores do by themselves."""
        if not self.local:
            with self.system.open(self.path, "wb") as file:
                yield file
            return
        os.makedirs(os.path.dirname(self.path) or ".", exist_ok=True)  # noqa: PTH103, PTH120
        temporary = f"{self.path}.tmp"
        try:
            with open(temporary, "wb") as file:  # noqa: PTH123
                yield file
            os.replace(temporary, self.path)  # noqa: PTH105
        except BaseException:
            if os.path.exists(temporary):  # noqa: PTH110
                os.unlink(temporary)  # noqa: PTH108
            raise

    def rename(self, target: Place) -> None:
        if self.local:
            os.replace(self.path, target.path)  # noqa: PTH105
        else:
            self.system.mv(self.path, target.path, recursive=self.is_folder())

    def remove(self) -> None:
        if self.exists():
            self.system.rm(self.path, recursive=True)


def place(text: str) -> Place:
    """Return the place that a path or an address such as `s3://bucket/rows.parquet` means.

    Raises EnvironmentProblem (NBD655): what speaks to this kind of storage is not installed.
    """
    import fsspec

    try:
        system, path = fsspec.core.url_to_fs(text)
    except (ImportError, ValueError) as problem:
        scheme = text.partition("://")[0]
        known = {"s3": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs"}
        fix = f"pip install {known[scheme]}" if scheme in known else "give a path, or an address that fsspec knows"
        message = f"{text} can't be reached: {problem}"
        raise EnvironmentProblem(Diagnostic(code="NBD655", message=message, fix=fix)) from None
    return Place(system, path, text)
