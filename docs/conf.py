"""How the documentation is built."""

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

project = "journeymap"
author = "The journeymap developers"
copyright = "2026, the journeymap developers"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
html_theme = "furo"
html_title = "journeymap"
exclude_patterns = ["_build"]
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_default_options = {"members": True}
autodoc_typehints_description_target = "documented"
python_use_unqualified_type_names = True
napoleon_use_ivar = True
myst_heading_anchors = 3
nitpicky = False
suppress_warnings = ["myst.xref_missing"]


def setup(app: Any) -> None:
    """Draw the gallery before pages are read, and write them for language models afterwards."""
    from gallery import draw_gallery
    from language_models import write_texts
    from notebook_pages import write_notebooks

    here = Path(__file__).parent
    app.connect("builder-inited", lambda _: draw_gallery(here / "drawn"))
    notebooks = here.parent / "examples" / "notebooks"
    app.connect("builder-inited", lambda _: write_notebooks(notebooks, here / "drawn"))
    app.connect("build-finished", lambda app, _: write_texts(here, Path(app.outdir)))
