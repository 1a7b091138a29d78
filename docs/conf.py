"""How Sphinx builds the pages: `make docs`. Nothing is fetched, and a warning is an error."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

project = PROJECT["name"]
author = PROJECT["authors"][0]["name"]
project_copyright = author
version = release = PROJECT["version"]

extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_heading_anchors = 3
nitpicky = True
highlight_language = "none"  # a block without a language is what a terminal shows

html_theme = "furo"
html_title = f"{project} {version}"
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False
html_static_path = ["static"]
html_css_files = ["pages.css"]

# A file of the repository's root that is a page too, and what the page is called.
ROOT_PAGES = {"../CHANGELOG.md": "changelog.md", "../SECURITY.md": "security.md"}


def of_root_pages(text):
    """Return a text whose links to files of the root lead to the pages that include them."""
    for file, page in ROOT_PAGES.items():
        text = text.replace(f"]({file}", f"]({page}")
    return text


def with_toctrees(text):
    """Return the text of the index with its lists of pages as hidden toctrees, one a section.

    So the index is a list that reads well on GitHub, and a line in it is all that a new page takes.
    """
    heading, *sections = text.split("\n## ")
    trees = []
    for section in sections:
        pages = re.findall(r"^- \[.*?\]\((\w+)\.md\)", section, re.MULTILINE)
        lines = ["```{toctree}", ":hidden:", f":caption: {section.splitlines()[0]}", *pages, "```"]
        trees.append("\n".join(lines))
    return "\n\n".join(["\n## ".join([heading, *sections]), *trees, ""])


def read(_, name, source):
    """Change a page after Sphinx has read it, and before it is parsed."""
    source[0] = of_root_pages(source[0])
    if name == "index":
        source[0] = with_toctrees(source[0])


def setup(app):
    app.connect("source-read", read)
