"""The command `release`: versions in production on this machine."""

from __future__ import annotations

import re
import time
from argparse import ArgumentTypeError
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from nbdeploy.frontends.arguments import port, whole_number, wrong_use
from nbdeploy.frontends.command import Answer

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable
    from typing import TextIO

    from nbdeploy.operating.release.control import Wish

__all__ = ["release", "release_options"]

STRATEGIES = ("blue-green", "canary", "shadow", "recreate")
ACTIONS = (*STRATEGIES, "promote", "rollback", "status", "history", "stop", "run", "unit")
LIMITS = ("errors", "p99_ms", "slower", "disagreement", "drift", "requests")
WORD = re.compile(r"[A-Za-z0-9._:@/+=-]{1,200}")
TAKES = {
    "--steps": ("canary",),
    "--header": ("canary",),
    "--user": ("canary",),
    "--every": STRATEGIES,
    "--limit": STRATEGIES,
    "--host": STRATEGIES,
    "--port": STRATEGIES,
    "--replicas": STRATEGIES,
    "--fallback": STRATEGIES,
    "--wait": STRATEGIES,
    "--why": (*STRATEGIES, "promote", "rollback"),
    "--to": ("rollback",),
    "--watch": ("status",),
}
WORDS = """\
actions:
  blue-green   start the version beside the live one, then give it all requests at once
  canary       give it more and more of the requests (--steps), or those of some users (--header)
  shadow       show it all requests and compare its answers; none of them is returned
  recreate     end the live version, then start this one: an outage, for machines with room for one
  promote      give the version on trial all requests now
  rollback     let the version before answer again, or --to VERSION
  status       versions, shares, health, figures; history: what happened, by whom, why
  stop         end all of it
  run, unit    supervise in the foreground; print a systemd unit that does

A version that fails, is slow, or answers otherwise than the one before goes back by itself.
"""


def release_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=ACTIONS, metavar="ACTION", help=", ".join(ACTIONS))
    parser.add_argument("target", metavar="NAME[:VERSION]", help="a deployed service (default version: the newest)")
    parser.add_argument("--steps", type=steps, metavar="P,...", help="percents of a canary (default: 5,25,50,100)")
    parser.add_argument("--every", type=seconds, metavar="SECONDS", help="a step, or the watch, lasts (default: 60)")
    parser.add_argument("--header", type=header, metavar="NAME=VALUE", help="requests with it go to the canary")
    parser.add_argument("--user", type=word, metavar="HEADER", help="the same value of it stays in the canary")
    parser.add_argument(
        "--limit",
        type=limit,
        action="append",
        default=[],
        metavar="KEY=NUMBER",
        help=f"what the version may do: {', '.join(LIMITS)} (repeatable)",
    )
    parser.add_argument("--host", help="the address to answer on (default: 127.0.0.1)")
    parser.add_argument("--port", type=port, help="the port to answer on (default: 3000)")
    parser.add_argument("--replicas", type=whole_number(1, 8), help="servers of a version, up to 8 (default: 1)")
    parser.add_argument("--fallback", choices=("previous", "default", "none"), help="who answers when the model can't")
    parser.add_argument("--wait", action="store_true", help="until the version is promoted or rolled back")
    parser.add_argument("--why", metavar="TEXT", help="the reason, for the record")
    parser.add_argument("--to", metavar="VERSION", help="the version to go back to")
    parser.add_argument("--watch", action="store_true", help="show the status again and again (Ctrl-C ends it)")
    parser.epilog = f"{WORDS}\n{parser.epilog}"


def release(options: argparse.Namespace, stdout: TextIO) -> Answer:
    check_options(options)
    name, _, version = options.target.partition(":")
    told = teller(options)
    match options.action:
        case "promote":
            from nbdeploy.operating.release.control import promote_version

            return status_answer(promote_version(name, why=options.why or "", told=told))
        case "rollback":
            from nbdeploy.operating.release.control import roll_back

            return status_answer(roll_back(name, to=options.to or version or None, why=options.why or "", told=told))
        case "stop":
            from nbdeploy.operating.release.control import stop_service

            return status_answer(stop_service(name, told=told))
        case "status":
            return shown(name, options)
        case "history":
            return told_history(name)
        case "run":
            return run(name, told)
        case "unit":
            return unit(name)
    from nbdeploy.operating.release import control

    return status_answer(control.release(name, wish(options, version or None), wait=options.wait, told=told))


def check_options(options: argparse.Namespace) -> None:
    """Refuse options that the action has no use for."""
    for option, actions in TAKES.items():
        given = getattr(options, option[2:])
        if given not in (None, False, []) and options.action not in actions:
            raise wrong_use(f"{option} is not for {options.action}", f"it is for {', '.join(actions)}")
    if options.steps and options.steps[0] == 0 and options.header is None:
        raise wrong_use("a step of 0 % shows the version to nobody", "name who sees it: --header NAME=VALUE")


def wish(options: argparse.Namespace, version: str | None) -> Wish:
    from nbdeploy.operating.release.control import STEPS, Wish
    from nbdeploy.operating.release.state import Fallback, Limits, Strategy

    given = dict(options.limit)
    if "requests" in given:
        given["requests"] = int(given["requests"])
    return Wish(
        strategy=Strategy(options.action),
        version=version,
        why=options.why or "",
        every=60.0 if options.every is None else options.every,
        steps=options.steps or STEPS,
        header=options.header,
        user=options.user,
        limits=Limits(**given),
        host=options.host,
        port=options.port,
        replicas=options.replicas,
        fallback=Fallback(options.fallback) if options.fallback else None,
    )


def teller(options: argparse.Namespace) -> Callable[[str], None]:
    """Return what tells a person each new thing that is waited for, once."""
    import sys

    seen: list[str] = []

    def tell(text: str) -> None:
        if not options.quiet and seen[-1:] != [text]:
            seen.append(text)
            print(f"▸ {text}", file=sys.stderr)

    return tell


def shown(name: str, options: argparse.Namespace) -> Answer:
    from nbdeploy.operating.release.status import status

    if options.watch and not options.json:
        watch(name)
    return status_answer(status(name))


def watch(name: str) -> None:
    """Show the status as it changes, until Ctrl-C."""
    from rich.console import Console, Group
    from rich.live import Live

    from nbdeploy.operating.release.status import status

    console = Console()

    def page() -> Group:
        with console.capture() as kept:
            show(status(name), console)
        from rich.text import Text

        return Group(Text.from_ansi(kept.get()))

    try:
        with Live(page(), console=console, auto_refresh=False) as live:
            while True:
                time.sleep(1.0)
                live.update(page(), refresh=True)
    except KeyboardInterrupt:
        return


def status_answer(found: dict[str, Any]) -> Answer:
    return Answer({"ok": True, **found}, lambda console: show(found, console))


def show(found: dict[str, Any], console: Any) -> None:
    from rich.text import Text

    from nbdeploy.frontends.rendering import print_table

    state = "stopped" if found["stopped"] else found["url"]
    console.print(Text.assemble((found["name"], "bold"), f"  {state}  live: {found['live'] or 'nothing'}"))
    heads = ("version", "role", "share", "healthy", "requests", "errors", "p50 ms", "p99 ms")
    rows = [
        (
            each["version"],
            each["role"],
            f"{each['share']} %",
            f"{each['healthy']} of {each['replicas']}",
            *(figure(each.get(key)) for key in ("requests", "errors", "p50_ms", "p99_ms")),
        )
        for each in found["versions"]
    ]
    if rows:
        print_table(heads, rows, console)
    release, judgement = found["release"], found["judgement"]
    if release is not None:
        console.print(Text(f"{release['strategy']} of {release['version']} by {release['who']}: {release['phase']}"))
    if judgement is not None:
        console.print(Text(f"  {judgement['verdict']}: {judgement['reason']}"))
        print_comparison(judgement["comparison"], console)
    if found["fallbacks"]:
        console.print(Text(f"{found['fallbacks']} answers came from the fallback ({found['fallback']})", "yellow"))
    for what, why in found["problems"].items():
        console.print(Text(f"{what}: {why}", "bold red"))
    if found["last"] is not None:
        console.print(Text(sentence(found["last"]), "dim"))


def print_comparison(seen: dict[str, Any], console: Any) -> None:
    if seen["rows"] or seen["failed"]:
        console.print(
            f"  compared: {seen['rows']} rows, {seen['different']} differ, {seen['disagreed']} disagree, "
            f"drift {seen['drift']}, {seen['failed']} of {seen['asked']} failed, {seen['dropped']} dropped"
        )


def figure(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def told_history(name: str) -> Answer:
    from nbdeploy.operating.release.control import history

    events = history(name)

    def show_all(console: Any) -> None:
        for each in events:
            console.print(sentence(each), markup=False, highlight=False)

    return Answer({"ok": True, "name": name, "events": events}, show_all)


def sentence(event: dict[str, Any]) -> str:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event["at"]))
    reason = event["why"] or event["figures"].get("reason", "")
    why = f": {reason}" if reason else ""
    done = f"{event['version']} {event['event']} by {event['who']}{why}"
    return f"{when}  {done}; live: {event['live'] or 'nothing'}"


def run(name: str, told: Callable[[str], None]) -> Answer:
    from nbdeploy.operating.release.__main__ import supervise
    from nbdeploy.operating.release.store import Store

    Store.of(name).state()
    supervise(name, alone=True, waiting=lambda: told("another supervisor works; this one takes over when it ends"))
    return Answer({"ok": True, "name": name}, lambda console: None)


def unit(name: str) -> Answer:
    from nbdeploy.operating.release.unit import unit_text

    text = unit_text(name)
    return Answer({"ok": True, "name": name, "unit": text}, lambda console: console.out(text, end="", highlight=False))


def steps(text: str) -> tuple[int, ...]:
    parts = tuple(int(each) for each in text.split(",") if each.strip().isdecimal())
    rising = all(a < b for a, b in pairwise(parts))
    if len(parts) != len(text.split(",")) or not parts or not rising or parts[-1] != 100:
        raise ArgumentTypeError(f"{text!r} must be rising percents that end with 100, such as 5,25,50,100")
    return parts


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1e7:
        raise ArgumentTypeError(f"{text!r} is no number of seconds")
    return value


def word(text: str) -> str:
    if not WORD.fullmatch(text):
        raise ArgumentTypeError(f"{text!r} must be a word without blanks")
    return text


def header(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ArgumentTypeError(f"{text!r} must be NAME=VALUE, such as X-Beta=yes")
    return word(name), word(value)


def limit(text: str) -> tuple[str, float]:
    key, _, value = text.partition("=")
    try:
        amount = float(value)
    except ValueError:
        amount = -1.0
    if key not in LIMITS or not 0 <= amount < float("inf"):
        raise ArgumentTypeError(f"{text!r} must be KEY=NUMBER, KEY one of {', '.join(LIMITS)}")
    return key, amount
