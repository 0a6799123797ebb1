"""The papers that this family tests."""

from assay import Paper

CROSS_ENTROPY = Paper(
    "Cross-Entropy Loss Functions: Theoretical Analysis and Applications",
    ("Anqi Mao", "Mehryar Mohri", "Yutao Zhong"),
    2023,
    arxiv="2304.07288",
    version=None,
    venue="ICML 2023",
)
GENERATIVE_CLASSIFIERS = Paper(
    "Revisiting Discriminative vs. Generative Classifiers: Theory and Implications",
    ("Chenyu Zheng", "Guoqiang Wu", "Fan Bao", "Yue Cao", "Chongxuan Li", "Jun Zhu"),
    2023,
    arxiv="2302.02334",
    version=None,
    venue="ICML 2023",
)
LABEL_ROBUST = Paper(
    "Label Distributionally Robust Losses for Multi-class Classification: Consistency, Robustness and Adaptivity",
    ("Dixian Zhu", "Yiming Ying", "Tianbao Yang"),
    2023,
    arxiv="2112.14869",
    version=None,
    venue="ICML 2023",
)
