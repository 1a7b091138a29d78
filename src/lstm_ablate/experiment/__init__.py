"""What is asked: from a YAML file to validated runs and their identity, in one pass.

text -> nodes -> changes applied -> settings validated -> runs; each stage is a value.
May import `errors` and `machine`; every other room reads it.
"""
