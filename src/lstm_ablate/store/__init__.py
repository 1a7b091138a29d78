"""What is kept: one results folder, in which every file is whole or absent.

May import `experiment`. Called by `training`, which writes records, and by `evidence`, which reads
them.
"""
