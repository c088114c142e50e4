"""The documentation as a site: it builds strictly, and nothing of it comes from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
# What a browser fetches by itself; a link that a reader follows may lead anywhere.
FETCHED = re.compile(r"""(?:src=|<link[^>]+href=|url\(|@import )["']?((?:https?:)?//[^"')\s>]+)""")


def test_it_builds_strictly_and_asks_no_other_host(tmp_path: Path) -> None:
    mkdocs = Path(sys.executable).parent / "mkdocs"
    done = subprocess.run(
        [mkdocs, "build", "--site-dir", tmp_path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    pages = [*tmp_path.rglob("*.html"), *tmp_path.rglob("*.css")]
    assert len(pages) > 20
    fetched = {page.name: found for page in pages if (found := FETCHED.findall(page.read_text()))}
    assert not fetched
    # A link out of docs/ does not stand there broken.
    assert not [page for page in pages if 'href="../' in page.read_text() and page.parent == tmp_path]
    assert not [page for page in pages if 'href="../../' in page.read_text()]


def headings(page: Path) -> set[str]:
    """Return the marks of a page's headings, as GitHub makes them."""
    lines = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "examples/notebooks/README.md"])
def test_links_of_pages_beside_the_site_lead_somewhere(name: str) -> None:
    page = ROOT / name
    links = LINK.findall(page.read_text())
    assert links
    for path, mark in links:
        meant = page.parent / path if path else page
        assert meant.exists(), path
        assert not mark or mark in headings(meant), f"{path}#{mark}"
