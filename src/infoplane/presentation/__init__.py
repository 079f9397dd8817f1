"""Words, colours and numbers as figures, explorer, report and claims all show them."""
