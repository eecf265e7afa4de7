"""JSON Schemas of the files people and rooms exchange, generated from the models."""
