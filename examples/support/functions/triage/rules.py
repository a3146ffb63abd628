#!/usr/bin/env python3
"""Triage by keywords. JSON Lines in: {"input": {"text": ...}}; JSON Lines out: {"output": "label", "confidence": ...}."""
import json
import re
import sys

# Each hit counts once per pattern. The label with the most hits wins; on a tie, the one listed first.
RULES = {
    "account": [
        r"\bpass(word|wort)", r"\blog(ged|ging)? ?-?in\b", r"\bsign(ing|ed)?[ -]?in\b", r"einlogg|anmeld",
        r"\b(2fa|two[ -](factor|step)|authenticator|recovery codes?|codes?)\b", r"\block(ed)? out\b|gesperrt",
        r"\b(change|update|new|wrong)\b.{0,20}\be-?mail|mailadresse", r"\bdelete my\b|konto.*lösch|lösch.*konto|gdpr|dsgvo",
        r"\b(accounts?|konto)\b", r"\b(invite|users?|role|admin|owner|permissions?|nutzer|benutzer|zugriff)\b",
    ],
    "billing": [
        r"\b(invoices?|receipts?|bill|billing|billed)\b|rechnung", r"\bcharged?\b|abgebucht|abbuchung|bucht",
        r"\brefund|erstatt|geld zurück", r"\b(card|iban|direct debit|bank|lastschrift)\b|kreditkarte",
        r"\b(vat|tax|mwst|ust)\b", r"\b(subscription|abo|renewal|renewed|yearly)\b", r"\bcancel|kündig|gekünd",
        r"\b(pay|payments?|paid|money)\b|zahlung|bezahlt",
    ],
    "shipping": [
        r"\b(parcel|package|paket|päckchen|box|karton)\b", r"\bdeliver|liefer", r"\bshipp|shipment|versand|versend",
        r"\btracking|sendung", r"\b(courier|carrier|driver|customs|zoll|depot)\b", r"\breturn|rücksend|retoure|umtausch",
        r"\b(arrived?|angekommen)\b", r"\b(missing|fehlt)\b", r"\b(my|the|our) order\b|\bordered\b|bestell|\bMB-\d+",
    ],
    "bug": [
        r"\bbugs?\b|crash|\berrors?\b|fehler|abst[uü]rz", r"\b(broken|dead|fails?|kaputt|defekt|tot)\b",
        r"(doesn'?t|does not|won'?t|cannot|stopped|keeps)\b", r"funktioniert nicht|geht nicht|nicht mehr",
        r"\b(offline|freez|frozen|stuck|disconnect|reboot|hängt)", r"\bfirmware|\bversion\b|\bupdated?\b",
        r"\b(readings?|values?|graph|chart|werte?)\b", r"\bsince\b|\bseit\b", r"\bblink",
    ],
    "feature_request": [
        r"\b(feature|wish|suggestion|idea|wunsch|vorschlag)\b", r"\bwould (be (nice|great|cool)|love|like)",
        r"\bplease (add|let)\b|\blet me\b", r"\bwäre (es )?(schön|toll|super)|könnte", r"\b(any plans|roadmap|pläne)\b",
        r"\b(support for|integration|anbindung)\b", r"\b(dark mode|dunkelmodus|widget)\b", r"\bcould (you|the)\b",
    ],
    "sales": [
        r"\b(quote|offer)\b|angebot", r"\bdiscount|rabatt|coupon", r"\b(price|pricing|preis|costs?|kosten|kostet)\b",
        r"\b(buy|buying|purchase|kaufen)\b", r"\b(demo|trial|reseller|händler)\b", r"\b(compatible|kompatibel|fits?|passt)\b",
        r"\b(which|what) (plan|kit|product)\b|welche[rs]? (plan|tarif|set|abo)", r"\b(bulk|units|stück)\b", r"\bbefore (i )?order",
    ],
}
# How often that was right, by the lead over the second best label. A cascade asks the next body where it is not sure.
CONFIDENCE = [0.40, 0.77, 0.85, 0.95]
COMPILED = {label: [re.compile(p, re.IGNORECASE) for p in patterns] for label, patterns in RULES.items()}


def triage(text):
    score = {label: sum(1 for p in patterns if p.search(text)) for label, patterns in COMPILED.items()}
    best = max(score, key=score.get)          # the first of equals
    first, second = sorted(score.values(), reverse=True)[:2]
    sure = CONFIDENCE[min(first - second, 3)]
    return (best if first else "bug"), sure   # nothing matched: the biggest queue


def main():
    for line in sys.stdin:
        if not line.strip():
            continue
        try:
            label, sure = triage(json.loads(line)["input"]["text"])
            answer = {"output": label, "confidence": sure}
        except (ValueError, KeyError, TypeError) as problem:
            answer = {"error": f"{type(problem).__name__}: {problem}"}
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
