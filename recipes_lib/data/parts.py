"""The usual names of training, validation and test parts."""

import re
from collections.abc import Sequence

# Those that Hugging Face's datasets know, and some more.
NAMES = {
    "train": "train training",
    "valid": "valid val validation validate dev devel development",
    "test": "test testing eval evaluation holdout heldout",
}
PARTS = {name: part for part, names in NAMES.items() for name in names.split()}
# What people write around them: "Training Set", "seg_train", "val2017", "test-images".
AROUND = r"(?:set|data|images?|imgs?|pictures?|photos?|texts?|split|part|final|seg|\d)*"
PART = re.compile(f"{AROUND}({'|'.join(sorted(PARTS, key=len, reverse=True))}){AROUND}")
WORDS = re.compile(r"[^\W_]+")


def parts_of(names: Sequence[str]) -> list[str | None]:
    """Return "train", "valid", "test" or None for each name; words that all share do not count.

    >>> parts_of(["flowers_Training", "flowers_dev"])
    ['train', 'valid']
    """
    words = [WORDS.findall(name.casefold()) for name in names]
    shared = set(words[0]).intersection(*words) if len(words) > 1 else set()
    return [_part("".join(word for word in found if word not in shared)) for found in words]


def _part(name: str) -> str | None:
    found = PART.fullmatch(name)
    return PARTS[found[1]] if found else None
