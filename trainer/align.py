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
    model = session.checkpoint.model
    arguments = SFTConfig(**session.arguments(), gradient_checkpointing=False, max_length=None, dataset_kwargs={"skip_prepare_dataset": True})
    trainer = AlignTrainer(
        model=model,
        args=arguments,
        processing_class=session.checkpoint.tokenizer,
        # TRL wants to see a dataset; it is never read
        train_dataset=Dataset.from_list([{"input_ids": [0], "labels": [0]}]),
        data_collator=_as_it_is,
    )
    trainer.loader = session.loader
    session.fit(trainer)
    # TRL replaced `forward` on this object by one that holds on to it; what comes next must get the model's own
    model.__dict__.pop("forward", None)


def _as_it_is(batch: Any) -> Any:
    return batch
