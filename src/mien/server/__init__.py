"""The REST API and the web page behind one address."""

from mien.server.app import create_app
from mien.server.keys import KeyFile
from mien.server.options import ServerOptions

__all__ = ["KeyFile", "ServerOptions", "create_app"]
