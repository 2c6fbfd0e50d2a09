"""Tidegate and other gateways side by side: the same work, on the same core, within the same seconds."""
