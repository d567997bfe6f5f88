"""A server with the REST API and the web page."""

from mien.errors import MissingExtraError

try:
    from mien.server.app import create_app
    from mien.server.keys import KeyFile
    from mien.server.options import ServerOptions
    from mien.server.run import StoppingServer, uvicorn_config
except ModuleNotFoundError as error:
    raise MissingExtraError("serving", "serve") from error

__all__ = ["KeyFile", "ServerOptions", "StoppingServer", "create_app", "uvicorn_config"]
