"""The web page: its contract with Python, and the page as static files."""

from mien.webpage.contract import page_contract
from mien.webpage.export import BUILT_PAGE, page_files, write_web_page

__all__ = ["BUILT_PAGE", "page_contract", "page_files", "write_web_page"]
