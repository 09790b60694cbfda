"""Endpoints: models that a server elsewhere runs, reached by OpenAI's API over HTTP."""
