"""Write `reviews.csv`: 600 invented reviews of kitchen and office devices, in three classes, made from templates.

Run it from anywhere: `python make_reviews.py`. The seed is fixed, so the file comes out the same every time.
"""

from __future__ import annotations

import random
from pathlib import Path

import pandas as pd

SEED = 11
PER_CLASS = 200
MISLABELLED = 0.04  # share of reviews whose author clicked the wrong star

PRODUCTS = ["kettle", "blender", "toaster", "desk lamp", "coffee grinder", "office chair", "hand mixer", "fan"]
GOOD = [
    "works perfectly and feels solid",
    "is quiet, quick and easy to clean",
    "does exactly what I hoped for",
    "looks lovely on the counter",
    "has been a joy to use every morning",
    "was a bargain for this quality",
    "arrived two days early and was well packed",
    "replaced an expensive one and is better in every way",
    "still runs like new after a year",
    "heats up in no time",
    "is the best I have owned so far",
]
BAD = [
    "stopped working after a week",
    "smells of burnt plastic",
    "arrived broken and nobody answers my mails",
    "is far too loud",
    "leaks all over the table",
    "feels cheap and wobbles",
    "was a waste of money",
    "has a cable that is much too short and gets hot",
    "turned up three weeks late with a part missing",
    "never switched on, not even once",
    "scratched the first time I cleaned it",
]
MIDDLING = [
    "is okay, nothing special",
    "does the job, no more and no less",
    "is average for the price",
    "is smaller than it looks in the photos but usable",
    "works, although the manual is hard to follow",
    "is fine for now, ask me again in a year",
    "is neither great nor terrible",
    "has a few clever details and a few silly ones",
    "is about what you would expect",
    "is decent but a bit heavy",
]
CLOSERS = {
    "positive": [
        "Would buy again!",
        "Highly recommended.",
        "Five stars.",
        "My sister ordered one too.",
        "Very happy :)",
    ],
    "negative": ["Sent it back.", "Avoid.", "I want a refund.", "Very disappointed :(", "Never again!!"],
    "neutral": ["Might keep it.", "Three stars.", "Not sure yet.", "It will do.", "Could be better, could be worse."],
}
OPENERS = ["The {}", "This {}", "My new {}", "Bought as a gift: the {}", "Second time I order it. The {}", "So, the {}"]
ASIDES = ["", "", "", " Ordered in {month}.", " See https://example.com/p/{number} for photos.", " Order no. {number}."]
MONTHS = ["January", "March", "May", "August", "October", "December"]


def sentence(kind: str, rng: random.Random) -> str:
    """What the author says: one or two statements, now and then one that points the other way."""
    own, other = {"positive": (GOOD, MIDDLING), "negative": (BAD, MIDDLING), "neutral": (MIDDLING, GOOD + BAD)}[kind]
    first, second = rng.sample(own, 2)
    if rng.random() < 0.25:
        second = rng.choice(other)
    said = first if rng.random() < 0.35 else f"{first} and {second}"
    return f"{rng.choice(OPENERS).format(rng.choice(PRODUCTS))} {said}."


def roughen(text: str, rng: random.Random) -> str:
    """The same text as it sits in the database: shouting, markup, stretched words, slips of the keyboard."""
    if rng.random() < 0.12:
        text = text.upper()
    if rng.random() < 0.20:
        text = text.replace(". ", ".<br /><br />", 1)
    if rng.random() < 0.15:
        text = text.replace("so", "sooooo", 1).replace("too", "toooo", 1)
    if rng.random() < 0.25:
        place = rng.randrange(1, len(text) - 1)
        text = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    return f"  {text}" if rng.random() < 0.1 else text


def review(kind: str, rng: random.Random) -> str:
    aside = rng.choice(ASIDES).format(month=rng.choice(MONTHS), number=rng.randrange(10_000, 99_999))
    closer = f" {rng.choice(CLOSERS[kind])}" if rng.random() < 0.5 else ""
    return roughen(f"{sentence(kind, rng)}{aside}{closer}", rng)


def main() -> None:
    rng = random.Random(SEED)
    seen: dict[str, str] = {}
    for kind in CLOSERS:
        wanted = len(seen) + PER_CLASS
        while len(seen) < wanted:
            label = rng.choice(list(CLOSERS)) if rng.random() < MISLABELLED else kind
            seen.setdefault(review(kind, rng), label)
    rows = list(seen.items())
    rng.shuffle(rows)
    reviews = pd.DataFrame(rows, columns=["text", "sentiment"])
    reviews.insert(0, "review_id", range(1, len(reviews) + 1))
    reviews.to_csv(Path(__file__).with_name("reviews.csv"), index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
