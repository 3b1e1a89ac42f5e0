"""Numbers as tables have them: which sign is which is said, and never guessed."""

import re
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from events.adapters.base import BadCell, NumberCell

_GROUPED = re.compile(r"[0-9]{1,3}(?:[.,'’ ][0-9]{3})+(?:[.,][0-9]+)?").fullmatch
_EITHER = re.compile(r"[1-9][0-9]{0,2}\.[0-9]{3}").fullmatch
_WITH_A_SIGN = re.compile(r"[0-9]+[.,][0-9]{1,12}").fullmatch
_SHORTENED = re.compile(r"[0-9]+(?:[.,][0-9]+)?[Ee][+-]?[0-9]+").fullmatch
_WITH_WORDS = re.compile(r"[0-9][0-9.,]* ?[A-Za-z%]+").fullmatch
_LIKE_A_NUMBER = re.compile(r"[-+(]?[0-9][0-9.,'’ ]*(?:[Ee][+-]?[0-9]+)?[-)]?").fullmatch
_BRACKETS = re.compile(r"\((.*)\)").fullmatch


@dataclass(frozen=True)
class NumberSigns:
    """How numbers are written: the decimal sign, the one between groups of three, accounting.

    Raises `ValueError` when one sign is both.
    """

    decimal: str | None = None
    group: str | None = None
    accounting: bool = False

    def __post_init__(self) -> None:
        if self.group is not None and self.group == (self.decimal or "."):
            raise ValueError(f"group: {self.group!r} is the decimal sign too; say `decimal`")

    @cached_property
    def _plain(self) -> re.Pattern[str]:
        whole = "[0-9]{1,15}"
        if self.group is not None:
            whole += f"|[1-9][0-9]{{0,2}}(?:{re.escape(self.group)}[0-9]{{3}}){{1,4}}"
        return re.compile(rf"({whole})(?:{re.escape(self.decimal or '.')}([0-9]{{1,12}}))?")

    def read(self, text: str) -> int | float:
        """The number a cell holds; raises `BadCell` unless there is only one that it can be."""
        if isinstance(text, NumberCell):
            return _exactly(text)
        below, digits = self._sign(text.replace("−", "-"))
        found = self._plain.fullmatch(digits)
        if found is None or self._could_be_either(digits):
            raise BadCell(self._why_not(digits))
        whole, part = found.groups()
        if self.group is not None:
            whole = whole.replace(self.group, "")
        return _exactly(below + whole + (f".{part}" if part else ""))

    def read_otherwise(self, text: str) -> int | float | None:
        """What a number that does not fit the told signs is by the other decimal sign, if any."""
        if self.decimal is None or isinstance(text, NumberCell):
            return None
        for signs in (self, NumberSigns(self.decimal, self._other.decimal, self.accounting)):
            with suppress(BadCell):
                signs.read(text)
                return None
        with suppress(BadCell):
            return self._other.read(text)
        return None

    @property
    def point(self) -> str:
        """The decimal sign, the usual one where none is told."""
        return self.decimal or "."

    def readings(self, text: str) -> tuple[int | float, int | float] | None:
        """A number with the decimal sign in it, and as it is if that divides thousands, if it may.

        Zeros before the sign, or more than three digits after it, are of none.
        """
        if self.point not in text or isinstance(text, NumberCell):
            return None
        with suppress(BadCell):
            return self.read(text), self._other.read(text)
        return None

    def surely_read(self, text: str) -> bool:
        """Whether a text is a number by the told signs only."""
        if text.isdecimal() or isinstance(text, NumberCell):
            return False
        with suppress(BadCell):
            self.read(text)
            return self._other_fails(text)
        return False

    def _other_fails(self, text: str) -> bool:
        try:
            self._other.read(text)
        except BadCell:
            return True
        return False

    @cached_property
    def signs_told(self) -> str:
        """The signs, as they are told."""
        return f"decimal {self.decimal!r}" + (f" and group {self.group!r}" if self.group else "")

    @cached_property
    def _other(self) -> "NumberSigns":
        decimal, group = (".", ",") if self.decimal == "," else (",", ".")
        return NumberSigns(decimal, group, self.accounting)

    def why_otherwise(self, number: float) -> str:
        """What is told of a number that fits the other signs only."""
        return (
            f"does not fit {self.signs_told}; {self._other.signs_told} would read {number}: a file "
            "is written one way, and its other numbers may be read wrongly"
        )

    def why_fraction(self, told: float, otherwise: float) -> str:
        """What is told of a fraction of pieces that would be whole by the other signs."""
        return (
            f"{told} is a fraction of pieces, which are whole; {self._other.signs_told} would read "
            f"{otherwise}: a file is written one way, and its other numbers may be read wrongly"
        )

    def could_be_one(self, text: str) -> bool:
        """Whether a text looks like a number, so that it is read as one or refused."""
        return isinstance(text, NumberCell) or bool(_LIKE_A_NUMBER(text.replace("−", "-")))

    def _could_be_either(self, digits: str) -> bool:
        return self.decimal is None and self.group is None and bool(_EITHER(digits))

    def _sign(self, text: str) -> tuple[str, str]:
        bracketed = _BRACKETS(text)
        if bracketed or (text.endswith("-") and text != "-"):
            if not self.accounting:
                raise BadCell("below nothing, as accounts have it? then say `accounting: true`")
            return "-", bracketed[1].strip() if bracketed else text[:-1].strip()
        if text.startswith("-"):
            return "-", text[1:]
        return "", text.removeprefix("+")

    def _why_not(self, digits: str) -> str:
        if self._could_be_either(digits):
            whole, _, part = digits.partition(".")
            grouped, divided = f"{whole}{part}", f"{whole}.{part.rstrip('0') or '0'}"
            return (
                f"{grouped} or {divided}? only who wrote it knows: say in the mapping "
                f'`decimal: ","` and `group: "."` for {grouped}, `decimal: "."` for {divided}'
            )
        if _GROUPED(digits) or _WITH_A_SIGN(digits):
            return "say in the mapping which sign is `decimal`, and which is `group`"
        if _SHORTENED(digits):
            return "shortened by a spreadsheet; give the column enough room, and save it again"
        if _WITH_WORDS(digits):
            return "a number alone is needed; the unit has a field of its own"
        return "not a plain number such as 1250 or 12.5"


def _exactly(plain: str) -> int | float:
    if "." not in plain:
        return int(plain)
    number = float(plain)
    if Decimal(repr(number)) != Decimal(plain):
        raise BadCell("more digits than can be kept exactly")
    return number
