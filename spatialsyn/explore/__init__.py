"""Looking before modelling: autocorrelation in space, unit roots, dependence."""
