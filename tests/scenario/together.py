"""One scenario played by several accounts at once, with the same call of all accounts in one batch.

Owns the meeting of the players: every call waits until all players have made theirs, then the writer loop takes them
together. Accounts do not see each other, so each must get the answers that it would get alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from tests.scenario import runner
from tests.scenario.in_process import InProcess
from tests.support.waiting import PATIENCE_SECONDS
from workflowsvc.access.caller import Caller
from workflowsvc.engine.unit_of_work import UnitOfWork
from workflowsvc.faults import Fault
from workflowsvc.settings import Settings
from workflowsvc.tenant import Tenant
from workflowsvc.testing import PendingAnswer
from workflowsvc.testing.scenarios.in_world import WaitingInWorld
from workflowsvc.testing.scenarios.language import Scenario
from workflowsvc.testing.scenarios.service import Refused


class Meeting:
    """The world that all players share. Every batch in it is rolled back once and run again."""

    def __init__(self, players: int, settings: Settings, *, functions_answer: bool) -> None:
        self.shared = InProcess(settings, functions_answer=functions_answer, unlucky=True)
        self._barrier = threading.Barrier(players, action=self._act, timeout=PATIENCE_SECONDS)
        self._wanted: list[Any] = [None] * players
        self._acts: list[Callable[[list[Any]], list[Any]]] = []
        self._got: list[Any] = [None] * players

    def meet(self, player: int, act: Callable[[list[Any]], list[Any]], wanted: Any) -> Any:
        """All players want the same act; each gets its own part of what came of it."""
        self._wanted[player] = wanted
        self._acts = [act]
        self._barrier.wait()
        got = self._got[player]
        if isinstance(got, BaseException):
            raise got
        return got

    def leave(self) -> None:
        """A player has failed; the others must not wait for it."""
        self._barrier.abort()

    def _act(self) -> None:
        try:
            self._got = self._acts[0](self._wanted)
        except BaseException as error:
            self._got = [error] * len(self._wanted)

    # --- what can be done together ---

    def call(self, wanted: list[Any]) -> list[Any]:
        answers, polls = self._begin(wanted)
        self.shared.world.run()
        for answer, poll in zip(answers, polls, strict=True):
            if poll is not None and not answer.done:
                poll.withdraw()
        self.shared.world.run()
        return [_outcome(answer) for answer in answers]

    def wait(self, wanted: list[Any]) -> list[Any]:
        answers, polls = self._begin(wanted)
        for answer, poll in zip(answers, polls, strict=True):
            answer.poll = poll
        self.shared.world.run()
        return [WaitingInWorld(self.shared.world, answer) for answer in answers]

    def _begin(self, wanted: list[Any]) -> tuple[list[PendingAnswer], list[Any]]:
        answers = [PendingAnswer() for _ in wanted]
        polls: list[Any] = []
        for answer, (operation, tenant, members) in zip(answers, wanted, strict=True):
            try:
                polls.append(self.shared.world._begin(operation, Caller(tenant), members, answer))
            except Fault as fault:
                answer(fault)
                polls.append(None)
        return answers, polls

    def hang_up(self, wanted: list[Any]) -> list[Any]:
        for pending in wanted:
            pending.poll.abandon()
        self.shared.world.run()
        return wanted

    def do(self, wanted: list[Any]) -> list[Any]:
        return [self.shared.do(run) for run in wanted]

    def once(self, act: Callable[[InProcess], Any]) -> Callable[[list[Any]], list[Any]]:
        """An act that is done once for all players, on the world."""
        return lambda wanted: [act(self.shared)] * len(wanted)


def _outcome(answer: PendingAnswer) -> Any:
    try:
        return answer.result()
    except Fault as fault:
        return Refused(fault.code, fault.message)


class Player:
    """A `workflowsvc.testing.scenarios.service.Service`: one account's view of the meeting."""

    def __init__(self, meeting: Meeting, number: int) -> None:
        self._meeting = meeting
        self._number = number

    def _meet(self, act: Callable[[list[Any]], list[Any]], wanted: Any = None) -> Any:
        return self._meeting.meet(self._number, act, wanted)

    def _own(self, tenant: Tenant) -> Tenant:
        return tenant._replace(account=f"{self._number:012}")

    @property
    def now_ms(self) -> int:
        return self._meeting.shared.now_ms

    def call(self, operation: str, tenant: Tenant, members: dict[str, Any]) -> Any:
        return self._meet(self._meeting.call, (operation, self._own(tenant), members))

    def wait(self, operation: str, tenant: Tenant, members: dict[str, Any]) -> WaitingTogether:
        waiting = self._meet(self._meeting.wait, (operation, self._own(tenant), members))
        return WaitingTogether(self, waiting)

    def advance(self, ms: int) -> None:
        self._meet(self._meeting.once(lambda world: world.advance(ms)))

    def set_clock(self, ms: int) -> None:
        self._meet(self._meeting.once(lambda world: world.set_clock(ms)))

    def sleep(self, ms: int) -> None:
        self._meet(self._meeting.once(lambda world: world.sleep(ms)))

    def do(self, run: Callable[[UnitOfWork], Any]) -> Any:
        return self._meet(self._meeting.do, run)

    def audit(self) -> None:
        self._meet(self._meeting.once(InProcess.audit))

    def close(self) -> None: ...


class WaitingTogether:
    """A `workflowsvc.testing.scenarios.service.Waiting`."""

    def __init__(self, player: Player, waiting: WaitingInWorld) -> None:
        self._player = player
        self._waiting = waiting

    @property
    def done(self) -> bool:
        return self._waiting.done

    def answer(self) -> Any:
        return self._waiting.answer()

    def hang_up(self) -> None:
        self._player._meet(self._player._meeting.hang_up, self._waiting._pending)


def play(scenario: Scenario, players: int) -> list[dict[int, list[str]]]:
    """What was answered to each player."""
    wanted, _ = runner.settings_of(scenario)
    meeting = Meeting(players, wanted.settings, functions_answer=wanted.functions_answer)
    results: list[Any] = [None] * players

    def one(number: int) -> None:
        try:
            results[number] = runner.play(scenario, lambda _: Player(meeting, number))
        except BaseException as error:
            results[number] = error
            meeting.leave()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(players)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    meeting.shared.close()
    failures = [result for result in results if isinstance(result, BaseException)]
    if failures:
        raise next(
            (one for one in failures if not isinstance(one, threading.BrokenBarrierError)), failures[0]
        )
    return results
