"""Breaches as annotations: each from when it opened to when it cleared, beside every curve."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import blake2b
from html import escape
from typing import Final

from alerts.kpis import BY_NAME
from alerts.ledger import where_of
from deploy.grafana.api import Grafana
from deploy.grafana.board import MADE
from deploy.grafana.panels import Json
from deploy.grafana.provision import Change, difference
from events.breaches import Breach, BreachEvent

_BREACH: Final = "breach:"
_LONGEST_TAG: Final = 100
"""What Grafana's databases hold of the part of a tag before its colon, and of that after it."""


@dataclass(frozen=True, slots=True)
class Spell:
    """A breach over time: what it was when it last stood, and what ended it, if anything has."""

    breach: Breach
    ended: datetime | None = None
    why: str = ""


def spells(transitions: Iterable[BreachEvent]) -> list[Spell]:
    """The breaches these transitions tell of, the first opened first; of one id the first holds."""
    found: dict[str, Spell] = {}
    seen: set[str] = set()
    for event in transitions:
        if event.id not in seen:
            seen.add(event.id)
            found[event.data.breach] = _later(found.get(event.data.breach), event)
    return sorted(found.values(), key=lambda spell: (spell.breach.since, spell.breach.breach))


def _later(known: Spell | None, event: BreachEvent) -> Spell:
    breach = event.data
    if breach.transition == "cleared":
        return Spell(known.breach if known else breach, event.time, breach.cleared_by or "")
    if known is None:
        return Spell(breach)
    return known if breach.ordinal < known.breach.ordinal else replace(known, breach=breach)


def annotation(spell: Spell) -> Json:
    """A breach as Grafana takes it: a region, or a point while it has no end; times in ms."""
    began = _milliseconds(spell.breach.since)
    return {
        "time": began,
        "timeEnd": _milliseconds(spell.ended) if spell.ended else began,
        "tags": sorted(_tags(spell.breach)),
        "text": escape(_text(spell), quote=False),
    }


def _tags(breach: Breach) -> Iterator[str]:
    yield MADE
    yield _breach_tag(breach.breach)
    yield f"cmo:{breach.cmo[:_LONGEST_TAG]}"
    yield f"kpi:{breach.kpi}"


def _breach_tag(breach: str) -> str:
    """The tag of a breach's id, whose colons are slashes: Grafana drops what follows a second."""
    name = breach.replace(":", "/")
    if len(name) > _LONGEST_TAG:
        name = blake2b(breach.encode(), digest_size=16).hexdigest()
    return _BREACH + name


def _text(spell: Spell) -> str:
    breach, kpi = spell.breach, BY_NAME.get(spell.breach.kpi)
    scope = (part for part in where_of(breach).scope if part)
    limit = breach.critical if breach.severity == "critical" else breach.warning
    agreed = "no limit" if limit is None else f"{limit:,.4g}"
    value = "unknown" if breach.value is None else f"{breach.value:,.4g}"
    unit = f" {kpi.unit}" if kpi and kpi.unit not in ("ratio", "count") else ""
    ended = f"; cleared: {spell.why.replace('_', ' ')}" if spell.ended else "; open"
    return (
        f"{kpi.title if kpi else breach.kpi}, {' '.join([breach.cmo, *scope])}: {value}{unit} "
        f"against {agreed} ({breach.severity}), n {breach.n:,}{ended}. {breach.breach}"
    )


def changes(grafana: Grafana, transitions: Iterable[BreachEvent]) -> Iterator[Change]:
    """What Grafana's annotations lack of these breaches, each found before anything is written.

    Ours are those of an organisation, not of one board, with our tag and that of a breach; no other
    is looked at. Of several with one breach all but the first are too many.
    """
    there: dict[str, list[Json]] = {}
    for each in grafana.annotations(MADE):
        if (tag := _breach_of(each)) is not None:
            there.setdefault(tag, []).append(each)
    for spell in spells(transitions):
        mine = there.get(_breach_tag(spell.breach.breach), [])
        yield from _changed(grafana, spell, mine[0] if mine else None)
        del mine[:1]
    for left in there.values():
        for each in left:
            yield _removed(grafana, each)


def _breach_of(annotation: Json) -> str | None:
    tags = annotation.get("tags")
    if annotation.get("dashboardUID") or not isinstance(tags, list):
        return None
    return next((tag for tag in tags if str(tag).startswith(_BREACH)), None)


def _changed(grafana: Grafana, spell: Spell, found: Json | None) -> Iterator[Change]:
    wanted = annotation(spell)
    title = f"annotation {spell.breach.breach}"
    if found is None:
        yield Change(
            f"+ {title}", difference({}, wanted), lambda: grafana.create_annotation(wanted)
        )
        return
    is_now = {name: found.get(name) for name in wanted}
    is_now["tags"] = sorted(map(str, found["tags"]))  # type: ignore[call-overload]
    if is_now != wanted:
        id_ = grafana.number(found, "id")
        yield Change(
            f"~ {title}",
            difference(is_now, wanted),
            lambda: grafana.update_annotation(id_, wanted),
        )


def _removed(grafana: Grafana, found: Json) -> Change:
    id_ = grafana.number(found, "id")
    text = json.dumps(found.get("text"), ensure_ascii=False)
    return Change(
        f"- annotation {_breach_of(found)}", f"  {text}", lambda: grafana.delete_annotation(id_)
    )


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000)
