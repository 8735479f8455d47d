"""What `optimize` and `fit` share: objectives, patches, optimisers, averaging, checkpoints, the NaN guard."""
