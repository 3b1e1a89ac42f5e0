"""Settings and agreements as a command needs them, else its end with exit code 2."""

from collections.abc import Mapping
from typing import Any, Final

import click
from pydantic import ValidationError

from alerts.agreements import Agreements
from alerts.errors import InvalidAgreement
from events.errors import InvalidSetting
from streams.agreements import read_agreements
from streams.commands.refused import printable
from streams.errors import UnusableFile
from streams.settings import Settings

WRONG: Final = 2
"""Exit code of wrong usage, as click has it, and of settings and agreements that cannot be used."""


class WrongConfiguration(click.ClickException):
    """Settings or agreements that cannot be used; the message says which, and what to do."""

    exit_code = WRONG

    def format_message(self) -> str:
        """The message without anything that would move a terminal's cursor."""
        return "\n".join(map(printable, self.message.splitlines()))


def settings_or_exit(**given: object) -> Settings:
    """The settings, those given over the environment's; one that cannot be used ends the command.

    It is named without its value, which may be a secret.
    """
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
        settings.client()
    except ValidationError as error:
        faults = error.errors(include_url=False, include_input=False, include_context=False)
        lines = (f"CMOWATCH_{_name(fault['loc'])}: {fault['msg']}" for fault in faults)
        raise WrongConfiguration("; ".join(lines)) from None
    except UnusableFile as error:
        raise WrongConfiguration(str(error)) from None
    return settings


def _name(where: tuple[int | str, ...]) -> str:
    return "_".join(map(str, where)).upper() or "…"


def agreements_or_exit(settings: Settings, *, of_file: bool = False) -> Agreements:
    """The agreements of the folder that is set; what is wrong with them ends the command.

    With `of_file` the default agreement covers every CMO without one of its own, and no folder
    needs to be set.
    """
    if settings.agreements is None and not of_file:
        raise WrongConfiguration(
            "no agreements are given, and nobody is watched without. Operator action: write one "
            "YAML file per CMO into a folder, as README.md shows, and name the folder in "
            "CMOWATCH_AGREEMENTS or --agreements."
        )
    try:
        return read_agreements(
            settings.agreements, use_default=of_file or settings.default_agreement
        )
    except InvalidAgreement as error:
        raise WrongConfiguration(str(error)) from error


def security(settings: Settings) -> Mapping[str, Any]:
    """How the settings speak to the brokers, for a `Publisher`.

    Raises `InvalidSetting` when a file of theirs cannot be used any more.
    """
    try:
        return settings.login()
    except UnusableFile as error:
        raise InvalidSetting(str(error)) from None
