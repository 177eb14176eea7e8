"""The service model of our own API: everything that is made of it is fresh, and requests are read strictly."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tools import api_page
from workflowsvc.cli import context_of_process
from workflowsvc.commands import api_model
from workflowsvc.commands.context import CommandFailed
from workflowsvc.faults import SerializationException, UnknownOperationException, ValidationException
from workflowsvc.model import generate, own_model, own_shapes
from workflowsvc.model.shapes import Shape
from workflowsvc.service.models import MODELS
from workflowsvc.service.own.actions import OWN, TARGET_PREFIX

MODEL = json.loads(own_model.SERVICE_MODEL.read_text(encoding="utf-8"))


def test_the_committed_shapes_are_fresh() -> None:
    assert generate.OWN_TARGET.read_text(encoding="utf-8") == generate.generate_own()


def test_the_committed_page_is_fresh() -> None:
    assert api_page.TARGET.read_text(encoding="utf-8") == api_page.page(), "run `python -m tools.api_page`"


def test_the_page_passes_for_markdown_without_markup_of_the_model() -> None:
    page = api_page.page()
    assert "<p>" not in page
    assert "<code>" not in page


def test_each_operation_of_the_model_has_a_row_and_each_shape_a_user() -> None:
    assert OWN.actions.keys() == MODEL["operations"].keys()
    assert MODEL["metadata"]["targetPrefix"] == TARGET_PREFIX
    assert MODEL["metadata"]["apiVersion"] == own_model.API_VERSION
    roots = [
        reference["shape"]
        for operation in MODEL["operations"].values()
        for reference in (operation["input"], operation.get("output"), *operation["errors"])
        if reference
    ]
    assert generate.reachable(MODEL["shapes"], roots) == MODEL["shapes"].keys()


def test_everything_in_the_model_is_explained_to_its_readers() -> None:
    silent = [name for name, operation in MODEL["operations"].items() if not operation.get("documentation")]
    for name, shape in MODEL["shapes"].items():
        if "enum" in shape and not shape.get("documentation"):
            silent.append(name)
        if not shape.get("exception"):
            silent += [
                f"{name}.{member}"
                for member, reference in shape.get("members", {}).items()
                if not reference.get("documentation")
            ]
    assert not silent


def test_wire_names_stand_in_the_order_of_the_alphabet() -> None:
    for name, structure in vars(own_shapes).items():
        if isinstance(structure, type) and issubclass(structure, Shape):
            members = structure.__struct_encode_fields__
            assert list(members) == sorted(members), name


def test_a_member_that_the_structure_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(ValidationException) as caught:
        OWN.actions["DescribeService"].decode(b'{"colour": "blue"}', 32_768)
    assert caught.value.message == (
        "1 validation error detected: Value 'blue' at 'colour' failed to satisfy constraint: "
        "Member must be one that its structure has"
    )


def test_a_body_that_is_no_object_is_refused_as_one_of_swf_is() -> None:
    with pytest.raises(SerializationException):
        OWN.actions["DescribeService"].decode(b"[]", 32_768)


def test_operations_are_found_under_their_prefix_alone() -> None:
    assert MODELS.by_target("WorkflowSvc.DescribeService") is OWN.actions["DescribeService"]
    for name in ("DescribeService", "SimpleWorkflowService.DescribeService", "WorkflowSvc.ListDomains"):
        with pytest.raises(UnknownOperationException):
            MODELS.by_target(name)
    with pytest.raises(UnknownOperationException):
        MODELS.by_name("DescribeService")


ABOUT_ONE_PAGE = {"SearchExecutions": {"reachedTimestamp", "timeLimitReached"}}


def test_each_operation_with_a_page_token_has_a_paginator() -> None:
    paged = {
        name
        for name, operation in MODEL["operations"].items()
        if "nextPageToken" in MODEL["shapes"][operation["input"]["shape"]]["members"]
    }
    paginators = json.loads((own_model.FOLDER / "paginators-1.json").read_text(encoding="utf-8"))
    assert paginators["pagination"].keys() == paged
    for name, paginator in paginators["pagination"].items():
        members = MODEL["shapes"][MODEL["operations"][name]["output"]["shape"]]["members"]
        given = paginator["result_key"]
        keys = [given] if isinstance(given, str) else given
        kinds = [MODEL["shapes"][members[key]["shape"]]["type"] for key in keys]
        assert kinds[0] == "list", f"{name}: botocore and the AWS CLI take the length of the first"
        kept = {*keys, *paginator.get("non_aggregate_keys", ()), "nextPageToken"}
        assert members.keys() - kept == ABOUT_ONE_PAGE.get(name, set()), (
            f"{name}: the AWS CLI prints no others"
        )


# --- the command api-model ---


def run(*words: str, **environment: str) -> str:
    """What the command prints; the files are written where the environment says."""
    done = subprocess.run(
        [sys.executable, "-m", "workflowsvc", "api-model", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_api_model_writes_where_the_first_data_path_of_aws_is(tmp_path: Path) -> None:
    printed = run(AWS_DATA_PATH=f"{tmp_path / 'a'}:{tmp_path / 'b'}")
    folder = tmp_path / "a" / "workflowsvc" / own_model.API_VERSION
    assert printed == f"{folder}\n"
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == {
        file.name: file.read_bytes() for file in own_model.files()
    }
    assert not (tmp_path / "b").exists()


def test_api_model_writes_to_the_home_directory_otherwise(tmp_path: Path) -> None:
    run(HOME=str(tmp_path), AWS_DATA_PATH="")
    assert (tmp_path / ".aws/models/workflowsvc" / own_model.API_VERSION / "service-2.json").exists()


def test_api_model_may_be_run_again_and_prints_the_model_on_request(tmp_path: Path) -> None:
    assert run("--directory", str(tmp_path)) == run("--directory", str(tmp_path))
    assert json.loads(run("--print")) == MODEL


def test_api_model_says_which_directory_it_cannot_make(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    parser = argparse.ArgumentParser()
    context = context_of_process()
    api_model.add_arguments(parser, context)
    with pytest.raises(CommandFailed, match="Not a directory"):
        api_model.run(context, parser.parse_args(["--directory", str(tmp_path / "file")]))
