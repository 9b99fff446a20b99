"""Contract with users that needs no server: settings, commands, exit codes, the JSON Schema."""

from __future__ import annotations

import enum
import json
import os
import subprocess
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from tests.contract import adapters
from tests.processes import PYTHON

_GONE = ("KG_LANES",)
"""Accepted with any value, and ignored."""

_PROBES = ("x", "-1", "0", "1", "7", "0.5", "1e3", "yes", "off", "65536", "99999999999", "https://h.example/p/", "*")
"""Values tried for every setting; their results show its form and its bounds."""

_FORMS = {str: "text", int: "integer", float: "number", bool: "flag", Path: "path"}

_DOCUMENT = """
{"format": "https://w3id.org/claimgraph/claims/1",
 "article": {"id": "small", "label": {"en": "x", "uk": "х"}, "language": "en", "text": "A shell killed a cyclist."},
 "entities": [{"id": "paper", "type": "Outlet", "label": {"en": "a paper", "uk": "газета"}},
              {"id": "cyclist", "type": "Person", "label": {"en": "a cyclist", "uk": "велосипедист"}}],
 "situations": [{"id": "pub", "type": "Publication", "label": {"en": "p", "uk": "п"}, "modality": "actual",
                 "reporter": ["paper"]},
                {"id": "end", "type": "Death", "label": {"en": "death", "uk": "смерть"}, "modality": "actual",
                 "affected": ["cyclist"]}],
 "claims": [{"id": "c1", "affirms": "end", "quotes": [{"exact": "A shell killed a cyclist"}], "originatesIn": "pub",
             "reportedIn": "pub", "attributionMode": "outletVoice", "expression": "stated", "certainty": "certain",
             "extractedBy": "x", "extractionConfidence": 1, "reviewStatus": "unreviewed"}]}"""


# ---- settings


def settings() -> dict[str, Any]:
    """Return each setting's default, and how it reads the probes."""
    defaults = adapters.settings({})
    assert isinstance(defaults, dict)
    return {
        name: {"default": _plain(defaults[name]), "reads": {probe: _read(name, probe) for probe in _PROBES}}
        for name in sorted(defaults)
        if name not in _GONE
    }


def _read(name: str, text: str) -> Any:
    found = adapters.settings({name: text})
    return found if isinstance(found, str) else _plain(found[name])


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value


# ---- commands


def commands() -> dict[str, Any]:
    """Return every command by its full name, with its arguments and options."""
    return dict(sorted(_commands("kg", adapters.command())))


def _commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    command = (
        command.load() if hasattr(command, "load") else command
    )  # commands are loaded lazily, from the command table
    context = typer.Context(command)
    own = [_parameter(parameter) for parameter in command.params]
    subcommands = command.list_commands(context) if hasattr(command, "list_commands") else ()
    yield name, {"runs": not subcommands or bool(command.invoke_without_command), "takes": own}
    for sub in subcommands:
        yield from _commands(f"{name} {sub}", command.get_command(context, sub))


def _parameter(parameter: Any) -> dict[str, Any]:
    option = parameter.param_type_name == "option"
    form, many = _form(parameter)
    default = parameter.default
    found: dict[str, Any] = {
        "names": sorted(parameter.opts + parameter.secondary_opts) if option else [_shown(parameter)],
        "form": form,
        "default": default.value if isinstance(default, enum.Enum) else _plain(default),
        "required": parameter.required,
        "many": many,
    }
    return found


def _shown(parameter: Any) -> str:
    return str(parameter.metavar or getattr(parameter, "display_name_raw", "") or parameter.name).upper()


def _form(parameter: Any) -> tuple[str | list[str], bool]:
    described = getattr(parameter, "type_descriptor", None)
    kind = described.annotation if described else bool if parameter.is_flag else str
    many = typing.get_origin(kind) is list
    if many:
        (kind,) = typing.get_args(kind)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return [choice.value for choice in kind], many
    return _FORMS[kind], many


# ---- exit codes


def run(data: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a command over a data directory."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("KG_")} | {"KG_DATA_DIR": str(data)} | environ
    return subprocess.run(
        [*PYTHON, *arguments],
        env=clean,
        capture_output=True,
        encoding="utf-8",
        timeout=300,
        check=False,
        cwd=data.parent,
    )


def exit_codes(folder: Path) -> dict[str, int]:
    """Run the command in ways that end in every exit code, in a folder that is empty before."""
    data, empty, spoilt = folder / "data", folder / "empty", folder / "spoilt"
    document = json.loads(_DOCUMENT)
    (folder / "good.json").write_text(json.dumps(document), "utf-8")
    document["situations"][1].pop("modality")
    (folder / "bad.json").write_text(json.dumps(document), "utf-8")
    (folder / "unreadable.json").write_text("{", "utf-8")
    (folder / "damaged.tar").write_bytes(b"no backup")
    (spoilt / "store").mkdir(parents=True)
    (spoilt / "claimgraph.json").write_text("no description", "utf-8")
    runs: dict[str, tuple[Path, *tuple[str, ...]]] = {
        "kg --help": (data, "--help"),
        "kg token -h": (data, "token", "-h"),
        "kg init": (data, "init"),
        "kg info": (data, "info"),
        "kg add GOOD --dry-run": (data, "add", "good.json", "--dry-run"),
        "kg add BAD": (data, "add", "bad.json"),
        "kg validate GOOD": (data, "validate", "good.json"),
        "kg validate BAD": (data, "validate", "bad.json"),
        "kg validate UNREADABLE": (data, "validate", "unreadable.json"),
        "kg validate MISSING": (data, "validate", "missing.json"),
        "kg (a command that is not there)": (data, "nonsense"),
        "kg info --nonsense": (data, "info", "--nonsense"),
        "kg query MALFORMED": (data, "query", "SELECT { }"),
        "kg export --format (none)": (data, "export", "--format", "nonsense"),
        "kg ask NOBODY-ASKS": (data, "ask", "nobody-asks"),
        "kg why MISSING": (data, "why", "seed/C999"),
        "kg remove MISSING": (data, "remove", "missing"),
        "kg backup (without a store)": (empty, "backup", "out.tar"),
        "kg restore DAMAGED": (empty, "restore", "damaged.tar"),
        "kg doctor": (data, "doctor"),
        "kg doctor (without a store)": (empty, "doctor"),
        "kg info (of a damaged store)": (spoilt, "info"),
        "kg token revoke MISSING": (data, "token", "revoke", "missing"),
    }
    codes = {name: run(*arguments).returncode for name, arguments in runs.items()}
    codes["KG_PORT=x kg info"] = run(data, "info", KG_PORT="x").returncode
    return codes


# ---- the JSON Schema


def schema(folder: Path) -> Any:
    """Return the JSON Schema of the claims document without its descriptions."""
    return without(json.loads(run(folder / "data", "schema").stdout), "description")


def without(found: Any, *names: str) -> Any:
    """Return a schema without annotations of these names, but with properties that have such a name."""
    if isinstance(found, list):
        return [without(part, *names) for part in found]
    if not isinstance(found, dict):
        return found
    kept = {}
    for name, value in found.items():
        if name == "properties":
            kept[name] = {key: without(part, *names) for key, part in value.items()}
        elif name not in names or not isinstance(value, str):
            kept[name] = without(value, *names)
    return kept
