"""The generated shapes are those of the model at hand, and stay importable without botocore."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from workflowsvc.model import generate, shapes


def test_the_committed_shapes_are_fresh() -> None:
    assert generate.TARGET.read_text(encoding="utf-8") == generate.generate()
    assert generate.main(["--check"]) == 0


def test_generating_twice_gives_the_same_text() -> None:
    assert generate.generate() == generate.generate()


def test_a_stale_file_is_told_and_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "shapes.py"
    target.write_text("stale")
    monkeypatch.setattr(generate, "TARGET", target)
    assert generate.main(["--check"]) == 1
    assert "is stale" in capsys.readouterr().err
    assert target.read_text() == "stale"
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0


def test_the_generated_file_is_in_the_house_form() -> None:
    text = generate.generate()
    formatted = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length=110", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    assert formatted.stdout == text


def test_nothing_of_botocore_is_loaded_to_read_and_write_requests() -> None:
    program = (
        "import sys, json, workflowsvc.model.wire, workflowsvc.model.events\n"
        "print(json.dumps(list(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = {name.partition(".")[0] for name in json.loads(run.stdout)}
    assert not loaded & {"boto3", "botocore"}


def test_wire_names_stand_in_the_order_of_the_alphabet() -> None:
    for name, structure in vars(shapes).items():
        if isinstance(structure, type) and issubclass(structure, shapes.Shape):
            members = structure.__struct_encode_fields__
            assert list(members) == sorted(members), name
