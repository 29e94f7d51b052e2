"""Wires source → store → model → report: what each command does, callable from Python."""
