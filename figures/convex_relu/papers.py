"""The papers that this family tests or builds on."""

from assay import Paper

GLOBAL_OPTIMIZATION = Paper(
    "Efficient Global Optimization of Two-layer ReLU Networks: Quadratic-time Algorithms and Adversarial Training",
    ("Yatong Bai", "Tanmay Gautam", "Somayeh Sojoudi"),
    2023,
    arxiv="2201.01965",
    version=None,
    venue="SIAM Journal on Mathematics of Data Science 2023",
)
CONVEX_REGULARIZERS = Paper(
    "Neural Networks are Convex Regularizers: Exact Polynomial-time Convex Optimization Formulations for Two-layer "
    "Networks",
    ("Mert Pilanci", "Tolga Ergen"),
    2020,
    arxiv="2002.10553",
    version=None,
    venue="ICML 2020",
)
CONVEX_GEOMETRY = Paper(
    "Convex Geometry and Duality of Over-parameterized Neural Networks",
    ("Tolga Ergen", "Mert Pilanci"),
    2021,
    arxiv="2002.11219",
    version=None,
    venue="Journal of Machine Learning Research 2021",
)
INFINITE_WIDTH_SPLINES = Paper(
    "How do infinite width bounded norm networks look in function space?",
    ("Pedro Savarese", "Itay Evron", "Daniel Soudry", "Nathan Srebro"),
    2019,
    arxiv="1902.05040",
    version=None,
    venue="COLT 2019",
)
