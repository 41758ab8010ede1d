"""The form: model, effort, platform, what to trade accuracy for and under which conditions; and the two uploads."""

from __future__ import annotations

from html import escape

import ipywidgets as widgets

from ... import catalogue as base_models
from ...labs.augment.files import ENDINGS
from ...labs.augment.settings import BITS, COSTS, EFFORTS, HOST, PLATFORMS, UPLOADED, Settings
from ..explorer.controls import row
from ..lab.data_row import DataRow
from ..page.upload import SLICE, Upload

CHECKPOINT_LIMIT = 300 * SLICE
PLATFORM_LIMIT = SLICE
_CHOICES = {
    "dataset": ("cifar10", "cifar100", "svhn"),
    "architecture": ("resnet20", "resnet32", "resnet44", "resnet56", "resnet110", "resnet50", "resnet101", "resnet152"),
    "standardised": (("ImageNet's mean and deviation", "imagenet"), ("pixels in [0, 1]", "none")),
}


class Form:
    """Widgets over `state.settings`. `read` is what is written in them now."""

    def __init__(self, app):
        self.app, self.state = app, app.state
        asked, files = self.state.settings, app.files
        models = [(base.title, name) for name, base in base_models.BASES.items() if base.ships or base.result]
        if files.given is not None:
            models = [(files.given.title, asked.model)]
        else:
            models.append(("a checkpoint of a known architecture …", UPLOADED))
        if asked.model not in [value for _, value in models]:
            models.insert(0, (base_models.BASES[asked.model].title, asked.model))
        platforms = [*((words, name) for name, words in PLATFORMS.items()), ("a file in YAML or JSON …", UPLOADED)]
        self.model = _dropdown(models, asked.model, "Model", 330)
        self.effort = _dropdown([(e.words, n) for n, e in EFFORTS.items()], asked.effort, "Effort", 150)
        self.seed = widgets.BoundedIntText(value=asked.seed, min=0, max=2**31 - 1, **_look("Seed", 110))
        self.fine_tune = widgets.Checkbox(
            value=asked.fine_tune, description="then fine-tune the backbone too", indent=False,
            layout=widgets.Layout(width="240px"),
        )  # fmt: skip
        self.fine_tune.tooltip = (
            "Everything is trained on together, on a copy: exits answer better, the model's own answers change"
        )
        self.platform = _dropdown(platforms, asked.platform, "Platform", 360)
        self.numbers = _dropdown(list(BITS), asked.numbers, "Counted as", 170)
        self.numbers.tooltip = (
            "Bytes of weights and activations in the platform's figures; the network itself stays as it is"
        )
        self.cost = _dropdown([("MACs" if c == "macs" else c, c) for c in COSTS], asked.cost, "Least", 190)
        self.drop = widgets.BoundedFloatText(
            value=100 * asked.max_drop, min=0, max=50, step=0.1, **_look("with at most", 150)
        )
        self.exits = widgets.BoundedIntText(value=asked.max_exits, min=1, max=4, **_look("early exits at most", 180))
        self.worst = widgets.BoundedFloatText(
            value=1e3 * asked.worst_latency, min=0, max=1e9, step=1, **_look("worst latency, ms (0: any)", 250)
        )
        self.worst.tooltip = "At most so much for a sample that leaves last, at the model's own classifier; 0: no bound"
        self.words = widgets.HTML()
        self.checkpoint = Upload(
            status=app.status, on_file=files.take_checkpoint, label="Upload a checkpoint", accept=",".join(ENDINGS),
            limit=CHECKPOINT_LIMIT,
        )  # fmt: skip
        self.architecture = _dropdown(_CHOICES["architecture"], files.architecture, "Architecture", 210)
        self.dataset = _dropdown(_CHOICES["dataset"], files.dataset, "Data", 140)
        self.standardised = _dropdown(_CHOICES["standardised"], files.standardised, "Inputs by", 280)
        self.weights = _dropdown([("choose", "")], "", "Weights", 260)
        for name in ("architecture", "dataset", "standardised", "weights"):
            getattr(self, name).observe(
                app.guarded(lambda c, n=name: setattr(files, n, c.new), "reading the form"), "value"
            )
        self.checkpoint_row = row(self.checkpoint, self.architecture, self.dataset, self.standardised, self.weights)
        self.platform_row = row(
            Upload(
                status=app.status,
                on_file=files.take_platform,
                label="Upload a platform",
                accept=".json,.yaml,.yml",
                limit=PLATFORM_LIMIT,
            )
        )
        self.data = DataRow(app, self._needed)
        self.box = widgets.VBox(
            [
                row(self.model, self.effort, self.seed, self.fine_tune),
                self.checkpoint_row,
                self.data.box,
                row(self.platform, self.numbers),
                self.platform_row,
                row(self.cost, self.drop, widgets.Label("pp below the model,"), self.exits, self.worst),
                self.words,
            ]
        )
        fields = (self.model, self.effort, self.seed, self.platform, self.numbers, self.cost, self.drop)
        fields += (self.exits, self.worst, self.fine_tune)
        for field in fields:
            field.observe(app.guarded(lambda _: self._changed(), "reading the form"), "value")
        self.state.observe(app.guarded(lambda _: self.follow(), "showing the settings"), ["settings"])
        self.state.observe(
            app.guarded(lambda _: self._say(), "showing what was uploaded"),
            ["given_model", "given_tables", "given_platform"],
        )
        self.dataset.observe(app.guarded(lambda _: self.data.follow(), "looking for the data"), "value")
        self._writing = False
        self._say()

    def _needed(self) -> str:
        """The data set of the model that is chosen; "" where the caller brought both."""
        if self.app.files.given is not None:
            return ""
        asked = self.state.settings.model
        return self.app.files.dataset if asked == UPLOADED else base_models.BASES[asked].dataset

    def read(self) -> Settings:
        """The settings as written. Raises ValueError in words."""
        return Settings(
            model=self.model.value,
            platform=self.platform.value,
            cost=self.cost.value,
            numbers=self.numbers.value,
            max_drop=round(self.drop.value / 100, 10),
            max_exits=int(self.exits.value),
            effort=self.effort.value,
            seed=int(self.seed.value),
            claim=self.state.settings.claim,
            worst_latency=round(self.worst.value / 1e3, 12),
            fine_tune=bool(self.fine_tune.value),
        )

    def follow(self) -> None:
        """Write the state's settings into the fields."""
        asked = self.state.settings
        self._writing = True
        try:
            self.model.value, self.platform.value, self.cost.value = asked.model, asked.platform, asked.cost
            self.numbers.value, self.effort.value, self.seed.value = asked.numbers, asked.effort, asked.seed
            self.drop.value, self.exits.value = round(100 * asked.max_drop, 8), asked.max_exits
            self.worst.value = round(1e3 * asked.worst_latency, 9)
            self.fine_tune.value = asked.fine_tune
        finally:
            self._writing = False
        self.data.follow()
        self._say()

    def _changed(self) -> None:
        if not self._writing:
            self.state.settings = self.read()

    def _say(self) -> None:
        asked, effort = self.state.settings, EFFORTS[self.state.settings.effort]
        own = asked.model == UPLOADED and self.app.files.given is None
        self.checkpoint_row.layout.display = None if own else "none"
        self.platform_row.layout.display = None if asked.platform == UPLOADED else "none"
        tables = [("choose", ""), *((name, name) for name in self.state.given_tables)]
        if list(self.weights.options) != tables:
            self.weights.options = tables
        self.weights.layout.display = None if self.state.given_tables else "none"
        said = []
        if own:
            said.append(
                f"Checkpoint: {self.state.given_model}. One half of the test samples decides, the other half reports: the "
                "model has most likely seen all training samples."
                if self.state.given_model
                else "Weights alone (.safetensors, or a state_dict by torch.save); any other model: ee.augment(model, data)."
            )
        elif self.app.files.given is None:
            base = base_models.BASES[asked.model]
            said.append(f"{base.line} “Shipped result” opens what was made of it." if base.result else base.line)
        if asked.platform == UPLOADED:
            said.append(
                f"Platform: {self.state.given_platform}."
                if self.state.given_platform
                else "A platform is a small file: processors, links, and a figure with its source for each."
            )
        if asked.platform == HOST:
            said.append(
                "This machine runs every segment and head, one thread, float32; of a shipped result, which has no network "
                "here, rates of typical layers stand for them. Energy is an assumed 10 W times the time."
            )
        tuned = f", then everything in {effort.joint:g} more" if asked.fine_tune else ""
        said.append(
            f"{effort.words}: branches ({', '.join(effort.designs)}) at up to {effort.locations} locations learn on at most "
            f"{effort.learn:,} samples in {effort.passes:g} passes{tuned}; at most {effort.tune:,} others decide."
        )
        self.words.value = f'<p class="ee-sentence">{escape(" ".join(said))}</p>'


def _look(label: str, width: int) -> dict:
    return {
        "description": label, "layout": widgets.Layout(width=f"{width}px"), "style": {"description_width": "initial"},
    }  # fmt: skip


def _dropdown(options, value, label: str, width: int) -> widgets.Dropdown:
    return widgets.Dropdown(options=options, value=value, **_look(label, width))
