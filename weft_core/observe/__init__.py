"""Looking at a store from outside, without owning it."""

from weft_core.engine.check import Verdict, check_runs
from weft_core.engine.present import jsonable
from weft_core.engine.reader import StoreReader
from weft_core.engine.search.page import Aggregate, Page
from weft_core.observe.doctor import examine

__all__ = ["Aggregate", "Page", "StoreReader", "Verdict", "check_runs", "examine", "jsonable"]
