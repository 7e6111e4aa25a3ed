"""How people and programs reach nbdeploy: the command line, the magics, nbconvert. Parse, one call, show."""
