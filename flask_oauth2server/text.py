"""The ``_`` of texts that people read on pages.

Where Flask-Babel is installed and initialised on the app, its translations are used; elsewhere the
English text is.
"""

from __future__ import annotations

from flask import current_app


def gettext(message: str, **variables: object) -> str:
    """Translate *message* and fill in its ``%(name)s`` places.

    :param message: the English text.
    :param variables: values for its places.
    """
    if "babel" in current_app.extensions:
        from flask_babel import gettext as translate  # optional machinery

        return str(translate(message, **variables))
    return message % variables if variables else message


_ = gettext
