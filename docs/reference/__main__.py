"""Writes what is made of the code: ``make reference``."""

from docs.reference.made import made

for path, text in made().items():
    path.write_text(text, encoding="utf-8")
