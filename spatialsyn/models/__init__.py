"""The Durbin family: from a formula and a panel to an estimate."""
