"""The papers that this family tests."""

from assay import Paper

DEEP_LINEAR_COLLAPSE = Paper(
    "Neural Collapse in Deep Linear Networks: From Balanced to Imbalanced Data",
    ("Hien Dang", "Tho Tran", "Stanley Osher", "Hung Tran-The", "Nhat Ho", "Tan Nguyen"),
    2023,
    arxiv="2301.00437",
    version=5,
    venue="ICML 2023",
)
PERTURBATION_ANALYSIS = Paper(
    "Perturbation Analysis of Neural Collapse",
    ("Tom Tirer", "Haoxiang Huang", "Jonathan Niles-Weed"),
    2023,
    arxiv="2210.16658",
    version=None,
    venue="ICML 2023",
)
SYMMETRIC_REPRESENTATIONS = Paper(
    "Symmetric Neural-Collapse Representations with Supervised Contrastive Loss: The Impact of ReLU and Batching",
    ("Ganesh Ramachandra Kini", "Vala Vakilian", "Tina Behnia", "Jaidev Gill", "Christos Thrampoulidis"),
    2024,
    arxiv="2306.07960",
    version=None,
    venue="ICLR 2024",
)
IMBALANCE_TROUBLE = Paper(
    "Imbalance Trouble: Revisiting Neural-Collapse Geometry",
    ("Christos Thrampoulidis", "Ganesh Ramachandra Kini", "Vala Vakilian", "Tina Behnia"),
    2022,
    arxiv="2208.05512",
    version=None,
    venue="NeurIPS 2022",
)
LOW_RANK_BIAS = Paper(
    "The Persistence of Neural Collapse Despite Low-Rank Bias",
    ("Connall Garrod", "Jonathan P. Keating"),
    2024,
    arxiv="2410.23169",
    version=2,
    venue="NeurIPS 2025",
)
