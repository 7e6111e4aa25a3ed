"""What is known of other people's functions, from data files, one a library: `docs/knowledge.md`."""

from nbdeploy.analysis.knowledge.callee import Callee, callee_of
from nbdeploy.analysis.knowledge.known import Condition, Knowledge, knowledge_of, names_origin

__all__ = ["Callee", "Condition", "Knowledge", "callee_of", "knowledge_of", "names_origin"]
