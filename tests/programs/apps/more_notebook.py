"""A notebook that nbclient runs on the chosen loop, in a kernel that runs on it too.

It knows nothing of who runs it.
"""

import sys
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from scene import chosen, loop_name

CELLS = [
    "import asyncio\nnumbers = asyncio.Queue()",
    "async def put():\n    for number in range(3):\n        await numbers.put(number)",
    "task = asyncio.create_task(put())\nprint([await numbers.get() for _ in range(3)])",
    f"import sys\nsys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom scene import loop_name\nprint(loop_name())",
]


def kernel_words() -> list[str]:
    """The command line of a kernel, which Jupyter completes."""
    by_command = ["-m", "vitok", "run"] if chosen().__name__ == "vitok" else []
    return [sys.executable, *by_command, "-m", "ipykernel_launcher", "-f", "{connection_file}"]


async def main() -> None:
    """The program, and the last word, which the kernel has to agree with."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    manager = AsyncKernelManager(transport="ipc")
    manager._kernel_spec = KernelSpec(argv=kernel_words(), display_name="chosen", language="python")
    await NotebookClient(notebook, km=manager).async_execute()
    await manager.shutdown_kernel()
    *_, numbers, name = [output.text.strip() for cell in notebook.cells for output in cell.get("outputs", ())]
    assert numbers == "[0, 1, 2]"
    assert name == loop_name(), name
    print(name)


if __name__ == "__main__":
    chosen().run(main())
