"""The files that carry a version to where it runs: CI, container, Kubernetes. One value, rendered once for each target."""
