"""What came to a branch by another way than a judged merge: found, judged, and by policy taken back."""
