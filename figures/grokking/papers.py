"""The papers that this family tests."""

from assay import Paper

LAZY_TO_RICH = Paper(
    "Grokking as the Transition from Lazy to Rich Training Dynamics",
    ("Tanishq Kumar", "Blake Bordelon", "Samuel J. Gershman", "Cengiz Pehlevan"),
    2024,
    arxiv="2310.06110",
    version=None,
    venue="ICLR 2024",
)
NUMERICAL_STABILITY = Paper(
    "Grokking at the Edge of Numerical Stability",
    ("Lucas Prieto", "Melih Barsbey", "Pedro A. M. Mediano", "Tolga Birdal"),
    2025,
    arxiv="2501.04697",
    version=None,
    venue="ICLR 2025",
)
