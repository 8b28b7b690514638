"""The real terminal keeps the same contract as the fake."""

from tests.contract.arranging_contract import ArrangingContract
from tests.contract.output_contract import OutputContract
from tests.contract.terminal_contract import TerminalContract


class TestTerminal(TerminalContract):
    pass


class TestOutput(OutputContract):
    pass


class TestArranging(ArrangingContract):
    pass
