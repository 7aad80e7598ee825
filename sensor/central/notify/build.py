"""Makes the dispatcher that the settings describe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from sensor.central.notify.bodies import Bodies
from sensor.central.notify.cad_post import CadPost
from sensor.central.notify.channel import Channel, Publish
from sensor.central.notify.dispatcher import Dispatcher
from sensor.central.notify.mail import Mail
from sensor.central.notify.mqtt_topic import HomeAssistant, MqttTopic
from sensor.central.notify.push import Push
from sensor.central.notify.settings import NotifySettings
from sensor.central.notify.webhook import Webhook
from sensor.central.store import Store

NUMBER_LABEL = "cad_number"
"""Label under which a dispatch centre's own number for an incident is kept."""


def build_dispatcher(
    settings: NotifySettings,
    store: Store,
    *,
    holder: str = "gunshot-central",
    publish: Publish | None = None,
    clock_ns: Callable[[], int] = time.time_ns,
) -> Dispatcher:
    """A dispatcher that is not started yet; without ``publish`` the broker is told nothing.

    ``holder`` is this worker's name, its own and the same after a restart.
    """
    return Dispatcher(channels(settings, store, publish=publish), store, holder=holder, clock_ns=clock_ns)


def channels(settings: NotifySettings, store: Store, *, publish: Publish | None = None) -> Iterator[Channel]:
    """Every receiver of the settings, each with a queue name of its kind and its name."""
    bodies = Bodies(settings)
    if publish is not None:
        yield from _broker_channels(settings, publish)
    for hook in settings.webhooks:
        yield Channel(
            name=f"webhook/{hook.name}",
            notifier=Webhook(hook, bodies),
            rule=hook.rule,
            retry=hook.retry,
            attempt_s=hook.http.timeout_s,
        )
    for mail in settings.mails:
        yield Channel(
            name=f"mail/{mail.name}",
            notifier=Mail(mail, bodies),
            rule=mail.rule,
            retry=mail.retry,
            attempt_s=mail.timeout_s,
        )
    for push in settings.pushes:
        yield Channel(
            name=f"push/{push.name}",
            notifier=Push(push, bodies),
            rule=push.rule,
            retry=push.retry,
            attempt_s=push.http.timeout_s,
        )

    def keep_number(incident_id: str, cad: str, number: str) -> None:
        """Label the incident with the dispatch centre's own number, once."""
        store.add_label(
            incident_id,
            source=f"cad/{cad}",
            label=NUMBER_LABEL,
            reason=number,
            author=cad,
            at_ns=time.time_ns(),
            key=f"cad/{cad}/number/{number}",
        )

    for cad in settings.cads:
        notifier = CadPost(cad, bodies, keep_number)
        yield Channel(
            name=f"cad/{cad.name}",
            notifier=notifier,
            rule=cad.rule,
            retry=cad.retry,
            attempt_s=cad.http.timeout_s,
        )


def _broker_channels(settings: NotifySettings, publish: Publish) -> Iterator[Channel]:
    mqtt, home = settings.mqtt, settings.home_assistant
    if mqtt.enabled:
        notifier = MqttTopic(publish, retained=mqtt.retained)
        yield Channel(name="mqtt", notifier=notifier, rule=mqtt.rule, retry=mqtt.retry)
    if home.enabled:
        assistant = HomeAssistant(publish, prefix=home.discovery_prefix)
        yield Channel(name="home-assistant", notifier=assistant, rule=home.rule, retry=home.retry)
