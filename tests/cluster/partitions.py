"""What can befall the network between nodes and their database: it is cut, held up for a moment or for long, or lies.

Owns the kinds, how often each comes, and that the database answers again in time once a line is sound.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.cluster.faults import Misfortune, Place
from tests.cluster.tcp_proxy import Line

LONG_SECONDS = (
    11.0,
    25.0,
)  # past what the database waits for a node (10 s), and a node for its database (20 s)
SHORT_SECONDS = 0.05, 3.0


async def cut(place: Place, line: Line) -> None:
    """All connections of the node end, and it may make new ones."""
    line.cut()


async def cut_off(place: Place, line: Line) -> None:
    """As `cut`, and for a while nobody is let in."""
    line.refusing = True
    line.cut()
    await place.pause(*SHORT_SECONDS)
    line.refusing = False


async def stall(place: Place, line: Line) -> None:
    """Everything stands still for a moment, then arrives."""
    line.hold("both")
    await place.pause(*SHORT_SECONDS)
    line.release()


async def lose_answers(place: Place, line: Line) -> None:
    """The database does what it is told, commits included, and the node never hears of it."""
    line.hold("answers")
    await place.pause(*SHORT_SECONDS)
    line.cut()
    line.release()


async def freeze(place: Place, line: Line) -> None:
    """For so long that the database ends the transactions of the node, or the node gives up its database."""
    line.hold(place.chance.choice(("both", "questions", "answers")))
    await place.pause(*LONG_SECONDS)
    if place.chance.random() < 0.5:
        line.cut()
    line.release()


async def pull_the_cable(place: Place, line: Line) -> None:
    """The node sees its connections end; the database keeps what they had locked until it notices by itself."""
    line.abandon()
    await place.pause(*SHORT_SECONDS)


Kind = Callable[[Place, Line], Awaitable[None]]
KINDS: tuple[tuple[Kind, str, float], ...] = (
    (cut, "cuts of all connections of a node", 4),
    (cut_off, "nodes cut off for a while", 3),
    (stall, "stalls", 3),
    (lose_answers, "losses of all answers", 4),
    (freeze, "freezes of 11 to 25 s", 1),
    (pull_the_cable, "cables pulled", 1),
)


def breaks(seconds: float, kinds: tuple[tuple[Kind, str, float], ...] = KINDS) -> Misfortune:
    """Lines break for so long, each kind once at the least; now and then those of all nodes at once."""
    weights = [weight for _, _, weight in kinds]

    async def befall(place: Place) -> None:
        until = time.monotonic() + seconds
        first = list(kinds)
        place.chance.shuffle(first)
        while first or time.monotonic() < until:
            await place.pause(0.1, 1.0)
            kind, name, _ = first.pop() if first else place.chance.choices(kinds, weights)[0]
            all_of_them = place.chance.random() < 0.2
            struck = (
                list(range(len(place.lines))) if all_of_them else [place.chance.randrange(len(place.lines))]
            )
            await asyncio.gather(*(kind(place, place.lines[number]) for number in struck))
            place.report.count(name, len(struck))
            await place.answered_again([place.nodes[number] for number in struck])

    return befall
