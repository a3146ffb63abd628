#!/usr/bin/env python3
"""Sentiment by a small word list. JSON Lines in: {"input": {"text": ...}}; JSON Lines out: {"output": "label"}."""
import json
import re
import sys

GOOD = set("""good great love loved loves excellent perfect perfectly happy easy simple reliable nice best works recommend
recommended fantastic super useful helpful accurate sturdy solid quick fast thanks amazing wonderful pleased satisfied fine
gut gute guter toll tolle klasse zufrieden einfach empfehlen empfehlung perfekt begeistert schnell genau prima danke
zuverlässig praktisch top schön""".split())
BAD = set("""bad broken broke useless terrible awful poor disappointed disappointing waste slow wrong fails failed fail dead
never worst unreliable annoying crash crashes expensive return returned returning refund cheap leaks leaking junk horrible
inaccurate confusing problem problems stopped schlecht schlechte kaputt defekt enttäuscht enttäuschend teuer ungenau
langsam nie unbrauchbar müll zurückgeschickt zurück leider ärgerlich nervt umständlich""".split())
NOT = set("not no never isn't wasn't don't doesn't didn't can't cannot won't nothing hardly nicht kein keine keinen nie kaum".split())


def sentiment(text):
    words = re.findall(r"[\w']+", text.lower().replace("’", "'"))
    score = 0
    for i, word in enumerate(words):
        value = (word in GOOD) - (word in BAD)
        if value and NOT & set(words[max(0, i - 3):i]):
            value = -value
        score += value
    score += len(re.findall("[😀😊😍🥰👍🎉❤🙂]", text)) - len(re.findall("[😡😠😢👎🤬💀]", text))
    return "positive" if score > 0 else "negative" if score < 0 else "neutral"


def main():
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            answer = {"output": sentiment(json.loads(line)["input"]["text"])}
        except (ValueError, KeyError, TypeError, AttributeError) as problem:
            answer = {"error": f"{type(problem).__name__}: {problem}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
