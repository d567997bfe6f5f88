"""torch's compiler, imported so that it makes no folder for a cache.

Lightning and torch's exporter import it, and by that alone it makes `torchinductor_<user>` among
the system's temporary files and names it in the environment. Nothing here compiles: import this
module before either of them.
"""

from __future__ import annotations

import os
import sys
import tempfile

_VARIABLE = "TORCHINDUCTOR_CACHE_DIR"


def _import() -> None:
    before = os.environ.get(_VARIABLE)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[_VARIABLE] = folder
        try:
            import torch._dynamo
            import torch._inductor.compiler_bisector  # noqa: F401  # the exporter asks it
        finally:
            del os.environ[_VARIABLE]
            if before is not None:
                os.environ[_VARIABLE] = before


# Who imported it before has the folder already, and may compile into it.
if "torch._inductor.compiler_bisector" not in sys.modules:
    _import()
