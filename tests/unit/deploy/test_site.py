"""The documentation as a site: it builds strictly, and nothing of it comes from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
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
