"""What a pass will take, predicted on tensors without memory: calls, multiply-adds and bytes."""
