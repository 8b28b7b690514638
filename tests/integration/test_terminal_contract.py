"""The real terminal keeps the same contract as the fake."""

from tests.contract.terminal_contract import TerminalContract


class TestTerminal(TerminalContract):
    pass
