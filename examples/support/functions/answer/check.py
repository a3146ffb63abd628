#!/usr/bin/env python3
"""Scores an answer by its facts. JSON Lines in: {"input", "expect", "output"}; out: {"score": 0..1, "reason": "..."}.

`expect` is one fact, or several separated by ";". Every one must be in the answer. "|" separates ways to say the same.
A fact must stand alone: "30 days" is not found in "130 days". Numbers, units, money, times and case are made alike first.
An answer of more than 60 words scores 0: reading out the whole handbook is not an answer.
"""
import json
import re
import sys

MAX_WORDS = 60
NUMBERS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty""".split()
NUMBER = {word: str(i) for i, word in enumerate(NUMBERS)}
NUMBER.update({"thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "eighty": "80", "ninety": "90"})
UNITS = {"euro": "eur", "euros": "eur", "percent": "%", "meter": "metre", "meters": "metre", "metres": "metre", "m": "metre",
         "days": "day", "months": "month", "years": "year", "hours": "hour", "minutes": "minute", "min": "minute",
         "mins": "minute", "users": "user", "people": "user", "probes": "probe", "codes": "code", "requests": "request",
         "countries": "country", "batteries": "battery", "inches": "inch", "cards": "card"}


def clock(match):
    hour = int(match[1]) % 12 + (12 if match[3].startswith("p") else 0)
    return f"{hour}:{match[2] or '00'}"


def normal(text):
    text = text.lower().replace("’", "'").replace("−", "-")
    text = re.sub(r"[*_`]", "", text)
    text = re.sub(r"\bminus (?=\d)", "-", text)
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)                                  # 5,000 -> 5000
    text = re.sub(r"\b(\d{1,2})(?::(\d\d))?\s*([ap])\.?m\b\.?", clock, text)         # 2 pm -> 14:00
    text = re.sub(r"€\s*(\d+(?:\.\d+)?)|(\d+(?:\.\d+)?)\s*€", lambda m: (m[1] or m[2]) + " eur ", text)
    text = re.sub(r"\beur\s+(\d+(?:\.\d+)?)\b(?!\s*eur)", r"\1 eur", text)          # EUR 4 -> 4 eur
    text = re.sub(r"(?<=\d)(?=[a-z%])", " ", text)                                   # 25m -> 25 m
    text = re.sub(r"(?<=[a-z\d])-(?=[a-z])", " ", text)                              # 30-day -> 30 day, wi-fi -> wi fi
    tokens = re.findall(r"-?\d+(?:[.:/]\d+)*|%|[a-z]+(?:'[a-z]+)?", re.sub(r"(?<=\d)\s*(?:–|-|\bto\b)\s*(?=\d)", " to ", text))
    tokens = [NUMBER.get(t, UNITS.get(t, t)) for t in tokens]
    tokens = [re.sub(r"^0(?=\d:)", "", re.sub(r"(\.\d*?)0+$", r"\1", t).rstrip(".")) for t in tokens]   # 4.90 -> 4.9, 09:00 -> 9:00
    return " " + " ".join(t for t in tokens if t not in ("a", "an", "the", "about")) + " "


def check(expect, output):
    count = len(str(output).split())
    if count == 0:
        return 0.0, "empty answer"
    if count > MAX_WORDS:
        return 0.0, f"too long: {count} words, at most {MAX_WORDS}"
    said = normal(str(output))
    missing = [fact.strip() for fact in str(expect).split(";")
               if not any(normal(way) in said for way in fact.split("|"))]
    return (0.0, "missing: " + ", ".join(missing)) if missing else (1.0, "every fact is there")


def main():
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            score, reason = check(row["expect"], row["output"])
            result = {"score": score, "reason": reason}
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            result = {"error": f"{type(problem).__name__}: {problem}"}
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
