"""What is asked: filters, keywords and shapes, validated; no pixels, and nothing compiled."""
