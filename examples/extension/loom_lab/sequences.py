"""Types of tasks: plain functions, named in ``pyproject.toml``."""


def gc_content(sequence: str) -> float:
    """The share of G and C among the letters; 0 of an empty sequence."""
    return sum(letter in "GC" for letter in sequence) / len(sequence) if sequence else 0.0


def reverse(sequence: str) -> str:
    """The other strand."""
    return sequence[::-1].translate(str.maketrans("ACGT", "TGCA"))
