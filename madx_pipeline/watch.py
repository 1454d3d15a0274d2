"""Sees jobs start on an engine that does not say: from the note that whoever works on a job leaves in its folder."""

from __future__ import annotations

import os

from madx_pipeline.graph import Graph
from madx_pipeline.jobs import Job
from madx_pipeline.store import PARTIAL, Store
from madx_pipeline.unfinished import read_note


class Watch:
    """The jobs of a graph that nobody has been seen to work on.

    Made before the jobs are handed to an engine: notes that are there by then are of earlier sittings.
    """

    def __init__(self, graph: Graph, store: Store) -> None:
        self._store = store
        self._unseen = {f"{job.folder}{PARTIAL}": job for job in graph.jobs.values()}
        self._stages = sorted({job.stage for job in graph.jobs.values()})
        self._before = {name: self._started(name) for name in self._names()}

    def started(self) -> list[Job]:
        """The jobs that have started since the last call."""
        found = [name for name in self._names() if self._started(name) != self._before.get(name)]
        return [self._unseen.pop(name) for name in found]

    def ended(self, job: Job) -> bool:
        """Takes note that a job has ended; whether its start was never seen."""
        return self._unseen.pop(f"{job.folder}{PARTIAL}", None) is not None

    def _names(self) -> list[str]:
        """Folders of unfinished work of jobs not seen yet; listing them costs less than looking for each."""
        names = []
        for stage in self._stages:
            folder = self._store.root / stage
            if folder.is_dir():
                with os.scandir(folder) as entries:
                    names += [name for entry in entries if (name := f"{stage}/{entry.name}") in self._unseen]
        return names

    def _started(self, name: str) -> object:
        note = read_note(self._store.root / name)
        return note["started"] if note is not None else None
