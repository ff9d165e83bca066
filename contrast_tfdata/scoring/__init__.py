"""What a network says about records, and about files: `Predictions` in both cases."""
