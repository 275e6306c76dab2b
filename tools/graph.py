"""Dependencies between files as arrows, and the circles among them. It knows nothing of languages."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Arrow:
    """The source names something that the target defines, for the first time in this line."""

    source: str
    target: str
    name: str
    line: int


def circle_of(file: str, arrows: Iterable[Arrow]) -> list[str]:
    """The shortest way from a file along arrows back to it, with the file at both ends; empty if there is none."""
    targets = targets_of(arrows)
    ways = [[file]]
    reached: set[str] = set()
    for way in ways:
        for target in sorted(targets.get(way[-1], set()) - reached):
            if target == file:
                return [*way, file]
            reached.add(target)
            ways.append([*way, target])
    return []


def circles(arrows: Iterable[Arrow]) -> list[frozenset[str]]:
    """The largest sets of files that all reach each other along arrows, in order of size."""
    targets = targets_of(arrows)
    reached = {file: reachable(file, targets) for file in targets}
    found = {frozenset(other for other in reached[file] if file in reached.get(other, ())) for file in targets}
    return sorted(filter(None, found), key=lambda files: (-len(files), sorted(files)))


def targets_of(arrows: Iterable[Arrow]) -> dict[str, set[str]]:
    """The files that each file has an arrow to."""
    targets: dict[str, set[str]] = {}
    for arrow in arrows:
        targets.setdefault(arrow.source, set()).add(arrow.target)
    return targets


def reachable(file: str, targets: Mapping[str, set[str]]) -> set[str]:
    """Every file to which one arrow or more lead from this one."""
    found: set[str] = set()
    left = [file]
    while left:
        new = targets.get(left.pop(), set()) - found
        found |= new
        left.extend(new)
    return found
