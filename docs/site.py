"""What the site does with links that lead out of docs/: the file's name stands there instead."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
_OUT = re.compile(r"\[([^]]+)]\(\.\./([^)#\s]+)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Take links to files of the checkout away; raises `FileNotFoundError` for one that is not there."""

    def named(link: re.Match[str]) -> str:
        if not (ROOT / link[2]).exists():
            raise FileNotFoundError(f"{page.file.src_path} links to ../{link[2]}")
        return link[1]

    return _OUT.sub(named, markdown)
