"""Stage 4: learn which answers are preferred, with TRL's DPOTrainer or KTOTrainer, against the model as it was when the stage began."""

from __future__ import annotations

import copy
from typing import Any

from datasets import Dataset
from torch import nn
from trl import DPOConfig, DPOTrainer, KTOConfig, KTOTrainer

from .align import as_it_is
from .parts import additions_off
from .recipe import PreferRecipe
from .stage import OurLoader, Session

DROPOUTS = ("dropout", "attention_dropout", "activation_dropout")


class Rehearsing:
    """Mixed into a trainer: what an earlier stage learnt is learnt again beside every batch, with a weight.

    The rest is what both of TRL's trainers need to take our batches: datasets are left alone, since they are never read.
    """

    rehearsal_weight: float

    def _prepare_dataset(self, dataset: Any, *args: Any, **kwargs: Any) -> Any:
        return dataset

    def compute_loss(self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        """The loss of the preferences, and of the rehearsal where there is one."""
        rehearsed = inputs.pop("rehearsal", None)
        loss = super().compute_loss(model, inputs, return_outputs, num_items_in_batch)  # type: ignore[misc]  # of the trainer that this is mixed into
        if rehearsed is None:
            return loss
        again = model(**rehearsed, use_cache=False).loss
        self._metrics["train"]["rehearsal_loss"].append(float(again.detach()))  # type: ignore[attr-defined]
        return loss + self.rehearsal_weight * again


class PreferTrainer(Rehearsing, OurLoader, DPOTrainer):
    """TRL's DPOTrainer on our batches, which come with features and masks."""


class JudgeTrainer(Rehearsing, OurLoader, KTOTrainer):
    """TRL's KTOTrainer on our batches, which come with features, masks, and answers to other prompts."""


class AdditionsOff(nn.Module):
    """A model that learns by additions, as it was without them: a reference that takes no memory of its own.

    It has what TRL asks of a reference, and holds the model where neither TRL nor torch finds it, to train or to move it.
    """

    def __init__(self, policy: Any) -> None:
        super().__init__()
        self.__dict__["policy"] = policy
        self.config = policy.config

    def base_model(self, *args: Any, **kwargs: Any) -> Any:
        """Hidden states of the model without its additions."""
        with additions_off(self.policy):
            return self.policy.base_model(*args, **kwargs)

    def get_output_embeddings(self) -> nn.Module:
        """The head, which has no additions."""
        head: nn.Module = self.policy.get_output_embeddings()
        return head

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Never called: TRL puts one in its place that asks for hidden states and the head."""
        raise NotImplementedError


def prefer(session: Session, recipe: PreferRecipe) -> None:
    """Train the session's model in place."""
    model = session.checkpoint.model
    without_dropout(model)
    trainer = _trainer(session, recipe, reference_of(model))
    trainer.rehearsal_weight = recipe.rehearsal_weight
    session.fit(trainer)


def reference_of(model: Any) -> nn.Module:
    """The model as it is now, for as long as it is trained: with its additions off where it has some, else a frozen copy."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    if any(isinstance(module, BaseTunerLayer) for module in model.modules()):
        return AdditionsOff(model)
    reference: nn.Module = copy.deepcopy(model).requires_grad_(False).eval()
    return reference


def _trainer(session: Session, recipe: PreferRecipe, reference: nn.Module) -> Any:
    parts = {"model": session.checkpoint.model, "ref_model": reference, "processing_class": session.checkpoint.tokenizer, "data_collator": as_it_is}
    shared = {**session.arguments(), "beta": recipe.beta, "gradient_checkpointing": False, "max_length": None}
    # TRL wants to see a dataset and its columns; it is never read
    if recipe.method == "kto":
        return JudgeTrainer(**parts, args=KTOConfig(**shared), train_dataset=Dataset.from_list([{"prompt": "", "completion": "", "label": True}]))
    losses = {name: weight for name, weight in (("sigmoid", 1.0), ("sft", recipe.nll_weight)) if weight}
    arguments = DPOConfig(**shared, loss_type=list(losses), loss_weights=list(losses.values()))
    return PreferTrainer(**parts, args=arguments, train_dataset=Dataset.from_list([{"prompt": "", "chosen": "", "rejected": ""}]))


def without_dropout(model: nn.Module) -> None:
    """Take all dropout out of a model: the reference has none, and a difference between the two would be taken for what was learnt.

    TRL does so for modules; some layers hold a number instead.
    """
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
        for name in DROPOUTS:
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.0)
