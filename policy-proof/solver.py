#!/usr/bin/env python3
"""cvc5 from PyPI as a solver process: SMT-LIB on standard input, answers on standard output."""

import sys

import cvc5

# Longest time for one question, in milliseconds; then the answer is `unknown`.
PATIENCE = "60000"


def commands(lines):
    """Whole commands, as soon as their last bracket is there."""
    depth, text, inside = 0, "", None
    for line in lines:
        for sign in line:
            if inside is not None:
                inside = None if sign == inside else inside
            elif sign in '"|':
                inside = sign
            elif sign in "()":
                depth += 1 if sign == "(" else -1
        text += line
        if depth == 0 and inside is None and text.strip():
            yield text
            text = ""


class Solver:
    """One script, from its logic to the next reset."""

    def __init__(self):
        terms = cvc5.TermManager()
        self.solver = cvc5.Solver(terms)
        self.solver.setOption("tlimit-per", PATIENCE)
        self.symbols = cvc5.SymbolManager(terms)
        self.parser = cvc5.InputParser(self.solver, self.symbols)

    def run(self, text):
        self.parser.setStringInput(cvc5.InputLanguage.SMT_LIB_2_6, text, "stdin")
        while True:
            command = self.parser.nextCommand()
            if command.isNull():
                return
            answer = command.invoke(self.solver, self.symbols)
            if answer:
                sys.stdout.write(answer)
                sys.stdout.flush()


def main():
    solver = Solver()
    for text in commands(sys.stdin):
        # cvc5's parser keeps its logic over a reset, so everything begins anew.
        if text.strip() == "(reset)":
            solver = Solver()
        else:
            solver.run(text)


if __name__ == "__main__":
    main()
