"""Useful audio per CPU-second of training by how batches are made: `python benchmarks/batching.py` (writes batching.md).

One epoch of a small speech language model (a Whisper-style encoder and a Llama, forward, backward and AdamW) on made log-mel
frames and made text of 14 characters a second. Lengths are those of a long-tailed corpus: lognormal, as read and spontaneous speech mixed.
All ways see the same dialogues in as many batches, so the same seconds of audio in a batch on average; each round runs every way once, in turn.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from transformers import LlamaConfig, WhisperConfig
from transformers.trainer_pt_utils import LengthGroupedSampler

from speccraft.trainer.data import Dialogue, Dialogues
from speccraft.trainer.loader import BatchOrder
from speccraft.trainer.model import IGNORED, SpeechLMConfig, SpeechLMForConditionalGeneration

PAGE = Path(__file__).with_suffix(".md")
DIALOGUES, BATCH, N_MELS, FRAMES_PER_S, CHARACTERS_PER_S, VOCABULARY, AUDIO, WINDOW_S = 1200, 16, 80, 100, 14, 262, 3, 30.0
GOALS = {"random, 16 a batch": 3.5, "group_by_length, 16 a batch": 1.6, "padded to 30 s, 16 a batch": 10.0}
OURS = "ours, 30 buckets"


@dataclass
class Cost:
    """What some steps took and what went through them."""

    useful_frames: int = 0
    frames: int = 0
    most_frames: int = 0
    cpu_s: float = 0.0

    @property
    def audio_s_per_cpu_s(self) -> float:
        """Seconds of audio, padding apart, in a second of CPU."""
        return self.useful_frames / FRAMES_PER_S / self.cpu_s


def lengths(seed: int = 0) -> np.ndarray:
    """Seconds of a long-tailed corpus, float64 of shape (DIALOGUES,)."""
    return np.clip(np.random.default_rng(seed).lognormal(np.log(3.5), 0.75, DIALOGUES), 0.5, 25.0)


def ways(seconds: np.ndarray) -> dict[str, list[list[float]]]:
    """Batches of an epoch as the lengths in them, in the order in which they would be trained."""
    rng = np.random.default_rng(1)
    order = rng.permutation(len(seconds))
    grouped = list(LengthGroupedSampler(BATCH, lengths=(seconds * FRAMES_PER_S).astype(int).tolist(), generator=torch.Generator().manual_seed(0)))
    dialogues = Dialogues.of([Dialogue(f"d{number}", float(length), ()) for number, length in enumerate(seconds)])
    ours = _as_many(dialogues, -(-len(seconds) // BATCH))
    made = {
        "random, 16 a batch": [seconds[order[start : start + BATCH]].tolist() for start in range(0, len(order), BATCH)],
        "group_by_length, 16 a batch": [seconds[grouped[start : start + BATCH]].tolist() for start in range(0, len(grouped), BATCH)],
        OURS: [seconds[[int(id[1:]) for id in ids]].tolist() for _, ids in ours],
    }
    # HF puts the longest batch first; in a part of an epoch it would count for too much.
    for batches in made.values():
        rng.shuffle(batches)
    return made | {"padded to 30 s, 16 a batch": made["random, 16 a batch"]}


def _as_many(dialogues: Dialogues, batches: int) -> list[tuple[int, list[str]]]:
    """Our batches of an epoch with the budget that makes about so many of them: a batch is closed before it is over its budget, so most are under it."""
    for budget_s in np.arange(BATCH * float(dialogues.seconds.mean()), 200.0):
        found = list(BatchOrder(dialogues, batch_audio_s=float(budget_s), buckets=30, seed=0, epoch=0))
        if len(found) <= batches:
            return found
    raise AssertionError(batches)


def model() -> SpeechLMForConditionalGeneration:
    """Three layers that hear and three that write."""
    encoder = WhisperConfig(d_model=96, encoder_layers=3, encoder_attention_heads=4, encoder_ffn_dim=384, num_mel_bins=N_MELS, max_source_positions=1500)
    text = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=4,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    return SpeechLMForConditionalGeneration(SpeechLMConfig(encoder, text, audio_token_id=AUDIO, stack_factor=8)).train()


def batch_of(seconds: Sequence[float], config: SpeechLMConfig, window_s: float | None) -> dict[str, torch.Tensor]:
    """Made tensors of a batch; with a window every piece of audio is as long as it, as Whisper's own features are."""
    count = torch.tensor([int(length * FRAMES_PER_S) for length in seconds])
    heard = count if window_s is None else torch.full_like(count, int(window_s * FRAMES_PER_S))
    rows = [
        ([1] + [AUDIO] * int(config.num_audio_tokens(int(frames))) + [4], [50] * max(2, int(length * CHARACTERS_PER_S)))
        for frames, length in zip(heard, seconds, strict=True)
    ]
    longest = max(len(asked) + len(answer) for asked, answer in rows)
    ids, labels = torch.zeros((len(rows), longest), dtype=torch.long), torch.full((len(rows), longest), IGNORED)
    for number, (asked, answer) in enumerate(rows):
        ids[number, : len(asked) + len(answer)] = torch.tensor(asked + answer)
        labels[number, len(asked) : len(asked) + len(answer)] = torch.tensor(answer)
    return {
        "input_ids": ids,
        "labels": labels,
        "attention_mask": (ids > 0).long(),
        "input_features": torch.randn(len(rows), int(heard.max()), N_MELS),
        "input_features_mask": (torch.arange(int(heard.max()))[None] < heard[:, None]).long(),
    }


def train(batches: Sequence[Sequence[float]], steps: int, window_s: float | None) -> Cost:
    """Train a few steps; the first batch is run once before, uncounted."""
    trained = model()
    optimizer = torch.optim.AdamW(trained.parameters(), lr=1e-4)
    cost = Cost(most_frames=max(len(batch) * int((window_s or max(batch)) * FRAMES_PER_S) for batch in batches))
    for number, seconds in enumerate([batches[0], *batches[:steps]]):
        batch = batch_of(seconds, trained.config, window_s)
        began = time.process_time()
        trained(**batch, use_cache=False).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if number:
            cost.cpu_s += time.process_time() - began
            cost.useful_frames += sum(int(length * FRAMES_PER_S) for length in seconds)
            cost.frames += batch["input_features_mask"].numel()
    return cost


def table(costs: dict[str, list[Cost]], batches: dict[str, list[list[float]]]) -> str:
    """The rows of the page."""
    ours = [cost.audio_s_per_cpu_s for cost in costs[OURS]]
    lines = [
        "| batches | in an epoch | useful share of frames | useful audio-s a CPU-s | frames in the largest batch | ours is so many times as fast | goal |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, found in costs.items():
        speeds = [cost.audio_s_per_cpu_s for cost in found]
        factors = sorted(mine / other for mine, other in zip(ours, speeds, strict=True))
        factor = "" if name == OURS else f"{np.median(factors):.2f} ({factors[0]:.2f} to {factors[-1]:.2f})"
        goal = "" if name == OURS else f"≥ {GOALS[name]:g}, {'reached' if np.median(factors) >= GOALS[name] else 'missed'}"
        useful = sum(cost.useful_frames for cost in found) / sum(cost.frames for cost in found)
        lines.append(f"| {name} | {len(batches[name])} | {useful:.3f} | {np.median(speeds):.0f} | {found[0].most_frames:,} | {factor} | {goal} |")
    return "\n".join(lines)


def main(rounds: int, steps: int) -> str:
    """Run all ways in turn, and return the page."""
    torch.set_num_threads(1)
    seconds = lengths()
    batches = ways(seconds)
    costs: dict[str, list[Cost]] = {name: [] for name in batches}
    for _ in range(rounds):
        for name, made in batches.items():
            padded = name.startswith("padded")
            # Windows of 30 s cost a multiple, and all of them the same.
            some = min(steps, len(made)) // (5 if padded else 1)
            costs[name].append(train(made, max(1, some), WINDOW_S if padded else None))
    what = "a whole epoch of each (a fifth for windows of 30 s)" if steps >= DIALOGUES else f"{steps} steps of each (a fifth for windows of 30 s)"
    return f"""# Batching

How much audio a CPU-second of training takes, by how batches are made. Written by `python benchmarks/batching.py`: medians (lowest to highest) of
{rounds} rounds in which all ways take turns, {what}, one thread, {DIALOGUES} dialogues of
{seconds.mean():.1f} s on average, 95 % under {np.quantile(seconds, 0.95):.1f} s, the longest {seconds.max():.0f} s. `random` and `group_by_length` are
the samplers of Hugging Face's Trainer; useful share is 1 - padding.

{table(costs, batches)}

`group_by_length` leaves a sixth of its frames as padding, so no padding at all would be 1.2 times as fast by frames, and the rest is attention within long
batches: 1.6 is out of reach over a whole epoch (the prototype found 1.8 over its first 25 batches). A small model on a CPU: what
padding costs a large one on a GPU is of the same kind, and was not measured here.

Machine: {platform.machine()}, Python {platform.python_version()}, torch {torch.__version__.split("+")[0]}.
"""


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=DIALOGUES, help="of an epoch at most")
    given = parser.parse_args()
    PAGE.write_text(main(given.rounds, given.steps))
