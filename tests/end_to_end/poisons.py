"""Every kind of message that cannot be taken, made from one that can."""

import json
from typing import Any


def poisons(good: dict[str, Any]) -> dict[str, tuple[bytes | None, bytes | None, str]]:
    """Every kind of message that cannot be taken: its key, its value, the reason it is given."""

    def of(**changed: Any) -> bytes:
        return json.dumps(
            {**good, "id": f"bad-{len(changed)}-{sorted(changed)}", **changed}
        ).encode()

    data, key = good["data"], b"acme"
    text = json.dumps({**good, "id": "bad"}).encode()
    deep = text.replace(b"99", b"[" * 9_000 + b"]" * 9_000)
    absurd = {**data, "actual": {"value": 1e300, "unit": "EA"}}
    return {
        "no JSON": (key, b"{", "not_json"),
        "no text": (key, b"\xff\xfe\x00", "not_json"),
        "several values": (key, text + text, "not_json"),
        "unknown type": (key, of(type="cmo.lot.eaten.v1"), "unknown_type"),
        "unknown version": (key, of(type="cmo.lot.completed.v9"), "unknown_version"),
        "a value is missing": (key, of(data={}), "invalid_value"),
        "an absurd value": (
            key,
            of(data=absurd),
            "invalid_value",
        ),
        "a naive time": (key, of(time="2026-01-01T00:00:00"), "invalid_value"),
        "not a number": (key, text.replace(b"99", b"NaN"), "invalid_value"),
        "a huge integer": (key, text.replace(b"99", b"9" * 4_000), "invalid_value"),
        "too deep": (
            key,
            deep,
            "not_json",
        ),
        "no value": (key, None, "no_value"),
        "no key": (None, text, "no_key"),
        "a key that is no CMO": (b"No CMO!", text, "bad_key"),
        "another's key": (key, of(partitionkey="other"), "wrong_key"),
        "a source that may not say it": (key, of(source="/lab/one"), "not_entitled"),
        "a source nobody knows": (key, of(source="/cmo/other"), "unknown_source"),
        "other content": (
            key,
            json.dumps({**good, "data": {"lot": "other"}}).encode(),
            "other_content",
        ),
        "from the future": (key, of(time="2099-01-01T00:00:00Z"), "from_the_future"),
    }


def lot_completed(**changed: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": "good",
        "source": "/cmo/acme",
        "type": "cmo.lot.completed.v1",
        "time": "2026-01-01T00:00:00Z",
        "data": {"lot": "L-1", "actual": {"value": 99, "unit": "EA"}},
        **changed,
    }
