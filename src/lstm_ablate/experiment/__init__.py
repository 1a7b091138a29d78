"""What is asked: from a YAML file to validated runs and their identity, in one pass.

text -> nodes -> changes applied -> settings validated -> runs; each stage is a value.

text -> nodes        yaml_source, with scalars, gives nodes; python_source, those of a dict
changes applied      changes (command line, tasks, variants), data_files (digests), by applying
settings validated   validation, in the words of wording, against experiment_file and settings, with
                     the own_activations of the config; then the rules and names that pydantic does
                     not know
runs                 grid (tasks x variants), resolved (the experiment), runs and their identity

`loading` calls the stages in this order, and all of them write what is wrong to `problems`. The
forms lie below every stage: settings, data_settings and field_types, experiment_file and schema.
`advice` says what was meant by what no form has, from the words of other tools in `habits` and, of
what is meant for the encoder alone, from `one_part`.
activations says what may be written where one acts: elementwise (Keras' own) and expressions.
network, structure, sizes and formula describe what a run's settings mean.
May import `errors` and `machine`; every other room reads it.
"""
