"""What is kept: one results folder, in which every file is whole or absent.

May import `experiment`; called by `training`, which writes records, and by `evidence`, which reads them.
"""
