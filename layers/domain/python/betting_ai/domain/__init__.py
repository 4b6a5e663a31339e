"""Words and numbers of betting: prices, fair probabilities, value, stakes, slates. Pure."""
