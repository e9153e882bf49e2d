"""Reproducible runs: experiments, run folders, checkpoints. Public names are re-exported here."""

from tianyuan.record.checkpoints import load_checkpoint as load_checkpoint
from tianyuan.record.checkpoints import save_checkpoint as save_checkpoint
from tianyuan.record.experiments import Experiment as Experiment
from tianyuan.record.experiments import Result as Result
from tianyuan.record.experiments import resume as resume
from tianyuan.record.experiments import run as run
