"""Makes the bill of materials in a wheel the same on every machine, and checks one.

maturin writes it into the wheel (PEP 770, CycloneDX): every crate in the native module, with its version and licence.
It names the folder of the build, the time and a random number, which are replaced here.
"""

import json
import uuid
from collections.abc import Iterator, Set
from datetime import UTC, datetime
from pathlib import Path

FOLDER = ".dist-info/sboms/"
# Crates that every build has: the bindings, the interface of the kernel, and ours.
CRATES = frozenset({"pyo3", "libc", "vitok-reactor", "vitok-stream", "vitok-http", "vitok-websocket", "vitok-wire"})


def is_one(name: str) -> bool:
    """Whether a file of a wheel is a bill of materials."""
    return FOLDER in name and name.endswith(".json")


def settle(data: bytes, *, root: Path, seconds: int) -> bytes:
    """Return the bill without what differs from build to build.

    `root` is the folder of the build, `seconds` the time of the release since 1970.
    """
    document = json.loads(data.decode().replace(f"file://{root}", "file://"))
    document.pop("serialNumber", None)
    when = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    document["metadata"]["timestamp"] = when
    text = json.dumps(document, indent=2, ensure_ascii=False)
    # A bill has a number of its own, which follows from its contents: the same bill, the same number.
    number = uuid.uuid5(uuid.NAMESPACE_URL, text)
    document = {**document, "serialNumber": f"urn:uuid:{number}"}
    return (json.dumps(document, indent=2, ensure_ascii=False) + "\n").encode()


def faults(data: bytes, version: str, crates: Set[str] = CRATES) -> Iterator[str]:
    """What is wrong with a bill of this version of a package, which has these crates, one line each."""
    try:
        document = json.loads(data)
    except ValueError:
        yield "the bill of materials is not JSON"
        return
    if document.get("bomFormat") != "CycloneDX":
        yield "the bill of materials is not in CycloneDX's format"
        return
    if (found := document["metadata"]["component"].get("version")) != version:
        yield f"the bill of materials is of version {found}, not {version}"
    components = {component["name"]: component for component in document.get("components", [])}
    yield from (f"the bill of materials lacks the crate {name}" for name in sorted(crates - components.keys()))
    for name, component in sorted(components.items()):
        if not component.get("version") or not component.get("licenses"):
            yield f"the bill of materials has no version or no licence of {name}"
