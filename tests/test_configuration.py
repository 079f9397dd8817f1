"""The configuration: what it expands to, and the sentence for every mistake."""

import copy
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import h5py
import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from infoplane import activation_functions, configuration, datasets, estimators, figures
from infoplane.claims import CLAIMS
from infoplane.configuration import Study
from infoplane.errors import InfoplaneError
from infoplane.settings import EstimatorSettings, RecordedEpochs, RecordedSettings, RunSettings

ROOT = Path(__file__).parents[1]
SCHEMA = ROOT / "workflow/schemas/config.schema.yaml"
CONFIGURATIONS = [ROOT / "config.yaml", *sorted((ROOT / "workflow/presets").glob("*.yaml"))]


def load(config: object) -> Study:
    return configuration.load(config)


@pytest.fixture(scope="module")
def default() -> dict:
    return yaml.safe_load((ROOT / "config.yaml").read_text())


def changed(config: dict, path: str, value: object) -> dict:
    """A copy with the key at `path` set; "..." as value removes it."""
    config = copy.deepcopy(config)
    section = config
    *parents, last = path.split("/")
    for key in parents:
        section = section[key]
    if value is ...:
        del section[last]
    else:
        section[last] = value
    return config


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_every_configuration_of_the_project_is_valid(path):
    study = load(yaml.safe_load(path.read_text()))
    assert study.name == ("default" if path.stem == "config" else path.stem)


def test_the_default_study(default):
    study = load(default)
    assert [run.activation for run in study.runs.values()] == [
        "tanh", "relu", "abs", "prelu", "elu", "softplus", "centered_softplus", "swish", "relu",
    ]  # fmt: skip
    assert [run.l2 for run in study.runs.values()] == [0.0] * 8 + [0.015]
    assert study.seeds == 10
    assert all(run.hidden_layers == (10, 7, 5, 4, 3) for run in study.runs.values())


def test_the_papers_study():
    study = load(yaml.safe_load((ROOT / "workflow/presets/paper.yaml").read_text()))
    assert len(study.runs) * study.seeds == 550
    assert len({run.l2 for run in study.runs.values()} - {0.0}) == 3
    assert not study.keep_activations
    for run in study.runs.values():
        epochs = run.recorded_epochs.resolve(run.epochs)
        assert (len(epochs), epochs[0], epochs[-1]) == (274, 0, 8000)
        assert (run.learning_rate, run.batch_size, run.split.fraction) == (4e-4, 512, 0.8)


def test_a_study_may_have_no_claims_or_some_of_them(default):
    default["sensitivity"]["enabled"] = True
    study = load(changed(default, "claims", "none"))
    assert study.claims is None
    assert not study.sensitivity.enabled
    assert not study.sensitivity.variants
    assert "sensitivity" not in study.figures
    assert set(study.figures) | {"sensitivity"} == set(load(default).figures)
    text = yaml.safe_load(configuration.resolved(changed(default, "claims", "none")))
    assert text["claims"] == "none"
    assert load(text).claims is None
    assert load(default).claims["hypotheses"] == list(CLAIMS)
    assert load(changed(default, "claims/hypotheses", ["C3", "C1"])).claims["hypotheses"] == ["C3", "C1"]


def test_config_yaml_explains_every_key_of_the_schema(default):
    schema = yaml.safe_load(SCHEMA.read_text())
    assert set(default) == set(schema["properties"])
    assert set(default["defaults"]) == set(schema["$defs"]["settings"]["properties"])
    for section in ("statistics", "claims", "sensitivity"):
        described = schema["properties"][section]
        keys = next(part["properties"] for part in [described, *described.get("anyOf", [])] if "properties" in part)
        assert set(default[section]) == set(keys)


def test_the_file_of_the_schema_is_made_from_the_keys():
    spec = importlib.util.spec_from_file_location("config_schema", ROOT / "tools/config_schema.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert SCHEMA.read_text() == tool.text(), "run tools/config_schema.py"


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_the_schema_takes_every_configuration_of_the_project(path):
    """By the library itself, as an editor reads the file."""
    validator = jsonschema.Draft202012Validator(yaml.safe_load(SCHEMA.read_text()))
    validator.check_schema(validator.schema)
    config = yaml.safe_load(path.read_text())
    assert not list(validator.iter_errors(config))
    for wrong in ({"seeds": 0}, {"runs": {"one": {"l3": 1}}}, {"parts": []}, {"defaults": {"split": {"fraction": 1}}}):
        assert list(validator.iter_errors({**config, **wrong})), wrong


def test_every_key_of_the_schema_is_described_and_closed():
    def walk(schema: dict, where: str) -> None:
        for key, part in schema.get("properties", {}).items():
            assert part.get("description"), f"{where}.{key}"
            walk(part, f"{where}.{key}")
        # Estimators have the settings of their methods, which are closed where they are declared.
        if schema.get("type") == "object" and "properties" in schema and not where.endswith("estimators.*"):
            assert schema["additionalProperties"] is False, where
        if isinstance(schema.get("additionalProperties"), dict):
            walk(schema["additionalProperties"], f"{where}.*")

    schema = yaml.safe_load(SCHEMA.read_text())
    walk(schema, "")
    walk(schema["$defs"]["settings"], "settings")
    walk(schema["$defs"]["run"], "runs.*")


def test_keys_that_are_left_out_take_the_defaults_of_the_schema():
    study = load({"study": "small", "runs": {"one": {}}})
    run = study.runs["one"]
    assert (study.seeds, study.device, list(study.estimators)) == (10, "auto", ["ebab"])
    assert (run.epochs, run.activation, run.split.order, run.batch_size) == (8000, "tanh", "shuffled", 512)


def test_a_run_overrides_the_defaults_key_by_key(default):
    config = changed(default, "defaults/split", {"seed": 7, "order": "ordered"})
    config["runs"] = {
        "a": {"split": {"fraction": 0.5}, "activation": ["tanh", "relu"], "hidden_layers": [4, 3]},
        "b": {"penalised_layers": "all", "batch_size": "full"},
    }
    runs = load(config).runs
    assert (runs["a"].split.fraction, runs["a"].split.seed, runs["a"].split.order) == (0.5, 7, "ordered")
    assert runs["a"].activation == "tanh-relu"
    assert runs["a"].penalised_layers == (1, 2)
    assert runs["b"].penalised_layers == (1, 2, 3, 4, 5, 6)
    assert runs["b"].batch_size is None


def test_settings_survive_the_way_through_text(default):
    for run in load(default).runs.values():
        assert RunSettings.from_json(run.to_json()) == run
    for estimator in load(default).estimators.values():
        assert EstimatorSettings.from_json(estimator.to_json()) == estimator


def test_the_text_of_settings_is_the_one_that_finished_results_have():
    study = load({"study": "small", "runs": {"one": {"l2": 1, "dataset": "shuffled", "dataset_options": {"seed": 4}}}})
    assert study.runs["one"].to_json() == (
        '{"activations":["tanh","tanh","tanh","tanh","tanh"],"batch_normalisation":false,"batch_size":512,'
        '"dataset":"shuffled","dataset_options":[["seed",4]],"dropout":0.0,"epochs":8000,"hidden_layers":[10,7,5,4,3],'
        '"initialisation":{"scale":null,"scheme":"truncated_normal"},"l2":1.0,"learning_rate":0.0004,"momentum":0.0,'
        '"optimiser":"adam","penalised_layers":[1,2,3,4,5],"record_gradients":false,'
        '"recorded_epochs":{"count":400,"epochs":[],"spacing":"log"},'
        '"split":{"fraction":0.8,"order":"shuffled","seed":0,"stratified":false},"study_seed":0,"weight_decay":0.0}'
    )
    own = {"method": "kde", "noise_variance": 1}
    of_study = load({"study": "small", "runs": {"one": {}}, "estimators": {"own": own}}).estimators["own"]
    assert of_study.to_json() == '{"method":"kde","settings":{"noise_variance":1}}'


def test_the_order_of_keys_does_not_change_the_text_of_settings(default):
    reversed_config = json.loads(json.dumps(default))
    reversed_config["defaults"] = dict(reversed(reversed_config["defaults"].items()))
    for name, run in load(default).runs.items():
        assert load(reversed_config).runs[name].to_json() == run.to_json()


@given(last=st.integers(1, 20000), count=st.integers(2, 500), spacing=st.sampled_from(["log", "linear"]))
def test_recorded_epochs_begin_at_0_and_end_at_the_last(last, count, spacing):
    epochs = RecordedEpochs(spacing, count).resolve(last)
    assert (epochs[0], epochs[-1]) == (0, last)
    assert (epochs[1:] > epochs[:-1]).all()
    assert len(epochs) <= count + 1


def test_listed_epochs_get_the_first_and_the_last():
    assert RecordedEpochs("list", epochs=(3, 5)).resolve(9).tolist() == [0, 3, 5, 9]


def test_every_value_of_a_varied_setting_is_an_estimator_of_its_own(default):
    sensitivity = load(default).sensitivity
    assert list(sensitivity.variants) == [
        "fixed_bins_10", "fixed_bins_100", "ebab_bins_10", "ebab_bins_100", "adaptive_kde_noise_scale_0.0001",
    ]  # fmt: skip
    variant = sensitivity.variants["ebab_bins_10"]
    assert (variant.base, variant.key, variant.value) == ("ebab", "bins", 10)
    assert variant.settings == EstimatorSettings("ebab", {**load(default).estimators["ebab"].settings, "bins": 10})
    # The fixed range that an adaptive method is compared with has as many bins.
    assert sensitivity.fixed == {
        "ebab": "fixed", "ebab_bins_10": "fixed_bins_10", "ebab_bins_100": "fixed_bins_100", "adaptive_kde": "fixed",
        "adaptive_kde_noise_scale_0.0001": "fixed",
    }  # fmt: skip
    assert load(default).claims["fixed"] == "fixed"


def test_a_variant_that_the_study_has_is_not_computed_again(default):
    config = changed(default, "sensitivity/vary", {"ebab": {"bins": [10, 30]}, "kde": {"noise_variance": [0.5]}})
    config["estimators"]["coarse"] = {"method": "ebab", "bins": 10}
    assert list(load(config).sensitivity.variants) == ["kde_noise_variance_0.5"]
    assert "coarse" not in load(config).sensitivity.fixed


def test_only_a_single_range_with_as_many_bins_is_a_counterpart(default):
    config = changed(default, "estimators/fixed", {"method": "fixed_binning", "bins": 30, "range": "layer_maximum"})
    assert load(config).claims["fixed"] is None
    config["estimators"]["other"] = {"method": "fixed_binning", "bins": 20, "range": "network_maximum"}
    assert load(config).claims["fixed"] is None
    # Noise has no bins: any number will do.
    assert load(changed(config, "claims/estimator", "adaptive_kde")).claims["fixed"] == "other"


def test_without_sensitivity_there_are_no_variants_and_not_its_figure(default):
    off = load(changed(default, "sensitivity/enabled", False))
    assert not off.sensitivity.variants
    assert set(load(default).figures) - set(off.figures) == {"sensitivity"}
    config = changed(changed(default, "sensitivity/enabled", False), "figures", ["sensitivity"])
    message = 'figures has "sensitivity", which needs sensitivity.enabled; it must be true'
    with pytest.raises(InfoplaneError, match=message):
        load(config)
    assert not load({"study": "small", "runs": {"one": {}}}).sensitivity.enabled


def test_a_variant_may_not_take_the_name_of_an_estimator(default):
    config = changed(default, "estimators/ebab_bins_10", {"method": "kde"})
    with pytest.raises(InfoplaneError, match=r"sensitivity.vary.ebab.bins has 10, whose name ebab_bins_10 is that of"):
        load(config)


# Runs that are recorded elsewhere.


def test_a_recorded_run_stands_beside_the_trained_ones_or_alone(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    runs = {"one": {"recorded": "mine/seed_*.h5"}, "two": {}, "three": {"recorded": ["~/b.h5", "a?.h5", "./a?.h5"]}}
    study = load({"study": "small", "runs": runs})
    assert list(study.runs) == ["two"]
    assert study.recorded == {
        "one": RecordedSettings(("mine/seed_*.h5",)),
        "three": RecordedSettings(("/home/me/b.h5", "a?.h5")),
    }
    assert study.recorded["one"].to_json() == '{"patterns":["mine/seed_*.h5"]}'
    alone = load({"study": "small", "runs": {"one": runs["one"]}})
    assert (alone.runs, list(alone.recorded)) == ({}, ["one"])


# Parts of the samples, fewer epochs, and scans of a setting.


def test_information_may_be_of_parts_of_the_samples(default):
    assert (load(default).parts, load(default).part) == (("all",), "all")
    config = changed(changed(default, "parts", ["test", "training"]), "statistics/part", "training")
    assert (load(config).parts, load(config).part) == (("test", "training"), "training")


def test_an_estimator_may_be_computed_at_fewer_epochs(default):
    config = changed(default, "estimators/ebab/at_epochs", 60)
    for study in (load(config), load(yaml.safe_load(configuration.resolved(config)))):
        few = study.estimators["ebab"]
        assert few.at_epochs == 60
        assert json.loads(few.to_json()) == {"at_epochs": 60, "method": "ebab", "settings": few.settings}
        assert EstimatorSettings.from_json(few.to_json()) == few
        # Its variants are computed at as many.
        assert study.sensitivity.variants["ebab_bins_10"].settings.at_epochs == 60
        assert study.estimators["kde"].at_epochs is None
    every = changed(default, "estimators/ebab/at_epochs", None)
    assert load(every).estimators == load(default).estimators
    assert load(every).estimators["ebab"].to_json() == load(default).estimators["ebab"].to_json()
    assert "at_epochs" not in load(every).estimators["ebab"].to_json()


def test_a_list_of_values_for_one_setting_is_a_scan(default):
    scanned = {"method": "kde", "noise_variance": [1.0e-4, 1.0e-2], "at_epochs": 20}
    config = changed(default, "estimators/noise", scanned)
    for study in (load(config), load(yaml.safe_load(configuration.resolved(config)))):
        scan = study.scans["noise"]
        assert (scan.method, scan.key, scan.values) == ("kde", "noise_variance", (1.0e-4, 1.0e-2))
        assert scan.settings == tuple(EstimatorSettings("kde", {"noise_variance": v}, 20) for v in (1.0e-4, 1.0e-2))
        assert list(study.scans) == ["noise"]
        assert study.estimators == load(default).estimators
    one = load(changed(default, "estimators/bins", {"method": "ebab", "bins": [7]})).scans["bins"]
    assert (one.values, one.settings[0].settings["bins"]) == ((7,), 7)
    # A scan has a name, too, which no variant may take.
    with pytest.raises(InfoplaneError, match=r"sensitivity\.vary\.ebab\.bins has 10, whose name ebab_bins_10 is that"):
        load(changed(default, "estimators/ebab_bins_10", {"method": "ebab", "bins": [7, 8]}))


def test_a_list_that_is_a_value_is_no_scan(default):
    study = load(changed(default, "estimators/fixed/range", [-1, 1]))
    assert not study.scans
    assert study.estimators["fixed"].settings["range"] == [-1, 1]
    ranges = [[-1, 1], "layer_maximum", [0, 2.5]]
    config = changed(default, "estimators/ranges", {"method": "fixed_binning", "range": ranges})
    assert load(config).scans["ranges"].values == tuple(ranges)
    assert [each.settings["range"] for each in load(config).scans["ranges"].settings] == ranges


NAME = "1 to 64 letters, digits, '.', '_' or '-', of which the first is a letter or digit"
WHOLE = "a whole number of at least 1"
PATHS = "a text, or a list of 1 or more distinct entries, each a text"
PARTS = 'a list of 1 or more distinct entries, each "all", "training" or "test"'


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("study", ..., "study is missing; it is required"),
        ("study", "../../x", f'study is "../../x"; it must be {NAME}'),
        ("study", "x\n", f'study is "x\\n"; it must be {NAME}'),
        ("study", "", f'study is ""; it must be {NAME}'),
        ("study", 5, f"study is 5; it must be {NAME}"),
        ("seeds", 0, f"seeds is 0; it must be {WHOLE} and of at most 100000"),
        ("seeds", -3, f"seeds is -3; it must be {WHOLE} and of at most 100000"),
        ("seeds", 2.5, f"seeds is 2.5; it must be {WHOLE} and of at most 100000"),
        ("seeds", "ten", f'seeds is "ten"; it must be {WHOLE} and of at most 100000'),
        ("seeds", True, f"seeds is true; it must be {WHOLE} and of at most 100000"),
        ("seeds_per_job", 0, f"seeds_per_job is 0; it must be {WHOLE} and of at most 10000"),
        ("device", "gpu", 'device is "gpu"; it must be "auto", "cpu" or "cuda"'),
        ("keep_activations", "no", 'keep_activations is "no"; it must be true or false'),
        ("seed", 3, "seed is not a key; allowed are claims, defaults, * (did you mean seeds?)"),
        ("runs", {}, "runs is empty; it must have at least one entry"),
        ("runs", None, "runs is null; it must be a section with keys"),
        ("runs/tanh", None, "runs.tanh is null; it must be a section with keys"),
        ("runs", {"a/b": {}}, f'runs has the name "a/b"; it must be {NAME}'),
        ("runs", {"$(touch x)": {}}, f'runs has the name "$(touch x)"; it must be {NAME}'),
        ("runs", {7: {}}, f"runs has the name 7; it must be {NAME}"),
        ("runs/tanh/l3", 1, "runs.tanh.l3 is not a key; allowed are activation, batch_normalisation, *"),
        (
            "runs/tanh/activation",
            "tanhh",
            'runs.tanh.activation is "tanhh"; allowed are abs, * and tanh (did you mean tanh?)',
        ),
        (
            "runs/tanh/activation",
            ["tanh", "relu"],
            "runs.tanh.activation has 2 entries; it must be one name or 5, one for each of hidden_layers",
        ),
        ("runs/tanh/penalised_layers", [9], "runs.tanh.penalised_layers has 9; the network has the layers 1 to 6"),
        ("defaults/dataset", "mnst", "runs.tanh.dataset: there is no data set 'mnst'; allowed are *szt*"),
        ("defaults/dataset_options", {"seed": 3}, "runs.tanh.dataset: data set szt has no option 'seed'; *"),
        ("defaults/split/fraction", 1.0, "defaults.split.fraction is 1.0; it must be a number greater than 0 and *"),
        ("defaults/split/order", "random", 'defaults.split.order is "random"; it must be "shuffled" or "ordered"'),
        ("defaults/hidden_layers", [], "defaults.hidden_layers is []; it must be a list of 1 or more entries, *"),
        ("defaults/hidden_layers", [0], "defaults.hidden_layers.0 is 0; it must be a whole number of at least 1"),
        ("defaults/dropout", 1, "defaults.dropout is 1; it must be a number of at least 0 and less than 1"),
        (
            "defaults/learning_rate",
            "1e-3",
            'defaults.learning_rate is "1e-3"; it must be a number greater than 0 '
            "(YAML reads 1e-3 as text: write 0.001 or 1.0e-3)",
        ),
        (
            "defaults/epochs",
            "10",
            f'defaults.epochs is "10"; it must be {WHOLE} and of at most 10000000 (in quotes it is text: write 10)',
        ),
        ("defaults/learning_rate", 0, "defaults.learning_rate is 0; it must be a number greater than 0"),
        ("defaults/optimiser", "adan", 'defaults.optimiser is "adan"; it must be "adam" or "sgd"'),
        ("defaults/batch_size", 0, 'defaults.batch_size is 0; it must be a whole number of at least 1, or "full"'),
        (
            "runs/tanh",
            {"batch_normalisation": True, "batch_size": 1},
            "runs.tanh.batch_size is 1, and one sample has no variance; with batch_normalisation it must be at least 2",
        ),
        (
            "runs/tanh",
            {"dataset": "npz", "dataset_options": {"path": "my/{run}.npz"}},
            "runs.tanh.dataset: the path my/{run}.npz has braces or angle brackets, which Snakemake takes for *link*",
        ),
        (
            "runs/tanh",
            {"dataset": "mnist", "dataset_options": {"folder": "<data>"}},
            "runs.tanh.dataset: the path <data>/train-images-idx3-ubyte.gz has braces or angle brackets, which *",
        ),
        (
            "runs/tanh",
            {"dataset": "npz", "dataset_options": {"path": "a\nb"}},
            "runs.tanh.dataset: 'a\\nb' is no path of a file; it must be printable characters, one or more",
        ),
        ("defaults/l2", -0.1, "defaults.l2 is -0.1; it must be a number of at least 0"),
        ("defaults/l2", float("inf"), "defaults.l2 is Infinity; it must be a number of at least 0"),
        ("defaults/learning_rate", float("nan"), "defaults.learning_rate is NaN; it must be a number greater than 0"),
        ("defaults/study_seed", 2**63, "defaults.study_seed is 9223372036854775808; it must be a whole number *"),
        ("defaults/epochs", 0, f"defaults.epochs is 0; it must be {WHOLE} and of at most 10000000"),
        (
            "defaults/recorded_epochs",
            "x",
            'defaults.recorded_epochs is "x"; it must be a whole number of at least 2 and *',
        ),
        ("defaults/recorded_epochs", 10**9, "defaults.recorded_epochs is 1000000000; it must be a whole number of *"),
        ("defaults/recorded_epochs", [9000], "runs.tanh.recorded_epochs has 9000; the run ends at epoch 4000"),
        ("defaults/initialisation/scheme", "xavier", 'defaults.initialisation.scheme is "xavier"; it must be *"he"*'),
        ("estimators", {}, "estimators is empty; it must have at least one entry"),
        ("estimators/ebab", {}, "estimators.ebab.method is missing; it is required"),
        (
            "estimators/ebab/method",
            "ebap",
            'estimators.ebab.method is "ebap"; allowed are *ebab* (did you mean ebab?)',
        ),
        ("estimators/ebab/bins", 0, "estimators.ebab.bins is 0; it must be a whole number of at least 2"),
        ("estimators/ebab/bin", 3, "estimators.ebab.bin is not a key; allowed are at_epochs, bins, * (did you mean *"),
        ("estimators/fixed/range", "max", 'estimators.fixed.range is "max"; it must be "activation_function", *'),
        ("estimators/fixed/range", [1, -1], "estimators.fixed*[1, -1]*"),
        ("statistics/primary_measure", "dorp", 'statistics.primary_measure is "dorp"; it must be "drop", *'),
        ("statistics/confidence", 95, "statistics.confidence is 95; it must be a number greater than 0 and less *"),
        ("claims", "nothing", 'claims is "nothing"; it must be a section with keys, or "none"'),
        ("claims/hypotheses", ["C1", "C9"], 'claims.hypotheses has "C9"; allowed are C1, *'),
        ("claims/hypotheses", "some", 'claims.hypotheses is "some"; it must be "all", or a list of 1 or more *'),
        ("claims/different", ["relu"], 'claims.different is ["relu"]; it must be a list of 2 distinct entries, *'),
        ("claims/different", ["elu", "gleu"], 'claims.different has "gleu"; allowed are *(did you mean gelu?)'),
        ("claims/without_phases", "rleu", 'claims.without_phases is "rleu"; allowed are *(did you mean relu?)'),
        ("sensitivity/enabled", "yes", 'sensitivity.enabled is "yes"; it must be true or false'),
        ("sensitivity/varied", {}, "sensitivity.varied is not a key; allowed are *vary (did you mean vary?)"),
        ("sensitivity/vary/ksg", {"bins": [3]}, 'sensitivity.vary has "ksg"; allowed are adaptive_kde, ebab, *'),
        ("sensitivity/vary/ebab", {}, "sensitivity.vary.ebab is empty; it must have at least one entry"),
        ("sensitivity/vary/ebab/bin", [3], "sensitivity.vary.ebab.bin is not a key; allowed are bins, *"),
        ("sensitivity/vary/ebab/bins", 10, "sensitivity.vary.ebab.bins is 10; it must be a list of 1 or more *"),
        ("sensitivity/vary/ebab/bins", [], "sensitivity.vary.ebab.bins is []; it must be a list of 1 or more *"),
        ("sensitivity/vary/ebab/bins", [1], "sensitivity.vary.ebab.bins is 1; it must be a whole number of at *"),
        (
            "sensitivity/vary/fixed",
            {"range": [[1, -1]]},
            "sensitivity.vary.fixed: range is [1, -1]: two finite numbers are needed, the first below the second",
        ),
        (
            "sensitivity/vary/adaptive_kde/noise_scale",
            ["1e-2"],
            'sensitivity.vary.adaptive_kde.noise_scale is "1e-2"; it must be *(YAML reads 1e-2 as text: write 0.01 *',
        ),
        ("sensitivity/bounds", ["both"], 'sensitivity.bounds.0 is "both"; it must be "upper" or "lower"'),
        ("sensitivity/bounds", [], "sensitivity.bounds is []; it must be a list of 1 or more distinct entries, *"),
        ("sensitivity/measures", ["fall"], 'sensitivity.measures.0 is "fall"; it must be "drop", "balance" or "final"'),
        ("sensitivity/stopping", [0], "sensitivity.stopping.0 is 0; it must be a number greater than 0 and of at *"),
        ("sensitivity/stopping", [1.5], "sensitivity.stopping.0 is 1.5; it must be a number *of at most 1"),
        ("figures", ["plain"], 'figures has "plain"; allowed are *information_plane*'),
        # Another kind of value than the key takes.
        ("defaults", ["epochs"], 'defaults is ["epochs"]; it must be a section with keys'),
        ("runs", ["tanh"], 'runs is ["tanh"]; it must be a section with keys'),
        ("statistics", None, "statistics is null; it must be a section with keys"),
        ("claims/negligible", 0.05, "claims.negligible is 0.05; it must be a section with keys"),
        ("sensitivity/vary", [], "sensitivity.vary is []; it must be a section with keys"),
        ("sensitivity/vary/ebab", None, "sensitivity.vary.ebab is null; it must be a section with keys"),
        ("estimators/ebab", "ebab", 'estimators.ebab is "ebab"; it must be a section with the keys method'),
        ("defaults/l2", True, "defaults.l2 is true; it must be a number of at least 0"),
        ("defaults/epochs", True, f"defaults.epochs is true; it must be {WHOLE} and of at most 10000000"),
        ("defaults/hidden_layers", [True], "defaults.hidden_layers.0 is true; it must be a whole number of at least 1"),
        ("defaults/record_gradients", 1, "defaults.record_gradients is 1; it must be true or false"),
        ("defaults/split/stratified", "false", 'defaults.split.stratified is "false"; it must be true or false'),
        ("defaults/optimiser", ["adam"], 'defaults.optimiser is ["adam"]; it must be "adam" or "sgd"'),
        (
            "defaults/dataset_options",
            {"seed": [1]},
            "defaults.dataset_options.seed is [1]; it must be a text, *",
        ),
        ("estimators/kde/noise_variance", True, "estimators.kde.noise_variance is true; it must be a number greater *"),
        ("statistics/resamples", "many", 'statistics.resamples is "many"; it must be a whole number of at least 100 *'),
        # Numbers that no computer word holds.
        ("claims/significance", float("nan"), "claims.significance is NaN; it must be a number greater than 0 and *"),
        ("claims/negligible/drop", float("-inf"), "claims.negligible.drop is -Infinity; it must be a number"),
        ("sensitivity/stopping", [float("nan")], "sensitivity.stopping.0 is NaN; it must be a number greater than 0 *"),
        ("seeds", 10**400, f"seeds is 1000*...; it must be {WHOLE} and of at most 100000"),
        ("defaults/l2", 10**400, "defaults.l2 is 1000*...; it must be a number of at least 0"),
        ("estimators/ebab/shuffle_seed", 2**63, "estimators.ebab.shuffle_seed is 9223372036854775808; it must be a *"),
        # Keys within sections, those that are no text, and the empty one.
        ("defaults/split/sed", 1, "defaults.split.sed is not a key; allowed are * (did you mean seed?)"),
        (
            "defaults/recorded_epochs",
            {"spacing": "log", "cuont": 3},
            "defaults.recorded_epochs.cuont is not a key; allowed are count and spacing (did you mean count?)",
        ),
        ("defaults/recorded_epochs", {"spacing": "log"}, "defaults.recorded_epochs.count is missing; it is required"),
        ("defaults/recorded_epochs", {"count": 1, "spacing": "log"}, "defaults.recorded_epochs.count is 1; it must *"),
        ("runs/tanh/recorded_epochs", {"count": 3, "spacing": "lin"}, 'runs.tanh.recorded_epochs.spacing is "lin"; *'),
        (
            "claims/negligible/finl",
            1,
            "claims.negligible.finl is not a key; allowed are balance, drop and *final?)",
        ),
        ("statistics/confidense", 0.9, "statistics.confidense is not a key; allowed are * (did you mean confidence?)"),
        ("defaults/7", 1, "defaults.7 is not a key; allowed are *"),
        ("estimators/ebab", {"method": "ebab", 7: 1}, "estimators.ebab.7 is not a key; allowed are *"),
        ("sensitivity/vary", {7: {"bins": [3]}}, 'sensitivity.vary has "7"; allowed are *'),
        ("defaults/dataset_options", {7: 1}, "runs.tanh.dataset: data set szt has no option '7'; *"),
        ("defaults/dataset_options", {"name": 1}, "runs.tanh.dataset: data set szt has no option 'name'; *"),
        ("", 1, '"" is not a key; allowed are *'),
        # Recorded runs.
        ("runs/tanh/recorded", "a.h5", "runs.tanh.activation stands beside recorded; a run that is recorded has no *"),
        ("runs/net", {"recorded": 5}, f"runs.net.recorded is 5; it must be {PATHS}"),
        ("runs/net", {"recorded": None}, f"runs.net.recorded is null; it must be {PATHS}"),
        ("runs/net", {"recorded": []}, f"runs.net.recorded is []; it must be {PATHS}"),
        ("runs/net", {"recorded": ["a", "a"]}, f'runs.net.recorded is ["a", "a"]; it must be {PATHS}'),
        ("runs/net", {"recorded": ""}, "runs.net.recorded: '' is no path of a file; *"),
        ("runs/net", {"recorded": ["a", "b\n"]}, "runs.net.recorded: 'b\\n' is no path of a file; *"),
        ("runs/net", {"recorded": "my/{run}.h5"}, "runs.net.recorded: the path my/{run}.h5 has braces or angle *link*"),
        ("runs/net", {"recorded": ["a", "<b>"]}, "runs.net.recorded: the path <b> has braces or angle brackets, *"),
        ("runs/net", {"recordet": "a"}, "runs.net.recordet is not a key; allowed are * (did you mean recorded?)"),
        ("defaults/recorded", "a", "defaults.recorded is not a key; allowed are activation, *"),
        # Parts of the samples.
        ("parts", [], f"parts is []; it must be {PARTS}"),
        ("parts", "all", f'parts is "all"; it must be {PARTS}'),
        ("parts", ["test", "test"], f'parts is ["test", "test"]; it must be {PARTS}'),
        ("parts", ["train"], 'parts.0 is "train"; it must be "all", "training" or "test"'),
        ("parts", ["training", "test"], 'statistics.part is "all"; it must be one of parts: "training" or "test"'),
        ("statistics/part", "test", 'statistics.part is "test"; it must be one of parts: "all"'),
        ("statistics/part", "tset", 'statistics.part is "tset"; it must be "all", "training" or "test"'),
        # Fewer epochs, and scans.
        (
            "estimators/ebab/at_epochs",
            1,
            "estimators.ebab.at_epochs is 1; it must be a whole number of at least 2*",
        ),
        ("estimators/ebab/at_epochs", [60], "estimators.ebab.at_epochs is [60]; it must be a whole number of at *"),
        (
            "estimators/ebab/at_epoch",
            60,
            "estimators.ebab.at_epoch is not a key; * (did you mean at_epochs?)",
        ),
        (
            "sensitivity/vary/ebab",
            {"at_epochs": [9]},
            "sensitivity.vary.ebab.at_epochs is not a key; allowed are b*",
        ),
        (
            "estimators/ebab/bins",
            [],
            "estimators.ebab.bins is []; it must be a whole number of at least 2, or for a scan a list of such values",
        ),
        ("estimators/ebab/bins", [30, 1], "estimators.ebab.bins.1 is 1; it must be a whole number of at least 2"),
        (
            "estimators/ebab/bins",
            [30, 10, 30.0],
            "estimators.ebab.bins has 30.0 twice; the values of a scan must be distinct",
        ),
        (
            "estimators/ebab",
            {"method": "ebab", "bins": [10, 30], "shuffles": [0, 5]},
            "estimators.ebab has lists for bins and shuffles; only one may be a list",
        ),
        ("estimators/ebab/bin", [3], "estimators.ebab.bin is not a key; allowed are *did you mean bins?)"),
        (
            "estimators/fixed/range",
            [[-1, 1], [1, -1]],
            "estimators.fixed: range is [1, -1]: two finite numbers are needed, the first below the second",
        ),
        (
            "estimators",
            {"one": {"method": "kde", "noise_variance": [1.0]}},
            "estimators has scans alone; it must have an entry with one value for each setting, too",
        ),
        ("sensitivity/vary/scan", {"bins": [3]}, 'sensitivity.vary has "scan"; allowed are *'),
    ],
)
def test_a_mistake_gets_one_sentence(default, path, value, sentence):
    with pytest.raises(InfoplaneError) as raised:
        load(changed(default, path, value))
    message = str(raised.value)
    start, *rest = sentence.split("*")
    assert message.startswith(f"config.yaml: {start}")
    at = 0
    for part in rest:
        at = message.index(part, at)
    assert rest or message == f"config.yaml: {sentence}"
    assert "\n" not in message


def test_a_key_that_is_misspelled_comes_before_the_one_that_is_missing():
    with pytest.raises(InfoplaneError, match=r"studdy is not a key; allowed are .* \(did you mean study\?\)"):
        load({"studdy": "x", "runs": {"one": {}}})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
# Names that mean something somewhere, so that what fits the schema often fits its meaning, too.
_NAMES = [*estimators.METHODS, *activation_functions.ACTIVATION_FUNCTIONS, *datasets.LOADERS, *figures.FIGURES]
_KEYS = st.sampled_from(["tanh", "ebab", "path", "folder", "samples", "seed"]) | st.text(max_size=5)


def _values(schema: dict, root: dict, depth: int = 0) -> st.SearchStrategy:
    """Values that fit a part of the schema, and some that do not, whatever keys it has."""
    if "$ref" in schema:
        return _values(root["$defs"][schema["$ref"].rpartition("/")[2]], root, depth)
    for alternatives in ("anyOf", "oneOf"):
        if alternatives in schema:
            return st.one_of([_values(part, root, depth) for part in schema[alternatives]])
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum", [schema.get("const")]))
    kinds = schema.get("type", [])
    return st.one_of([_values_of(kind, schema, root, depth) for kind in ([kinds] if isinstance(kinds, str) else kinds)])


def _values_of(kind: str, schema: dict, root: dict, depth: int) -> st.SearchStrategy:
    limits = [
        schema[limit] for limit in ("minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum") if limit in schema
    ]
    if kind == "integer":
        return st.integers(-1, 12) | st.sampled_from([*limits, *(limit + 1 for limit in limits), 10**30, 10**400])
    if kind == "number":
        return st.floats() | st.sampled_from([*limits, 0.5, 1, 10**400]) | st.integers(-1, 3)
    if kind == "array":
        return st.lists(_mostly(schema.get("items", {}), root, depth), max_size=4)
    if kind == "object":
        parts = {key: _mostly(part, root, depth + 1) for key, part in schema.get("properties", {}).items()}
        # Sections of sections are left out more often, else an example would be the whole schema.
        given = st.fixed_dictionaries({}, optional=parts) if depth < 2 else st.just({})
        few = st.lists(st.sampled_from(sorted(parts)), max_size=2, unique=True) if parts else st.just([])
        some = few.flatmap(lambda keys: st.fixed_dictionaries({key: parts[key] for key in keys}))
        more = schema.get("additionalProperties")
        others = (
            st.dictionaries(_KEYS, _mostly(more, root, depth + 1), max_size=2)
            if isinstance(more, dict)
            else st.just({})
        )
        return st.builds(
            lambda *sections: {key: value for part in sections for key, value in part.items()}, given | some, others
        )
    return {"boolean": st.booleans(), "null": st.none(), "string": st.sampled_from(_NAMES) | st.text(max_size=5)}[kind]


def _mostly(schema: dict, root: dict, depth: int) -> st.SearchStrategy:
    if not schema:
        return _JSON
    return st.integers(0, 19).flatmap(lambda die: _JSON if die == 0 else _values(schema, root, depth))


_ROOT = yaml.safe_load(SCHEMA.read_text())


@settings(deadline=None, max_examples=200)
@given(data=st.data())
def test_no_configuration_gives_a_traceback(data):
    """Every key of the schema and of the estimators' methods is tried: new ones need no mention here."""
    config = yaml.safe_load((ROOT / "workflow/presets/smoke.yaml").read_text())
    for key in data.draw(st.lists(st.sampled_from(sorted(_ROOT["properties"])) | st.text(max_size=5), max_size=3)):
        config[key] = data.draw(_mostly(_ROOT["properties"].get(key, {}), _ROOT, 1))
    if data.draw(st.booleans()):
        name = data.draw(st.sampled_from(sorted(estimators.METHODS)))
        schema = {"type": "object", "properties": dict(estimators.METHODS[name].settings)}
        config["estimators"] = {"one": {"method": name, **data.draw(_values(schema, _ROOT, 1))}}
    try:
        study = load(config)
    except InfoplaneError as error:
        assert "\n" not in str(error)  # noqa: PT017
        return
    for run in study.runs.values():
        assert RunSettings.from_json(run.to_json()) == run
        assert run.recorded_epochs.resolve(run.epochs)[0] == 0
        datasets.files(run.dataset, **dict(run.dataset_options))
    for estimator in [*study.estimators.values(), *(each for scan in study.scans.values() for each in scan.settings)]:
        assert EstimatorSettings.from_json(estimator.to_json()) == estimator
        assert estimators.METHODS[estimator.method].describe(estimator.settings)


def test_a_file_that_is_not_yaml(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("study: [x\n")
    with pytest.raises(InfoplaneError, match=r"broken.yaml: this is not YAML \(line 2, column 1\)"):
        configuration.read_yaml(path)
    with pytest.raises(InfoplaneError, match="No such file"):
        configuration.read_yaml(tmp_path / "none.yaml")


# The same key twice. Snakemake reads the files itself, and keeps the last one.


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("study: x\nruns: {}\nstudy: y\n", "study is given twice, in lines 1 and 3; *"),
        ("runs:\n  tanh: {}\n  relu: {}\n  tanh: { l2: 1.0 }\n", "runs.tanh is given twice, in lines 2 and 4; *"),
        (
            "runs:\n  a: { l2: 1, split: { seed: 1,\n  seed: 2 } }\n",
            "runs.a.split.seed is given twice, in lines 2 and 3*",
        ),
        ("defaults:\n  - a: 1\n    b: 1\n    'a': 2\n", "defaults.0.a is given twice, in lines 2 and 4; *"),
        ("1: a\n1: b\n", "1 is given twice, in lines 1 and 2; *"),
        ('{"study": "x",\n\t"runs": {},\n\t"study": "y"}', "study is given twice, in lines 1 and 3; *"),
        ('"a\\nb": 1\n"a\\nb": 2\n', '"a\\nb" is given twice, in lines 1 and 2; *'),
        # What stands at an anchor counts once, however often an alias repeats it.
        ("a: &x\n  k: 1\n  k: 2\nb: *x\nc: *x\n", "a.k is given twice, in lines 2 and 3; *"),
    ],
)
def test_a_key_that_is_given_twice_is_refused(tmp_path, text, sentence):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    for read in (configuration.refuse_repeated_keys, configuration.read_yaml):
        with pytest.raises(InfoplaneError) as raised:
            read(path)
        start, *rest = sentence.split("*")
        assert str(raised.value).startswith(f"mine.yaml: {start}")
        assert rest
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        # An explicit key stands above a merged one, and a section may merge two.
        "a: &a { k: 1, l: 2 }\nb: &b { m: 3 }\nc: { <<: [*a, *b], k: 9 }\nd:\n  <<: *a\n  <<: *b\n  k: 3\n",
        "a: { 1: x, '1': y }\n",  # a number and a text
        "a: &a { b: { k: 1 } }\nc: { b: { k: 1 } }\nd: [*a, *a]\n",
        "a: &a\n  self: *a\n",  # a circle
        "",
    ],
)
def test_what_only_looks_like_a_key_given_twice_is_read(tmp_path, text):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    configuration.refuse_repeated_keys(path)
    assert str(configuration.read_yaml(path)) == str(yaml.safe_load(text))


def test_of_other_mistakes_in_a_file_its_reader_speaks(tmp_path):
    path = tmp_path / "broken.yaml"
    path.write_text("study: [x\n")
    configuration.refuse_repeated_keys(path)
    configuration.refuse_repeated_keys(tmp_path / "none.yaml")


@pytest.mark.parametrize("path", [SCHEMA, *CONFIGURATIONS], ids=lambda path: path.stem)
def test_no_file_of_the_project_gives_a_key_twice(path):
    assert configuration.read_yaml(path) == yaml.safe_load(path.read_text())


def test_snakemake_refuses_a_key_given_twice_in_any_of_its_configuration_files(checkout):
    """The files are read by Snakemake: config.yaml in its place, and each of several others."""
    more = checkout.folder / "more.yaml"
    more.write_text("runs:\n  tanh: { l2: 0.1 }\n  tanh: { epochs: 10 }\n")
    done = checkout.snakemake("--dry-run", "--configfile", "workflow/presets/smoke.yaml", "more.yaml")
    assert done.returncode == 1
    sentence = (
        "infoplane: more.yaml: runs.tanh is given twice, in lines 2 and 3; one of them must go or have another name"
    )
    assert done.stderr.splitlines()[-1] == sentence
    config = checkout.folder / "config.yaml"
    config.write_text(config.read_text() + "study: again\n")
    last = len(config.read_text().splitlines())
    done = checkout.snakemake("--dry-run")
    assert f"infoplane: config.yaml: study is given twice, in lines 6 and {last}; " in done.stderr


# Values on the command line. Snakemake reads those that are not nested, and hands the others over as text.


def on_command_line(config: dict, *entries: str) -> dict:
    """The configuration as the workflow gets it with `--config` and these entries."""
    from snakemake.cli import parse_config
    from snakemake.utils import update_config

    given = parse_config(entries)
    merged = copy.deepcopy(config)
    update_config(merged, given)
    return configuration.with_texts_read(merged, given)


@pytest.mark.parametrize(
    ("entry", "path", "value"),
    [
        ("seeds=3", "seeds", 3),
        ("keep_activations=false", "keep_activations", False),
        ("keep_activations=True", "keep_activations", True),
        ("study=mine", "study", "mine"),
        ("defaults={epochs: 10}", "defaults/epochs", 10),
        ("defaults={'epochs': 10}", "defaults/epochs", 10),
        ("defaults={learning_rate: 1e-3}", "defaults/learning_rate", 0.001),
        ("defaults={batch_size: 64}", "defaults/batch_size", 64),
        ("defaults={batch_size: full}", "defaults/batch_size", "full"),
        ("defaults={hidden_layers: [10, 5]}", "defaults/hidden_layers", [10, 5]),
        ("defaults={activation: relu, record_gradients: false}", "defaults/record_gradients", False),
        ("defaults={recorded_epochs: {spacing: linear, count: 5}}", "defaults/recorded_epochs/count", 5),
        ("defaults={recorded_epochs: [1, 2]}", "defaults/recorded_epochs", [1, 2]),
        ("defaults={initialisation: {scale: null}}", "defaults/initialisation/scale", None),
        ("defaults={dataset: shuffled, dataset_options: {seed: 3}}", "defaults/dataset_options/seed", 3),
        ("runs={1: {l2: 0.1}}", "runs/1/l2", 0.1),
        ("estimators={ebab: {bins: 10}}", "estimators/ebab/bins", 10),
        ("estimators={fixed: {range: [0, 2.5]}}", "estimators/fixed/range", [0, 2.5]),
        ("estimators={fixed: {range: layer_maximum}}", "estimators/fixed/range", "layer_maximum"),
        ("sensitivity={vary: {ebab: {bins: [10, 50]}}}", "sensitivity/vary/ebab/bins", [10, 50]),
        ("sensitivity={enabled: false}", "sensitivity/enabled", False),
        ("claims={estimator: null, significance: 0.01}", "claims/estimator", None),
        ("figures=[l2]", "figures", ["l2"]),
        ("parts=[all, test]", "parts", ["all", "test"]),
        ("runs={1: {recorded: 2}}", "runs/1/recorded", "2"),
        ("estimators={ebab: {at_epochs: 30}}", "estimators/ebab/at_epochs", 30),
        ("estimators={scan: {method: kde, noise_variance: [1e-3, 1]}}", "estimators/scan/noise_variance", [0.001, 1]),
    ],
)
def test_a_value_on_the_command_line_means_what_it_means_in_a_file(default, entry, path, value):
    config = on_command_line(default, entry)
    found = config
    for key in path.split("/"):
        found = found[key]
    assert (found, type(found)) == (value, type(value))
    load(config)


def test_the_name_of_an_estimator_on_the_command_line_stays_text(default):
    config = changed(default, "estimators/7", {"method": "ebab", "bins": 20})
    assert load(on_command_line(config, "claims={estimator: 7}")).claims["estimator"] == "7"


def test_the_command_line_merges_a_section_and_leaves_the_file_as_it_is(default):
    before = copy.deepcopy(default)
    config = on_command_line(default, "runs={tanh: {l2: 0.1}, new: {activation: elu}}", "defaults={epochs: 10}")
    assert default == before
    assert list(load(config).runs) == [*load(default).runs, "new"]
    assert config["defaults"] == {**default["defaults"], "epochs": 10}
    # A text of the file keeps its sentence.
    config = changed(default, "defaults/l2", "1e-3")
    with pytest.raises(InfoplaneError, match=r"YAML reads 1e-3 as text: write 0\.001 or 1\.0e-3"):
        load(on_command_line(config, "defaults={epochs: 10}"))


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ("defaults={epochs: ten}", 'defaults.epochs is "ten"; it must be a whole number of at least 1 and '),
        ("defaults={epochs: 0}", "defaults.epochs is 0; it must be a whole number of at least 1 and "),
        ("defaults={epochs: 1.5}", "defaults.epochs is 1.5; it must be a whole number of at least 1 and "),
        ("defaults={l2: nan}", "defaults.l2 is NaN; it must be a number of at least 0"),
        ("defaults={epohcs: 3}", "defaults.epohcs is not a key; allowed are "),
        ("estimators={ebab: {bins: 1}}", "estimators.ebab.bins is 1; it must be a whole number of at least 2"),
        ("estimators={new: {bins: 5}}", "estimators.new.method is missing; it is required"),
        ("figures=[7]", 'figures has "7"; allowed are '),
        ("defaults=5", "defaults is 5; it must be a section with keys"),
    ],
)
def test_a_mistake_on_the_command_line_gets_one_sentence(default, entry, sentence):
    with pytest.raises(InfoplaneError) as raised:
        load(on_command_line(default, entry))
    assert str(raised.value).startswith(f"config.yaml: {sentence}")
    assert "\n" not in str(raised.value)


@settings(deadline=None, max_examples=100)
@given(given=st.dictionaries(st.sampled_from(sorted(yaml.safe_load(SCHEMA.read_text())["properties"])), _JSON))
def test_nothing_on_the_command_line_gives_a_traceback(given):
    configuration.with_texts_read({"study": "x", "runs": {"one": {}}}, given)


def test_snakemake_takes_nested_values_and_further_files(checkout):
    """Both are laid over the study key by key; the jobs, which parse the workflow again, see the same."""
    smoke = ("--configfile", "workflow/presets/smoke.yaml")
    jobs = checkout.planned(*smoke)
    assert jobs["train"] == 6  # three runs of two blocks
    (checkout.folder / "more.yaml").write_text("runs: { elu: { activation: elu } }\nseeds_per_job: 4\n")
    assert checkout.planned(*smoke, "more.yaml")["train"] == 4
    more = "runs={elu: {activation: elu, l2: 0.1}}"
    assert checkout.planned(*smoke, "--config", more, "seeds_per_job=4")["train"] == 4
    study = "results/smoke"
    tiny = "defaults={epochs: 3, recorded_epochs: 3, record_gradients: false}"
    target = f"{study}/weights/tanh/seeds_0-1.h5"
    done = checkout.snakemake(target, f"{study}/configuration.yaml", *smoke, "--config", tiny)
    assert done.returncode == 0, done.stderr
    with h5py.File(checkout.folder / target) as weights:
        made_from = json.loads(weights.attrs["provenance"])["settings"]
        assert RunSettings.from_json(made_from).epochs == 3
    written = yaml.safe_load((checkout.folder / study / "configuration.yaml").read_text())
    assert (written["defaults"]["epochs"], written["defaults"]["record_gradients"]) == (3, False)


@pytest.mark.parametrize(
    ("module", "names"),
    [
        ("configuration", ("torch", "pandas", "matplotlib", "numba", "scipy")),
        # Each job reads the settings, and none of them checks a configuration.
        ("settings", ("pydantic", "jsonschema", "yaml", "torch", "pandas", "matplotlib", "numba", "scipy")),
    ],
)
def test_reading_a_configuration_or_settings_imports_nothing_heavy(module, names):
    code = f"import sys, infoplane.{module}; print([name for name in {names} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
