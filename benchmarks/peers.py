"""One small net under other trainers, each as its own documentation has it, without bars, logs and
checkpoints.
"""

import logging
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.work import BATCH_SIZE, MOMENTUM, digits, small_net
from recipes_lib.data.splits import Split

Train = Callable[[], None]


def _dataset(split: Split) -> TensorDataset:
    return TensorDataset(split.x, split.y)


def _loaders() -> tuple[DataLoader[Any], DataLoader[Any]]:
    train, valid = _dataset(digits().train), _dataset(digits().valid)
    return DataLoader(train, BATCH_SIZE, shuffle=True), DataLoader(valid, len(valid))


def _sgd(net: nn.Module, lr: float) -> torch.optim.Optimizer:
    return torch.optim.SGD(net.parameters(), lr=lr, momentum=MOMENTUM)


@torch.no_grad()
def _validate(net: nn.Module, loader: Any) -> tuple[float, float]:
    net.eval()
    loss = right = count = 0.0
    for x, y in loader:
        outputs = net(x)
        loss += F.cross_entropy(outputs, y, reduction="sum").item()
        right += (outputs.argmax(1) == y).sum().item()
        count += len(y)
    return loss / count, right / count


def _loop(
    net: nn.Module,
    optimizer: Any,
    loaders: Any,
    num_epochs: int,
    backward: Callable[[Tensor], None],
) -> None:
    for _ in range(num_epochs):
        net.train()
        total = torch.zeros(())
        for x, y in loaders[0]:
            optimizer.zero_grad()
            loss = F.cross_entropy(net(x), y)
            backward(loss)
            optimizer.step()
            total += loss.detach()
        _ = total.item(), *_validate(net, loaders[1])


def raw(num_epochs: int, lr: float) -> Train:
    """The loop of PyTorch's own tutorials."""

    def train() -> None:
        net = small_net()
        _loop(net, _sgd(net, lr), _loaders(), num_epochs, Tensor.backward)

    return train


def accelerate(num_epochs: int, lr: float) -> Train:
    """The same loop, prepared by accelerate."""
    from accelerate import Accelerator

    def train() -> None:
        accelerator, net = Accelerator(cpu=True), small_net()
        net, optimizer, *loaders = accelerator.prepare(net, _sgd(net, lr), *_loaders())
        _loop(net, optimizer, loaders, num_epochs, accelerator.backward)

    return train


def lightning(num_epochs: int, lr: float) -> Train:
    """A LightningModule under a Trainer."""
    from lightning import LightningModule, Trainer

    class Net(LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = small_net()

        def training_step(self, batch: Any, index: int) -> Tensor:
            return F.cross_entropy(self.net(batch[0]), batch[1])

        def validation_step(self, batch: Any, index: int) -> None:
            outputs = self.net(batch[0])
            self.log("valid_loss", F.cross_entropy(outputs, batch[1]))
            self.log("valid_accuracy", (outputs.argmax(1) == batch[1]).float().mean())

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return _sgd(self, lr)

    quiet = dict.fromkeys(
        ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False
    )
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", module="lightning")

    def train() -> None:
        trainer = Trainer(
            max_epochs=num_epochs, accelerator="cpu", devices=1, num_sanity_val_steps=0, **quiet
        )
        trainer.fit(Net(), *_loaders())

    return train


def skorch(num_epochs: int, lr: float) -> Train:
    """A NeuralNetClassifier with its own scores, the validation data given."""
    from skorch import NeuralNetClassifier
    from skorch.helper import predefined_split

    settings = {
        "criterion": nn.CrossEntropyLoss,
        "optimizer": torch.optim.SGD,
        "optimizer__momentum": MOMENTUM,
    }
    settings |= {
        "lr": lr,
        "max_epochs": num_epochs,
        "batch_size": BATCH_SIZE,
        "iterator_train__shuffle": True,
    }

    def train() -> None:
        valid = predefined_split(_dataset(digits().valid))
        net = NeuralNetClassifier(small_net, **settings, train_split=valid, verbose=0)
        net.fit(_dataset(digits().train), y=None)

    return train


def fastai(num_epochs: int, lr: float) -> Train:
    """A Learner on PyTorch's loaders, with the accuracy."""
    from fastai.callback.progress import ProgressCallback
    from fastai.data.core import DataLoaders
    from fastai.learner import Learner
    from fastai.metrics import accuracy
    from fastai.optimizer import SGD

    def train() -> None:
        loaders = DataLoaders(*_loaders(), device=torch.device("cpu"))
        loss, stepper = nn.CrossEntropyLoss(), partial(SGD, mom=MOMENTUM)
        learner = Learner(loaders, small_net(), loss_func=loss, opt_func=stepper, metrics=accuracy)
        with (
            learner.removed_cbs([cb for cb in learner.cbs if isinstance(cb, ProgressCallback)]),
            learner.no_logging(),
        ):
            learner.fit(num_epochs, lr)

    return train


TRAINERS: dict[str, Callable[[int, float], Train]] = {
    "raw loop with DataLoader": raw,
    "accelerate": accelerate,
    "Lightning": lightning,
    "skorch": skorch,
    "fastai": fastai,
}
