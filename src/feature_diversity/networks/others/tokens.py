"""Outputs of layers as maps or vectors: tokens are cut, averaged or laid out."""

from torch import Tensor, nn

from feature_diversity.base.errors import InputError

TOKENS = ("cls", "mean", "patches")


def as_maps(model: nn.Module, layer: str, output: Tensor, tokens: str, prefix_tokens: int | None) -> Tensor:
    """What a layer returned, as maps or vectors.

    Args:
        model: the network, asked for its number of prefix tokens.
        layer: its name.
        output: N x C x H x W or N x C, which stay as they are, or tokens, N x T x C.
        tokens: of N x T x C, "cls" (the first: N x C), "mean" (over all but the prefix: N x C) or "patches"
            (all but the prefix, as maps of a column of positions: N x C x P x 1).
        prefix_tokens: how many tokens that stand for no patch (class, registers) come first; None asks the
            network, which the vision transformers of timm, torchvision and transformers answer.

    Raises:
        InputError: another number of axes; no prefix to be "cls", no patches, or a number nobody knows.
    """
    if output.ndim in (2, 4):
        return output
    if output.ndim != 3:
        expected = "N x C x H x W, N x C or tokens N x T x C"
        raise InputError(f"layer {layer} returns shape {tuple(output.shape)}, expected {expected}")
    if prefix_tokens is not None and (not isinstance(prefix_tokens, int) or prefix_tokens < 0):
        raise InputError(f"prefix_tokens is {prefix_tokens!r}, expected an integer of at least 0, or None")
    prefix = prefix_tokens if prefix_tokens is not None else _prefix_tokens(model)
    if tokens == "cls":
        if prefix == 0:
            raise InputError(
                f"layer {layer}: tokens is 'cls', but there is no prefix; expected mean or patches"
            )
        return output[:, 0]
    if prefix is None:
        raise InputError(
            f"layer {layer} returns tokens and the model does not tell how many stand for no patch; expected "
            "prefix_tokens=0, or 1 for a class token, and so on"
        )
    patches = output[:, prefix:]
    if not patches.shape[1]:
        raise InputError(
            f"layer {layer} returns {output.shape[1]} tokens, expected more than {prefix}, the prefix"
        )
    if tokens == "mean":
        return patches.mean(dim=1)
    return patches.transpose(1, 2)[..., None]


def _prefix_tokens(model: nn.Module) -> int | None:
    """The number of prefix tokens, as vision transformers of timm, torchvision and transformers tell it."""
    number = getattr(model, "num_prefix_tokens", None)
    if isinstance(number, int):
        return number
    if isinstance(getattr(model, "class_token", None), Tensor):
        return 1
    embeddings = getattr(model, "embeddings", None)  # of transformers
    if not isinstance(getattr(embeddings, "cls_token", None), Tensor):
        return None
    teacher = isinstance(getattr(embeddings, "distillation_token", None), Tensor)
    return 1 + teacher + getattr(getattr(model, "config", None), "num_register_tokens", 0)
