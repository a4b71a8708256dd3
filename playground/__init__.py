"""The NLP playground: try, fine-tune and share small language models."""

__version__ = "0.1.0"
