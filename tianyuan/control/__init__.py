"""Control flow: loops and branches over nested Programs. Public names are re-exported here."""

from tianyuan.control.branching import cond as cond
from tianyuan.control.branching import switch as switch
from tianyuan.control.loops import fori_loop as fori_loop
from tianyuan.control.loops import map as map
from tianyuan.control.loops import scan as scan
from tianyuan.control.loops import while_loop as while_loop
from tianyuan.control.prefixes import associative_scan as associative_scan
