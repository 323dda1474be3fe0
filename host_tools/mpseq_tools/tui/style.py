"""How the screen looks. Colours are the theme's; none of them says what no word says."""

THEMES = {"dark": "textual-dark", "light": "textual-light", "terminal": "ansi-dark"}
CSS = """\
Screen { overflow: hidden; }
Tabs { height: 1; background: $panel; color: $foreground; }
Tab { width: auto; }
Tab.-current { text-style: bold; }
Tab.-unread { text-style: bold; color: $text-warning; }
Code { height: auto; padding: 0 1; background: $primary-muted; color: $text-primary; }
Code.-away { background: $error-muted; color: $text-error; text-style: bold; }
#middle { height: 1fr; min-height: 4; }
Conversation { width: 1fr; padding: 0 1; }
People { width: 26; padding: 0 1; background: $panel; border-left: vkey $primary; }
.-narrow People { display: none; }
People.-asked { display: block; }
.-narrow People.-asked { width: 1fr; border-left: none; }
.-narrow Conversation.-behind { display: none; }
People.-refused { display: none; }
Alerts {
    height: auto; max-height: 8; border: heavy $error; border-title-color: $text-error;
    border-title-style: bold; background: $error-muted; color: $text-error; display: none;
    scrollbar-size-vertical: 1;
}
.-low Alerts { max-height: 4; }
.-low #middle { min-height: 3; }
.-low Invitations { max-height: 3; }
Alert { height: auto; }
Alert Static { width: 1fr; height: auto; text-style: bold; }
Alert Button { width: auto; min-width: 8; }
Invitations {
    height: auto; max-height: 6; background: $warning-muted; color: $text-warning;
    padding: 0 1; display: none;
}
Invitations Static { width: 1fr; height: auto; text-style: bold; }
Invitations Horizontal { width: auto; height: 1; }
Invitations Button { margin-left: 1; }
.-narrow Invitations { layout: vertical; }
.-narrow Invitations Static { width: 100%; }
Keys {
    height: 1; background: $panel; color: $foreground;
    text-wrap: nowrap; text-overflow: ellipsis;
}
Hints {
    height: auto; max-height: 6; background: $panel; padding: 0 1; display: none;
    text-wrap: nowrap; text-overflow: ellipsis;
}
Entry { background: $surface; border-top: solid $primary; }
Entry:focus { border-top: solid $accent; }
Code:ansi { background: ansi_default; color: ansi_default; text-style: bold reverse; }
Alerts:ansi, Invitations:ansi { background: ansi_default; color: ansi_default; }
Alerts:ansi { border: heavy ansi_red; border-title-color: ansi_red; }
Conversation:ansi .conversation--own { color: ansi_blue; }
Conversation:ansi .conversation--verified { color: ansi_green; }
Conversation:ansi .conversation--confirmed { color: ansi_green; }
Conversation:ansi .conversation--unverified { color: ansi_yellow; }
Conversation:ansi .conversation--changed { color: ansi_red; }
Conversation:ansi .conversation--warning { color: ansi_red; }
Conversation:ansi .conversation--new { color: ansi_magenta; }
"""
