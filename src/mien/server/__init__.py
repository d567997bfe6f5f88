"""The REST API and the web page behind one address."""

from mien.server.app import create_app
from mien.server.keys import KeyFile
from mien.server.options import ServerOptions
from mien.server.run import settings_of

__all__ = ["KeyFile", "ServerOptions", "create_app", "settings_of"]
