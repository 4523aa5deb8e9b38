"""What takes the place of parts of fairseq computes what they compute."""

import chronoglot.pretraining  # noqa: F401, fairseq can be imported only after it

# isort: split
import numpy as np
import pytest
import torch
from chronoglot.pretraining import adam
from chronoglot.pretraining.masks import Masks, draw_once
from chronoglot.runtime.changes import versions
from fairseq.data import Dictionary, ListDataset, MaskTokensDataset
from fairseq.optim.adam import Adam
from fairseq.tasks import multilingual_masked_lm


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    made = Dictionary()
    for number in range(60):
        made.add_symbol(f"w{number}")
    made.add_symbol("<mask>")
    return made


@pytest.mark.parametrize("share", [0.15, 0.3, 0.9])
@pytest.mark.parametrize(
    ("kept", "random"), [(0.1, 0.1), (0.0, 0.1), (0.1, 0.0), (0.0, 0.0), (0.3, 0.7)]
)
def test_masks_are_those_of_fairseq(
    dictionary: Dictionary, share: float, kept: float, random: float
) -> None:
    rng = np.random.default_rng(0)
    examples = [
        torch.from_numpy(rng.integers(4, len(dictionary) - 1, length))
        for length in (1, 2, 3, *rng.integers(1, 40, 60))
    ]
    dataset = ListDataset(examples, [len(example) for example in examples])
    settings = {
        "pad_idx": dictionary.pad(),
        "mask_idx": dictionary.index("<mask>"),
        "mask_prob": share,
        "leave_unmasked_prob": kept,
        "random_token_prob": random,
    }
    np.random.seed(5)
    for seed in (1, 42):
        for epoch in (1, 2):
            sides = [
                kind.apply_mask(dataset, dictionary, seed=seed, **settings)
                for kind in (Masks, MaskTokensDataset)
            ]
            for side in (*sides[0], *sides[1]):
                side.set_epoch(epoch)
            for index in rng.permutation(len(examples)):
                for own, theirs in zip(*sides, strict=True):
                    assert own[index].dtype == theirs[index].dtype
                    assert torch.equal(own[index], theirs[index])
    after = np.random.rand()
    np.random.seed(5)
    assert after == np.random.rand()  # NumPy's global generator is left alone


def test_masks_change_with_the_epoch(dictionary: Dictionary) -> None:
    example = torch.arange(4, 44)
    settings = {"pad_idx": 1, "mask_idx": dictionary.index("<mask>"), "seed": 1, "mask_prob": 0.5}
    masks = Masks(
        ListDataset([example], [40]),
        dictionary,
        leave_unmasked_prob=0.1,
        random_token_prob=0.1,
        **settings,
    )
    first = masks[0]
    masks.set_epoch(2)
    assert not torch.equal(masks[0][1], first[1])
    assert ((first[1] == 1) | (first[1] == example)).all()
    assert (first[0] == example)[first[1] == 1].all()


def trained(dtype: torch.dtype, decay: float, updates: int) -> tuple[list[torch.Tensor], Adam]:
    """Weights after updates with gradients of very different size; one has none."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(30, 20), (20,), (7, 5), (3,)]
    weights = [torch.randn(shape, generator=generator).to(dtype) for shape in shapes]
    weights = [weight.requires_grad_() for weight in weights]
    optimizer = Adam(weights, lr=0.01, betas=(0.9, 0.98), eps=1e-6, weight_decay=decay)
    for number in range(updates):
        optimizer.param_groups[0]["lr"] = 0.01 / (1 + number)
        for scale, weight in zip((1.0, 1e-3, 1e-7), weights, strict=False):
            drawn = torch.randn(weight.shape, generator=generator)
            weight.grad = (scale * drawn).to(dtype)
        optimizer.step()
    return weights, optimizer


@pytest.mark.parametrize("decay", [0.0, 0.1])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("updates", [1, 2, 25])
def test_adam_is_that_of_fairseq(
    monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype, decay: float, updates: int
) -> None:
    monkeypatch.setattr(Adam, "step", adam._one_by_one)
    expected, theirs = trained(dtype, decay, updates)
    monkeypatch.setattr(Adam, "step", adam.step)
    found, own = trained(dtype, decay, updates)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, atol=1e-7, rtol=1e-6)
        states = own.state[one], theirs.state[other]
        assert states[0].keys() == states[1].keys()
        for name in states[0]:
            found_one, expected_one = (torch.as_tensor(state[name]) for state in states)
            # Of terms that cancel out, the last bits of the larger ones are left.
            least = 1e-6 * float(expected_one.abs().max())
            torch.testing.assert_close(found_one, expected_one, atol=least, rtol=1e-6)
            assert type(states[0][name]) is type(states[1][name])


def test_fairseq_takes_them_in_the_version_they_were_checked_with(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(multilingual_masked_lm, "MaskTokensDataset", MaskTokensDataset)
    monkeypatch.setattr(Adam, "step", adam._one_by_one)
    monkeypatch.setitem(versions.CHECKED, "fairseq", "0.12.3")
    draw_once()
    adam.update_at_once()
    assert multilingual_masked_lm.MaskTokensDataset is MaskTokensDataset
    assert Adam.step is adam._one_by_one
    monkeypatch.setitem(versions.CHECKED, "fairseq", "0.12.2")
    draw_once()
    adam.update_at_once()
    assert multilingual_masked_lm.MaskTokensDataset is Masks
    assert Adam.step is adam.step


def test_fairseq_by_itself_draws_every_example_twice(
    dictionary: Dictionary, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once it does not, its masks need not be changed any more."""
    drawn = []
    seed = np.random.seed
    monkeypatch.setattr(np.random, "seed", lambda number: (drawn.append(number), seed(number)))
    sides = MaskTokensDataset.apply_mask(
        ListDataset([torch.arange(4, 44)], [40]),
        dictionary,
        pad_idx=dictionary.pad(),
        mask_idx=dictionary.index("<mask>"),
        seed=1,
        mask_prob=0.15,
    )
    for side in sides:
        side.set_epoch(1)
        side[0]
    assert len(drawn) == 2
