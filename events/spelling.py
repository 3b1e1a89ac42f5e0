"""How the name of a CMO, site, product or market is spelt as an id, in plain letters and digits."""

import re
import unicodedata

from anyascii import anyascii

_LETTERS = (
    *("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"),
    *("lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "sigma", "sigma", "tau", "upsilon"),
    *("phi", "chi", "psi", "omega"),
)
# The letter mu is the sign for a millionth, in names such as 5 µg, and nobody sees which it is.
_GREEK = {chr(0x3B1 + place): name for place, name in enumerate(_LETTERS)} | {"\u03bc": "u"}
_DROPPED = "°"
_SIGN = re.compile(r"(?:(?<=[\s(\[{<])|^)(\+-|[+-])(?=[0-9])")
_WORDS = {"-": "minus-", "+": "plus-", "+-": "plus-minus-"}
_BETWEEN = re.compile(r"[^a-z0-9]+")
_PLAIN = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*").fullmatch


def spelt(name: str) -> str:
    """A name in `[a-z0-9-]`: the Greek letters by their names, a sign before a number as a word.

    Everything else is transliterated, in lower case, with one `-` for whatever is between. Empty
    when nothing is left.
    """
    if _PLAIN(name):
        return name
    composed = unicodedata.normalize("NFC", name)
    latin = anyascii("".join(map(_letter, composed)))
    signed = _SIGN.sub(lambda sign: _WORDS[sign[1]], latin.strip())
    return _BETWEEN.sub("-", signed.lower()).strip("-")


def _letter(character: str) -> str:
    """A Greek letter by its name, with whatever accent; any other as it is, a degree as nothing."""
    if character.isascii() or character in _DROPPED:
        return "" if character in _DROPPED else character
    base = unicodedata.normalize("NFKD", character)[0].lower()
    return _GREEK.get(base, character)


def alike(name: str) -> str:
    """What of a name remains without case, spaces and punctuation.

    Two names that differ in this are two, even where they are spelt as one id.
    """
    plain = unicodedata.normalize("NFC", name).casefold().replace("−", "-")
    return "".join(each for each in plain if unicodedata.category(each)[0] not in "ZPC")
