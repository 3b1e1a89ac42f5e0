"""Generated YAML: the same text for the same content, long texts as blocks."""

from collections.abc import Mapping

import yaml

_UNBROKEN = 1 << 20


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks, and lists indented below their name."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def as_yaml(document: Mapping[str, object], *comments: str) -> str:
    """A document as YAML, below lines of comment that say where it comes from."""
    header = "".join(f"# {comment}\n" for comment in comments)
    written = yaml.dump(
        dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_UNBROKEN
    )
    return f"{header}{written}"
