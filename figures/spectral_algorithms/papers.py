"""The papers that this family tests or builds on."""

from assay import Paper

SPECTRAL_ALGORITHMS = Paper(
    "Generalization error of spectral algorithms",
    ("Maksim Velikanov", "Maxim Panov", "Dmitry Yarotsky"),
    2024,
    arxiv="2403.11696",
    version=None,
    venue="ICLR 2024",
)
EIGENLEARNING = Paper(
    "The Eigenlearning Framework: A Conservation Law Perspective on Kernel Regression and Wide Neural Networks",
    ("James B. Simon", "Madeline Dickens", "Dhruva Karkada", "Michael R. DeWeese"),
    2023,
    arxiv="2110.03922",
    version=None,
    venue="TMLR 2023",
)
LEARNING_CURVES = Paper(
    "Spectrum Dependent Learning Curves in Kernel Regression and Wide Neural Networks",
    ("Blake Bordelon", "Abdulkadir Canatar", "Cengiz Pehlevan"),
    2020,
    arxiv="2002.02561",
    version=None,
    venue="ICML 2020",
)
TASK_MODEL_ALIGNMENT = Paper(
    "Spectral bias and task-model alignment explain generalization in kernel regression and infinitely wide neural "
    "networks",
    ("Abdulkadir Canatar", "Blake Bordelon", "Cengiz Pehlevan"),
    2021,
    arxiv="2006.13198",
    version=None,
    venue="Nature Communications 2021",
)
WIDE_CONVOLUTIONAL_NETWORKS = Paper(
    "What Can Be Learnt With Wide Convolutional Neural Networks?",
    ("Francesco Cagnetta", "Alessandro Favero", "Matthieu Wyart"),
    2023,
    arxiv="2208.01003",
    version=None,
    venue="ICML 2023",
)
GRID_INTERPOLATION = Paper(
    "On the Inconsistency of Kernel Ridgeless Regression in Fixed Dimensions",
    ("Daniel Beaglehole", "Mikhail Belkin", "Parthe Pandit"),
    2023,
    arxiv="2205.13525",
    version=None,
    venue="SIAM Journal on Mathematics of Data Science 2023",
)
