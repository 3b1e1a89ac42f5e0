"""Settings: from the environment, frozen, and refused with the setting's name."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from streams.settings import Settings


def test_every_setting_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMOWATCH_BROKERS", "a:1,b:2")
    monkeypatch.setenv("CMOWATCH_SESSION_TIMEOUT", "30")
    assert (Settings().brokers, Settings().session_timeout) == ("a:1,b:2", 30)


def test_settings_do_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Settings().brokers = "other:9092"  # type: ignore[misc]


def test_a_heartbeat_of_a_third_of_the_session_is_refused() -> None:
    with pytest.raises(ValidationError, match="heartbeat must be less than a third"):
        Settings(session_timeout=9, heartbeat=3)


@pytest.mark.parametrize("given", [{}, {"username": "monitor"}])
def test_sasl_without_credentials_is_refused(given: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="SASL_SSL needs username"):
        Settings(security="SASL_SSL", **given)  # type: ignore[arg-type]


def test_a_password_is_read_from_its_file_and_never_shown(tmp_path: Path) -> None:
    (secret := tmp_path / "password").write_text("sesame\n")
    settings = Settings(security="SASL_PLAINTEXT", username="monitor", password_file=secret)
    assert settings.secret == "sesame"
    assert settings.client()["sasl_plain_password"] == "sesame"
    shown = Settings(security="SASL_PLAINTEXT", username="monitor", password="sesame")
    assert "sesame" not in repr(shown)


def test_a_password_given_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="not both"):
        Settings(password="a", password_file=tmp_path / "b")


def test_only_an_encrypted_protocol_checks_certificates() -> None:
    assert Settings().client() == {
        "bootstrap_servers": "localhost:9092",
        "security_protocol": "PLAINTEXT",
    }
    assert Settings(security="SSL").client()["ssl_context"].check_hostname
