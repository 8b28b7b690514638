"""From what happens in the world to what subscribed clients are told."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import anyio

from iterm_mcp.host import prompt_messages, scopes, wire
from iterm_mcp.host.messages import listing, write_domains

if TYPE_CHECKING:
    from iterm_mcp.host.client import Client
    from iterm_mcp.host.keystrokes import Keystroke
    from iterm_mcp.host.prompts import PromptEvent
    from iterm_mcp.host.session import Session
    from iterm_mcp.host.world import World

WATCH_SECONDS = 1.0
"""How late a change can be told that no output comes with, such as another job's beginning."""

FocusWindow = wire.FocusChangedNotification.Window


class Notifier:
    """Tells every client what it asked for (world_observer.WorldObserver)."""

    def __init__(self) -> None:
        self.clients: set[Client] = set()
        self.world: World

    def session_opened(self, session_id: str) -> None:
        """Tell of a new session."""
        event = wire.NewSessionNotification(session_id=session_id)
        self._tell(wire.NOTIFY_ON_NEW_SESSION, wire.Notification(new_session_notification=event))

    def session_ended(self, session_id: str) -> None:
        """Tell of a session's end."""
        event = wire.TerminateSessionNotification(session_id=session_id)
        self._tell(
            wire.NOTIFY_ON_TERMINATE_SESSION,
            wire.Notification(terminate_session_notification=event),
        )
        for client in self.clients:
            client.subscriptions.forget_session(session_id)

    def layout_changed(self) -> None:
        """Tell how everything stands now."""
        if any(one.subscriptions.wants(wire.NOTIFY_ON_LAYOUT_CHANGE) for one in self.clients):
            event = wire.LayoutChangedNotification(list_sessions_response=listing(self.world))
            self._tell(
                wire.NOTIFY_ON_LAYOUT_CHANGE, wire.Notification(layout_changed_notification=event)
            )

    def focus_changed(self, kind: str, identifier: str) -> None:
        """Tell what has the focus. A layout that is still to be told goes first."""
        self.world.tell_layout_now()
        event = wire.FocusChangedNotification()
        if kind in {"window", "resigned"}:
            event.window.window_status = (
                FocusWindow.TERMINAL_WINDOW_BECAME_KEY
                if kind == "window"
                else FocusWindow.TERMINAL_WINDOW_RESIGNED_KEY
            )
            event.window.window_id = identifier
        elif kind == "tab":
            event.selected_tab = identifier
        elif kind == "session":
            event.session = identifier
        else:
            event.application_active = identifier == "active"
        self._tell(wire.NOTIFY_ON_FOCUS_CHANGE, wire.Notification(focus_changed_notification=event))

    def screen_changed(self, session_id: str) -> None:
        """Tell that a screen changed."""
        topic = wire.NOTIFY_ON_SCREEN_UPDATE
        event = wire.ScreenUpdateNotification(session=session_id)
        for client in self.clients:
            if client.subscriptions.wants_of(topic, session_id):
                client.notify(
                    wire.Notification(screen_update_notification=event), screen=session_id
                )

    def prompt_happened(self, session: Session, event: PromptEvent) -> None:
        """Tell what happened at a prompt to those who asked for this kind."""
        mode = prompt_messages.MODES[type(event)]
        wanting = [
            one for one in self.clients if one.subscriptions.wants_prompts(session.session_id, mode)
        ]
        if wanting:
            told = wire.Notification(prompt_notification=prompt_messages.tell(session, event))
            for client in wanting:
                client.notify(told)

    def profile_changed(self, guid: str) -> None:
        """Tell that a shared profile changed."""
        event = wire.ProfileChangedNotification(guid=guid)
        for client in self.clients:
            if client.subscriptions.wants_profile(guid):
                client.notify(wire.Notification(profile_changed_notification=event))

    def sequence_received(self, session: Session, identity: str, payload: str) -> None:
        """Tell of a control sequence of a script's own; each script looks at the identity."""
        event = wire.CustomEscapeSequenceNotification(
            session=session.session_id, sender_identity=identity, payload=payload
        )
        for client in self.clients:
            if client.subscriptions.wants_of(
                wire.NOTIFY_ON_CUSTOM_ESCAPE_SEQUENCE, session.session_id
            ):
                client.notify(wire.Notification(custom_escape_sequence_notification=event))

    def key_pressed(self, session: Session, keystroke: Keystroke) -> bool:
        """Tell of a key, and whether any client takes it away."""
        event = wire.Notification(keystroke_notification=keystroke.write(session.session_id))
        for client in self.clients:
            if client.subscriptions.wants_key(session.session_id, keystroke):
                client.notify(event)
        return any(
            one.subscriptions.takes_key(session.session_id, keystroke) for one in self.clients
        )

    def broadcasts_changed(self) -> None:
        """Tell which sessions are typed into together now."""
        event = wire.BroadcastDomainsChangedNotification()
        write_domains(self.world, event.broadcast_domains)
        self._tell(
            wire.NOTIFY_ON_BROADCAST_CHANGE, wire.Notification(broadcast_domains_changed=event)
        )

    def variables_changed(self) -> None:
        """Compare every watched variable with what was last told."""
        for client in self.clients:
            for monitor, told in client.subscriptions.monitors.items():
                for target in scopes.targets(self.world, monitor.scope, monitor.identifier):
                    value = json.dumps(scopes.value(self.world, target, monitor.name))
                    before = told.get(target.identifier)
                    told[target.identifier] = value
                    if before is not None and before != value:
                        wide = monitor.identifier == "all"
                        event = wire.VariableChangedNotification(
                            scope=monitor.scope,
                            identifier=target.identifier if wide else monitor.identifier,
                            name=monitor.name,
                            json_new_value=value,
                        )
                        client.notify(wire.Notification(variable_changed_notification=event))

    async def watch(self) -> None:
        """Look at watched variables now and then: a job comes and goes without any output."""
        while True:
            await anyio.sleep(WATCH_SECONDS)
            if any(one.subscriptions.monitors for one in self.clients):
                self.variables_changed()

    def _tell(self, topic: int, notification: wire.Notification) -> None:
        for client in self.clients:
            if client.subscriptions.wants(topic):
                client.notify(notification)
