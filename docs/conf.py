"""Sphinx: the pages of build/pages, with everything that a browser needs bundled."""

from __future__ import annotations

import sys
from pathlib import Path

from sphinx.application import Sphinx

sys.path.insert(0, str(Path(__file__).parents[1]))

from assay import __version__
from assay.base import closure_digest
from docs.pages import markup

project, author, version = "Assay", "the Assay authors", __version__
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.mathjax", "sphinx-mathjax-offline"]
exclude_patterns = ["extra", "judge", "own_theorem", "**/.ipynb_checkpoints"]

myst_enable_extensions = ["dollarmath", "amsmath"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # `make notebooks` has executed them
nb_merge_streams = True

autodoc_typehints = "none"
autodoc_member_order = "bysource"
add_module_names = False

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = "Assay"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_use_index = html_copy_source = html_show_sourcelink = html_show_sphinx = html_show_copyright = False
html_show_search_summary = False  # it would fetch pages, which a page opened from disk must not
html_theme_options = {
    "navigation_with_keys": True,
    "light_css_variables": {
        "color-good": "#1a7f4b", "color-bad": "#b3261e", "color-open": "#8a6100",
        "color-brand-primary": "#1f5fa8", "color-brand-content": "#1f5fa8",
    },
    "dark_css_variables": {
        "color-good": "#58c48a", "color-bad": "#ff8a80", "color-open": "#e0b050",
        "color-brand-primary": "#7fb4f0", "color-brand-content": "#7fb4f0",
    },
}  # fmt: skip


def typeset_docstring(app: Sphinx, what: str, name: str, value: object, options: object, lines: list[str]) -> None:
    """Turn the formulas of a docstring into mathematics, and its sections into lists."""
    lines[:] = markup.rest("\n".join(lines)).splitlines()


def skip_field(app: Sphinx, what: str, name: str, value: object, skip: bool, options: object) -> bool | None:
    """Leave out the fields of a named tuple, of which Python says no more than their number."""
    return True if str(getattr(value, "__doc__", "")).startswith("Alias for field number") else None


def setup(app: Sphinx) -> None:
    """Connect the docstrings, read again when their typesetting changes, and put the figures beside the pages."""
    app.add_config_value("typesetting", closure_digest(markup.__file__), "env", str)
    app.connect("autodoc-process-docstring", typeset_docstring)
    app.connect("autodoc-skip-member", skip_field)
    app.connect("config-inited", lambda app, config: setattr(config, "html_extra_path", [str(app.srcdir / "extra")]))
