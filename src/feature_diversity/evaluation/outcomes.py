"""Errors of a frozen trunk beyond those on clean images with all labels, as a study asks for them."""

from dataclasses import dataclass
from typing import Any

from feature_diversity.data import store
from feature_diversity.evaluation.few_shot import Episodes, draw_episodes, few_shot_errors
from feature_diversity.evaluation.probes import features
from feature_diversity.evaluation.robustness import Cell, Probe, corrupted_cells, corrupted_errors
from feature_diversity.evaluation.transfer import transfer_error
from feature_diversity.networks import model


@dataclass(frozen=True)
class Outcomes:
    """What is drawn or read once for all networks of a data set.

    cells: corrupted test images. episodes: by number of shots. others: by name, facts of other data sets and
    their splits, train, validation and test.
    """

    facts: store.Facts
    train: store.Split
    test: store.Split
    cells: list[Cell]
    episodes: dict[int, Episodes]
    others: dict[str, tuple[store.Facts, list[store.Split]]]

    @classmethod
    def of(
        cls,
        facts: store.Facts,
        train: store.Split,
        test: store.Split,
        *,
        corruptions: dict[str, Any] | None = None,
        few_shot: dict[str, Any] | None = None,
        others: dict[str, tuple[store.Facts, list[store.Split]]] | None = None,
    ) -> "Outcomes":
        """Draw it.

        Args:
            facts: of the data set.
            train: its training images.
            test: its test images.
            corruptions: options of `corrupted_cells`; None for none.
            few_shot: `shots`, numbers of images a class, and `episodes`, how many; None for none.
            others: facts and splits of other data sets, by name; None for none.

        Raises:
            InputError: as `draw_episodes`.
        """
        episodes = {}
        for shots in few_shot["shots"] if few_shot else []:
            episodes[shots] = draw_episodes(
                train.labels, test.labels, facts.class_names, shots=shots, episodes=few_shot["episodes"]
            )
        cells = corrupted_cells(test, facts, **corruptions) if corruptions else []
        return cls(facts, train, test, cells, episodes, others or {})

    def measure(self, network: model.Model, *, penalty: float, penalties: list[float]) -> dict[str, Any]:
        """Measure a network.

        Args:
            network: whose trunk is frozen.
            penalty: of its linear classifier, which validation chose.
            penalties: to choose from on other data sets.

        Returns:
            columns: of the table of results, name -> number; corruptions: corruption -> severity -> error;
            penalties: data set -> the penalty chosen there.
        """
        columns: dict[str, float] = {}
        found: dict[str, Any] = {"columns": columns}
        for name, (other, splits) in self.others.items():
            judged = transfer_error(network, self.facts, other, splits, penalties)
            columns[f"transfer_{name}_test_error"] = judged["error"]
            columns[f"transfer_{name}_test_error_se"] = judged["se"]
            found.setdefault("penalties", {})[name] = judged["penalty"]
        if not (self.cells or self.episodes):
            return found
        x = features(network, self.train, self.facts)
        if self.cells:
            labels = self.train.labels.to(model.device())
            probe = Probe.fit(x, labels, len(self.facts.class_names), penalty)
            errors = corrupted_errors(network, self.facts, probe, self.cells)
            found["corruptions"] = errors.pop("corruptions")
            columns |= errors
        if self.episodes:
            y = features(network, self.test, self.facts)
            for shots, episodes in self.episodes.items():
                of_shots = few_shot_errors(x, y, episodes)
                for name, classifier in (("test_error", "centroid"), ("logistic_error", "logistic")):
                    columns[f"few_shot_{shots}_{name}"], columns[f"few_shot_{shots}_{name}_se"] = of_shots[
                        classifier
                    ]
        return found
