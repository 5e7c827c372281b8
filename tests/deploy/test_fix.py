"""The gateway's part of the team deployment, as far as it can be checked without an engine."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
COMPOSE = ROOT / "deploy" / "docker-compose.fix.yml"
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]


def test_the_compose_specification_accepts_the_file() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_worker_and_gateway_read_the_same_sessions() -> None:
    worker, gateway = SERVICES["worker"], SERVICES["fix-gateway"]
    assert worker["environment"]["REBALANCER_FIX_SESSIONS"] == gateway["environment"]["REBALANCER_FIX_SESSIONS"]
    assert worker["volumes"] == ["./deploy/fix:/deploy/fix:ro"] and worker["volumes"][0] in gateway["volumes"]


def test_the_gateway_comes_back_and_tls_checks_the_brokers_name() -> None:
    assert {SERVICES[each]["restart"] for each in ("fix-gateway", "fix-stunnel")} == {"unless-stopped"}
    told = (ROOT / "deploy" / "fix" / "stunnel.conf").read_text()
    assert "verifyChain = yes" in told and "checkHost = " in told and "CAfile = " in told


def test_the_image_compiles_the_official_engine_by_its_hash() -> None:
    told = (ROOT / "Dockerfile").read_text()
    assert "quickfix==1.16.0 --hash=sha256:" in told and "--require-hashes" in told
