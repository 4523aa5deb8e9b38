"""Word alignment by the similarity of word vectors, without training."""
