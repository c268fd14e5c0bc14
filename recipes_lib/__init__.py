"""What the recipes import: data, nets, training, evidence and plots, one concept a module."""
