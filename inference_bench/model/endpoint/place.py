"""An endpoint as the place of a model: ``http://127.0.0.1:8000/v1``, or with a name, ``http://127.0.0.1:8000/v1#NAME``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from inference_bench.endpoint.address import Address
from inference_bench.endpoint.client import Client
from inference_bench.endpoint.keys import key_for
from inference_bench.endpoint.probe import probe, shown_model
from inference_bench.model.endpoint.model import endpoint_class
from inference_bench.model.model import Model


@dataclass(frozen=True, slots=True)
class EndpointPlace:
    """A model that a server has.

    Attributes:
        url: of the endpoint, without the model.
        model: the server's name of the model.
        most_tokens: prompt and answer together, at most; 0 if the server does not say.
    """

    url: str
    model: str
    most_tokens: int = 0

    @property
    def path(self) -> Path:
        """The current folder: an endpoint has no file here."""
        return Path()

    @property
    def shown(self) -> str:
        """Model and server as tables and files name them."""
        return f"{shown_model(self.model)} at {Address.parse(self.url).authority}"

    @property
    def parts(self) -> tuple[str, ...]:
        """Words that a name is made of: both the model and the server."""
        return (self.shown,)

    def load(self, name: str, title: str) -> type[Model]:
        """Return the class of the model here; nothing is sent."""
        return endpoint_class(name, title, self.url, self.model, self.most_tokens)


def endpoint_place(given: str) -> EndpointPlace:
    """Return the model that an address means, as its server knows it.

    Args:
        given: the address, with ``#NAME`` after it if the server has several models.

    Raises:
        InvalidValueError: no address of an endpoint.
        EndpointError: no server, no API of OpenAI's, no access, or several models and none named.
        UnknownNameError: the server has no model of this name.
    """
    url, _, name = given.partition("#")
    address = Address.parse(url)
    facts = probe(Client(address, key_for(address)), name or None)
    return EndpointPlace(str(address), facts.model, facts.most_tokens or 0)
