"""From a configuration to a study: the one place that checks it and expands it into runs.

Every key is described once, as a field with its type, bounds, default and words: those of a run in `run`, of an
estimator in `estimator`, of the other sections in `sections`, of the whole in `study`. The schema, the defaults and the
messages follow from that. A method's own settings are described in its file, as a part of a JSON schema.
"""

from infoplane.configuration.reading import read_yaml, refuse_repeated_keys, with_texts_read
from infoplane.configuration.study import Study, load, resolved, study_schema

__all__ = ["Study", "load", "read_yaml", "refuse_repeated_keys", "resolved", "study_schema", "with_texts_read"]
