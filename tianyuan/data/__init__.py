"""Data sets and loaders whose order is a function of a key. Public names are re-exported here."""

from tianyuan.data import datasets as datasets
from tianyuan.data.loading import ArrayDataset as ArrayDataset
from tianyuan.data.loading import Loader as Loader
from tianyuan.data.loading import loader as loader
