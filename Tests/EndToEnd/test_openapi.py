"""The OpenAPI document against the running server: no 5xx and no undocumented answer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.wallets import Wallets

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.mark.slow
@pytest.mark.timeout(150)
@pytest.mark.parametrize("mode", ["local", "required", "existing session", "organization"])
def test_schemathesis(start_server, tmp_path, mode):
    server = start_server("--auth", "required" if mode == "required" else "local")
    headers = []
    if mode == "required":
        headers = ["--header", f"Authorization: Bearer {server.admin_token()}"]
    if mode == "existing session":
        (tmp_path / "schemathesis.toml").write_text(f'[parameters]\n"path.slug" = "{server.create()["slug"]}"\n')
        headers = ["--include-path-regex", "slug", "--exclude-path-regex", "close"]
    if mode == "organization":
        wallets = Wallets(server, server.admin_token())
        organization = wallets.organization()
        (tmp_path / "schemathesis.toml").write_text(f'[parameters]\n"path.orgId" = "{organization.id}"\n')
        headers = ["--header", f"Authorization: Bearer {organization.secret}", "--include-path-regex", "^/v1/"]
    schemathesis = Path(sys.executable).with_name("schemathesis")
    done = subprocess.run(
        [
            schemathesis, "run", f"{server.control}/openapi.json", "--checks", CHECKS, "--max-examples", "20",
            "--workers", "1", "--generation-deterministic", "--request-timeout", "10", "--no-color",
            "--suppress-health-check", "all", "--phases", "examples,coverage,fuzzing", *headers,
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=140, env={**os.environ, "NO_PROXY": "*"},
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert server.running
