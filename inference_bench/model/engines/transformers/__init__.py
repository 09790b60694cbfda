"""Models run by Hugging Face transformers on torch."""
