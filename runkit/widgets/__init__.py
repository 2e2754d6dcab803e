"""Widgets that show runs and take answers inside the notebook."""
