"""The exact threshold solver: fronts, baselines, cross-fitting, explanations."""
