"""A server that is started anew before each turn of its side, so that no turn inherits what another left in it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from inference_bench.endpoint.address import Address
from inference_bench.endpoint.client import Client
from inference_bench.endpoint.keys import key_for
from inference_bench.errors import EndpointError
from inference_bench.model.places import is_endpoint

_LOOK_S = 0.2
_ONE_ANSWER_S = 5.0


@dataclass(frozen=True, slots=True)
class ServerRestart:
    """How a server is started anew.

    Attributes:
        command: for the shell; it must end, so a server that it starts runs in the background.
        limit_s: how long the command, and then the server's first answer, may take.
    """

    command: str
    limit_s: float = 600.0

    async def carry_out(self, models: Sequence[str]) -> None:
        """Run the command and wait until the endpoints among these models answer.

        Raises:
            EndpointError: the command fails or does not end, or an endpoint does not answer in time.
        """
        await self._run()
        for model in filter(is_endpoint, models):
            await self._until_answered(Address.parse(model.partition("#")[0]))

    async def _run(self) -> None:
        quiet = asyncio.subprocess.DEVNULL
        process = await asyncio.create_subprocess_shell(self.command, stdin=quiet, stdout=quiet, stderr=quiet)
        try:
            code = await asyncio.wait_for(process.wait(), self.limit_s)
        except TimeoutError:
            expected = f"a command that ends within {self.limit_s:g} s"
            raise EndpointError(f"restart {self.command!r}: got no end, expected {expected}. End it with &.") from None
        finally:
            if process.returncode is None:  # too long, or interrupted
                with suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if code:
            raise EndpointError(f"restart {self.command!r}: got exit code {code}, expected 0. Run it by hand.")

    async def _until_answered(self, address: Address) -> None:
        client = Client(address, key_for(address), timeout_s=_ONE_ANSWER_S)
        loop = asyncio.get_running_loop()
        deadline_s = loop.time() + self.limit_s
        while not await asyncio.to_thread(_answers, client):
            if loop.time() > deadline_s:
                expected = f"an answer within {self.limit_s:g} s of its restart"
                raise EndpointError(f"endpoint {address}: got none, expected {expected}. See the server's log.")
            await asyncio.sleep(_LOOK_S)


def _answers(client: Client) -> bool:
    """Return whether the server answers; one that still loads its model answers 503."""
    try:
        return client.get("/models").status < 500
    except EndpointError:
        return False
