"""Every tool, in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from iterm_mcp.tools.agent_states import AgentStateTools
from iterm_mcp.tools.agents import AgentTools
from iterm_mcp.tools.annotations import AnnotationTools
from iterm_mcp.tools.approvals import ApprovalTools
from iterm_mcp.tools.commands import CommandTools
from iterm_mcp.tools.deliveries import DeliveryTools
from iterm_mcp.tools.events import EventTools
from iterm_mcp.tools.layouts import LayoutTools
from iterm_mcp.tools.lives import LifeTools
from iterm_mcp.tools.locks import LockTools
from iterm_mcp.tools.messages import MessageTools
from iterm_mcp.tools.notes import NoteTools
from iterm_mcp.tools.output import OutputTools
from iterm_mcp.tools.pictures import PictureTools
from iterm_mcp.tools.playbooks import PlaybookTools
from iterm_mcp.tools.results import ResultTools
from iterm_mcp.tools.sending import SendingTools
from iterm_mcp.tools.sessions import SessionTools
from iterm_mcp.tools.standing_sessions import StandingSessionTools
from iterm_mcp.tools.tasks import TaskTools
from iterm_mcp.tools.teams import TeamTools
from iterm_mcp.tools.triggers import TriggerTools

if TYPE_CHECKING:
    from iterm_mcp.app.services import Services
    from iterm_mcp.services.events.questions import EventQuestions
    from iterm_mcp.services.tasks.service import TaskService
    from iterm_mcp.tools.tool import ToolRow


def tool_rows(
    services: Services,
    questions: EventQuestions | None = None,
    tasks: TaskService | None = None,
) -> list[ToolRow]:
    """Return every tool, in the order in which clients list them.

    Args:
        questions: What answers from events; without it there are no tools for them.
        tasks: Likewise of durable work.
    """
    sessions, agents = services.sessions, services.agents
    return [
        *SessionTools(sessions, services.search, services.locks).rows(),
        *StandingSessionTools(
            services.describer, services.changer, services.ender, services.locks
        ).rows(),
        *SendingTools(services.sending).rows(),
        *LockTools(services.locks).rows(),
        *CommandTools(services.commands).rows(),
        *OutputTools(sessions, services.reader, services.waits).rows(),
        *PictureTools(services.pictures).rows(),
        *TriggerTools(services.triggers, services.logs).rows(),
        *LayoutTools(services.layouts, services.exporter, services.saved_layouts).rows(),
        *AgentTools(
            agents, sessions, services.states, services.adopting, services.lives.spares
        ).rows(),
        *AgentStateTools(services.states, services.agent_waits).rows(),
        *LifeTools(services.lives, sessions, services.states).rows(),
        *MessageTools(services.messages).rows(),
        *DeliveryTools(services.deliveries, services.dead_letters).rows(),
        *ApprovalTools(services.approvals.desk).rows(),
        *NoteTools(services.notes).rows(),
        *ResultTools(services.results).rows(),
        *TeamTools(agents, services.permissions).rows(),
        *PlaybookTools(services.playbooks).rows(),
        *(() if tasks is None else TaskTools(tasks).rows()),
        *(() if questions is None else EventTools(questions).rows()),
        *AnnotationTools(services.annotations).rows(),
    ]
