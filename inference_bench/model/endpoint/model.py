"""The class of a model that a server elsewhere runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from inference_bench.endpoint.address import Address
from inference_bench.endpoint.bodies import Dialect
from inference_bench.endpoint.client import Client
from inference_bench.endpoint.keys import key_for
from inference_bench.endpoint.probe import ServerFacts, probe
from inference_bench.model.endpoint.load_client import HttpLoadServer
from inference_bench.model.model import Model
from inference_bench.spec import AS_SERVED, ENDPOINT

if TYPE_CHECKING:
    from inference_bench.model.interfaces import LoadServer
    from inference_bench.model.load_steps import LoadSteps
    from inference_bench.model.weights.references import ResolvedWeights
    from inference_bench.spec import Setup

_NO_LIMIT = 1 << 20
"""Tokens of a prompt where the server states no limit."""


class EndpointModel(Model):
    """A model behind an endpoint: it is not loaded here, and has no weights, number format or threads of ours.

    Class attributes:
        url: of the endpoint.
        served_model: the server's name of the model.
    """

    url: ClassVar[str] = ""
    served_model: ClassVar[str] = ""
    devices = (ENDPOINT,)
    dtypes = (AS_SERVED,)
    needs_weights = False
    runs_here = False
    abilities = ("serve",)

    @classmethod
    def memory_bytes(cls, dtype: str) -> int:
        """Return 0: its memory is the server's."""
        return 0

    def load(self, setup: Setup, weights: ResolvedWeights, steps: LoadSteps) -> None:
        """Ask the server what it is.

        Raises:
            EndpointError: it does not answer, or not as an endpoint.
        """
        address = Address.parse(self.url)
        self._key = key_for(address)
        with steps.step("probe"):
            self._facts: ServerFacts = probe(Client(address, self._key), self.served_model)

    def load_server(self, api: str = "chat") -> LoadServer:
        """Return the client that carries out loads by one of the two interfaces."""
        return HttpLoadServer(Address.parse(self.url), self._facts, self._key, Dialect(api))

    def describe(self) -> dict[str, object]:
        """Return what the server says of itself."""
        facts = self._facts
        return {
            "endpoint": self.url,
            "served_model": facts.shown_model,
            "server": facts.software,
            "server_version": facts.version,
            "most_tokens": facts.most_tokens,
            **{f"server_{name}": value for name, value in facts.details.items()},
        }


def endpoint_class(name: str, title: str, url: str, served_model: str, most_tokens: int) -> type[EndpointModel]:
    """Return the class of one model of one server.

    Args:
        name: for tables and files.
        title: for people.
        url: of the endpoint.
        served_model: the server's name of the model.
        most_tokens: prompt and answer together, at most; 0 if unknown.
    """
    attributes = {
        "name": name,
        "title": title,
        "description": f"as served at {url}",
        "url": url,
        "served_model": served_model,
        "max_input_length": most_tokens or _NO_LIMIT,
        "__doc__": f"The model {title}.",
        "__module__": __name__,
    }
    built: type[EndpointModel] = type(
        "".join(word.capitalize() for word in name.split("_")), (EndpointModel,), attributes
    )
    return built
