"""Shipped models: manifests, the registry that picks one, the ONNX scorer, the ensemble."""
