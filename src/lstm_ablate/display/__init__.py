"""What a terminal, a log and a notebook are shown of a plan and of a run that is under way.

May import `study` and what is below it; called by the command line and by `api`.
"""
