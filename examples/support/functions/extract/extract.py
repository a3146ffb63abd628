#!/usr/bin/env python3
"""Reads order e-mails with regular expressions. JSON Lines in: {"input": {"text": ...}}; out: {"output": {...}}."""
import json
import re
import sys

WORDS = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8,
         "nine": 9, "ten": 10, "twelve": 12, "ein": 1, "eine": 1, "einen": 1, "zwei": 2, "drei": 3, "vier": 4, "fünf": 5,
         "sechs": 6, "acht": 8, "zehn": 10}
PRODUCTS = [("starter_kit", r"starter[ -]?(?:kit|set)s?"), ("battery_pack", r"battery packs?|batteriepacks?"),
            ("mount", r"(?:wall )?mounts?|brackets?|wandhalter(?:ung(?:en)?)?"), ("adapter", r"adapters?"),
            ("probe", r"probes?|sensors?|sensoren"), ("valve", r"valves?|ventile?"), ("hub", r"hubs?")]
GOODS = re.compile(r"\b(?:(\d+|" + "|".join(WORDS) + r")\b\s*(?:x|×)?\s*(?:\w+ ){0,2}?)?(?:"
                   + "|".join(f"(?P<{name}>{pattern})" for name, pattern in PRODUCTS) + r")\b", re.I)
MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
GERMAN = {"mär": "mar", "mai": "may", "okt": "oct", "dez": "dec"}
ACTIONS = [("cancel", r"\bcancel|storn"), ("return", r"\b(return|send (it |them )?back|money back|refund)|zurück"),
           ("replace", r"\b(replace|exchange|swap|broken|wrong|missing|faulty)|umtausch|ersatz|kaputt|fehlt"),
           ("track", r"\b(where|track|arrived|status)|\bwo (ist|bleibt)"),
           ("change", r"\b(change|instead|add|update)\b|ändern|statt")]


def find_date(text):
    if m := re.search(r"\b(20\d\d)-(\d\d)-(\d\d)\b", text):
        return m[0]
    if m := re.search(r"\b(\d{1,2})\.(\d{1,2})\.(20\d\d)\b", text):
        return f"{m[3]}-{int(m[2]):02}-{int(m[1]):02}"
    for m in re.finditer(r"\b(\d{1,2})(?:st|nd|rd|th)?\.? (?:of )?([A-Za-zä]{3,9})\.?,? (20\d\d)", text):
        day, month, year = m.groups()
        break
    else:
        m = re.search(r"\b([A-Z][a-z]{2,8})\.? (\d{1,2})(?:st|nd|rd|th)?,? (20\d\d)", text)
        if not m:
            return None
        month, day, year = m.groups()
    key = GERMAN.get(month[:3].lower(), month[:3].lower())
    return f"{year}-{MONTHS.index(key) + 1:02}-{int(day):02}" if key in MONTHS else None


def extract(text):
    text = "\n".join(line for line in text.splitlines() if not line.startswith(">"))
    number = re.search(r"\bMB[- ]?(\d{5})\b", text, re.I)
    default = "change" if number else "order"      # who names a number has ordered already
    items = []
    for match in GOODS.finditer(text.replace(number[0], "") if number else text):
        count = (match[1] or "1").lower()
        name = next(name for name, _ in PRODUCTS if match[name])
        if name not in [item["product"] for item in items]:
            items.append({"product": name, "quantity": int(count) if count.isdigit() else WORDS[count]})
    return {"order": "MB-" + number[1] if number else None, "items": items, "date": find_date(text),
            "action": next((action for action, pattern in ACTIONS if re.search(pattern, text, re.I)), default)}


def main():
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            answer = {"output": extract(json.loads(line)["input"]["text"])}
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            answer = {"error": f"{type(problem).__name__}: {problem}"}
        print(json.dumps(answer, ensure_ascii=True), flush=True)


if __name__ == "__main__":
    main()
