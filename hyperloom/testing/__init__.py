"""What tests of programs that use HyperLoom need: whole clusters on one machine.

from hyperloom.testing import Cluster

with Cluster(nodes=3) as cluster, cluster.connect():
...
"""

from hyperloom.testing.cluster import Cluster
from hyperloom.testing.node import ClusterNode

__all__ = ["Cluster", "ClusterNode"]
