"""What the site does with links that lead out of docs/: the file's name stands there instead."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parent
_UP = re.compile(r"\[([^]]+)]\((\.\./[^)#\s]+)(#[^)\s]*)?\)")


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Take links to files of the checkout away; raises `FileNotFoundError` for one that is not there."""

    def named(link: re.Match[str]) -> str:
        meant = (DOCS / page.file.src_path).parent / link[2]
        if not meant.exists():
            raise FileNotFoundError(f"{page.file.src_path} links to {link[2]}")
        return link[0] if meant.resolve().is_relative_to(DOCS) else link[1]

    return _UP.sub(named, markdown)
