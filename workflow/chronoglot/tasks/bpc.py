"""Bits per character of held-out text under the masked language model; no probe and no layer."""

from chronoglot.tasks.base import Task

TASK = Task("bpc", "text")
