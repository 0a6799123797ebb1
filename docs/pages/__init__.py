"""The pages of the site that are written from the registry, the stored results and the docstrings."""
