"""Names that end in underscores, look like lists or are markup stand as they are in every language."""

from __future__ import annotations

import html.parser
import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from docutils.core import publish_doctree
from jinja2 import Template

from infoplane.presentation import escaping

ROOT = Path(__file__).parents[1]
# The schema of names allows the first row; other texts, such as labels, may be anything.
NAMES = ["a_", "a__b_", "a_b_", "a.", "x-", "1.", "A.", "a__", "1.-_", "i.", "relu_l2"]
TEXTS = [
    *NAMES,
    "|x|_",
    "*",
    "`a`_",
    "**b**",
    "_a_",
    "<b>&amp;</b>",
    "[1]_",
    "- a",
    "1. a",
    "(a) b",
    "::",
    "----",
    "+ x",
]


def words(text: str) -> str:
    """What a reader of the rendered reStructuredText sees; fails for what docutils complains of."""
    tree = publish_doctree(text, settings_overrides={"report_level": 1, "halt_level": 5, "warning_stream": False})
    assert not [node for node in tree.findall() if node.tagname in ("system_message", "problematic")], text
    return tree.astext()


@pytest.mark.parametrize("text", TEXTS)
def test_restructured_text(text):
    for around in ("{}", "{} and {}", "({}).", "Runs: {}.", "*{}* x", "- {}: x"):
        shown = escaping.restructured_text(text)
        assert words(around.replace("{}", shown)) in (
            around.replace("{}", text),
            re.sub("^- |[*]", "", around).replace("{}", text),
        )


@pytest.mark.parametrize("path", sorted((ROOT / "workflow/report").glob("*.rst")), ids=lambda path: path.name)
@pytest.mark.parametrize("name", NAMES)
def test_the_templates_of_the_report(path, name):
    job = SimpleNamespace(
        config={"study": name},
        output=[f"results/{name}/tables/claims.csv"],
        params=SimpleNamespace(caption=escaping.restructured_text(name)),
    )
    if path.name != "front_page.rst":  # it takes the name as a path alone
        assert name in words(Template(path.read_text()).render(snakemake=job))


@pytest.mark.parametrize("text", TEXTS)
def test_html_and_javascript(text):
    found = []
    parser = html.parser.HTMLParser()
    parser.handle_data = found.append
    parser.feed(f"<p>{escaping.html(text)}</p>")
    assert "".join(found) == text
    script = escaping.javascript({"name": text + "\u2028</script>"})
    assert not set("<>&\u2028") & set(script)
    assert json.loads(script) == {"name": text + "\u2028</script>"}


@pytest.mark.parametrize("text", TEXTS)
def test_markdown(text):
    shown = escaping.markdown(text)
    assert re.sub(r"\\(?=[^A-Za-z0-9\s])", "", shown) == text
    assert not re.search(r"(?<!\\)([*`|~]|<[a-z/])", shown)
    assert not re.search(r"(?<![\\A-Za-z0-9])_|(?<!\\)_(?![A-Za-z0-9])", shown)
    assert not re.match(r"[#+=>-]|\d+[.)](\s|$)", shown)
    assert escaping.markdown("p < 0.001 of relu_l2") == "p < 0.001 of relu_l2"
