"""uvicorn's protocol class for httptools, on vitok.httptools: the module of the class, run with that in place of
httptools.

uvicorn takes it as `http="httptools_on_vitok:HttpToolsProtocol"`.
"""

import importlib.util
import sys
from types import ModuleType

from vitok import httptools


def module_on(replacement: ModuleType) -> ModuleType:
    """A copy of uvicorn's module that has imported this in place of httptools."""
    specification = importlib.util.find_spec("uvicorn.protocols.http.httptools_impl")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    theirs = sys.modules.get("httptools")
    sys.modules["httptools"] = replacement
    try:
        specification.loader.exec_module(module)
    finally:
        if theirs is None:
            del sys.modules["httptools"]
        else:
            sys.modules["httptools"] = theirs
    return module


HttpToolsProtocol = module_on(httptools).HttpToolsProtocol
