r"""A coding agent without a model, for tests of what drives, reads and approves agents.

It runs in a terminal as the real ones do, and behaves as they were seen to behave: Claude Code
2.1.330, Codex 0.169, Gemini CLI 0.61. It has their composer, pastes, queue, interruption, dialogs,
gates, titles, hooks, registry file, transcripts, and headless protocols. What it is told decides
what it does; what it really got and did is written down.

How to run it::

    python -m iterm_mcp.testing.fake_agent [OPTIONS] PERSONA [THAT PROGRAM'S ARGUMENTS]

    python -m iterm_mcp.testing.fake_agent --truth t.jsonl claude --settings hooks.json "hello"
    python -m iterm_mcp.testing.fake_agent claude -p --input-format stream-json \
        --output-format stream-json --replay-user-messages
    python -m iterm_mcp.testing.fake_agent codex app-server

    python -m iterm_mcp.testing.fake_agent shims FOLDER     # writes claude, codex, gemini there

Personas are ``claude``, ``codex``, ``gemini`` and ``plain``, a line program. The shims take the
real programs' arguments alone; our own options then come from the environment:
``FAKE_AGENT_TRUTH`` and so on, and ``FAKE_AGENT_GATE`` with several gates between blanks.

====================== =======================================================================
``--truth FILE``       append what really happens, a JSON object a line (`truth`)
``--no-sync``          do not wait for the disk after each of those lines
``--scenario FILE``    what messages do that say nothing of it themselves (`scenario`)
``--seed N``           of everything random; wins over the scenario's
``--control FILE``     do the orders that are appended to a file or written to a FIFO (`control`)
``--gate KIND``        show ``trust``, ``login`` or ``theme`` before the start; may be repeated
``--restore WHEN``     give an interrupted prompt back: ``auto``, ``always``, ``never``
``--start-seconds S``  take so long to start
``--notify-seconds S`` tell of a dialog after it has stood for so long (6)
``--overloads N``      the app-server refuses the first N turns as overloaded
====================== =======================================================================

A message orders what its turn does: ``Please [[work 2]], then [[tool Bash make]]``.
`steps.VERBS` has all orders; faults are orders too (``strand 1``, ``crash KILL``, ``hang 5``,
``garbage 500``, ``retry 3 1 rate_limit``, ``fail rate_limit``, ``draft half a thought``). A message
without any is answered with "ok" at once. Tools are only pretended; ``!command`` in the composer
does run the command, since that is what it is for.

The lines of the truth: ``started``, ``state`` (starting, gate, ready, submitting, working,
waiting_permission, waiting_question, rate_limited, auth_failed, api_retry, compacting, background,
hung), ``received`` (the exact text, and unwrapped, with its stage: submitted or queued),
``turn_started`` and ``turn_ended`` with the numbers of the messages received, ``asked`` and
``decided``, ``dialog_opened`` and ``dialog_answered`` (by keys, hook or control), ``enter_eaten``,
``restored``, ``interrupt``, ``refused``, ``hook``, ``fault``, ``crashing``, ``leaving``, and
``exited``.
"""
