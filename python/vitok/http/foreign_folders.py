"""Opening a file as root whose folder may belong to another user, who must not be able to point it at a file of root's.

That user may put a link in the place of a log file, and then end a worker, or wait for a rotation. What files are for
is not known here.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import PurePath

# So many links in a path the kernel follows itself (path_resolution(7)).
_MOST_LINKS = 40
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# These links lead to what this process has opened already, and have no path to follow.
_OWN = (("/", "proc"), ("/", "dev", "fd"))


def opened(path: str, flags: int, mode: int, *, user: int) -> int:
    """Open an absolute path for this user, and return the descriptor.

    Links in the path are followed if root has made them. OSError for a link of somebody else, and for a file of
    somebody else that has a second name: it may be a file of root's under another name.
    """
    parts = PurePath(path).parts
    if any(parts[: len(own)] == own for own in _OWN):
        return os.open(path, flags, mode)
    descriptor = _walked(list(reversed(parts[1:])), flags | os.O_NOFOLLOW, mode)
    about = os.fstat(descriptor)
    if stat.S_ISREG(about.st_mode) and about.st_nlink > 1 and about.st_uid != user:
        os.close(descriptor)
        raise OSError(errno.EPERM, "it has a second name, and belongs to another user")
    return descriptor


def _walked(parts: list[str], flags: int, mode: int) -> int:
    """Open what these parts lead to, from the root on; the next one is at the end of the list."""
    links = 0
    folder = os.open("/", _FOLDER)
    try:
        while parts:
            part = parts.pop()
            target = _target(part, folder)
            if target is not None:
                links += 1
                if links > _MOST_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                parts += reversed(PurePath(target).parts)
            elif not parts and part != "/":
                return os.open(part, flags, mode, dir_fd=folder)
            else:
                # The part "/" of a link is absolute: nothing of the way to it counts.
                before, folder = folder, os.open(part, _FOLDER, dir_fd=folder)
                os.close(before)
    finally:
        os.close(folder)
    raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))


def _target(part: str, folder: int) -> str | None:
    """Return where a link leads, None if there is no link. OSError for a link that is not root's."""
    try:
        about = os.lstat(part, dir_fd=folder)
        if not stat.S_ISLNK(about.st_mode):
            return None
        target = os.readlink(part, dir_fd=folder)
    except FileNotFoundError:
        return None
    after = os.lstat(part, dir_fd=folder)
    if about.st_uid != 0 or (after.st_uid, after.st_ino) != (0, about.st_ino):
        raise OSError(errno.ELOOP, f"there is a symbolic link of another user than root, {part!r}")
    return target
