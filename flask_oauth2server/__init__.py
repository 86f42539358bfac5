"""Flask-OAuth2Server turns a Flask app into an OAuth 2.1 provider.

.. code-block:: python

    oauth2 = OAuth2Server(app, db=db, user_model=User)
"""

from .errors import ConfigurationError, InvalidClientMetadata, OAuth2ServerError, ScopeDoesNotExists
from .extension import OAuth2Server
from .features import DEFAULT_FEATURES
from .globals import current_oauth2server, current_token
from .resource import require_oauth
from .scopes import Scope

__version__ = "0.1.0.dev0"

__all__ = (
    "DEFAULT_FEATURES",
    "ConfigurationError",
    "InvalidClientMetadata",
    "OAuth2Server",
    "OAuth2ServerError",
    "Scope",
    "ScopeDoesNotExists",
    "__version__",
    "current_oauth2server",
    "current_token",
    "require_oauth",
)
