#!/bin/bash
# Makes one results folder of the parts, and says what is missing, if anything.
#SBATCH --job-name=smoke-merge
#SBATCH --mem=2G
#SBATCH --time=00:10:00
lstm-ablate merge results/smoke results/smoke.shards/*
