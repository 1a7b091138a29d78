"""What the records say: numbers and verdicts, without any layout.

May import `store`, `keras_code` and `experiment`; called by `report`, and by the command line for
tables of others.
"""
