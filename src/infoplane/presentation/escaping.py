"""Names and other texts as each language takes them for plain text: one function per language.

Names of runs, studies and estimators may hold and end in `_`, `.` or `-`, and texts such as "|x|" more; shown
without these functions they become links, emphasis, substitutions or elements. This file imports nothing heavy:
Snakemake reads it each time it parses the workflow.
"""

from __future__ import annotations

import html as _html
import json
import re
from typing import Any


def restructured_text(text: str) -> str:
    r"""Text in which reStructuredText finds no markup, also where it begins a paragraph.

    >>> restructured_text("a_")
    'a\\_'
    """
    # Lists, options and lines need a blank or the end after their sign: "1. a", "- a", "a) b"; "----" is a line.
    text = re.sub(r"([\\*`|_<>:\[\]])", r"\\\1", text)
    text = re.sub(r"^(\(?\w+)([.)])(?=\s|$)", r"\1\\\2", text, flags=re.MULTILINE)
    return re.sub(r"^(?=[^\w\s\\])", r"\\", text, flags=re.MULTILINE)


def html(text: str) -> str:
    """Text for an element or a quoted attribute of HTML, and for SVG.

    >>> html("<b>")
    '&lt;b&gt;'
    """
    return _html.escape(text)


def markdown(text: str) -> str:
    r"""Text in which Markdown and its tables find no markup, also where it begins a line.

    >>> markdown("a_b_ | c")
    'a_b\\_ \\| c'
    """
    # Signs that mean nothing where they stand, such as "_" within a word, stay as they are, to be read as text.
    text = re.sub(r"([\\`*|~])|<(?=[A-Za-z/!?])|&(?=#?\w+;)|\](?=[(:\[])", r"\\\g<0>", text)
    text = re.sub(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])", r"\\_", text)
    text = re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", text, flags=re.MULTILINE)
    return re.sub(r"^(?=[#+=>-])", r"\\", text, flags=re.MULTILINE)


def markdown_code(text: str) -> str:
    """Text as code of Markdown, in as many backticks as it takes.

    >>> markdown_code("a_")
    '`a_`'
    """
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"


def javascript(value: Any) -> str:
    r"""JSON that can stand within a script element: no text in it can end the element or a line.

    Raises ValueError for numbers that are not finite.

    >>> javascript("</script>")
    '"\\u003c/script\\u003e"'
    """
    # With ensure_ascii the separators of lines U+2028 and U+2029 are escaped, too.
    text = json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=True)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
