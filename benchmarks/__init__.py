"""Speed, as ratios taken in one run: simulators and solvers against plain twins and the machine's limit."""
