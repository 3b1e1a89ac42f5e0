"""Documents made from the declarations: KPIs and settings as pages, and the contract."""

from collections.abc import Iterator
from pathlib import Path

from pydantic.fields import FieldInfo

from alerts.agreements import Agreement
from alerts.kpi import Kpi
from alerts.kpis import KPIS
from alerts.products import Products
from events import contract
from streams.agreements_page import agreements_page, schema
from streams.settings import Settings

_CONTRACT = Path("docs/contract")

_INTRODUCTION = """\
# The KPIs

Made from `alerts/kpis` by `cmowatch contract`; change it there.

A record gives evidence; a window of N days is the N UTC days that end today, up to 7 days it is
N×24 whole UTC hours that end with this one. Numerators and denominators are summed first and
divided last; quantiles are exact, by nearest rank. A promise counts at its due day once it is kept,
and on the day after as missed while it is not; each line of an order's schedule is one.

A rate is *warning* when its whole 90 % interval is beyond the warning limit, *critical* when its
whole 95 % interval is beyond the critical one; the interval of 95 % is the one that is shown, so a
warning may hold its limit within it. Where there is no interval, the reading itself has to be
beyond. A reading is *insufficient* under the minimum n, *unknown* with a silent or gapped feed, of
unlike units, or without evidence where words are agreed and none ever came. Nothing due on a feed
that lives is no state, and neither is a reading without a limit in force. A count is beyond a limit
that it has reached, and none is 0 and ok. The limits below hold unless an agreement sets others.

n counts pieces of evidence that are independent of each other: lines of one order due on one day
are one, and so are lots that fail by one deviation, the one opened first. Numerator and denominator
count lines and lots. The interval is Wilson's of the ratio over (Σm)² / Σm² pieces, m the size of
each such cluster within the window. [Why](decisions/010-the-rule-of-limits.md).

| judged | what a breach may do |
| --- | --- |
| page | wake somebody at any hour |
| ticket | wait for working hours |
| review | appear in the scorecard |
| never | be shown |
"""


def kpis_page() -> str:
    """Every KPI of the catalogue, as a page in Markdown."""
    return "\n".join([_INTRODUCTION, *(line for kpi in KPIS for line in _section(kpi))]) + "\n"


def _section(kpi: Kpi) -> Iterator[str]:
    yield f"## {kpi.name}"
    yield ""
    yield f"**{kpi.title}.** {kpi.help}"
    yield ""
    yield "| | |"
    yield "| --- | --- |"
    for name, value in _facts(kpi):
        yield f"| {name} | {value} |"
    yield ""
    yield f"*Worked out by hand.* {kpi.example.story}"
    yield ""


def _facts(kpi: Kpi) -> Iterator[tuple[str, str]]:
    yield "series", f"`{kpi.series}`"
    yield "unit, better", f"{kpi.unit}, {'higher' if kpi.higher_is_better else 'lower'}"
    yield "window", f"{kpi.window_days} days" if kpi.window_days else "as of now"
    if kpi.quantiles:
        yield "quantiles", ", ".join(kpi.quantiles)
    yield "judged for", _scope(kpi.dimensions[0])
    if kpi.dimensions[1:]:
        yield "shown for", "; ".join(_scope(dimensions) for dimensions in kpi.dimensions[1:])
    yield "warning, critical", _limits(kpi)
    yield "minimum n", str(kpi.minimum)
    yield "interval", "Wilson; 90 % warns, 95 % is critical and shown" if kpi.interval else "none"
    yield "needs", ", ".join(f"`{topic}`" for topic in kpi.needs) or "no topic"
    yield "judged", f"{kpi.urgency}{', leads its family' if kpi.leads else ''} ({kpi.family})"
    yield "what to do first", kpi.action
    yield "source", kpi.source


def _scope(dimensions: tuple[str, ...]) -> str:
    return ", ".join(["CMO", *dimensions])


def _limits(kpi: Kpi) -> str:
    if kpi.warning is None and kpi.critical is None:
        return f"as agreed{_always(kpi)}"
    warning, critical = (
        "none" if limit is None else f"{limit:g}" for limit in (kpi.warning, kpi.critical)
    )
    if kpi.agreed_time:
        agreed = kpi.agreed_time.replace("_", " ")
        return f"{warning} and {critical} times the agreed {agreed}{_always(kpi)}"
    return f"{warning}, {critical}{_always(kpi)}"


def _always(kpi: Kpi) -> str:
    return "" if kpi.always_critical is None else f"; {kpi.always_critical:g} is always critical"


def settings_page() -> str:
    """Every setting of a worker, as a page in Markdown."""
    rows = [
        f"| `CMOWATCH_{name.upper()}` | {_default(field)} | {field.description or ''} |"
        for name, field in Settings.model_fields.items()
    ]
    return "\n".join([_SETTINGS, *rows]) + "\n"


_SETTINGS = """\
# The settings

Made from `streams/settings.py` by `cmowatch contract`; change it there.

Every setting comes from the environment; durations are in seconds. Secrets come from the
environment or from files, and are never logged.

| variable | default | |
| --- | --- | --- |"""


def _default(field: FieldInfo) -> str:
    return "" if field.default is None else f"`{field.default}`"


def documents() -> dict[Path, str]:
    """Every document that is not the contract's, by its path in the project, with its text."""
    return {
        Path("docs/kpis.md"): kpis_page(),
        Path("docs/settings.md"): settings_page(),
        Path("docs/agreements.md"): agreements_page(),
        _CONTRACT / "agreement.json": schema("agreement", Agreement),
        _CONTRACT / "products.json": schema("products", Products),
    }


def write(project: Path) -> None:
    """Write every document into a project's folder, the contract's included."""
    contract.write(project / _CONTRACT)
    for path, text in documents().items():
        (project / path).write_text(text, encoding="utf-8")


def differences(project: Path) -> list[str]:
    """What is not as `write` would leave it: a line for each document."""
    return [
        *contract.differences(project / _CONTRACT),
        *(
            f"{path}: differs from the declarations"
            for path, text in documents().items()
            if not (project / path).exists() or (project / path).read_text("utf-8") != text
        ),
    ]
