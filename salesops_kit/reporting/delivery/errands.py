"""Deliveries of a catalogue: which published report goes to whom."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from salesops_kit.reporting import state
from salesops_kit.reporting.catalogue import Catalogue, Task
from salesops_kit.reporting.delivery.deliver import Delivery, Errand, deliver
from salesops_kit.reporting.job import prepared


def errands(catalogue: Catalogue, tasks: Iterable[Task]) -> list[Errand]:
    """Return what the tasks' reports still owe their receivers; only what is published goes out.

    A page that is stale, failed or missing is not delivered: a receiver gets the good one once it
    is there.
    """
    found = []
    for task in tasks:
        folder = prepared(task.spec).target
        if state.read_manifest(folder).get("status") != state.PUBLISHED:
            continue
        found += [
            Errand(folder, name, catalogue.receivers[name], catalogue.into, catalogue.project)
            for name in task.entry.receivers
        ]
    return found


def deliver_all(
    found: Sequence[Errand], *, dry_run: bool = False, again: bool = False
) -> list[Delivery]:
    """Deliver one after the other; one that fails leaves the others alone."""
    return [deliver(replace(errand, dry_run=dry_run, again=again)) for errand in found]
