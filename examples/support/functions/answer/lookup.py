#!/usr/bin/env python3
"""Answers from handbook.md by search. JSON Lines in: {"input": {"question": ...}}; out: {"output": "text"}.

Each sentence is scored by the words it shares with the question, and rare words count more. The heading of its
section counts a little too. The answer is the best sentence, and the second one when it is nearly as good.
"""
import json
import math
import os
import re
import sys

STOP = set("""a an the i my me you your we our us it its is are was be do does did can could will would to of in on at for
from by with and or if what which how when where who much many long there have has get any that this not no so""".split())
SAME = {"cost": "cost", "price": "cost", "pay": "cost", "eur": "cost", "deliver": "delivery", "ship": "delivery",
        "send": "delivery", "phone": "phone", "call": "phone", "refund": "money", "guarantee": "warranty",
        "sensor": "probe", "people": "user", "mail": "email", "e-mail": "email", "wlan": "wi-fi", "wifi": "wi-fi"}


def stem(word):
    for end in ("ing", "ies", "ed", "es", "s"):
        if word.endswith(end) and len(word) - len(end) >= 3:
            word = word[:-len(end)] + ("y" if end == "ies" else "")
            break
    return SAME.get(word, word)


def words(text):
    return {stem(w) for w in re.findall(r"[a-z0-9][a-z0-9.'/-]*[a-z0-9]|[a-z0-9]", text.lower()) if w not in STOP}


def load(path):
    sentences, heading = [], ""
    with open(path, encoding="utf-8") as file:
        for line in file:
            line = line.strip()
            if line.startswith("#"):
                heading = line.lstrip("# ")
            elif line:
                sentences += [(s, words(s), words(heading)) for s in re.split(r"(?<=[.!?]) (?=[A-Z])", line)]
    return sentences


def answer(question, sentences, rarity):
    asked = words(question)
    ranked = sorted(sentences, reverse=True, key=lambda s: score(asked, s, rarity))
    first, second = ranked[0], ranked[1]
    if score(asked, first, rarity) == 0:
        return "The handbook does not say."
    if score(asked, second, rarity) > 0.85 * score(asked, first, rarity):
        return first[0] + " " + second[0]
    return first[0]


def score(asked, sentence, rarity):
    _, body, heading = sentence
    hits = sum(rarity[w] for w in asked & body) + 0.5 * sum(rarity.get(w, 1) for w in (asked & heading) - body)
    return hits / (1 + 0.02 * len(body))      # of equals, the shorter one


def main():
    sentences = load(os.path.join(os.path.dirname(os.path.abspath(__file__)), "handbook.md"))
    every = {w for s in sentences for w in s[1]}
    rarity = {w: math.log(1 + len(sentences) / sum(1 for s in sentences if w in s[1])) for w in every}
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            result = {"output": answer(json.loads(line)["input"]["question"], sentences, rarity)}
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            result = {"error": f"{type(problem).__name__}: {problem}"}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
