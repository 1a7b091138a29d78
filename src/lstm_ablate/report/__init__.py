"""How it is shown: one Summary to a terminal, Markdown, LaTeX, CSV, JSON, a page and figures.

May import `evidence` and what is below it; called by `study` and the command line.
Renderers format, they compute nothing.
"""
