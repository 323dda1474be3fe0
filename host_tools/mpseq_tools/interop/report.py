"""The report of a bench: report.md, report.json and report.html in one folder.

What devices say stands in it as text, never as markup; of identities only public keys.
"""

import datetime
import json
import platform
from importlib import metadata, resources
from pathlib import Path

from mpseq_aio.framing import clean

from ..faults import Fault
from . import bench, scenarios

SCHEMA = "mpseq-interop/1"
FILES = ("report.md", "report.json", "report.html")
_ARCHITECTURES = (
    None, "x86", "x64", "armv6", "armv6m", "armv7m", "armv7em", "armv7emsp", "armv7emdp",
    "xtensa", "xtensawin", "rv32imc", "rv64imc",
)
_MARKS = {
    ">": "command", "<": "answer", "*": "event", ">~": "to the device", "<~": "from the device",
    "|": "printed", "!": "bench", "?": "odd report",
}


def data_of(a_bench) -> dict:
    """Everything, as report.json has it. `schema`: mpseq-interop/1; what is added later has a new
    name, what changes its meaning a new number."""
    return {
        "schema": SCHEMA,
        "mpseq": metadata.version("mpseq"),
        "host": f"{platform.python_implementation()} {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}",
        "begun": datetime.datetime.fromtimestamp(a_bench.begun, datetime.timezone.utc)
        .replace(microsecond=0).isoformat(),
        "seconds": round(a_bench.seconds, 1),
        "seed": a_bench.seed,
        "command": a_bench.command,
        "summary": a_bench.summary,
        "code": a_bench.code,
        "interrupted": a_bench.interrupted,
        "counts": {
            verdict: a_bench.count(verdict)
            for verdict in (
                bench.PASSED, bench.FAILED, bench.TOO_SMALL, bench.NOT_OFFERED, bench.NOT_RUN
            )
        },
        "devices": [_device(a_bench, name, kind) for name, kind in
                    zip(a_bench.names, a_bench.kinds, strict=True)],
        "scenarios": [
            {"name": name, "title": scenarios.title(name)} for name in a_bench.scenarios
        ],
        "results": [_result(one) for one in a_bench.results],
    }


def _device(a_bench, name, kind):
    station = a_bench.stations.get(name)
    about = (station and station.about) or {}
    lows = [one.heap[name] for one in a_bench.results if name in one.heap]
    arch = about.get("arch") or 0
    return {
        "name": name,
        "device": clean(kind),
        "runtime": _word(about.get("runtime")),
        "machine": _word(about.get("machine")),
        "firmware": _word(about.get("firmware")),
        "architecture": _ARCHITECTURES[arch] if 0 < arch < len(_ARCHITECTURES) else None,
        "crypto": _word(about.get("native")),
        "aes": bool(about.get("aes")),
        "mpseq": _word(about.get("mpseq")),
        "heap_free": about.get("free") if isinstance(about.get("free"), int) else None,
        "heap_low": min(lows) if lows else None,
    }


def _word(value):
    return clean(str(value))[:200] if value else None


def _result(one):
    return {
        "scenario": one.scenario,
        "part": one.part or None,
        "devices": list(one.members),
        "verdict": one.verdict,
        "seconds": round(one.seconds, 2),
        "detail": one.detail,
        "cure": one.cure,
        "told": one.told,
        "heap_low": one.heap,
        "replay": one.replay,
        "transcript": {
            name: [{"at": round(at, 3), "what": _MARKS.get(mark, mark), "text": text}
                   for at, mark, text in lines]
            for name, lines in one.transcript.items()
        } or None,
    }


# --- the matrix

def matrix(data) -> dict:
    """Rows and columns for people: `groups` (names of devices), and for each scenario but the
    vectors a result for each group or None; `vectors`: the same by part and device."""
    groups = []
    cells = {}
    rows = {}
    for one in data["results"]:
        if one["scenario"] == "vectors":
            rows.setdefault(one["part"], {})[one["devices"][0]] = one
            continue
        group = tuple(one["devices"])
        if group not in groups:
            groups.append(group)
        cells[one["scenario"], group] = one
    groups.sort(key=len)
    named = [one for one in data["scenarios"] if one["name"] != "vectors"]
    return {
        "groups": [
            {"devices": group, "room": len(group) == len(data["devices"]) > 2} for group in groups
        ],
        "rows": [
            {**one, "cells": [cells.get((one["name"], group)) for group in groups]}
            for one in named
        ],
        "vectors": [
            {"name": part, "cells": [row.get(one["name"]) for one in data["devices"]]}
            for part, row in rows.items()
        ],
    }


# --- Markdown

def _cell(text) -> str:
    """Text in a Markdown table: nothing in it is markup."""
    text = str("" if text is None else text).replace("\n", " ")
    for character in "\\`*_{}[]()#+!|~":
        text = text.replace(character, "\\" + character)
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _table(head, rows):
    lines = ["| " + " | ".join(map(_cell, head)) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(map(_cell, row)) + " |" for row in rows), ""]


def _verdict(one):
    return "" if one is None else f"{one['verdict']}, {one['seconds']:.1f} s"


def _short(group):
    return "all in one room" if group["room"] else " + ".join(group["devices"])


def markdown(data) -> str:
    """report.md."""
    table = matrix(data)
    names = [one["name"] for one in data["devices"]]
    out = [
        "# mpseq interop", "", f"**{_cell(data['summary'])}**", "",
        f"{data['begun']}, mpseq {data['mpseq']}, {_cell(data['host'])}", "",
        f"    {data['command']}", "", "## Devices", "",
    ]
    out += _table(
        ("device", "at", "runtime", "machine", "crypto", "AES", "mpseq", "heap free", "low"),
        [
            (one["name"], one["device"], one["runtime"], one["machine"], one["crypto"],
             "yes" if one["aes"] else "no", one["mpseq"], one["heap_free"], one["heap_low"])
            for one in data["devices"]
        ],
    )
    if table["rows"]:
        out += ["## Scenarios", ""]
        out += _table(
            ("", *map(_short, table["groups"])),
            [(row["name"], *map(_verdict, row["cells"])) for row in table["rows"]],
        )
        out += [f"- **{row['name']}**: {_cell(row['title'])}" for row in table["rows"]] + [""]
    if table["vectors"]:
        out += ["## Test vectors", ""]
        out += _table(
            ("", *names), [(row["name"], *map(_verdict, row["cells"])) for row in table["vectors"]]
        )
    out += _failures(data)
    notes = [one for one in data["results"] if one["told"]]
    if notes:
        out += ["## Notes", ""]
        for one in notes:
            out.append(f"- {_title(one)}: {_cell('; '.join(one['told']))}")
        out.append("")
    return "\n".join(out)


def _title(one):
    part = f" ({one['part']})" if one["part"] else ""
    return _cell(f"{one['scenario']}{part}, {' + '.join(one['devices'])}")


def _failures(data):
    out = []
    for one in data["results"]:
        if one["verdict"] == bench.PASSED:
            continue
        out += [f"### {_title(one)}: {one['verdict']}", "", _cell(one["detail"]), ""]
        if one["cure"]:
            out += [f"Cure: {_cell(one['cure'])}", ""]
        if one["transcript"]:
            out += [f"    replay: {one['replay']}", ""]
            for name, lines in one["transcript"].items():
                out += [f"{_cell(name)}:", ""]
                # Indented: there is no fence in it that could be broken.
                out += [f"    {x['at']:8.3f} {x['what']}: {x['text']}" for x in lines] + [""]
    return ["## What did not pass", "", *out] if out else []


# --- HTML

def html(data) -> str:
    """report.html: one page, nothing loaded from elsewhere, nothing run."""
    import jinja2

    source = resources.files(__package__).joinpath("report.html.j2").read_text()
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(source).render(data=data, matrix=matrix(data), short=_short)


def write(a_bench, folder) -> Path:
    """Writes all three; the folder is made if it is not there. Fault when that fails."""
    data = data_of(a_bench)
    texts = (
        markdown(data),
        json.dumps(data, indent=1, ensure_ascii=False) + "\n",
        html(data),
    )
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in zip(FILES, texts, strict=True):
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Fault(
            f"the report cannot be written into {folder} ({error.strerror})",
            "name another folder with --report",
        ) from None
    return folder
