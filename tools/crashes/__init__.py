"""What a crash costs: pools of processes of several packages, side by side."""
