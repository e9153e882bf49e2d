"""Neural networks: functions, losses, layers, initial weights. Public names are re-exported here."""

from tianyuan.nn import init as init
from tianyuan.nn.activations import elu as elu
from tianyuan.nn.activations import gelu as gelu
from tianyuan.nn.activations import leaky_relu as leaky_relu
from tianyuan.nn.activations import log_softmax as log_softmax
from tianyuan.nn.activations import relu as relu
from tianyuan.nn.activations import sigmoid as sigmoid
from tianyuan.nn.activations import silu as silu
from tianyuan.nn.activations import softmax as softmax
from tianyuan.nn.activations import softplus as softplus
from tianyuan.nn.attention import MultiHeadAttention as MultiHeadAttention
from tianyuan.nn.attention import TransformerBlock as TransformerBlock
from tianyuan.nn.attention import scaled_dot_product_attention as scaled_dot_product_attention
from tianyuan.nn.convolution import Conv as Conv
from tianyuan.nn.convolution import avg_pool as avg_pool
from tianyuan.nn.convolution import conv2d as conv2d
from tianyuan.nn.convolution import max_pool as max_pool
from tianyuan.nn.layers import MLP as MLP
from tianyuan.nn.layers import Embedding as Embedding
from tianyuan.nn.layers import LayerNorm as LayerNorm
from tianyuan.nn.layers import Linear as Linear
from tianyuan.nn.layers import dropout as dropout
from tianyuan.nn.layers import layer_norm as layer_norm
from tianyuan.nn.losses import mse as mse
from tianyuan.nn.losses import one_hot as one_hot
from tianyuan.nn.losses import softmax_cross_entropy as softmax_cross_entropy
