"""Many specifications on one panel: grids, stores, curves, placebos, jackknife."""
