"""The pages for users, and what stands in them: blocks of code, links, headings."""

import dataclasses
import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "BUILD.md", *sorted((ROOT / "docs").glob("*.md"))]
"""Every page that tells people what to type."""
_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


@dataclasses.dataclass(frozen=True)
class Block:
    """A fenced block: the language that it says it is in, and its text."""

    language: str
    text: str


def name_of(page):
    return str(page.relative_to(ROOT))


def blocks(page):
    """Returns the blocks of a page, in order; an indented one, which says no language, is none that is allowed."""
    return [Block(*found) for found in _FENCE.findall(page.read_text())]


def prose(page):
    """Returns a page without its blocks."""
    return _FENCE.sub("", page.read_text())


def commands(page):
    """Returns the commands of a page's shell blocks, in order: lines that go on are joined, comments left out."""
    texts = [block.text for block in blocks(page) if block.language == "sh"]
    lines = [line for text in texts for line in re.sub(r"\s*\\\n\s*", " ", text).splitlines()]
    words = [shlex.join(shlex.split(line, comments=True)) for line in lines]
    return [each for each in words if each]


def links(page):
    """Returns the targets of a page's links and pictures."""
    return re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(page)))


def anchors(page):
    """Returns what a page's headings are called in links, as GitHub does it."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
