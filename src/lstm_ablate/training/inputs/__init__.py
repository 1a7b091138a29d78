"""What a run reads: its windows, drawn or from a file, and every random number.

May import `experiment`; called by engines and workers.
"""
