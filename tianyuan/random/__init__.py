"""Random numbers: Threefry-2x32 with 20 rounds [Salmon2011], keys as values.

A sampler is a function of its key. A key is used once: ``split`` it first, or ``fold_in`` a number.

Public names: key key_data wrap_key_data split fold_in clone threefry2x32 bits uniform normal randint permutation
choice bernoulli rademacher categorical exponential gumbel laplace logistic cauchy truncated_normal gamma poisson
binomial beta dirichlet chisquare t ball orthogonal multivariate_normal
"""

from tianyuan.random.continuous import cauchy as cauchy
from tianyuan.random.continuous import exponential as exponential
from tianyuan.random.continuous import gumbel as gumbel
from tianyuan.random.continuous import laplace as laplace
from tianyuan.random.continuous import logistic as logistic
from tianyuan.random.continuous import normal as normal
from tianyuan.random.continuous import truncated_normal as truncated_normal
from tianyuan.random.decomposing import multivariate_normal as multivariate_normal
from tianyuan.random.decomposing import orthogonal as orthogonal
from tianyuan.random.drawing import bits as bits
from tianyuan.random.drawing import uniform as uniform
from tianyuan.random.integers import bernoulli as bernoulli
from tianyuan.random.integers import rademacher as rademacher
from tianyuan.random.integers import randint as randint
from tianyuan.random.keys import clone as clone
from tianyuan.random.keys import fold_in as fold_in
from tianyuan.random.keys import key as key
from tianyuan.random.keys import key_data as key_data
from tianyuan.random.keys import split as split
from tianyuan.random.keys import threefry2x32 as threefry2x32
from tianyuan.random.keys import wrap_key_data as wrap_key_data
from tianyuan.random.mixing import ball as ball
from tianyuan.random.mixing import beta as beta
from tianyuan.random.mixing import chisquare as chisquare
from tianyuan.random.mixing import dirichlet as dirichlet
from tianyuan.random.mixing import t as t
from tianyuan.random.rejecting import binomial as binomial
from tianyuan.random.rejecting import gamma as gamma
from tianyuan.random.rejecting import poisson as poisson
from tianyuan.random.selecting import categorical as categorical
from tianyuan.random.selecting import choice as choice
from tianyuan.random.selecting import permutation as permutation
