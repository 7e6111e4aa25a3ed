"""From a recording to a package that an engineer owns without nbdeploy: its text, its files, its lock, its Bento."""
