"""Figures: effects, curves, matrices, diagnostics of weights, specifications."""
