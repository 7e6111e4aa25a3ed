"""What MLflow keeps of a deploy: the run, the model, its version."""
