"""deploy/kubernetes: valid by the schemas of Kubernetes, and its probes, paths and times fit the server."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.test_tidy import ROOT
from workflowsvc.settings import OPTIONS, Settings

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")

FOLDER = ROOT / "deploy" / "kubernetes"
FILES = ("workflowsvc.yaml", "postgres.yaml")
VERSIONS = ("1.29", "1.33")  # of Kubernetes
ROUTES = {"/livez", "/readyz", "/startupz"}


def objects(*names: str) -> list[dict[str, Any]]:
    return [one for name in names for one in yaml.safe_load_all((FOLDER / name).read_text())]


def container() -> dict[str, Any]:
    (deployment,) = (one for one in objects("workflowsvc.yaml") if one["kind"] == "Deployment")
    return deployment["spec"]["template"]["spec"]


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_is_valid(version: str) -> None:
    schemas = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    for one in objects(*FILES):
        schemas.validate(one, version, strict=True)


def test_kubectl_builds_it(tmp_path: Path) -> None:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("there is no kubectl on this machine")
    done = subprocess.run([kubectl, "kustomize", FOLDER], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    built = list(yaml.safe_load_all(done.stdout))
    assert len(built) == len(objects(*FILES))
    assert {one["metadata"]["namespace"] for one in built} == {"workflowsvc"}


def test_a_node_may_write_nowhere_and_is_no_privileged_user() -> None:
    (pod,) = container()["containers"]
    assert pod["securityContext"]["readOnlyRootFilesystem"]
    assert not pod["securityContext"]["allowPrivilegeEscalation"]
    assert container()["securityContext"]["runAsUser"] == 65532, "the user of the image"
    assert all(mount["readOnly"] for mount in pod["volumeMounts"])


def test_probes_ask_for_pages_that_there_are_and_a_stop_has_the_time_that_it_takes() -> None:
    (pod,) = container()["containers"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert pod[probe]["httpGet"]["path"] in ROUTES
        assert pod[probe]["httpGet"]["port"] == pod["ports"][0]["name"]
    assert pod["livenessProbe"]["httpGet"]["path"] == "/livez", (
        "a database that is away must not restart nodes"
    )
    assert pod["ports"][0]["containerPort"] == Settings().port
    pause = int(pod["lifecycle"]["preStop"]["exec"]["command"][1])
    assert container()["terminationGracePeriodSeconds"] > pause + Settings().drain_seconds + 5


def test_its_variables_are_settings() -> None:
    (pod,) = container()["containers"]
    known = {option.variable for option in OPTIONS}
    assert {one["name"] for one in pod["env"]} <= known
