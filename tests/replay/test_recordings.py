"""What is a recording, and what is refused as one: files that are cut, illegal, of another type, or no histories."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.replay.orders import Events, decide, plainly
from tests.replay.playing import play
from workflowsvc.replay.recording import Recording, Source, Unusable, find_files, read_recording, read_sources


def whole(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def read(folder: Path, name: str, text: str | bytes) -> list[Recording]:
    file = folder / name
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return [read_recording(source) for source in read_sources([str(file)], io.BytesIO())]


def refusal(events: Events, **more: Any) -> str:
    with pytest.raises(Unusable) as refused:
        read_recording(Source("f.json", json.dumps({"events": events}).encode(), "f"), **more)
    return str(refused.value)


def test_the_names_of_the_run_are_beside_the_events_or_in_the_name_of_the_file(
    recorded: list[Path], tmp_path: Path
) -> None:
    given = whole(recorded[0])
    (recording,) = read(tmp_path, "any.json", json.dumps(given))
    assert [recording.workflow_id, recording.run_id] == list(given["execution"].values())
    (recording,) = read(tmp_path, "order.v1.22abc.json", json.dumps({"events": given["events"]}))
    assert (recording.workflow_id, recording.run_id) == ("order.v1", "22abc")
    (recording,) = read(tmp_path, "history.json", json.dumps(given["events"]))
    assert recording.workflow_id == "history"
    assert recording.run_id.startswith("replay-")
    assert (recording.type_text, recording.task_list) == ("workflow:1", "list")


def test_forms_of_files(recorded: list[Path], tmp_path: Path) -> None:
    first, second = whole(recorded[0]), whole(recorded[1])
    lines = "\n".join(json.dumps(one) for one in (first, second))
    assert [one.workflow_id for one in read(tmp_path, "two.jsonl", lines)] == ["order-1", "order-2"]
    (by_event,) = read(tmp_path, "w.r.jsonl", "\n".join(json.dumps(one) for one in first["events"]))
    assert len(by_event.events) == len(first["events"])
    newest_first = json.dumps({"events": first["events"][::-1]}, indent=2)
    (turned,) = read(tmp_path, "w.json", newest_first.encode("utf-16"))
    assert turned.events == by_event.events


def test_a_folder_stands_for_the_recordings_in_it(recorded: list[Path], tmp_path: Path) -> None:
    assert find_files([str(recorded[0].parent)]) == sorted(map(str, recorded))
    (tmp_path / "notes.txt").write_text("none")
    for given, message in (
        (tmp_path, "there is no file in it"),
        (tmp_path / "none", "there is no such file"),
    ):
        with pytest.raises(Unusable, match=message):
            find_files([str(given)])


def test_what_is_cut_or_illegal_is_refused_with_the_rule_that_it_breaks(recorded: list[Path]) -> None:
    events = whole(recorded[0])["events"]
    assert refusal(events[1:]).startswith("is cut or illegal, as `workflowsvc lint` says: H")
    assert "H1 at event 6: at place 5 stands event 6" in refusal([*events[:4], *events[5:]])
    assert refusal([]) == "is cut, or is no history: it holds no events"
    moved = json.loads(json.dumps(events))
    moved[2]["decisionTaskStartedEventAttributes"]["scheduledEventId"] = 1
    assert "is cut or illegal" in refusal(moved)
    page = json.dumps({"events": events[:5], "nextPageToken": "t"}).encode()
    with pytest.raises(Unusable, match="it is a page: more events follow"):
        read_recording(Source("f.json", page, "f"))
    with pytest.raises(Unusable, match="it holds no history"):
        read_recording(Source("f.json", recorded[0].read_bytes()[:-9], "f"))


def test_a_recording_of_another_type_than_asked_is_refused(recorded: list[Path]) -> None:
    events = whole(recorded[0])["events"]
    for of_type in ({"name": "workflow", "version": "2"}, {"name": "other"}):
        said = refusal(events, of_type=of_type)
        assert said == f"is of the workflow type workflow:1, not of {':'.join(of_type.values())}"
    source = Source("f.json", json.dumps(events).encode(), "f")
    assert read_recording(source, of_type={"name": "workflow"}).type_text == "workflow:1"


def test_the_others_are_played_all_the_same(recorded: list[Path], tmp_path: Path) -> None:
    (tmp_path / "cut.json").write_bytes(recorded[0].read_bytes()[:100])
    played = play([tmp_path / "cut.json", recorded[0], recorded[0], tmp_path / "gone.json"], plainly(decide))
    assert played.statuses == ["SAME", "UNUSABLE", "UNUSABLE", "UNUSABLE"]
    messages = {verdict.message for verdict in played.verdicts if verdict.status == "UNUSABLE"}
    assert "cannot be read: No such file or directory" in messages
    assert any("once more" in message for message in messages)


def test_nothing_listens_when_there_is_nothing_to_play(tmp_path: Path) -> None:
    announced: list[str] = []
    (tmp_path / "empty.json").write_text("")
    played = play([tmp_path / "empty.json"], announced=announced.append)
    assert (played.statuses, announced) == (["UNUSABLE"], [])
