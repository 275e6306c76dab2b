"""`--mount`: folders whose files are served instead of an application.

How files are served is not known here, and it is loaded only where the option is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .application import Application
from .options import OptionError


def compiled(application: Application, mounts: Sequence[tuple[str, str]]) -> Any:
    """Return the native routes of an application with folders below paths of URLs. Without any it is a native one.

    OptionError names a path that is none or is given twice, and a folder that can't be opened.
    """
    if not mounts:
        # A native application.
        return application._compiled()  # type: ignore[attr-defined]
    from .native.mounted_files import MountedFiles, compiled_with

    folders: dict[str, MountedFiles] = {}
    for path, folder in mounts:
        if path in folders:
            raise OptionError(f"--mount: {path or '/'} is given twice")
        try:
            folders[path] = MountedFiles(path, folder)
        except ValueError as error:
            raise OptionError(f"--mount: {str(error).removeprefix('route ')}") from None
        except OSError as error:
            raise OptionError(f"--mount: {folder!r}: {(error.strerror or str(error)).lower()}") from None
    return compiled_with(application, folders)
