"""Random features, deep random features and sketched least squares."""

from theory.random_features.activations import (
    ActivationCoefficients,
    activation_coefficients,
    activation_coefficients_symbolic,
    deep_rf_layers,
)
from theory.random_features.deep import (
    DeepRFRisk,
    deep_effective_dof,
    deep_rf_linear_target_risk,
    deep_rf_risk,
    deep_rf_symbolic,
    linearised_covariance,
)
from theory.random_features.eigenframework import (
    RFRisk,
    mode_learnabilities,
    rf_ensemble_risk,
    rf_infinite_data_risk,
    rf_risk,
    rf_risk_at_gamma,
)
from theory.random_features.gaussian_covariate import (
    gaussian_covariate_ridge,
)
from theory.random_features.logistic import (
    LogisticRisk,
    deep_rf_logistic_risk,
    gaussian_covariate_logistic,
)
from theory.random_features.optimal import rf_optimal_ridge
from theory.random_features.power_laws import (
    PowerLawExponents,
    infinite_power_law_task,
    power_law_exponents,
    power_law_noise_threshold,
    power_law_optimal_fitting_ratio,
    power_law_risk,
    power_law_task,
)
from theory.random_features.sketching import (
    SketchOptimum,
    SketchRisk,
    optimal_sketch,
    sketched_risk,
    sketched_risk_correlated,
    sketched_risk_variance,
    sketching_symbolic,
)
from theory.random_features.sphere import SphereSpectrum, sphere_spectrum
from theory.random_features.symbolic import rf_eigenframework_symbolic

__all__ = [
    "ActivationCoefficients",
    "DeepRFRisk",
    "LogisticRisk",
    "PowerLawExponents",
    "RFRisk",
    "SketchOptimum",
    "SketchRisk",
    "SphereSpectrum",
    "activation_coefficients",
    "activation_coefficients_symbolic",
    "deep_effective_dof",
    "deep_rf_layers",
    "deep_rf_linear_target_risk",
    "deep_rf_logistic_risk",
    "deep_rf_risk",
    "deep_rf_symbolic",
    "gaussian_covariate_logistic",
    "gaussian_covariate_ridge",
    "infinite_power_law_task",
    "linearised_covariance",
    "mode_learnabilities",
    "optimal_sketch",
    "power_law_exponents",
    "power_law_noise_threshold",
    "power_law_optimal_fitting_ratio",
    "power_law_risk",
    "power_law_task",
    "rf_eigenframework_symbolic",
    "rf_ensemble_risk",
    "rf_infinite_data_risk",
    "rf_optimal_ridge",
    "rf_risk",
    "rf_risk_at_gamma",
    "sketched_risk",
    "sketched_risk_correlated",
    "sketched_risk_variance",
    "sketching_symbolic",
    "sphere_spectrum",
]
