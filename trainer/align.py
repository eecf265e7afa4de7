"""Stage 3: learn the job from demonstrations, with TRL's SFTTrainer."""

from __future__ import annotations

from typing import Any

from datasets import Dataset
from trl import SFTConfig, SFTTrainer

from .stage import OurLoader, Session


class AlignTrainer(OurLoader, SFTTrainer):
    """TRL's SFTTrainer on our batches, which come with labels, features and masks."""


def align(session: Session) -> None:
    """Train the session's model in place."""
    arguments = SFTConfig(**session.arguments(), gradient_checkpointing=False, max_length=None, dataset_kwargs={"skip_prepare_dataset": True})
    trainer = AlignTrainer(
        model=session.checkpoint.model,
        args=arguments,
        processing_class=session.checkpoint.tokenizer,
        # TRL wants to see a dataset; it is never read
        train_dataset=Dataset.from_list([{"input_ids": [0], "labels": [0]}]),
        data_collator=as_it_is,
    )
    session.fit(trainer)


def as_it_is(batch: Any) -> Any:
    """The collator of batches that are batches already."""
    return batch
