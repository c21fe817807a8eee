"""The page: who may look, and that it shows what is there.

``axe.min.js`` is axe-core 4 as published (Mozilla Public License 2.0): it looks for what people who
use a screen reader or a keyboard would stumble over.
"""
