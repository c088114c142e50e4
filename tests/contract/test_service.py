"""Authentication, configuration, health and what is not there."""

import httpx
import pytest

from tests.contract.harness import Lakefs, Repository, refused, success


@pytest.mark.parametrize("auth", [None, ("AKIANOBODY", "secret"), "wrong secret"])
def test_without_valid_keys_every_call_is_401(lakefs: Lakefs, auth: tuple[str, str] | str | None) -> None:
    keys = (lakefs.access_key_id, "wrong") if isinstance(auth, str) else auth
    response = httpx.get(f"{lakefs.url}/api/v1/repositories", auth=keys, trust_env=False)
    assert refused(response, 401) == "error authenticating request"


def test_health_needs_no_keys(lakefs: Lakefs) -> None:
    assert lakefs.http.get("/healthcheck", auth=None).status_code == 204


def test_configuration_says_what_clients_need(lakefs: Lakefs) -> None:
    config = success(lakefs.http.get("/config"))
    assert config["storage_config"]["blockstore_type"] == "local"
    assert config["storage_config"]["pre_sign_support"] is False  # C6
    assert config["version_config"]["version"]
    assert success(lakefs.http.get("/config/version"))["version"]
    assert success(lakefs.http.get("/user"))["user"]["id"]
    assert success(lakefs.http.get("/setup_lakefs"))["state"] == "initialized"


def test_unknown_paths_are_404(lakefs: Lakefs, repo: Repository) -> None:
    assert refused(lakefs.http.get("/nothing"), 404) == "invalid API endpoint"
    assert refused(repo.request("GET", "nothing"), 404) == "invalid API endpoint"
    assert lakefs.http.patch(f"/repositories/{repo.name}").status_code == 404


def test_a_body_that_is_no_json_is_400(lakefs: Lakefs) -> None:
    response = lakefs.http.post("/repositories", content="{x", headers={"content-type": "application/json"})
    assert refused(response, 400).startswith("request body has an error")
