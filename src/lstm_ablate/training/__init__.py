"""Trains what is missing: inputs, engines, executors, and the sweep that records what they give.

May import `store` and `experiment`; called by `study`, `models` and `checks`. Nothing here knows
a report.
"""
