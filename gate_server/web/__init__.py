"""Pages for people: plain HTML, one style sheet, nothing from elsewhere; scripts only where they help."""
