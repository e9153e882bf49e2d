"""Control flow: loops and branches over nested Programs, and what is stored for derivatives. Public names only."""

from tianyuan.control.branching import cond as cond
from tianyuan.control.branching import switch as switch
from tianyuan.control.budgeting import scan as scan
from tianyuan.control.loops import fori_loop as fori_loop
from tianyuan.control.loops import map as map
from tianyuan.control.loops import while_loop as while_loop
from tianyuan.control.prefixes import associative_scan as associative_scan
from tianyuan.control.recomputation import checkpoint as checkpoint
from tianyuan.control.recomputation import checkpoint_name as checkpoint_name
from tianyuan.control.recomputation import checkpoint_policies as checkpoint_policies
