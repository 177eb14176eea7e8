"""An archiver over a World: rounds run when a test asks for them, and commands when the World has its turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workflowsvc.archive.archiver import Archiver
from workflowsvc.archive.place import Place
from workflowsvc.engine.archiving import set_archives
from workflowsvc.engine.command_queue import Command
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.testing import World
from workflowsvc.testing.world import PendingAnswer


def call_in(world: World) -> Callable[[Callable[[UnitOfWork], Any]], Any]:
    """Carries a command out in the World."""

    def call(run: Callable[[UnitOfWork], Any]) -> Any:
        answer = PendingAnswer()
        world.writer.submit(Command(run, answer))
        world.run()
        return answer.output()

    return call


def archiver(world: World, place: Place) -> Archiver:
    """Of a World whose runs are archived from now on."""
    world.state.archives_here = True
    call_in(world)(lambda work: set_archives(work, True))
    return Archiver(world.engine, place, call_in(world))


def all_rounds(archiver: Archiver) -> None:
    """Until one says that there is nothing left to do for now."""
    while archiver.round() == 0.0:
        pass
