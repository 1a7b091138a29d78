#!/bin/bash
# Submits the parts, and the merge for when all of them have ended, well or not. Call it on the login
# node, in a folder that all nodes see; call it again for whatever the merge names as missing.
set -e
test -e smoke.yaml || lstm-ablate init smoke
parts=$(sbatch --parsable part.sh)
sbatch --dependency="afterany:${parts%;*}" merge.sh
