"""A cluster of several nodes on this machine, as tests start one."""

import hyperloom as loom
from hyperloom.testing import Cluster


@loom.task(resources={"printer": 1})
def print_there() -> str:
    return loom.context().node_id


with Cluster(nodes=2) as cluster, cluster.connect():
    node = cluster.add_node(num_cpus=2, resources={"printer": 1})
    print(len(loom.nodes()), "nodes,", loom.cluster_resources()["CPU"], "CPUs")
    print("the printer's task ran there:", loom.get(print_there.remote()) == node.id)
    cluster.remove_node(node)
    print(len(loom.nodes()), "nodes")

# Output:
# 3 nodes, 4.0 CPUs
# the printer's task ran there: True
# 2 nodes
