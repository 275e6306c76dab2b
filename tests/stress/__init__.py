"""Loops in many threads at once, at random, for as long as is asked: `make stress`. Nothing here is a pytest test."""
