"""`python -m mien`, where the command `mien` is not on the path."""

from mien.cli import main

__all__ = ["main"]

if __name__ == "__main__":
    main()
