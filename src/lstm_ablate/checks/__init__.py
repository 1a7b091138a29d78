"""Whether it can be trusted: engines against one another, against loops written by hand, and a look
at a machine.

May import `study` and what is below it; called by the command line.
"""
