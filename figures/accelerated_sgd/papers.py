"""The papers that this family tests."""

from assay import Paper

ACCELERATED_SGD = Paper(
    "Risk Bounds of Accelerated SGD for Overparameterized Linear Regression",
    ("Xuheng Li", "Yihe Deng", "Jingfeng Wu", "Dongruo Zhou", "Quanquan Gu"),
    2024,
    arxiv="2311.14222",
    version=None,
    venue="ICLR 2024",
)
BENIGN_SGD = Paper(
    "Benign Overfitting of Constant-Stepsize SGD for Linear Regression",
    ("Difan Zou", "Jingfeng Wu", "Vladimir Braverman", "Quanquan Gu", "Sham M. Kakade"),
    2021,
    arxiv="2103.12692",
    version=None,
    venue="COLT 2021",
)
STRONGLY_CONVEX_ASGD = Paper(
    "Accelerating Stochastic Gradient Descent for Least Squares Regression",
    ("Prateek Jain", "Sham M. Kakade", "Rahul Kidambi", "Praneeth Netrapalli", "Aaron Sidford"),
    2018,
    arxiv="1704.08227",
    version=None,
    venue="COLT 2018",
)
STRUCTURED_FEATURES = Paper(
    "Learning Curves for SGD on Structured Features",
    ("Blake Bordelon", "Cengiz Pehlevan"),
    2022,
    arxiv="2106.02713",
    version=None,
    venue="ICLR 2022",
)
DISTRIBUTION_SHIFT = Paper(
    "Learning Rate Schedules in the Presence of Distribution Shift",
    ("Matthew Fahrbach", "Adel Javanmard", "Vahab Mirrokni", "Pratik Worah"),
    2023,
    arxiv="2303.15634",
    version=None,
    venue="ICML 2023",
)
FOUR_PHASES = Paper(
    "4+3 Phases of Compute-Optimal Neural Scaling Laws",
    ("Elliot Paquette", "Courtney Paquette", "Lechao Xiao", "Jeffrey Pennington"),
    2024,
    arxiv="2405.15074",
    version=None,
    venue="NeurIPS 2024",
)
