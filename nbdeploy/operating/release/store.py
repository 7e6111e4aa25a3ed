"""The state's file and the journal: written whole or not at all, by one process at a time.

<data folder>/releases/<name>/
  state.json      what is wanted; replaced by renaming, after its content is on the disk
  journal.jsonl   what happened, a line each; a change is in both or in none
  observed.json   what the supervisor saw last, for `status`
"""

from __future__ import annotations

import dataclasses
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbdeploy.errors import Diagnostic, UsageError
from nbdeploy.home import check_name, data_folder, write_atomically, writing
from nbdeploy.operating.release.state import Event, State, state_from

__all__ = ["Store"]


@dataclass(frozen=True, slots=True)
class Store:
    """Where the state of one service lies."""

    folder: Path

    @classmethod
    def of(cls, name: str) -> Store:
        """Return the store of a service. Raises UsageError NBD602: it can't have this name."""
        check_name(name)
        return cls(data_folder().resolve() / "releases" / name)  # processes are known by its one true path

    def read(self) -> State | None:
        """Return the state, None where nothing was ever released."""
        try:
            return state_from(json.loads((self.folder / "state.json").read_text(encoding="utf-8")))
        except FileNotFoundError:
            return None

    def state(self) -> State:
        """Return the state. Raises UsageError NBD720: nothing was ever released."""
        found = self.read()
        if found is None:
            name = self.folder.name
            message = f"no version of {name} was ever released from here"
            fix = f"`nbdeploy release blue-green {name}` releases the newest version"
            raise UsageError(Diagnostic(code="NBD720", message=message, fix=fix))
        return found

    def change(self, transition: Callable[[State], State], first: State | None = None) -> State:
        """Apply a transition to the state as it is now and return the new one; two at once come one after the other.

        `first` is what it begins with where nothing was ever released.
        """
        with self._locked():
            known = self.read()
            if known is not None:
                self._mend(known)
            before = known or first or self.state()
            after = transition(before)
            if after is not before:
                self._write(after)
                self._mend(after)
        return after

    def journal(self) -> list[dict[str, Any]]:
        """Return what happened, the oldest first; the state's own event, too, if its line is only being written."""
        known = self.read()
        try:
            text = (self.folder / "journal.jsonl").read_text(encoding="utf-8")
        except FileNotFoundError:
            text = ""
        events = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
        if known is not None and known.event is not None and (not events or events[-1]["seq"] < known.event.seq):
            events.append(json.loads(_line(known.event)))
        return events

    def observed(self) -> dict[str, Any]:
        """Return what the supervisor saw last."""
        try:
            found = json.loads((self.folder / "observed.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def observe(self, seen: dict[str, Any]) -> None:
        write_atomically(self.folder / "observed.json", json.dumps(seen))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / ".lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                yield

    def _write(self, state: State) -> None:
        target = self.folder / "state.json"
        temporary = target.with_name(".state.json.new")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(state.as_json(), file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _mend(self, state: State) -> None:
        """Bring the journal up to the state: a process that was killed between the two left its last line out, or half."""
        event = state.event
        if event is None:
            return
        path = self.folder / "journal.jsonl"
        with path.open("ab+") as file:
            whole = _whole(file)
            if whole and json.loads(whole)["seq"] >= event.seq:
                return
            file.write(_line(event))
            file.flush()
            os.fsync(file.fileno())


def _whole(file: Any) -> bytes:
    """Cut half a line off the end of the file, and return its last line."""
    file.seek(0)
    content: bytes = file.read()
    end = content.rfind(b"\n") + 1
    file.truncate(end)
    lines = content[:end].splitlines()
    return lines[-1] if lines else b""


def _line(event: Event) -> bytes:
    return json.dumps(dataclasses.asdict(event), default=str).encode() + b"\n"
