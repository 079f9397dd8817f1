"""Write docs/tables.md from what the tables declare: `python tools/document_tables.py`."""

from pathlib import Path

from infoplane.statistics import JOINED, SHARED, TABLES, described_columns
from infoplane.statistics.joined import DESCRIPTIONS

TARGET = Path(__file__).parents[1] / "docs/tables.md"


def text() -> str:
    """The page: first the columns that several tables have, then each table with its own."""
    lines = [
        "# Tables",
        "",
        "Each table is in `results/<study>/tables/` under its name: those that join what earlier stages wrote end in",
        "`.parquet`, the tables of statistics in `.csv`.",
        "`python tools/document_tables.py` writes this page from what is declared in `src/infoplane/statistics/`.",
        "",
        "## Columns of several tables",
        "",
        *_columns(SHARED),
    ]
    for name in JOINED:
        joined = DESCRIPTIONS[name]
        columns = described_columns(f"the table {name}", joined.columns)
        own = {column: about for column, about in columns.items() if SHARED.get(column) != about}
        shared = ", ".join(f"`{column}`" for column in columns if column not in own)
        others = f" There may be {joined.others}." if joined.others else ""
        lines += ["", f"## {name}", "", f"{joined.title}.{others}", "", f"Columns of several tables: {shared}.", ""]
        lines += _columns(own)
    for table in TABLES.values():
        own = {name: about for name, about in table.columns.items() if SHARED.get(name) != about}
        shared = [f"`{name}`" for name in table.columns if name not in own]
        read = ", ".join(f"`{name}`" for name in table.tables)
        used = ", ".join(f"`{name}`" for name in table.settings) or "none"
        lines += [
            "",
            f"## {table.name}",
            "",
            f"{table.title}. Made of {read}, with these settings of the section `statistics`: {used}.",
        ]
        lines += ["", f"Columns of several tables: {', '.join(shared)}.", "", *_columns(own)]
    return "\n".join(lines) + "\n"


def _columns(columns: dict[str, tuple[str, str]]) -> list[str]:
    rows = [f"| `{name}` | {about.replace('|', '&#124;')} | {unit} |" for name, (about, unit) in columns.items()]
    return ["| column | what it is | unit |", "|---|---|---|", *rows]


if __name__ == "__main__":
    TARGET.write_text(text(), encoding="utf-8")
