"""Counting of checks for the whole-program tests. The last line printed is "N passed, N failed, N skipped"."""

import sys
import traceback


class Checks:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def that(self, good, what, detail=""):
        """One check. `what` says what should be so; `detail` what was seen instead."""
        if good:
            self.passed += 1
        else:
            self.failed += 1
            print(f"failed: {what}" + (f": {str(detail)[:600]}" if detail != "" else ""), flush=True)
        return bool(good)

    def equal(self, got, wanted, what):
        return self.that(got == wanted, what, f"got {got!r}, wanted {wanted!r}")

    def skip(self, why):
        self.skipped += 1
        print(f"skipped: {why}", flush=True)

    def run(self, function, *arguments):
        """Runs one test function; an exception in it is one failed check."""
        try:
            return function(*arguments)
        except Exception:  # whatever a client raises is a failed check, and the others still run
            name = getattr(function, "__name__", str(function))
            self.that(False, f"{name} {arguments[1:]}", traceback.format_exc(limit=-4))
            return None

    def finish(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped", flush=True)
        sys.exit(1 if self.failed else 0)
