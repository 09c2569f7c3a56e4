"""What the deployment files say fits the code they start."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from shared.config import PREFIX
from shared.config_reference import env_example, markdown, variables
from workers.liveness import DEAD_SECONDS

ROOT = Path(__file__).parents[2]
KUBERNETES = ROOT / "deploy" / "kubernetes"
KNOWN = {variable.name for variable in variables()}
REQUIRED = {variable.name for variable in variables() if variable.required}
SECRET = {variable.name for variable in variables() if variable.secret}
IMAGE = "varebro"
DEPLOYMENT_FILES = [
    ROOT / "docker-compose.yml",
    ROOT / ".env.example",
    ROOT / "deploy" / "Dockerfile",
    *sorted(KUBERNETES.glob("*.yaml")),
    KUBERNETES / "README.md",
]

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OWN = {name: service for name, service in SERVICES.items() if service["image"] == IMAGE}

OBJECTS: dict[tuple[str, str], dict[str, Any]] = {
    (found["kind"], found["metadata"]["name"]): found
    for path in sorted(KUBERNETES.glob("*.yaml"))
    if path.name not in ("kustomization.yaml", "every-pod.yaml")
    for found in yaml.safe_load_all(path.read_text())
}
KUSTOMIZATION = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
EVERY_POD = yaml.safe_load((KUBERNETES / "every-pod.yaml").read_text())["spec"]["template"]["spec"]
PODS = {
    name: found["spec"]["template"]["spec"]
    for (kind, name), found in OBJECTS.items()
    if kind in ("Deployment", "Job")
}


# -- variables ------------------------------------------------------------------------------------


def test_the_reference_of_the_variables_is_up_to_date() -> None:
    """`python -m shared.config_reference > docs/configuration.md` mends it."""
    assert (ROOT / "docs" / "configuration.md").read_text() == markdown()


def test_the_example_environment_is_up_to_date() -> None:
    """`python -m shared.config_reference env > .env.example` mends it."""
    assert (ROOT / ".env.example").read_text() == env_example()


@pytest.mark.parametrize("path", DEPLOYMENT_FILES, ids=lambda path: path.name)
def test_every_variable_named_in_a_deployment_file_exists(path: Path) -> None:
    named = re.findall(rf"\b{PREFIX}[A-Z0-9_]+", path.read_text())
    assert set(named) <= KNOWN


def test_the_example_environment_has_a_line_for_every_variable_and_no_secret() -> None:
    lines = dict(re.findall(r"^#?([A-Z0-9_]+)=(.*)$", (ROOT / ".env.example").read_text(), re.M))
    assert lines.keys() == KNOWN | {"POSTGRES_PASSWORD"}
    assert {lines[name] for name in SECRET | {"POSTGRES_PASSWORD"}} == {""}


@pytest.mark.parametrize("name", OWN)
def test_every_variable_can_be_given_to_every_process_through_compose(name: str) -> None:
    given = OWN[name]["environment"]
    decided_by_the_image = {"VAREBRO_WEB_HOST"}
    only_for_flower = set() if name == "flower" else {"VAREBRO_FLOWER_AUTH"}
    assert given.keys() == KNOWN - decided_by_the_image - only_for_flower
    assert {variable for variable, value in given.items() if value} >= REQUIRED


def test_compose_does_not_start_before_every_secret_is_set() -> None:
    needed = set(re.findall(r"\$\{([A-Z_]+):\?", (ROOT / "docker-compose.yml").read_text()))
    assert needed == {"POSTGRES_PASSWORD", "VAREBRO_SECRET_KEYS", "VAREBRO_FLOWER_AUTH"}
    assert OWN["flower"]["environment"]["VAREBRO_FLOWER_AUTH"].startswith("${")


def test_kubernetes_keeps_every_secret_in_a_secret_and_gives_every_required_variable() -> None:
    (settings,) = [found for (kind, _), found in OBJECTS.items() if kind == "ConfigMap"]
    assert not settings["data"].keys() & SECRET
    secret = OBJECTS["Secret", "varebro"]["stringData"]
    assert secret.keys() == REQUIRED
    # What only one process may know is kept apart.
    apart = [OBJECTS["Secret", f"varebro-{name}"]["stringData"] for name in ("flower", "api")]
    assert set().union(*apart) == SECRET - REQUIRED
    assert {value for data in (secret, *apart) for value in data.values()} == {""}
    assert "secret.example.yaml" not in KUSTOMIZATION["resources"]


def test_the_secrets_and_settings_the_pods_ask_for_exist() -> None:
    (container,) = EVERY_POD["containers"]
    for source in container["envFrom"]:
        if "configMapRef" in source:
            assert ("ConfigMap", source["configMapRef"]["name"]) in OBJECTS
        else:
            assert ("Secret", source["secretRef"]["name"]) in OBJECTS
    for pod in PODS.values():
        for variable in pod["containers"][0].get("env", ()):
            asked = variable["valueFrom"]["secretKeyRef"]
            assert asked["key"] in OBJECTS["Secret", asked["name"]]["stringData"]


def test_no_pod_gets_variables_made_from_the_names_of_services() -> None:
    """A service called varebro-web would else set VAREBRO_WEB_PORT to an address."""
    assert ("Service", "varebro-web") in OBJECTS
    assert EVERY_POD["enableServiceLinks"] is False


# -- commands -------------------------------------------------------------------------------------


def commands() -> Iterator[tuple[str, list[str]]]:
    """Every call of `varebro` in the deployment files, with where it stands."""
    for name, service in OWN.items():
        yield f"compose {name}", service["command"]
        check = service.get("healthcheck", {}).get("test", ["CMD"])
        if check[1:2] == [IMAGE]:
            yield f"compose {name} health", check[2:]
    for name, pod in PODS.items():
        (container,) = pod["containers"]
        yield f"kubernetes {name}", container["args"]
        for probe in ("livenessProbe", "readinessProbe"):
            if "exec" in container.get(probe, {}):
                program, *arguments = container[probe]["exec"]["command"]
                assert program == IMAGE
                yield f"kubernetes {name} {probe}", arguments


CALLS = dict(commands())


@pytest.mark.parametrize("call", CALLS)
def test_every_command_the_deployment_files_call_exists(call: str) -> None:
    from workers.cli import app

    command: Any = typer.main.get_command(app)
    name, arguments = IMAGE, list(CALLS[call])
    while hasattr(command, "commands"):
        name = arguments.pop(0)
        assert name in command.commands, f"there is no command {' '.join(CALLS[call])}"
        command = command.commands[name]
    command.make_context(name, arguments)  # fails on arguments the command does not take


def test_both_ways_of_deployment_start_the_same_processes() -> None:
    by_compose = {service["command"][0] for service in OWN.values()}
    by_kubernetes = {pod["containers"][0]["args"][0] for pod in PODS.values()}
    assert by_compose == by_kubernetes == {"migrate", "web", "worker", "beat", "flower"}


# -- compose --------------------------------------------------------------------------------------


def test_the_compose_file_follows_the_compose_specification() -> None:
    checked = subprocess.run(
        [
            *(sys.executable, "-m", "check_jsonschema"),
            *("--builtin-schema", "vendor.compose-spec", str(ROOT / "docker-compose.yml")),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_any_number_of_workers_may_run() -> None:
    assert not OWN["worker"].keys() & {"container_name", "ports", "hostname"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_that_stays_has_a_health_check_and_comes_back(name: str) -> None:
    service = SERVICES[name]
    if name == "migrate":
        assert service["restart"] == "no"
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"][0] == "CMD"


@pytest.mark.parametrize("name", sorted(OWN.keys() - {"migrate"}))
def test_no_process_starts_before_the_tables_are_there(name: str) -> None:
    assert OWN[name]["depends_on"]["migrate"]["condition"] == "service_completed_successfully"
    assert OWN["migrate"]["depends_on"]["postgres"]["condition"] == "service_healthy"


@pytest.mark.parametrize("name", SERVICES)
def test_no_container_can_change_its_image_or_gain_rights(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert "/tmp" in service["tmpfs"]  # noqa: S108 - a path inside the container
    assert "no-new-privileges:true" in service["security_opt"]
    assert name not in OWN or service["cap_drop"] == ["ALL"]


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_open_to_this_host_only(name: str) -> None:
    for port in SERVICES[name].get("ports", ()):
        assert port.startswith("127.0.0.1:")


def test_the_broker_keeps_everything_it_is_given() -> None:
    command = " ".join(SERVICES["redis"]["command"])
    assert "--appendonly yes" in command
    assert "--maxmemory-policy noeviction" in command
    kept = {mount.split(":")[0] for s in SERVICES.values() for mount in s.get("volumes", ())}
    assert kept == COMPOSE["volumes"].keys() == {"postgres", "valkey"}


def test_a_worker_has_time_to_end_its_longest_transfer() -> None:
    (longest,) = [float(v.default or 0) for v in variables() if v.name == "VAREBRO_CLAIM_SECONDS"]
    minutes = int(OWN["worker"]["stop_grace_period"].removesuffix("m"))
    assert minutes * 60 >= longest
    assert PODS["varebro-worker"]["terminationGracePeriodSeconds"] >= longest


# -- kubernetes -----------------------------------------------------------------------------------


def test_the_common_part_reaches_every_pod() -> None:
    """kustomize merges it by the container's name into every Deployment and Job."""
    (patch,) = KUSTOMIZATION["patches"]
    assert patch == {"path": "every-pod.yaml", "target": {"kind": "(Deployment|Job)"}}
    (common,) = EVERY_POD["containers"]
    for pod in PODS.values():
        assert [container["name"] for container in pod["containers"]] == [common["name"]]
        assert pod["containers"][0]["image"] == IMAGE


def test_no_pod_runs_as_root_or_can_change_its_image() -> None:
    (container,) = EVERY_POD["containers"]
    assert EVERY_POD["securityContext"]["runAsNonRoot"] is True
    assert EVERY_POD["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    for pod in PODS.values():
        assert "securityContext" not in pod  # it would undo a part of the above
        assert "securityContext" not in pod["containers"][0]


def test_every_file_is_part_of_the_kustomization_or_left_out_on_purpose() -> None:
    listed = {*KUSTOMIZATION["resources"], "every-pod.yaml", "kustomization.yaml"}
    optional = {"secret.example.yaml", "worker-autoscaler.yaml"}
    assert {path.name for path in KUBERNETES.glob("*.yaml")} == listed | optional


@pytest.mark.parametrize("name", sorted(PODS.keys() - {"varebro-migrate"}))
def test_a_process_that_hangs_is_replaced_within_a_minute(name: str) -> None:
    probe = PODS[name]["containers"][0]["livenessProbe"]
    noticed = probe["periodSeconds"] * probe.get("failureThreshold", 3)
    if "exec" in probe:  # it asks for signs of life, which may be so old
        noticed += DEAD_SECONDS + probe["terminationGracePeriodSeconds"]
    assert noticed <= 60


def test_services_select_the_pods_that_listen_on_their_ports() -> None:
    defaults = {v.name: v.default for v in variables()}
    for process in ("web", "flower"):
        name = f"varebro-{process}"
        labels = OBJECTS["Deployment", name]["spec"]["template"]["metadata"]["labels"]
        assert OBJECTS["Service", name]["spec"]["selector"].items() <= labels.items()
        (port,) = PODS[name]["containers"][0]["ports"]
        assert OBJECTS["Service", name]["spec"]["ports"][0]["targetPort"] == port["name"]
        assert str(port["containerPort"]) == defaults[f"VAREBRO_{process.upper()}_PORT"]


# -- image ----------------------------------------------------------------------------------------


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions and their arguments."""
    text = re.sub(r"^#.*\n", "", (ROOT / "deploy" / "Dockerfile").read_text(), flags=re.M)
    lines = text.replace("\\\n", " ").splitlines()
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in lines)]


def last_stage() -> list[tuple[str, str]]:
    every = instructions()
    begin = max(place for place, (word, _) in enumerate(every) if word == "FROM")
    return every[begin:]


def test_the_image_does_not_run_as_root_and_starts_varebro() -> None:
    stage = last_stage()
    user = [rest for word, rest in stage if word == "USER"][-1]
    context = EVERY_POD["securityContext"]
    assert user == f"{context['runAsUser']}:{context['runAsGroup']}"
    assert context["runAsUser"] > 0
    assert [rest for word, rest in stage if word == "ENTRYPOINT"] == ['["varebro"]']


def test_the_image_holds_the_locked_dependencies_and_no_build_tools() -> None:
    installs = [rest for word, rest in instructions() if word == "RUN" and "pip install" in rest]
    _tool, dependencies, project = installs
    assert "--require-hashes" in dependencies
    assert "--constraint requirements.lock" in dependencies
    assert "--no-deps" in project
    assert not [rest for word, rest in last_stage() if word == "RUN" and "install" in rest]


def test_the_image_is_made_of_the_source_only() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    allowed = {rule.removeprefix("!") for rule in rules if rule.startswith("!")}
    assert ".env" not in allowed
    assert {"workers", "tasks", "shared", "sandbox"} <= allowed
    assert [path for path in allowed if not (ROOT / path).exists()] == []
