"""Networks to start from: known classifiers, base models, inverted residuals."""
