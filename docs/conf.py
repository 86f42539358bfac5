"""How the documentation is built: ``python -m sphinx -W docs docs/_build/html``."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import flask_oauth2server  # noqa: E402

project = "Flask-OAuth2Server"
author = "CERN and contributors"
copyright = "2014, CERN"
release = version = flask_oauth2server.__version__

extensions = ["sphinx.ext.autodoc", "sphinx.ext.doctest"]
exclude_patterns = ["_build"]
language = "en_GB"

html_theme = "alabaster"
html_theme_options = {
    "description": "An OAuth 2.1 provider for Flask",
    "fixed_sidebar": True,
    "page_width": "1080px",
    "sidebar_width": "240px",
}
html_static_path = ["_static"]
html_show_sourcelink = False
html_copy_source = False

# autodoc looks at the mixins' declared columns, which SQLAlchemy finds odd.
warnings.filterwarnings("ignore", message="Unmanaged access of declarative attribute")
autodoc_member_order = "bysource"
autodoc_typehints = "none"
autodoc_preserve_defaults = True

# Every page runs in a folder of its own, where nothing is left behind. ``fresh()`` gives the code on
# a page what its reader has already: an app with a db, users, a login page, three scopes and tokens.
# ``write_templates()`` writes the templates that a page shows where their captions say.
doctest_global_setup = f"""
import os, sys, tempfile
from pathlib import Path
if {str(ROOT)!r} not in sys.path:
    sys.path.insert(0, {str(ROOT)!r})
_folder, _before, _pushed = tempfile.TemporaryDirectory(), os.getcwd(), []
os.chdir(_folder.name)
from tests.support import answer_of, bearer, build, captioned, serving

def fresh(**options):
    name = f"page{{len(os.listdir())}}.sqlite"
    with serving(admin=True):
        return build(f"sqlite:///{{_folder.name}}/{{name}}", **options)

def write_templates(page):
    for caption, template in captioned(Path({str(ROOT)!r}, "docs", page), "html+jinja"):
        Path(caption).parent.mkdir(parents=True, exist_ok=True)
        Path(caption).write_text(template)

def push(app):
    _pushed.append(app.app_context())
    _pushed[-1].push()
"""
doctest_global_cleanup = """
while _pushed:
    _pushed.pop().pop()
os.chdir(_before)
_folder.cleanup()
"""
