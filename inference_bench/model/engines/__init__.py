"""One folder or file per engine that can run a model."""
