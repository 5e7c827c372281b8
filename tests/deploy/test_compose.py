"""The team deployment, as far as it can be checked without an engine: the file, and its script on a real server."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from temporalio.testing import WorkflowEnvironment

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "docker-compose.yml"
TEMPORAL = Path(sys.executable).parent / "temporal"
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
ONE_SHOT = {name for name, service in SERVICES.items() if service["restart"] == "no"}
LONG_RUNNING = {name for name, service in SERVICES.items() if service["restart"] == "unless-stopped"}
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
SEARCH_ATTRIBUTES = [
    "AccountId",
    "RebalanceStatus",
    "TargetId",
    "QueueReason",
    "RequestId",
]  # the contract's, all Keyword


def environment(service: str) -> dict[str, str]:
    values: dict[str, str] = SERVICES[service]["environment"]
    return values


def test_the_compose_specification_accepts_the_file() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_no_password_has_a_default() -> None:
    used = re.findall(r"\$\{(\w+)(.*?)\}", COMPOSE.read_text())  # `${NAME:-default}`, `${NAME:?refusal}`
    passwords = [(name, rest) for name, rest in used if "PASSWORD" in name]
    assert {name for name, _ in passwords} == {
        "POSTGRES_PASSWORD", "TEMPORAL_DB_PASSWORD", "REBALANCER_DB_PASSWORD", "REBALANCER_APP_DB_PASSWORD",
    }  # fmt: skip
    assert all(rest.startswith(f":?set {name} in .env") for name, rest in passwords)
    example = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert example.keys() == {name for name, _ in used}
    assert all(example[name] == "" for name, _ in passwords)


@pytest.mark.parametrize("service", SERVICES)
def test_no_password_is_written_out(service: str) -> None:
    for name, value in environment(service).items():
        if re.search(r"PASSWORD|PWD", name):
            assert re.fullmatch(r"\$\{\w+_?PASSWORD:\?.*\}", value), name
        if "://" in value and "@" in value:
            assert re.search(r"://\w+:\$\{\w+_PASSWORD:\?[^}]*\}@", value), name


def test_only_the_migrations_log_in_as_the_owner_of_the_tables() -> None:
    urls = {name: environment(name).get("REBALANCER_DATABASE_URL", "") for name in SERVICES}
    roles = {name: re.findall(r"://(\w+):", url)[0] for name, url in urls.items() if url}
    assert roles.pop("rebalancer-migrate") == "rebalancer"
    assert set(roles.values()) == {"rebalancer_app"} and "worker" in roles


def test_who_decides_signs_in_and_only_the_console_holds_the_key() -> None:
    assert environment("rebalancer-migrate")["REBALANCER_IDENTITY"] == "${REBALANCER_IDENTITY:-signed}"
    holders = {
        name: [mount for mount in service.get("volumes", []) if mount.startswith("signing-key:")]
        for name, service in SERVICES.items()
    }
    assert {name: found for name, found in holders.items() if found} == {
        "rebalancer-migrate": ["signing-key:/signing"],
        "console": ["signing-key:/signing:ro"],
    }
    keys = {environment(name)["REBALANCER_SIGNING_KEY"] for name in ("rebalancer-migrate", "console")}
    assert keys == {"/signing/key.json"}
    assert all("profiles" not in service for service in SERVICES.values())


def test_the_proxys_certificate_is_of_the_consoles_name(tmp_path: Path) -> None:
    import ssl

    made = [sys.executable, "-m", "web.certificate", str(tmp_path)]
    given = {**os.environ, "REBALANCER_CONSOLE_ORIGIN": "https://console.example.com"}
    subprocess.run(made, check=True, cwd=ROOT, env=given)
    conf = (ROOT / "deploy" / "console-proxy.conf").read_text()
    assert all(f"/tls/{name};" in conf for name in ("console.crt", "console.key"))
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(tmp_path / "console.crt", tmp_path / "console.key")
    from cryptography import x509

    whose = x509.load_pem_x509_certificate((tmp_path / "console.crt").read_bytes())
    names = whose.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["console.example.com"]
    before = (tmp_path / "console.crt").read_bytes()
    subprocess.run(made, check=True, cwd=ROOT, env=given)
    assert (tmp_path / "console.crt").read_bytes() == before


def test_every_service_is_set_up_or_stays_up() -> None:
    assert set(SERVICES) == ONE_SHOT | LONG_RUNNING
    assert {
        "codec", "console", "console-proxy", "postgres", "temporal", "temporal-ui", "worker",
    } == LONG_RUNNING  # fmt: skip


@pytest.mark.parametrize("service", sorted(LONG_RUNNING))
def test_a_long_running_service_has_a_health_check(service: str) -> None:
    check = SERVICES[service]["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"} and len(check["test"]) > 1
    assert not check.get("disable")
    assert {"interval", "timeout", "retries", "start_period"} <= check.keys()


@pytest.mark.parametrize("service", SERVICES)
def test_dependencies_wait_for_the_right_thing(service: str) -> None:
    for needed, how in SERVICES[service].get("depends_on", {}).items():
        expected = "service_completed_successfully" if needed in ONE_SHOT else "service_healthy"
        assert how["condition"] == expected, needed


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_has_bounds_and_no_rights_to_spare(service: str) -> None:
    given = SERVICES[service]
    assert given["cap_drop"] == ["ALL"] and given["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"\d+[mg]", given["mem_limit"]) and 0 < given["pids_limit"] <= 1024
    assert "privileged" not in given and "cap_add" not in given
    if given["image"].startswith("temporalio/"):
        assert "user" not in given  # theirs is `temporal`
        return
    assert given["read_only"] is True
    ours = "build" in given and "USER rebalancer" in (ROOT / "Dockerfile").read_text()
    assert ours or given["user"] in {"postgres", "101"}  # the proxy's image has no name for whom it runs as


def test_data_is_in_declared_named_volumes() -> None:
    declared = set(yaml.safe_load(COMPOSE.read_text())["volumes"])
    mounts = [mount.split(":") for service in SERVICES.values() for mount in service.get("volumes", [])]
    assert {source for source, *_ in mounts} == declared | {"./deploy"}
    assert all(mount[2:] == ["ro"] for mount in mounts if mount[0] == "./deploy")
    # Elsewhere the image of this major version would put the data in a volume without a name.
    assert "postgres-data:/var/lib/postgresql/data" in SERVICES["postgres"]["volumes"]


@pytest.mark.parametrize("service", SERVICES)
def test_the_image_is_pinned(service: str) -> None:
    image = SERVICES[service]["image"]
    if "build" in SERVICES[service]:
        assert image == f"rebalancer:${{REBALANCER_VERSION:-{PROJECT['project']['version']}}}"
    elif image.startswith("postgres:"):
        assert re.fullmatch(r"postgres:\d+", image)
    elif service == "console-proxy":
        assert re.fullmatch(r"nginxinc/nginx-unprivileged:\d+\.\d+", image)
    else:
        assert re.fullmatch(r"temporalio/[\w-]+:\d+\.\d+\.\d+", image)


def test_the_team_runs_the_temporal_that_the_tests_run() -> None:
    said = subprocess.run([TEMPORAL, "--version"], capture_output=True, text=True, check=True).stdout
    server, ui = re.findall(r"(?:Server|UI) ([\d.]+)", said)
    images = {service["image"] for service in SERVICES.values() if service["image"].startswith("temporalio/")}
    assert images == {f"temporalio/server:{server}", f"temporalio/admin-tools:{server}", f"temporalio/ui:{ui}"}


def test_ports_are_for_this_machine_unless_someone_says_otherwise() -> None:
    ports = {port for service in SERVICES.values() for port in service.get("ports", [])}
    assert ports == {
        f"${{BIND_ADDRESS:-127.0.0.1}}:{port}" for port in ("7233:7233", "8233:8080", "8234:8234", "8443:8443")
    }


def test_temporal_as_the_contract_and_the_decisions_say() -> None:
    assert environment("temporal")["DB"] == "postgres12"
    assert environment("temporal")["NUM_HISTORY_SHARDS"] == "512"  # can't be changed once a database exists
    assert environment("temporal-namespace")["TEMPORAL_NAMESPACE"] == environment("worker")["TEMPORAL_NAMESPACE"]
    assert environment("temporal-namespace")["TEMPORAL_NAMESPACE"] == "default"
    assert environment("temporal-namespace")["RETENTION"] == "30d"
    assert environment("temporal-namespace")["KEYWORD_SEARCH_ATTRIBUTES"].split() == SEARCH_ATTRIBUTES


def test_workers_can_be_scaled_and_stopped_gently() -> None:
    worker = SERVICES["worker"]
    assert worker.keys().isdisjoint({"container_name", "ports"}) and worker["deploy"]["replicas"]
    assert int(worker["stop_grace_period"].removesuffix("s")) > 30  # the worker's own graceful shutdown


def test_what_the_services_run_from_deploy_exists() -> None:
    named = set(re.findall(r"deploy/([\w.-]+)", COMPOSE.read_text()))
    assert all((ROOT / "deploy" / name).exists() for name in named)
    files = {path.name for path in (ROOT / "deploy").iterdir() if path.is_file()}
    assert {name for name in files if not name.startswith("docker-compose.")} <= named


def test_the_image_gets_the_whole_project_and_nothing_that_is_not_there() -> None:
    """`.dockerignore` keeps out all but what it names; a package forgotten there would be missing at run time."""
    named = set(re.findall(r"^!(\S+)$", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    setuptools = PROJECT["tool"]["setuptools"]
    packages = {pattern.removesuffix("*") for pattern in setuptools["packages"]["find"]["include"]}
    modules = {f"{module}.py" for module in setuptools["py-modules"]}
    health_check = " ".join(SERVICES["worker"]["healthcheck"]["test"]).split()[-1]
    assert named == packages | modules | {"pyproject.toml", "requirements.lock", "README.md", health_check}
    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


async def test_the_namespace_script_twice_on_a_real_server() -> None:
    async with await WorkflowEnvironment.start_local(dev_server_existing_path=str(TEMPORAL)) as server:
        target = server.client.service_client.config.target_host
        env = environment("temporal-namespace") | {
            "TEMPORAL_ADDRESS": target,
            "TEMPORAL_NAMESPACE": "team",
            "PATH": f"{TEMPORAL.parent}{os.pathsep}{os.environ['PATH']}",
        }
        for _ in range(2):  # creates, then finds everything there
            subprocess.run(["sh", ROOT / "deploy" / "temporal-namespace.sh"], env=env, check=True)

        def temporal(*arguments: str) -> str:
            command = [str(TEMPORAL), "operator", *arguments, "--address", target, "--namespace", "team"]
            return subprocess.check_output(command, text=True)

        assert re.search(r"RetentionTtl +720h", temporal("namespace", "describe"))
        listed = dict(re.findall(r"^ *(\w+) +(\w+) *$", temporal("search-attribute", "list"), re.MULTILINE))
        assert {name: listed.get(name) for name in SEARCH_ATTRIBUTES} == dict.fromkeys(SEARCH_ATTRIBUTES, "Keyword")
