"""What `python -m lstm_ablate` runs: the command line."""

import sys

if __name__ == "__main__":
    # Python puts the working folder first on the path of a module that it runs, unless it was
    # started with -P or the like. Nothing below is imported from there.
    if not sys.flags.safe_path:
        del sys.path[0]

    from lstm_ablate.cli.app import main

    main()
