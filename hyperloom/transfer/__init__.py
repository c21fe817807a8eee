"""Large objects from node to node: the channel, who gives, who takes, and what is fetched when.

- `protocol` is the bytes: two nodes prove to each other that they belong to the same cluster, then
  one asks for objects, and gets them as they lie in the store.
- `endpoint` is where a node listens for that, and how it is reached; `tls` encrypts it.
- `giver` serves what this node has; `taker` fetches.  Both are threads of the raylet that move
  bytes between a socket and a file, and decide nothing.
- `machine` decides: which object next, from which node, and what after a failure.

Nothing here looks into an object, and nothing is unpickled.  The whole story:
docs/design/0014-objects-move-over-a-channel-of-their-own.md.
"""
