"""The user and the group that a process becomes, and the permissions that its new files do not get.

Root becomes another user for good: with the groups of that user, and without a way back. What needs root's privileges
is done before; what that is is not known here.
"""

from __future__ import annotations

import errno
import grp
import os
import pwd
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from .option_parsing import OptionError
from .options import Options

_LARGEST = 2**32 - 2


@dataclass(frozen=True, slots=True)
class Identity:
    """A user and a group. `name` is that of the user, "" if the number has none; `home` is that user's folder."""

    uid: int
    gid: int
    name: str
    home: str
    # Whether the options name a user, and not only a group.
    is_user: bool

    def is_current(self) -> bool:
        """Return whether this process is that already."""
        return os.getresuid() == (self.uid,) * 3 and os.getresgid() == (self.gid,) * 3

    def become(self) -> None:
        """Become that user and group, for good. OSError names the option if the kernel does not permit it."""
        if self.is_current():
            return
        try:
            # The groups first: without root's privileges they can't be changed.
            self._set_groups()
            os.setresgid(self.gid, self.gid, self.gid)
            os.setresuid(self.uid, self.uid, self.uid)
        except OSError as error:
            raise _refusal(self, (error.strerror or str(error)).lower()) from None
        if self.is_user:
            # As after a login: files of other users are no use to programs that look for their own.
            os.environ.update(HOME=self.home, USER=self.name or str(self.uid), LOGNAME=self.name or str(self.uid))

    @contextmanager
    def acting(self) -> Generator[None]:
        """Let root open files with no more rights than that user has, in the block. For anybody else nothing changes.

        OSError as of `become`.
        """
        if os.geteuid() != 0 or self.uid == 0:
            yield
            return
        groups, group = os.getgroups(), os.getegid()
        try:
            self._set_groups()
            os.setegid(self.gid)
            os.seteuid(self.uid)
        except OSError as error:
            raise _refusal(self, (error.strerror or str(error)).lower()) from None
        try:
            yield
        finally:
            os.seteuid(0)
            os.setegid(group)
            os.setgroups(groups)

    def _set_groups(self) -> None:
        if self.is_user and self.name:
            os.initgroups(self.name, self.gid)
        else:
            os.setgroups([self.gid])


def identity_of(options: Options) -> Identity | None:
    """Return what the process is to become, or None if that is not asked for.

    OptionError for a user or group that does not exist, OSError if only root may become it.
    """
    if options.user is None and options.group is None:
        return None
    uid, gid, name, home = os.getuid(), os.getgid(), "", "/"
    if options.user is not None:
        user = _user(options.user)
        if isinstance(user, int):
            if options.group is None:
                raise OptionError(f"--user: {user} has no entry in the database of users: expected --group as well")
            uid = user
        else:
            uid, gid, name, home = user.pw_uid, user.pw_gid, user.pw_name, user.pw_dir
    if options.group is not None:
        gid = _group(options.group)
    found = Identity(uid, gid, name, home, options.user is not None)
    if not found.is_current() and os.geteuid() != 0:
        raise _refusal(found, "only root can become another user or group")
    return found


def drop(options: Options) -> None:
    """Become what the options ask for. Errors as of `identity_of` and `Identity.become`."""
    identity = identity_of(options)
    if identity is not None:
        identity.become()


def owner_of(options: Options) -> tuple[int, int] | None:
    """Return the user and the group that Unix sockets belong to: those that the processes become.

    Errors as of `identity_of`.
    """
    identity = identity_of(options)
    return None if identity is None else (identity.uid, identity.gid)


@contextmanager
def umask(mask: int | None) -> Generator[None]:
    """Withhold these permissions from new files. The mask is that of the process, and is restored."""
    if mask is None:
        yield
        return
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def _user(text: str) -> pwd.struct_passwd | int:
    """Return the entry of a user, or a number without an entry."""
    try:
        return pwd.getpwnam(text)
    except (KeyError, ValueError):
        number = _number("--user", "user", text)
    try:
        return pwd.getpwuid(number)
    except KeyError:
        return number


def _group(text: str) -> int:
    try:
        return grp.getgrnam(text).gr_gid
    except (KeyError, ValueError):
        return _number("--group", "group", text)


def _number(option: str, kind: str, text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 11 and int(text) <= _LARGEST:
        return int(text)
    raise OptionError(f"{option}: there is no {kind} {text!r}")


def _refusal(identity: Identity, reason: str) -> OSError:
    return OSError(errno.EPERM, f"{'--user' if identity.is_user else '--group'}: {reason}")
