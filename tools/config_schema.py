"""Write workflow/schemas/config.schema.yaml, for editors and readers, from the keys that infoplane.configuration has.

Run `python tools/config_schema.py` after a change of a key.
"""

from pathlib import Path
from typing import Any

import yaml

from infoplane import configuration

PATH = Path(__file__).parents[1] / "workflow/schemas/config.schema.yaml"
HEAD = "# Written by tools/config_schema.py from src/infoplane/configuration, where every key is described.\n"


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def text() -> str:
    """The content of the file."""
    schema = configuration.study_schema()
    return HEAD + yaml.dump(schema, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


if __name__ == "__main__":
    PATH.write_text(text(), encoding="utf-8")
