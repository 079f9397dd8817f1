"""Write docs/tables.md from what the tables of statistics declare: `python tools/document_tables.py`."""

from pathlib import Path

from infoplane.statistics import SHARED, TABLES

TARGET = Path(__file__).parents[1] / "docs/tables.md"


def text() -> str:
    """The page: first the columns that several tables have, then each table with its own."""
    lines = [
        "# Tables of statistics",
        "",
        "Each table is the file of its name in `results/<study>/tables/`, with the ending `.csv`.",
        "`python tools/document_tables.py` writes this page from the modules in `src/infoplane/statistics/tables/`.",
        "",
        "## Columns of several tables",
        "",
        *_columns(SHARED),
    ]
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
