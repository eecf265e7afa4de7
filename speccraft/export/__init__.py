"""A build as the data sets of other tools: NeMo, Kaldi, Hugging Face, WebDataset, and pointers without audio."""
