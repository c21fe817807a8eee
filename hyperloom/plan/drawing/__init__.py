"""Pictures of plans.

`outline` is pure: which boxes and arrows there are.  `dot` and `svg` turn them into text;
`layered` says where the boxes of an SVG lie.  `drawing` is what users have.
"""
