"""Practice through the dispatch centre's computer: its training side is told, its real side is not."""

from __future__ import annotations

from sensor.central.cad.settings import EidoSettings
from sensor.central.notify.build import build_dispatcher
from sensor.central.notify.settings import (
    CadSettings,
    HttpSettings,
    MqttTopicSettings,
    NotifySettings,
    RuleSettings,
)
from tests.support.cad import Cad
from tests.support.mosquitto import wait_until
from tests.support.web_client import logged_in
from tests.support.web_town import Site


def test_the_training_side_of_cad_gets_the_exercise_and_its_outcome_the_real_one_nothing(
    own_town: Site,
) -> None:
    with Cad() as training, Cad() as real:
        sides = {"training": (training, "only"), "real": (real, "never")}
        settings = NotifySettings(
            incident_url="",
            mqtt=MqttTopicSettings(enabled=False),
            cads=tuple(
                CadSettings(name=name, http=HttpSettings(url=cad.url), rule=RuleSettings(exercise=exercise))  # type: ignore[arg-type]
                for name, (cad, exercise) in sides.items()
            ),
            eido=EidoSettings(domain="centre.example", agency_id="centre.example"),
        )
        dispatcher = build_dispatcher(settings, own_town.store)
        dispatcher.start()
        try:
            kim = logged_in(own_town.url, "dispatcher")
            kim.post("/api/practice/start", {"drill": "first-shift"})
            kim.post("/api/practice/next")
            dispatcher.publish()
            wait_until(lambda: training.history, what="the training side has the exercise")
            kim.post("/api/practice/decide", {"action": "retract", "reason": "as practised"})
            dispatcher.publish()
            wait_until(lambda: len(training.history) > 1, what="and what the trainee made of it")
        finally:
            dispatcher.stop()
    assert all("EXERCISE" in str(told) for told in training.history)
    told = {item.incident_id for item in own_town.store.deliveries(channel="real")}
    assert not any(incident_id.startswith("exercise-") for incident_id in told)
    assert not any("EXERCISE" in str(each) for each in real.history)
