"""The charts of the HTML report."""
