"""What is typed: options, one call, printing and exit codes.

May import every other room; called by nobody.
"""
