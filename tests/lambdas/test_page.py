"""The examples of docs/lambda.md are ones that work."""

from __future__ import annotations

import re
from pathlib import Path

from workflowsvc.lambdas import function_map
from workflowsvc.testing import World

PAGE = Path(__file__).resolve().parents[2] / "docs" / "lambda.md"
BLOCKS = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def test_every_map_on_the_page_can_be_read(tmp_path: Path) -> None:
    blocks = BLOCKS.findall(PAGE.read_text(encoding="utf-8"))
    assert [language for language, _ in blocks] == ["json", "toml", "python"]
    for language, text in blocks[:2]:
        path = tmp_path / f"functions.{language}"
        path.write_text(text, encoding="utf-8")
        functions = function_map.read(str(path))
        assert functions.size == 3
        assert functions.names.find("report-daily") is not None


def test_the_world_on_the_page_can_be_made() -> None:
    _, program = BLOCKS.findall(PAGE.read_text(encoding="utf-8"))[2]
    made: dict[str, object] = {}
    exec(program, made)
    assert isinstance(made["world"], World)


def test_every_reason_of_ours_is_on_the_page() -> None:
    source = "".join(
        (PAGE.parents[1] / "workflowsvc" / path).read_text(encoding="utf-8")
        for path in ("lambdas/client.py", "engine/invoker.py")
    )
    reasons = set(re.findall(r'(?:Failed|_not_reached)\(\s*"(\w+)"', source)) - {
        "Unhandled",
        "InternalFailure",
    }
    page = PAGE.read_text(encoding="utf-8")
    assert len(reasons) == 5
    assert all(f"`{reason}`" in page for reason in reasons), reasons
