"""What a run reads: its windows, drawn or from a file, and its random numbers.

May import `experiment`; called by engines and workers.
"""
