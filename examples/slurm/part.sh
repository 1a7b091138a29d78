#!/bin/bash
# A task of the array trains one part of the experiment; which one, and of how many, Slurm tells it.
#SBATCH --job-name=smoke
#SBATCH --array=1-4
#SBATCH --cpus-per-task=2
#SBATCH --mem-per-cpu=2G
#SBATCH --time=00:30:00
lstm-ablate run smoke.yaml --shard slurm
