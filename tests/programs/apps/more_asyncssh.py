"""A server and a client of asyncssh in one program: commands, a dialogue, a forwarded port, files by SFTP.

Its argument is an empty folder. It knows nothing of who runs it.
"""

import asyncio
import sys
from pathlib import Path

import asyncssh
from scene import HOST, LARGE_BODY, chosen, loop_name

COMMANDS = 10


async def handle(process: asyncssh.SSHServerProcess[str]) -> None:
    """A command: it is written back, or starts a dialogue that ends with an empty line."""
    if process.command == "dialogue":
        while line := (await process.stdin.readline()).strip():
            process.stdout.write(f"{line[::-1]}\n")
    else:
        process.stdout.write(f"{process.command}\n")
    process.exit(3)


async def serve(folder: Path) -> tuple[asyncssh.SSHAcceptor, asyncssh.SSHKey]:
    """A server that lets the owner of one key in."""
    mine, client = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    client.write_public_key(folder / "authorized")
    server = await asyncssh.listen(
        HOST,
        0,
        server_host_keys=[mine],
        authorized_client_keys=str(folder / "authorized"),
        process_factory=handle,
        sftp_factory=True,
    )
    return server, client


async def use(connection: asyncssh.SSHClientConnection, folder: Path) -> None:
    """Everything that a client does."""
    results = await asyncio.gather(*(connection.run(f"command {number}") for number in range(COMMANDS)))
    assert [(result.stdout, result.exit_status) for result in results] == [
        (f"command {number}\n", 3) for number in range(COMMANDS)
    ]
    async with connection.create_process("dialogue") as process:
        for word in ("one", "two"):
            process.stdin.write(f"{word}\n")
            assert await process.stdout.readline() == f"{word[::-1]}\n"
        process.stdin.write("\n")
    async with connection.start_sftp_client() as sftp:
        (folder / "there").write_bytes(LARGE_BODY)
        await sftp.get(str(folder / "there"), str(folder / "here"))
        await sftp.put(str(folder / "here"), str(folder / "back"))
    assert (folder / "back").read_bytes() == LARGE_BODY


async def main(folder: Path) -> None:
    """The program, and the last word."""
    server, key = await serve(folder)
    async with (
        server,
        asyncssh.connect(
            HOST, server.get_port(), username="visitor", client_keys=[key], known_hosts=None, config=None
        ) as connection,
    ):
        await use(connection, folder)
    print(loop_name())


if __name__ == "__main__":
    chosen().run(main(Path(sys.argv[1])))
