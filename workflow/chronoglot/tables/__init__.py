"""The formats between the stages: words, sentence pairs, gold links."""
