"""The papers that this family tests."""

from assay import Paper

MORE_IS_BETTER = Paper(
    "More is Better in Modern Machine Learning: when Infinite Overparameterization is Optimal and Overfitting is "
    "Obligatory",
    ("James B. Simon", "Dhruva Karkada", "Nikhil Ghosh", "Mikhail Belkin"),
    2024,
    arxiv="2311.14646",
    version=4,
    venue="ICLR 2024",
)
DEEP_RANDOM_FEATURES = Paper(
    "Deterministic equivalent and error universality of deep random features learning",
    ("Dominik Schröder", "Hugo Cui", "Daniil Dmitriev", "Bruno Loureiro"),
    2023,
    arxiv="2302.00401",
    version=None,
    venue="ICML 2023",
)
SKETCHED_RIDGELESS = Paper(
    "Sketched Ridgeless Linear Regression: The Role of Downsampling",
    ("Xin Chen", "Yicheng Zeng", "Siyue Yang", "Qiang Sun"),
    2023,
    arxiv="2302.01088",
    version=2,
    venue="ICML 2023",
)
