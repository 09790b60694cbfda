"""`python setup.py build_ext --inplace` for those who expect it; pyproject.toml is the build."""

from scikit_build_core.setuptools.wrapper import setup

setup(packages=["inference_bench"])
