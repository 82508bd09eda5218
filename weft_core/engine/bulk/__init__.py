"""One verb for many runs: planned, confirmed, stored, carried out in bounded batches, and never half done."""

from weft_core.engine.bulk.plan import BulkPlan, BulkResult
from weft_core.engine.bulk.runner import BulkRunner, read_audit
from weft_core.engine.bulk.verbs import VERBS

__all__ = ["VERBS", "BulkPlan", "BulkResult", "BulkRunner", "read_audit"]
