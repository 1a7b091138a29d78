"""Checks whether it can be trusted: the engines against each other and against loops written by
hand, and what `doctor` looks at.

May import `study` and what is below it; called by the command line.
"""
