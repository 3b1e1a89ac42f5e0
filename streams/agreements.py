"""The folder of what was agreed: agreement files, and the products beside them."""

from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from alerts.agreements import Agreement, Agreements, Limit
from alerts.declaration import Fault
from alerts.errors import InvalidAgreement
from alerts.judge import beyond
from alerts.kpis import BY_NAME
from alerts.products import Products
from streams.declared import read_declaration

PRODUCTS: Final = "products"
"""How the names of files begin in which products are declared: products.yaml, products-2.yaml."""

_DEFAULT: Final = Path(__file__).with_name("default_agreement.yaml")

Versioned = TypeVar("Versioned", Agreement, Products)


class Folder(NamedTuple):
    """What the files of a folder say, in the order of their names."""

    agreements: list[Agreement]
    products: list[Products]


def read_agreements(folder: Path | None, *, use_default: bool) -> Agreements:
    """Every agreement in the `*.yaml` files of a folder; the default one only when asked for.

    That is the folder's own, else the one that comes with the program. Raises `InvalidAgreement`
    that tells every fault of every file, one a line.
    """
    found = read_folder(folder) if folder is not None else Folder([], [])
    agreements = found.agreements
    if use_default and not any(each.default for each in agreements):
        agreements = [*agreements, read_agreement(_DEFAULT)]
    return Agreements(agreements, use_default=use_default, products=found.products)


def read_folder(folder: Path) -> Folder:
    """What the `*.yaml` files of a folder say; raises `InvalidAgreement` as `read_agreements`."""
    agreements: dict[Path, Agreement] = {}
    products: dict[Path, Products] = {}
    faults = []
    for path in _files(folder):
        try:
            if _is_of_products(path):
                products[path] = read_products(path)
            else:
                agreements[path] = read_agreement(path)
        except InvalidAgreement as error:
            faults.append(str(error))
    if faults := [*faults, *_of_one_day(agreements), *_of_one_day(products)]:
        raise InvalidAgreement("\n".join(faults))
    return Folder([*agreements.values()], [*products.values()])


def _from_here(folder: Path) -> str:
    return "" if folder.is_absolute() else f" in {Path.cwd()}"


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InvalidAgreement(
            f"{folder}: no such folder{_from_here(folder)}; name one that holds agreement files "
            "in --agreements or CMOWATCH_AGREEMENTS; a file is replayed without any, too"
        )
    if passed_over := sorted(folder.glob("*.yml")):
        raise InvalidAgreement(
            "\n".join(
                f"{each}: would be passed over; name it {each.stem}.yaml" for each in passed_over
            )
        )
    paths = sorted(folder.glob("*.yaml"))
    if all(map(_is_of_products, paths)):
        raise InvalidAgreement(f"{folder}: holds no agreement, *.yaml; nobody could be watched")
    return paths


def _is_of_products(path: Path) -> bool:
    return path.stem == PRODUCTS or path.stem.startswith(f"{PRODUCTS}-")


def _of_one_day(versions: dict[Path, Versioned]) -> Iterator[str]:
    said_in: dict[object, Path] = {}
    for path, version in versions.items():
        of = version.cmo if isinstance(version, Agreement) else PRODUCTS
        other = said_in.setdefault((of, version.effective), path)
        if other is not path:
            yield (
                f"{path}:1: effective: {other.name} has a version of the same day; "
                "give each its own effective date"
            )


def read_agreement(path: Path) -> Agreement:
    """The agreement in a file; raises `InvalidAgreement` with file, line, reason of each fault."""
    return read_declaration(path, Agreement, _of_limits)


def read_products(path: Path) -> Products:
    """The products in a file; raises `InvalidAgreement` with file, line, reason of each fault."""
    return read_declaration(path, Products)


def _of_limits(agreement: Agreement) -> Iterator[Fault]:
    for name, limit in agreement.limits.items():
        if reason := _fault(name, limit):
            yield Fault(("limits", name), reason)


def _fault(name: str, limit: Limit) -> str:
    """What keeps a limit from being judged by, empty for nothing."""
    kpi = BY_NAME.get(name)
    if kpi is None:
        return f"no such KPI; there are {', '.join(BY_NAME)}"
    if limit.quantile is not None and limit.quantile not in kpi.quantiles:
        return f"{limit.quantile} is none of its quantiles; it has {kpi.quantiles or 'none'}"
    if limit.window_days is not None and kpi.window_days is None:
        return "it is read as of now and has no window; leave window_days out"
    most = 1 if kpi.unit == "ratio" else inf
    for threshold in (limit.warning, limit.critical):
        if threshold is not None and not 0 <= threshold <= most:
            return f"{threshold} cannot be reached; it is a {kpi.unit}"
    warning = kpi.warning if limit.warning is None else limit.warning
    critical = kpi.critical if limit.critical is None else limit.critical
    if beyond(warning or 0.0, critical, higher_is_better=kpi.higher_is_better) and warning:
        return f"critical {critical} is on the better side of warning {warning}; give both"
    return ""
